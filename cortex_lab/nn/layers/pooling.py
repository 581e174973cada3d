"""Pooling over windows of an image or a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots, need_rank, pair, positive
from cortex_lab.nn.contract.window import (
    check_padding,
    check_span_padding,
    resolve_padding,
    resolve_span,
    slide,
)


class _Pooling(Layer):
    """Common to all: subclasses give `geometry`, the (window, strides, padding) of an image."""

    carries_activation = True
    replays = True
    ceil_mode: bool

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"geometry": self._geometry(shapes[0])}

    def _geometry(self, shape: Shape) -> tuple[Any, Any, Any]:
        raise TypeError(f"{type(self).__name__} must define _geometry(shape)")

    def _slide(self, shape: Shape) -> Shape:
        """Size of the pooled image; ValueError if some window would lie in the padding altogether."""
        window, strides, padding = self._geometry(shape)
        # A sequence has the geometry of an image one pixel high.
        axes = slice(3 - len(shape), None)
        for length, border in zip(window[axes], padding[axes], strict=True):
            if max(border) >= length:
                raise ValueError(
                    f"{type(self).__name__}: padding {border} must be smaller than the window of {length}, "
                    "or windows would see nothing"
                )
        what, rest = type(self).__name__, shape[:-1]
        return slide(what, rest, window[axes], strides[axes], padding[axes], ceil=self.ceil_mode)


class _Pooling2D(_Pooling):
    pool_size: int | tuple[int, int]
    strides: int | tuple[int, int] | None
    padding: Any

    def __post_init__(self) -> None:
        pair("pool_size", self.pool_size)
        if self.strides is not None:
            pair("strides", self.strides)
        check_padding(self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        return (*self._slide(shapes[0]), shapes[0][2])

    def _geometry(self, shape: Shape) -> tuple[Any, Any, Any]:
        window = pair("pool_size", self.pool_size)
        strides = window if self.strides is None else pair("strides", self.strides)
        return window, strides, resolve_padding(self.padding, shape[:2], window, strides, (1, 1))


class _Pooling1D(_Pooling):
    pool_size: int
    strides: int | None
    padding: Any

    def __post_init__(self) -> None:
        positive("pool_size", self.pool_size)
        if self.strides is not None:
            positive("strides", self.strides)
        check_span_padding(self.padding)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 2, "(length, channels)")
        return (*self._slide(shapes[0]), shapes[0][1])

    def _geometry(self, shape: Shape) -> tuple[Any, Any, Any]:
        strides = self.strides or self.pool_size
        span = resolve_span(self.padding, shape[0], self.pool_size, strides)
        return (1, self.pool_size), (1, strides), ((0, 0), span)


class _Maximum(_Pooling):
    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"winner": Buffer(self.out_shape(*shapes), "int32")}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.pool_max(_image(at.x), _image(at.y), _image(at.winner) if at.training else None, *at.geometry)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.pool_max_gradient(_image(at.dy), _image(at.winner), _image(at.dx), *at.geometry)


class _Average(_Pooling):
    count_padding: bool

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.pool_average(_image(at.x), _image(at.y), *at.geometry, self.count_padding)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.pool_average_gradient(_image(at.dy), _image(at.dx), *at.geometry, self.count_padding)


@dataclass(frozen=True)
class MaxPooling2D(_Maximum, _Pooling2D):
    """The largest value of each window, per channel. Of equals, the first has the gradient.

    Rows (height, width, channels). `strides` None means the windows do not overlap; `ceil_mode` keeps a last
    window that hangs over the edge.
    """

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: Any = "valid"
    ceil_mode: bool = False


@dataclass(frozen=True)
class AveragePooling2D(_Average, _Pooling2D):
    """The mean of each window, per channel.

    Rows (height, width, channels). `count_padding` counts padded places as zeros; by default, as in Keras,
    the mean is over the pixels inside the image.
    """

    pool_size: int | tuple[int, int] = 2
    strides: int | tuple[int, int] | None = None
    padding: Any = "valid"
    ceil_mode: bool = False
    count_padding: bool = False


@dataclass(frozen=True)
class MaxPooling1D(_Maximum, _Pooling1D):
    """The largest value of each window of a sequence, per channel. Rows (length, channels)."""

    pool_size: int = 2
    strides: int | None = None
    padding: Any = "valid"
    ceil_mode: bool = False


@dataclass(frozen=True)
class AveragePooling1D(_Average, _Pooling1D):
    """The mean of each window of a sequence, per channel. Rows (length, channels)."""

    pool_size: int = 2
    strides: int | None = None
    padding: Any = "valid"
    ceil_mode: bool = False
    count_padding: bool = False


def _image(array: np.ndarray) -> Any:
    return array if array.ndim == 4 else array[:, None]
