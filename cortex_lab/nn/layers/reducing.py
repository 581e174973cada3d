"""Sum, mean and largest value along axes of a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.axes import axes, check_axes, row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots


class _Reduction(Layer):
    """One value for all along `axis`, which counts the batch as 0; None is all axes of a row.

    `keepdims` keeps those axes, with length 1. Keras has these as operations: `ops.mean(x, axis=1)`.
    """

    replays = True
    carries_activation = True
    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __post_init__(self) -> None:
        if self.axis is not None:
            check_axes("axis", self.axis)
            if isinstance(self.axis, list):
                object.__setattr__(self, "axis", tuple(self.axis))

    def out_shape(self, *shapes: Shape) -> Shape:
        chosen = self._axes(shapes[0])
        kept = enumerate(shapes[0])
        if self.keepdims:
            return tuple(1 if axis in chosen else length for axis, length in kept)
        return tuple(length for axis, length in kept if axis not in chosen)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        chosen = self._axes(shapes[0])
        wide = tuple(1 if axis in chosen else length for axis, length in enumerate(shapes[0]))
        count = math.prod(shapes[0][axis] for axis in chosen)
        return {"along": tuple(axis + 1 for axis in chosen), "wide": wide, "factor": self._factor(count)}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.sum_along(at.x, at.along, at.factor, at.y.reshape(-1, *at.wide))

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.sum_along_gradient(at.dy.reshape(-1, *at.wide), at.factor, at.dx)

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(range(len(shape)))
        return tuple(sorted({row_axis("axis", axis, shape) for axis in axes(self.axis)}))

    def _factor(self, count: int) -> float:
        return 1.0


@dataclass(frozen=True)
class Sum(_Reduction):
    """The sum along `axis`, which counts the batch as 0; None takes all axes of a row.

    Shapes lose these axes, unless `keepdims` keeps them with length 1. `ops.sum` of Keras.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False


@dataclass(frozen=True)
class Mean(_Reduction):
    """The mean along `axis`, which counts the batch as 0; None takes all axes of a row.

    Shapes lose these axes, unless `keepdims` keeps them with length 1. `ops.mean` of Keras.
    """

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def _factor(self, count: int) -> float:
        return 1 / count


@dataclass(frozen=True)
class Max(_Reduction):
    """The largest value along `axis`, which counts the batch as 0; None takes all axes of a row.

    Shapes lose these axes, unless `keepdims` keeps them with length 1. Of equals, the first has the gradient.
    """

    replays = True
    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer(self.out_shape(*shapes), "int32")}

    def forward(self, ops: Ops, at: Slots) -> None:
        winner = at.winner.reshape(-1, *at.wide) if at.training else None
        ops.max_along(at.x, at.along, winner, at.y.reshape(-1, *at.wide))

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            dy, winner = at.dy.reshape(-1, *at.wide), at.winner.reshape(-1, *at.wide)
            ops.max_along_gradient(dy, at.along, winner, at.dx)
