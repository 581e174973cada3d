"""Products of two inputs along an axis of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.axes import axes, check_axes, row_axis
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots


@dataclass(frozen=True)
class Dot(Layer):
    """Sums of products of two inputs along `axes`, one axis or one of each, which count the batch as 0.

    Rows of shapes a and b without these axes give the shape (*a, *b), and (1,) if nothing is left, as in
    Keras. `normalize` takes both to length 1 along the axis first, which gives the cosine of their angle.
    """

    replays = True
    axes: int | tuple[int, int]
    normalize: bool = False

    several_inputs = True

    def __post_init__(self) -> None:
        check_axes("axes", self.axes)
        if len(axes(self.axes)) > 2:
            raise checks.refused("axes", "one axis, or one of each of the two inputs", self.axes)
        if isinstance(self.axes, list):
            object.__setattr__(self, "axes", tuple(self.axes))

    def out_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ValueError(f"Dot wants two inputs, got {len(shapes)}")
        (first, one), (second, other) = ((shape, self._axis(shapes, i)) for i, shape in enumerate(shapes))
        if first[one] != second[other]:
            raise ValueError(
                f"Dot wants axes of one length, got {first[one]} and {second[other]} along {self.axes} of "
                f"rows {first} and {second}"
            )
        return (*_without(first, one), *_without(second, other)) or (1,)

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return self._operands(shapes)

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        # Outside training nothing is kept; in it, these are the operands' gradients.
        return {f"spare_{name}": buffer for name, buffer in self._operands(shapes).items()}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        orders, turned = [], []
        for i, shape in enumerate(shapes):
            axis = self._axis(shapes, i)
            orders.append((0, *(n + 1 for n in range(len(shape)) if n != axis), axis + 1))
            turned.append((*_without(shape, axis), shape[axis]))
        backs = [tuple(order.index(axis) for axis in range(len(order))) for order in orders]
        sizes = [math.prod(shape[:-1]) for shape in turned]
        return {"orders": orders, "backs": backs, "turned": turned, "sizes": sizes}

    def forward(self, ops: Ops, at: Slots) -> None:
        parts = [at.left, at.right] if at.training else [at.spare_left, at.spare_right]
        norms = [at.spare_left_norms, at.spare_right_norms]
        if at.training:
            norms = [at.left_norms, at.right_norms]
        for x, part, norm, order, turned in zip(at.xs, parts, norms, at.orders, at.turned, strict=True):
            ops.permute_axes(x, part.reshape(-1, *turned), order)
            if self.normalize:
                ops.unit_length(part, norm, part)
        ops.dot_rows(*parts, at.y.reshape(-1, *at.sizes))

    def backward(self, ops: Ops, at: Slots) -> None:
        found = [at.spare_left, at.spare_right]
        da, db = (None if dx is None else part for dx, part in zip(at.dxs, found, strict=True))
        ops.dot_rows_gradient(at.left, at.right, at.dy.reshape(-1, *at.sizes), da, db)
        kept, norms = (at.left, at.right), (at.left_norms, at.right_norms)
        for i, dx in enumerate(at.dxs):
            if dx is not None:
                if self.normalize:
                    ops.unit_length_gradient(kept[i], found[i], norms[i], found[i])
                ops.permute_axes(found[i].reshape(-1, *at.turned[i]), dx, at.backs[i])

    def multiply_adds(self, *shapes: Shape) -> int:
        return math.prod(shapes[0]) * math.prod(_without(shapes[1], self._axis(shapes, 1)))

    def _operands(self, shapes: tuple[Shape, ...]) -> dict[str, Buffer]:
        found = {}
        for i, name in enumerate(("left", "right")):
            axis = self._axis(shapes, i)
            rest = math.prod(_without(shapes[i], axis))
            found |= {name: Buffer((rest, shapes[i][axis])), f"{name}_norms": Buffer((rest,))}
        return found

    def _axis(self, shapes: tuple[Shape, ...], which: int) -> int:
        return row_axis("axes", axes(self.axes)[-1 if which else 0], shapes[which])


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
