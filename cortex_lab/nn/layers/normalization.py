"""Normalization over the batch and within each row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.axes import check_axes, row_axes, row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots


class _Normalization(Layer):
    """Normalizes along axes of a row; unless they are its last ones, they are brought there and back."""

    in_place = True
    carries_activation = True
    replays = True
    axis: Any
    epsilon: float

    def __post_init__(self) -> None:
        check_axes("axis", self.axis)
        checks.number("epsilon", self.epsilon, over=0)

    def out_shape(self, *shapes: Shape) -> Shape:
        self._axes(shapes[0])
        return shapes[0]

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        # Only along the last axis do parameters go with channels.
        return super().unit_of(*shapes) if len(shapes[0]) - 1 in self._axes(shapes[0]) else {}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        order = self.constants(*shapes)["order"]
        if order is None:
            return {}
        turned = Buffer(tuple(shapes[0][axis - 1] for axis in order[1:]))
        return {"turned": turned, "turned_gradient": turned}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        chosen, rank = self._axes(shapes[0]), len(shapes[0])
        others = [axis for axis in range(rank) if axis not in chosen]
        order = (0, *(axis + 1 for axis in (*others, *chosen)))
        back = tuple(order.index(axis) for axis in range(rank + 1))
        # Last in memory as they are, nothing is moved.
        found = {"order": None, "back": None} if chosen[0] == len(others) else {"order": order, "back": back}
        return {"features": math.prod(self._features(shapes[0])), **found}

    def forward(self, ops: Ops, at: Slots) -> None:
        if at.order is None:
            self.normalize(ops, at, at.x.reshape(-1, at.features), at.y.reshape(-1, at.features))
            return
        ops.permute_axes(at.x, at.turned, at.order)
        rows = at.turned.reshape(-1, at.features)
        self.normalize(ops, at, rows, rows)
        ops.permute_axes(at.turned, at.y, at.back)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.order is None:
            dx = None if at.dx is None else at.dx.reshape(-1, at.features)
            self.differentiate(ops, at, at.x.reshape(-1, at.features), at.dy.reshape(-1, at.features), dx)
            return
        ops.permute_axes(at.x, at.turned, at.order)
        ops.permute_axes(at.dy, at.turned_gradient, at.order)
        slopes = at.turned_gradient.reshape(-1, at.features)
        self.differentiate(ops, at, at.turned.reshape(-1, at.features), slopes, slopes)
        if at.dx is not None:
            ops.permute_axes(at.turned_gradient, at.dx, at.back)

    def normalize(self, ops: Ops, at: Slots, x: np.ndarray, y: np.ndarray) -> None:
        """y = x normalized, both (-1, features); y may be x."""
        raise TypeError(f"{type(self).__name__} must define normalize(ops, at, x, y)")

    def differentiate(
        self, ops: Ops, at: Slots, x: np.ndarray, dy: np.ndarray, dx: np.ndarray | None
    ) -> None:
        """The gradients, all (-1, features); dx may be dy, or None."""
        raise TypeError(f"{type(self).__name__} must define differentiate(ops, at, x, dy, dx)")

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes of a row that the parameters have, in order."""
        return row_axes("axis", self.axis, shape)

    def _features(self, shape: Shape) -> Shape:
        return tuple(shape[axis] for axis in self._axes(shape))


class _Affine(_Normalization):
    """Scaled by `gamma` and moved by `beta` afterwards, if `scale` and `center`."""

    center: bool
    scale: bool
    beta_initializer: Any
    gamma_initializer: Any

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        shape, found = self._features(shapes[0]), {}
        if self.scale:
            found["gamma"] = Parameter(shape, self.gamma_initializer)
        if self.center:
            found["beta"] = Parameter(shape, self.beta_initializer)
        return found

    def _affine(self, at: Slots) -> tuple[Any, Any]:
        return at.gamma.reshape(-1) if self.scale else None, at.beta.reshape(-1) if self.center else None

    def _affine_gradients(self, at: Slots) -> tuple[Any, Any]:
        return at.d_gamma.reshape(-1) if self.scale else None, at.d_beta.reshape(-1) if self.center else None


