"""Depthwise convolution, alone and followed by a mixing of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.activation import (
    activation_buffers,
    activation_scratch,
    check_activation,
    leave,
    through,
)
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, pair, positive
from cortex_lab.nn.contract.window import check_padding, resolve_padding, slide


class _Depthwise(Layer):
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int]
    padding: Any
    dilation_rate: int | tuple[int, int]
    depth_multiplier: int
    depthwise_initializer: Any

    def __post_init__(self) -> None:
        positive("depth_multiplier", self.depth_multiplier)
        for name in ("kernel_size", "strides", "dilation_rate"):
            pair(name, getattr(self, name))
        check_padding(self.padding)
        check_activation(self.activation)

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        strides, dilation = pair("strides", self.strides), pair("dilation_rate", self.dilation_rate)
        window = pair("kernel_size", self.kernel_size)
        return {"geometry": (strides, resolve_padding(self.padding, shapes[0][:2], window, strides, dilation),
                             dilation)}  # fmt: skip

    def _filtered(self, shape: Shape) -> Shape:
        """Shape of a row after the depthwise part."""
        need_rank(self, shape, 3, "(height, width, channels)")
        strides, padding, dilation = self.constants(shape)["geometry"]
        window = pair("kernel_size", self.kernel_size)
        size = slide(type(self).__name__, shape[:2], window, strides, padding, dilation)
        return (*size, shape[2] * self.depth_multiplier)

    def _filters(self, channels: int) -> Parameter:
        height, width = pair("kernel_size", self.kernel_size)
        # Each output sees one channel only: Keras' count of the fans has all channels in it.
        fan = (height * width, height * width * self.depth_multiplier)
        return Parameter((height, width, channels, self.depth_multiplier), self.depthwise_initializer, fan)

    def _filter_multiply_adds(self, shape: Shape) -> int:
        height, width, channels = self._filtered(shape)
        window = pair("kernel_size", self.kernel_size)
        return height * width * channels * window[0] * window[1]


@dataclass(frozen=True)
class DepthwiseConv2D(_Depthwise):
    """Convolution of each channel with filters of its own: (height, width, channels * depth_multiplier).

    `padding` as for Conv2D. Parameters: `kernel` (kernel height, kernel width, channels, depth_multiplier),
    `bias` (channels * depth_multiplier,).
    """

    replays = True
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: Any = "valid"
    depth_multiplier: int = 1
    activation: str | None = None
    dilation_rate: int | tuple[int, int] = 1
    use_bias: bool = True
    depthwise_initializer: Any = None
    bias_initializer: Any = "zeros"

    def out_shape(self, *shapes: Shape) -> Shape:
        return self._filtered(shapes[0])

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        kernel = self._filters(shapes[0][2])
        bias = Parameter((shapes[0][2] * self.depth_multiplier,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        filters = np.arange(shapes[0][2] * self.depth_multiplier)
        kernel = filters.reshape(-1, self.depth_multiplier)
        return {"kernel": kernel, **({"bias": filters} if self.use_bias else {})}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, self.out_shape(*shapes))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, self.out_shape(*shapes))

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.depthwise_convolve(at.x, at.kernel, at.y, *at.geometry)
        leave(ops, self, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        dz = through(ops, self, at)
        ops.depthwise_convolve_weight_gradient(at.x, dz, at.d_kernel, *at.geometry)
        if self.use_bias:
            ops.sum_rows(dz, out=at.d_bias)
        if at.dx is not None:
            ops.depthwise_convolve_input_gradient(dz, at.kernel, at.dx, *at.geometry)

    def multiply_adds(self, *shapes: Shape) -> int:
        return self._filter_multiply_adds(shapes[0])


@dataclass(frozen=True)
class SeparableConv2D(_Depthwise):
    """A depthwise convolution, then a 1 x 1 one that mixes the channels (Chollet 2017).

    Strides, padding and dilation are the depthwise part's. Parameters: `depthwise_kernel` (kernel height,
    kernel width, channels, depth_multiplier), `pointwise_kernel` (1, 1, channels * depth_multiplier,
    filters), `bias` (filters,).
    """

    replays = True
    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: Any = "valid"
    depth_multiplier: int = 1
    activation: str | None = None
    dilation_rate: int | tuple[int, int] = 1
    use_bias: bool = True
    depthwise_initializer: Any = None
    pointwise_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        positive("filters", self.filters)
        super().__post_init__()

    def out_shape(self, *shapes: Shape) -> Shape:
        return (*self._filtered(shapes[0])[:2], self.filters)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        channels = shapes[0][2] * self.depth_multiplier
        mixing = Parameter((1, 1, channels, self.filters), self.pointwise_initializer)
        kernels = {"depthwise_kernel": self._filters(shapes[0][2]), "pointwise_kernel": mixing}
        bias = Parameter((self.filters,), self.bias_initializer)
        return {**kernels, "bias": bias} if self.use_bias else kernels

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        filters = np.arange(self.filters)
        return {"pointwise_kernel": filters, **({"bias": filters} if self.use_bias else {})}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        filtered = Buffer(self._filtered(shapes[0]))
        return {"filtered": filtered, **activation_buffers(self.activation, self.out_shape(*shapes))}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        room = Buffer(self._filtered(shapes[0]))
        return {"room": room, **activation_scratch(self.activation, self.out_shape(*shapes))}

    def forward(self, ops: Ops, at: Slots) -> None:
        filtered = at.filtered if at.training else at.room
        ops.depthwise_convolve(at.x, at.depthwise_kernel, filtered, *at.geometry)
        ops.matmul(_pixels(filtered), at.pointwise_kernel[0, 0], out=_pixels(at.y))
        leave(ops, self, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        dz = through(ops, self, at)
        ops.matmul(_pixels(at.filtered).T, _pixels(dz), out=at.d_pointwise_kernel[0, 0])
        if self.use_bias:
            ops.sum_rows(dz, out=at.d_bias)
        ops.matmul(_pixels(dz), at.pointwise_kernel[0, 0].T, out=_pixels(at.room))
        ops.depthwise_convolve_weight_gradient(at.x, at.room, at.d_depthwise_kernel, *at.geometry)
        if at.dx is not None:
            ops.depthwise_convolve_input_gradient(at.room, at.depthwise_kernel, at.dx, *at.geometry)

    def multiply_adds(self, *shapes: Shape) -> int:
        height, width, channels = self._filtered(shapes[0])
        return self._filter_multiply_adds(shapes[0]) + height * width * channels * self.filters


def _pixels(image: np.ndarray) -> Any:
    return image.reshape(-1, image.shape[-1])
