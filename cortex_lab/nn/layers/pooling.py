"""Pooling over windows of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.nn.layer import Buffer, Layer, Shape, Slots, need_rank, pair
from cortex_lab.nn.window import check_padding, resolve_padding, slide


class _Pooling2D(Layer):
    pool_size: int | tuple[int, int]
    strides: int | tuple[int, int] | None
    padding: Any
    ceil_mode: bool

    def __post_init__(self) -> None:
        pair("pool_size", self.pool_size)
        if self.strides is not None:
            pair("strides", self.strides)
        check_padding(self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        window, strides, padding = self.constants(*shapes)["geometry"]
        size = slide(type(self).__name__, shapes[0][:2], window, strides, padding, ceil=self.ceil_mode)
        return (*size, shapes[0][2])

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        window = pair("pool_size", self.pool_size)
        strides = window if self.strides is None else pair("strides", self.strides)
        padding = resolve_padding(self.padding, shapes[0][:2], window, strides, (1, 1))
        return {"geometry": (window, strides, padding)}


@dataclass(frozen=True)
class MaxPooling2D(_Pooling2D):
    """The largest value of each window, per channel. Of equals, the first has the gradient.

    Rows (height, width, channels). `strides` None means the windows do not overlap; `ceil_mode` keeps a last
    window that hangs over the edge.
    """

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: Any = "valid"
    ceil_mode: bool = False

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer(self.out_shape(*shapes), "int32")}

    def forward(self, ops: Any, at: Slots) -> None:
        ops.pool_max(at.x, at.y, at.winner if at.training else None, *at.geometry)

    def backward(self, ops: Any, at: Slots) -> None:
        if at.dx is not None:
            ops.pool_max_gradient(at.dy, at.winner, at.dx, *at.geometry)


@dataclass(frozen=True)
class AveragePooling2D(_Pooling2D):
    """The mean of each window, per channel.

    Rows (height, width, channels). `count_padding` counts padded places as zeros; by default, as in Keras, the
    mean is over the pixels inside the image.
    """

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: Any = "valid"
    ceil_mode: bool = False
    count_padding: bool = False

    def forward(self, ops: Any, at: Slots) -> None:
        ops.pool_average(at.x, at.y, *at.geometry, self.count_padding)

    def backward(self, ops: Any, at: Slots) -> None:
        if at.dx is not None:
            ops.pool_average_gradient(at.dy, at.dx, *at.geometry, self.count_padding)
