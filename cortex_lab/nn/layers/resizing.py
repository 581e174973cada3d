"""Images and sequences made larger or smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer, Shape, Slots, need_rank, pair, positive
from cortex_lab.nn.contract.window import Pair, border, span_border


@dataclass(frozen=True)
class UpSampling2D(Layer):
    """Rows (height, width, channels) made `size` times as large.

    `interpolation` is "nearest", which repeats pixels, or "bilinear", which interpolates between their
    centers (PyTorch's align_corners=False).
    """

    replays = True
    carries_activation = True
    size: int | tuple[int, int] = 2
    interpolation: str = "nearest"

    def __post_init__(self) -> None:
        pair("size", self.size)
        if self.interpolation not in ("nearest", "bilinear"):
            raise ValueError(f'interpolation must be "nearest" or "bilinear", got {self.interpolation!r}')

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        (height, width, channels), size = shapes[0], pair("size", self.size)
        return height * size[0], width * size[1], channels

    def forward(self, ops: Ops, at: Slots) -> None:
        enlarge = ops.upsample_nearest if self.interpolation == "nearest" else ops.upsample_bilinear
        enlarge(at.x, at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        nearest = self.interpolation == "nearest"
        gradient = ops.upsample_nearest_gradient if nearest else ops.upsample_bilinear_gradient
        if at.dx is not None:
            gradient(at.dy, at.dx)


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Rows (height, width, channels) with a border of zeros.

    `padding` is n, (rows, columns) or ((top, bottom), (left, right)).
    """

    replays = True
    carries_activation = True
    padding: Any = 1

    def __post_init__(self) -> None:
        border("padding", self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        height, width, channels = shapes[0]
        (top, bottom), (left, right) = border("padding", self.padding)
        return height + top + bottom, width + left + right, channels

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"border": border("padding", self.padding)}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.pad_image(at.x, at.y, at.border)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.crop_image(at.dy, at.dx, at.border)


@dataclass(frozen=True)
class Cropping2D(Layer):
    """Rows (height, width, channels) without a border of pixels.

    `cropping` is n, (rows, columns) or ((top, bottom), (left, right)).
    """

    replays = True
    carries_activation = True
    cropping: Any = 1

    def __post_init__(self) -> None:
        border("cropping", self.cropping)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        height, width, channels = shapes[0]
        (top, bottom), (left, right) = border("cropping", self.cropping)
        if top + bottom >= height or left + right >= width:
            raise ValueError(f"cropping {self.cropping} leaves nothing of {height} x {width} pixels")
        return height - top - bottom, width - left - right, channels

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"border": border("cropping", self.cropping)}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.crop_image(at.x, at.y, at.border)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.pad_image(at.dy, at.dx, at.border)


class _Span(Layer):
    """A sequence, which is an image one pixel high."""

    carries_activation = True

    def _length(self, shape: Shape) -> int:
        need_rank(self, shape, 2, "(length, channels)")
        return shape[0]


@dataclass(frozen=True)
class UpSampling1D(_Span):
    """Rows (length, channels) with each place repeated `size` times."""

    replays = True
    size: int = 2

    def __post_init__(self) -> None:
        positive("size", self.size)

    def out_shape(self, *shapes: Shape) -> Shape:
        return self._length(shapes[0]) * self.size, shapes[0][1]

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.upsample_nearest(at.x[:, None], at.y[:, None])

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.upsample_nearest_gradient(at.dy[:, None], at.dx[:, None])


@dataclass(frozen=True)
class ZeroPadding1D(_Span):
    """Rows (length, channels) with zeros before and after; `padding` is n or (before, after)."""

    replays = True
    padding: int | Pair = 1

    def __post_init__(self) -> None:
        span_border("padding", self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        return self._length(shapes[0]) + sum(span_border("padding", self.padding)), shapes[0][1]

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"border": ((0, 0), span_border("padding", self.padding))}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.pad_image(at.x[:, None], at.y[:, None], at.border)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.crop_image(at.dy[:, None], at.dx[:, None], at.border)


@dataclass(frozen=True)
class Cropping1D(_Span):
    """Rows (length, channels) without places at the ends; `cropping` is n or (before, after)."""

    replays = True
    cropping: int | Pair = (1, 1)

    def __post_init__(self) -> None:
        span_border("cropping", self.cropping)

    def out_shape(self, *shapes: Shape) -> Shape:
        left = self._length(shapes[0]) - sum(span_border("cropping", self.cropping))
        if left < 1:
            raise ValueError(f"cropping {self.cropping} leaves nothing of {shapes[0][0]} places")
        return left, shapes[0][1]

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"border": ((0, 0), span_border("cropping", self.cropping))}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.crop_image(at.x[:, None], at.y[:, None], at.border)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.pad_image(at.dy[:, None], at.dx[:, None], at.border)
