"""The rectifier whose negative slope is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.axes import axes, check_axes, row_axis
from cortex_lab.nn.contract.layer import Layer, Parameter, Shape, Slots


@dataclass(frozen=True)
class PReLU(Layer):
    """x where it is positive, alpha * x elsewhere, with alpha learned (He et al. 2015).

    `shared_axes` are those along which all share one slope, counting the batch as 0: (1, 2) for a slope per
    channel of an image. Parameters: `alpha`, of the shape of a row with 1 along the shared axes.
    """

    replays = True
    function = "prelu"
    in_place = True
    alpha_initializer: Any = "zeros"
    shared_axes: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.shared_axes is not None:
            check_axes("shared_axes", self.shared_axes)

    def out_shape(self, *shapes: Shape) -> Shape:
        self._slopes(shapes[0])
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {"alpha": Parameter(self._slopes(shapes[0]), self.alpha_initializer)}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.parametric_relu(at.x, at.alpha, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.parametric_relu_gradient(at.x, at.dy, at.alpha, at.d_alpha, at.dx)

    def _slopes(self, shape: Shape) -> Shape:
        if self.shared_axes is None:
            return shape
        shared = {row_axis("shared_axes", axis, shape) for axis in axes(self.shared_axes)}
        return tuple(1 if axis in shared else length for axis, length in enumerate(shape))
