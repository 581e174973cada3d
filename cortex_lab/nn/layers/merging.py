"""Layers that make one array of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.axes import row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots


class _Merging(Layer):
    """Element by element, over inputs of one shape, or of shapes that are broadcast as Keras does it.

    Along an axis, an input has the common length or 1, which counts for all; rows with fewer axes get axes of
    length 1 in front.
    """

    several_inputs = True
    carries_activation = True
    in_place = True

    def out_shape(self, *shapes: Shape) -> Shape:
        _need_several(self, shapes)
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(
                f"{type(self).__name__} wants inputs of one shape, got {_listed(shapes)}; only axes "
                "of length 1 are broadcast"
            ) from None

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        # The gradient of what was broadcast, before it is summed.
        return {"share": Buffer(self.out_shape(*shapes))} if len(set(shapes)) > 1 else {}

    def backward(self, ops: Ops, at: Slots) -> None:
        xs = _aligned(at.xs, at.dy.ndim)
        for position, dx in enumerate(at.dxs):
            if dx is None:
                continue
            if dx.shape == at.dy.shape:
                self.hand_back(ops, at, xs, position, dx)
            else:
                self.hand_back(ops, at, xs, position, at.share)
                ops.sum_copies(at.share, out=_aligned([dx], at.dy.ndim)[0])

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        """Compute in `out`, of the output's shape, the gradient of input number `position`."""
        raise TypeError(f"{type(self).__name__} must define hand_back(ops, at, xs, position, out)")


@dataclass(frozen=True)
class Add(_Merging):
    """Sum of its inputs, element by element; smaller ones are broadcast."""

    replays = True
    passes_gradient = True
    """The gradient of inputs that all have the output's shape is the output's as it is: in one memory."""

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = _aligned(at.xs, at.y.ndim)
        ops.add(first, second, out=at.y)
        for x in others:
            ops.add(at.y, x, out=at.y)

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        ops.copy(at.dy, out=out)


@dataclass(frozen=True)
class Subtract(_Merging):
    """The first of two inputs less the second; a smaller one is broadcast."""

    replays = True

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) > 2:
            raise ValueError(f"Subtract wants two inputs, got {len(shapes)}")
        return super().out_shape(*shapes)

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second = _aligned(at.xs, at.y.ndim)
        ops.add_scaled(first, second, -1.0, out=at.y)

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        ops.scale_shift(at.dy, -1.0 if position else 1.0, 0.0, out=out)


@dataclass(frozen=True)
class Multiply(_Merging):
    """Product of its inputs, element by element; smaller ones are broadcast."""

    replays = True

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = _aligned(at.xs, at.y.ndim)
        ops.multiply(first, second, out=at.y)
        for x in others:
            ops.multiply(at.y, x, out=at.y)

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        first, *others = (x for other, x in enumerate(xs) if other != position)
        ops.multiply(at.dy, first, out=out)
        for x in others:
            ops.multiply(out, x, out=out)


@dataclass(frozen=True)
class Average(_Merging):
    """Mean of its inputs, element by element; smaller ones are broadcast."""

    replays = True

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = _aligned(at.xs, at.y.ndim)
        ops.add(first, second, out=at.y)
        for x in others:
            ops.add(at.y, x, out=at.y)
        ops.scale_shift(at.y, 1 / len(at.xs), 0.0, out=at.y)

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        ops.scale_shift(at.dy, 1 / len(xs), 0.0, out=out)


class _Choice(_Merging):
    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer(self.out_shape(*shapes), "int32")}

    def hand_back(self, ops: Ops, at: Slots, xs: list[Any], position: int, out: np.ndarray) -> None:
        ops.largest_gradient(at.dy, at.winner, position, out)


@dataclass(frozen=True)
class Maximum(_Choice):
    """Largest of its inputs, element by element. Of equals, the first has the gradient."""

    replays = True

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.largest(_aligned(at.xs, at.y.ndim), at.winner if at.training else None, at.y)


@dataclass(frozen=True)
class Minimum(_Choice):
    """Smallest of its inputs, element by element, otherwise as `Maximum`."""

    replays = True

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.smallest(_aligned(at.xs, at.y.ndim), at.winner if at.training else None, at.y)


@dataclass(frozen=True)
class Concatenate(Layer):
    """Its inputs side by side along `axis`, which counts the batch as 0; all other lengths must agree."""

    replays = True
    several_inputs = True
    carries_activation = True
    axis: int = -1

    def out_shape(self, *shapes: Shape) -> Shape:
        _need_several(self, shapes)
        axis = row_axis("axis", self.axis, shapes[0])
        others = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
        if len(others) > 1 or len({len(shape) for shape in shapes}) > 1:
            raise ValueError(
                f"Concatenate wants inputs that differ only along axis {self.axis}, got {_listed(shapes)}"
            )
        return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        axis = row_axis("axis", self.axis, shapes[0])
        widths = [math.prod(shape[axis:]) for shape in shapes]
        return {"widths": widths, "starts": [sum(widths[:i]) for i in range(len(widths))]}

    def forward(self, ops: Ops, at: Slots) -> None:
        y = at.y.reshape(-1, sum(at.widths))
        for x, width, start in zip(at.xs, at.widths, at.starts, strict=True):
            ops.put_columns(x.reshape(-1, width), start, y)

    def backward(self, ops: Ops, at: Slots) -> None:
        dy = at.dy.reshape(-1, sum(at.widths))
        for dx, width, start in zip(at.dxs, at.widths, at.starts, strict=True):
            if dx is not None:
                ops.get_columns(dy, start, dx.reshape(-1, width))


def _need_several(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    if len(shapes) < 2:
        raise ValueError(f"{type(layer).__name__} wants at least two inputs, got {len(shapes)}")


def _aligned(arrays: list[Any], axes: int) -> list[Any]:
    """Arrays (rows, ...) with as many axes, those that lack some with axes of length 1 behind the rows."""
    return [
        array
        if array.ndim == axes
        else array.reshape(len(array), *[1] * (axes - array.ndim), *array.shape[1:])
        for array in arrays
    ]


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes))