@dataclass(frozen=True)
class BatchNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy 2015).

    In training, mean and variance are the batch's, taken per channel (`axis`, where 0 is the batch) or,
    with `per_element`, for each element of a row; outside, their moving averages, which the update phase of a
    step moves by momentum * moving + (1 - momentum) * batch. The variance is the biased one, as in Keras 3.
    While it is frozen, it uses the moving averages in training, too, and leaves them as they are. Parameters:
    `gamma` if `scale`, `beta` if `center`; state: `moving_mean`, `moving_variance`; all of shape (channels,)
    or of a row. Channels that are not the last axis cost a copy there and back.
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    per_element: bool = False
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"
    moving_mean_initializer: Any = "zeros"
    moving_variance_initializer: Any = "ones"

    def __post_init__(self) -> None:
        checks.whole("axis", self.axis)
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1, got {self.momentum!r}")
        if not self.epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon!r}")
        if self.per_element and self.axis != -1:
            raise ValueError(f"per_element takes every axis; leave out one of the two, got axis={self.axis}")

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0]:
            raise ValueError("BatchNormalization wants rows with at least one axis, got ()")
        return super().out_shape(*shapes)

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = self._features(shapes[0])
        return {
            "moving_mean": Parameter(shape, self.moving_mean_initializer),
            "moving_variance": Parameter(shape, self.moving_variance_initializer),
        }

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        whole = Buffer(self._features(shapes[0]), per_row=False)
        return {"mean": whole, "variance": whole}

    def normalize(self, ops: Ops, at: Slots, x: np.ndarray, y: np.ndarray) -> None:
        gamma, beta = self._affine(at)
        if at.training and not at.frozen:
            mean, variance = at.mean.reshape(-1), at.variance.reshape(-1)
            ops.batch_normalize(x, gamma, beta, mean, variance, y, self.epsilon)
        else:
            mean, variance = at.moving_mean.reshape(-1), at.moving_variance.reshape(-1)
            ops.normalize_columns(x, gamma, beta, mean, variance, y, self.epsilon)

    def differentiate(
        self, ops: Ops, at: Slots, x: np.ndarray, dy: np.ndarray, dx: np.ndarray | None
    ) -> None:
        gamma = self._affine(at)[0]
        if at.frozen:
            # With the statistics given, the layer is affine: the gradient is scaled as its input is.
            at.mean.fill(0)
            mean, variance = at.mean.reshape(-1), at.moving_variance.reshape(-1)
            ops.normalize_columns(dy, gamma, None, mean, variance, dx, self.epsilon)
            return
        mean, variance = at.mean.reshape(-1), at.variance.reshape(-1)
        gradients = self._affine_gradients(at)
        ops.batch_normalize_gradient(x, dy, gamma, mean, variance, *gradients, dx, self.epsilon)

    def settle(self, ops: Ops, at: Slots) -> None:
        if at.frozen:
            return
        ops.moving_average(at.moving_mean, at.mean, self.momentum)
        ops.moving_average(at.moving_variance, at.variance, self.momentum)

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        return tuple(range(len(shape))) if self.per_element else (row_axis("axis", self.axis, shape),)


