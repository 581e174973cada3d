"""The same values in another shape or order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Layer, Shape, Slots, need_rank, positive


@dataclass(frozen=True)
class Reshape(Layer):
    """Each row in the shape `target_shape`, in which one length may be -1. Costs nothing: it is a view."""

    is_view = True
    target_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        given = [self.target_shape] if isinstance(self.target_shape, int) else self.target_shape
        given = checks.listed("target_shape", given, "lengths of axes, such as (28, 28, 1)")
        lengths = tuple(checks.whole("a length in target_shape", length) for length in given)
        if lengths.count(-1) > 1 or not all(length == -1 or length > 0 for length in lengths):
            raise ValueError(
                f"target_shape wants positive lengths, one of which may be -1, got {self.target_shape!r}"
            )
        object.__setattr__(self, "target_shape", lengths)

    def out_shape(self, *shapes: Shape) -> Shape:
        size, known = math.prod(shapes[0]), math.prod(n for n in self.target_shape if n != -1)
        free = -1 in self.target_shape
        if size % known if free else size != known:
            raise ValueError(
                f"the {size} values of a row of shape {shapes[0]} do not fit target_shape {self.target_shape}"
            )
        return tuple(size // known if length == -1 else length for length in self.target_shape)


@dataclass(frozen=True)
class Permute(Layer):
    """The axes of a row in the order `dims`, which counts them from 1, as in Keras."""

    replays = True
    carries_activation = True
    dims: tuple[int, ...]

    def __post_init__(self) -> None:
        dims = checks.listed("dims", self.dims, "axes, such as (2, 1)")
        object.__setattr__(self, "dims", tuple(checks.whole("an axis in dims", axis) for axis in dims))
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"dims must name each axis of a row once, counting from 1, got {self.dims!r}")

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != len(self.dims):
            raise ValueError(
                f"Permute{self.dims} wants rows with {len(self.dims)} axes, got shape {shapes[0]}"
            )
        return tuple(shapes[0][axis - 1] for axis in self.dims)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        order = (0, *self.dims)
        return {"order": order, "back": tuple(order.index(axis) for axis in range(len(order)))}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.permute_axes(at.x, at.y, at.order)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.permute_axes(at.dy, at.dx, at.back)


@dataclass(frozen=True)
class RepeatVector(Layer):
    """Rows (features,) as `n` steps that are all alike: (n, features)."""

    replays = True
    carries_activation = True
    n: int

    def __post_init__(self) -> None:
        positive("n", self.n)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 1, "(features,)")
        return (self.n, *shapes[0])

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.copy(at.x[:, None], out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.sum_copies(at.dy, out=at.dx[:, None])
