"""Layers that make one array of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.axes import row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots


class _Merging(Layer):
    """Element by element, over inputs of one shape."""

    several_inputs = True
    carries_activation = True

    def out_shape(self, *shapes: Shape) -> Shape:
        _need_several(self, shapes)
        if len(set(shapes)) > 1:
            raise ValueError(f"{type(self).__name__} wants inputs of one shape, got {_listed(shapes)}")
        return shapes[0]


@dataclass(frozen=True)
class Add(_Merging):
    """Sum of its inputs, element by element."""

    in_place = True
    replays = True
    passes_gradient = True
    """The gradient of each input is the output's as it is: the plan gives them one memory."""

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = at.xs
        ops.add(first, second, out=at.y)
        for x in others:
            ops.add(at.y, x, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        """Nothing to do."""


@dataclass(frozen=True)
class Subtract(_Merging):
    """The first of two inputs less the second."""

    in_place = True

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) > 2:
            raise ValueError(f"Subtract wants two inputs, got {len(shapes)}")
        return super().out_shape(*shapes)

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.add_scaled(at.xs[0], at.xs[1], -1.0, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        for dx, sign in zip(at.dxs, (1.0, -1.0), strict=True):
            if dx is not None:
                ops.scale_shift(at.dy, sign, 0.0, out=dx)


@dataclass(frozen=True)
class Multiply(_Merging):
    """Product of its inputs, element by element."""

    in_place = True

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = at.xs
        ops.multiply(first, second, out=at.y)
        for x in others:
            ops.multiply(at.y, x, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        for position, dx in enumerate(at.dxs):
            if dx is not None:
                first, *others = (x for other, x in enumerate(at.xs) if other != position)
                ops.multiply(at.dy, first, out=dx)
                for x in others:
                    ops.multiply(dx, x, out=dx)


@dataclass(frozen=True)
class Average(_Merging):
    """Mean of its inputs, element by element."""

    in_place = True

    def forward(self, ops: Ops, at: Slots) -> None:
        first, second, *others = at.xs
        ops.add(first, second, out=at.y)
        for x in others:
            ops.add(at.y, x, out=at.y)
        ops.scale_shift(at.y, 1 / len(at.xs), 0.0, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        for dx in at.dxs:
            if dx is not None:
                ops.scale_shift(at.dy, 1 / len(at.xs), 0.0, out=dx)


@dataclass(frozen=True)
class Maximum(_Merging):
    """Largest of its inputs, element by element. Of equals, the first has the gradient."""

    in_place = True

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer(shapes[0], "int32")}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.largest(at.xs, at.winner if at.training else None, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        for position, dx in enumerate(at.dxs):
            if dx is not None:
                ops.largest_gradient(at.dy, at.winner, position, dx)


@dataclass(frozen=True)
class Concatenate(Layer):
    """Its inputs side by side along `axis`, which counts the batch as 0; all other lengths must agree."""

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


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes))