@dataclass(frozen=True)
class LayerNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta over part of each row (Ba et al. 2016).

    `axis` names the axes that are normalized together, counting the batch as 0; other than the last ones they
    cost a copy there and back. Parameters, of the shape of those axes in a row: `gamma` if `scale`, `beta` if
    `center`.
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        chosen = self._axes(shapes[0])
        places = Buffer(tuple(n for axis, n in enumerate(shapes[0]) if axis not in chosen))
        return {"mean": places, "variance": places}

    def normalize(self, ops: Ops, at: Slots, x: np.ndarray, y: np.ndarray) -> None:
        mean = at.mean.reshape(-1) if at.training else None
        variance = at.variance.reshape(-1) if at.training else None
        ops.layer_normalize(x, *self._affine(at), mean, variance, y, self.epsilon)

    def differentiate(
        self, ops: Ops, at: Slots, x: np.ndarray, dy: np.ndarray, dx: np.ndarray | None
    ) -> None:
        gamma, statistics = self._affine(at)[0], (at.mean.reshape(-1), at.variance.reshape(-1))
        gradients = self._affine_gradients(at)
        ops.layer_normalize_gradient(x, dy, gamma, *statistics, *gradients, dx, self.epsilon)


@dataclass(frozen=True)
class RMSNormalization(_Normalization):
    """scale * x / sqrt(mean of squares + epsilon) over part of each row (Zhang and Sennrich 2019).

    `axis` names the axes that are normalized together, as for LayerNormalization. Parameter: `scale`, of the
    shape of those axes in a row, which starts at 1.
    """

    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-6

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {"scale": Parameter(self._features(shapes[0]), "ones")}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        chosen = self._axes(shapes[0])
        return {"squares": Buffer(tuple(n for axis, n in enumerate(shapes[0]) if axis not in chosen))}

    def normalize(self, ops: Ops, at: Slots, x: np.ndarray, y: np.ndarray) -> None:
        squares = at.squares.reshape(-1) if at.training else None
        ops.rms_normalize(x, at.scale.reshape(-1), squares, y, self.epsilon)

    def differentiate(
        self, ops: Ops, at: Slots, x: np.ndarray, dy: np.ndarray, dx: np.ndarray | None
    ) -> None:
        scale, d_scale = at.scale.reshape(-1), at.d_scale.reshape(-1)
        ops.rms_normalize_gradient(x, dy, scale, at.squares.reshape(-1), d_scale, dx, self.epsilon)


@dataclass(frozen=True)
class GroupNormalization(_Affine):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta by groups of channels (Wu and He 2018).

    Channels (`axis`, which counts the batch as 0) are cut into `groups` of neighbors; each row has a mean and
    a variance for each of them, over its channels and all other axes. `groups=-1` is one for each channel:
    instance normalization. Parameters, of shape (channels,): `gamma` if `scale`, `beta` if `center`. Channels
    that are not the last axis cost a copy there and back.
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"

    def __post_init__(self) -> None:
        checks.whole("axis", self.axis)
        super().__post_init__()
        if checks.whole("groups", self.groups, least=-1) == 0:
            raise ValueError("groups must be at least 1, or -1 for one per channel, got 0")

    def out_shape(self, *shapes: Shape) -> Shape:
        channels = self._features(shapes[0])[0]
        if channels % self._groups(channels):
            raise ValueError(
                f"{channels} channels cannot be shared out among {self.groups} groups; choose a divisor"
            )
        return shapes[0]

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        groups = Buffer((self._groups(self._features(shapes[0])[0]),))
        return {"mean": groups, "variance": groups}

    def normalize(self, ops: Ops, at: Slots, x: np.ndarray, y: np.ndarray) -> None:
        shape = len(at.x), -1, at.features
        statistics = (at.mean, at.variance) if at.training else (None, None)
        groups = self._groups(at.features)
        ops.group_normalize(
            x.reshape(shape), groups, *self._affine(at), *statistics, y.reshape(shape), self.epsilon
        )

    def differentiate(
        self, ops: Ops, at: Slots, x: np.ndarray, dy: np.ndarray, dx: np.ndarray | None
    ) -> None:
        shape, gamma = (len(at.x), -1, at.features), self._affine(at)[0]
        ops.group_normalize_gradient(
            x.reshape(shape), dy.reshape(shape), self._groups(at.features), gamma, at.mean, at.variance,
            *self._affine_gradients(at), None if dx is None else dx.reshape(shape), self.epsilon,
        )  # fmt: skip

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups
