"""Normalization over the batch and within each row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.axes import axes, check_axes, row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta (Ioffe and Szegedy 2015).

    In training, mean and variance are the batch's, taken per channel (the last axis) or, with `per_element`,
    for each element of a row; outside, their moving averages, which the update phase of a step moves by
    momentum * moving + (1 - momentum) * batch. The variance is the biased one, as in Keras 3. While it is
    frozen, it uses the moving averages in training, too, and leaves them as they are. Parameters:
    `gamma` if `scale`, `beta` if `center`; state: `moving_mean`, `moving_variance`; all of shape (channels,)
    or of a row.
    """

    in_place = True
    carries_activation = True
    replays = True
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
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be between 0 and 1, got {self.momentum!r}")
        if not self.epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon!r}")

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0]:
            raise ValueError("BatchNormalization wants rows with at least one axis, got ()")
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return _gamma_and_beta(self, self._features(shapes[0]))

    def state(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = self._features(shapes[0])
        return {
            "moving_mean": Parameter(shape, self.moving_mean_initializer),
            "moving_variance": Parameter(shape, self.moving_variance_initializer),
        }

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        whole = Buffer(self._features(shapes[0]), per_row=False)
        return {"mean": whole, "variance": whole}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"features": math.prod(self._features(shapes[0]))}

    def forward(self, ops: Ops, at: Slots) -> None:
        x, y = at.x.reshape(-1, at.features), at.y.reshape(-1, at.features)
        gamma, beta = self._affine(at)
        if at.training and not at.frozen:
            mean, variance = at.mean.reshape(-1), at.variance.reshape(-1)
            ops.batch_normalize(x, gamma, beta, mean, variance, y, self.epsilon)
        else:
            mean, variance = at.moving_mean.reshape(-1), at.moving_variance.reshape(-1)
            ops.normalize_columns(x, gamma, beta, mean, variance, y, self.epsilon)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.frozen:
            self._frozen_backward(ops, at)
            return
        ops.batch_normalize_gradient(
            at.x.reshape(-1, at.features),
            at.dy.reshape(-1, at.features),
            self._affine(at)[0],
            at.mean.reshape(-1),
            at.variance.reshape(-1),
            at.d_gamma.reshape(-1) if self.scale else None,
            at.d_beta.reshape(-1) if self.center else None,
            None if at.dx is None else at.dx.reshape(-1, at.features),
            self.epsilon,
        )

    def settle(self, ops: Ops, at: Slots) -> None:
        if at.frozen:
            return
        ops.moving_average(at.moving_mean, at.mean, self.momentum)
        ops.moving_average(at.moving_variance, at.variance, self.momentum)

    def _frozen_backward(self, ops: Ops, at: Slots) -> None:
        # With the statistics given, the layer is affine: the gradient is scaled as its input is.
        at.mean.fill(0)
        dy, dx = at.dy.reshape(-1, at.features), at.dx.reshape(-1, at.features)
        gamma, variance = self._affine(at)[0], at.moving_variance.reshape(-1)
        ops.normalize_columns(dy, gamma, None, at.mean.reshape(-1), variance, dx, self.epsilon)

    def _features(self, shape: Shape) -> Shape:
        return shape if self.per_element else shape[-1:]

    def _affine(self, at: Slots) -> tuple[Any, Any]:
        return at.gamma.reshape(-1) if self.scale else None, at.beta.reshape(-1) if self.center else None


@dataclass(frozen=True)
class LayerNormalization(Layer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta over part of each row (Ba et al. 2016).

    `axis` names the axes that are normalized together, counting the batch as 0; they must be the last ones.
    Parameters, of the shape of those axes: `gamma` if `scale`, `beta` if `center`.
    """

    in_place = True
    carries_activation = True
    axis: int | tuple[int, ...] = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"

    def __post_init__(self) -> None:
        check_axes("axis", self.axis)
        checks.number("epsilon", self.epsilon, over=0)

    def out_shape(self, *shapes: Shape) -> Shape:
        self._features(shapes[0])
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return _gamma_and_beta(self, self._features(shapes[0]))

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        places = Buffer(shapes[0][: len(shapes[0]) - len(self._features(shapes[0]))])
        return {"mean": places, "variance": places}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"features": math.prod(self._features(shapes[0]))}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.layer_normalize(
            at.x.reshape(-1, at.features),
            at.gamma.reshape(-1) if self.scale else None,
            at.beta.reshape(-1) if self.center else None,
            at.mean.reshape(-1) if at.training else None,
            at.variance.reshape(-1) if at.training else None,
            at.y.reshape(-1, at.features),
            self.epsilon,
        )

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.layer_normalize_gradient(
            at.x.reshape(-1, at.features),
            at.dy.reshape(-1, at.features),
            at.gamma.reshape(-1) if self.scale else None,
            at.mean.reshape(-1),
            at.variance.reshape(-1),
            at.d_gamma.reshape(-1) if self.scale else None,
            at.d_beta.reshape(-1) if self.center else None,
            None if at.dx is None else at.dx.reshape(-1, at.features),
            self.epsilon,
        )

    def _features(self, shape: Shape) -> Shape:
        chosen = sorted(row_axis("axis", axis, shape) for axis in axes(self.axis))
        first = len(shape) - len(chosen)
        if chosen != list(range(first, len(shape))):
            raise ValueError(
                f"LayerNormalization wants the last axes of a row, got axis={self.axis} for rows of {shape}; "
                "put a Permute before it"
            )
        return shape[first:]


def _gamma_and_beta(layer: BatchNormalization | LayerNormalization, shape: Shape) -> dict[str, Parameter]:
    found = {}
    if layer.scale:
        found["gamma"] = Parameter(shape, layer.gamma_initializer)
    if layer.center:
        found["beta"] = Parameter(shape, layer.beta_initializer)
    return found
