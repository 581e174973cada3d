"""Transposed convolution: makes images larger."""

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
from cortex_lab.nn.contract.window import check_padding, explicit_padding, spread


@dataclass(frozen=True)
class Conv2DTranspose(Layer):
    """Each pixel lays a weighted kernel onto a larger image: the input gradient of a Conv2D, run forward.

    Rows (height, width, channels) become (height', width', filters). `padding` "valid" keeps all that the
    kernel touches, "same" gives height * stride, an explicit one is cut off the edges. `output_padding` adds
    pixels at the bottom and right, fewer than the stride. Parameters: `kernel` (kernel height, kernel width,
    filters, channels), `bias` (filters,).
    """

    replays = True
    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: Any = "valid"
    output_padding: int | tuple[int, int] | None = None
    activation: str | None = None
    dilation_rate: int | tuple[int, int] = 1
    use_bias: bool = True
    kernel_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        positive("filters", self.filters)
        for name in ("kernel_size", "strides", "dilation_rate"):
            pair(name, getattr(self, name))
        check_padding(self.padding)
        check_activation(self.activation)
        for extra, stride in zip(self._extra(), pair("strides", self.strides), strict=True):
            if extra is not None and not 0 <= extra < stride:
                raise ValueError(
                    f"output_padding must be at least 0 and less than the stride of {stride}, got {extra}"
                )

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        (height, _), (width, _) = self._spreads(shapes[0])
        if height < 1 or width < 1:
            raise ValueError(
                f"padding {self.padding} cuts off everything: {height} x {width} pixels are left"
            )
        return height, width, self.filters

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        height, width = pair("kernel_size", self.kernel_size)
        channels, field = shapes[0][2], height * width
        fan = (field * channels, field * self.filters)
        kernel = Parameter((height, width, self.filters, channels), self.kernel_initializer, fan)
        bias = Parameter((self.filters,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        filters = np.arange(self.filters)
        return {"kernel": filters[:, None], **({"bias": filters} if self.use_bias else {})}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, self.out_shape(*shapes))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, self.out_shape(*shapes))

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        cut = tuple(cut for _, cut in self._spreads(shapes[0]))
        return {
            "geometry": (pair("strides", self.strides), cut, pair("dilation_rate", self.dilation_rate), 1)
        }

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.convolve_input_gradient(at.x, at.kernel, at.y, *at.geometry)
        leave(ops, self, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        dz = through(ops, self, at)
        ops.convolve_weight_gradient(dz, at.x, at.d_kernel, *at.geometry)
        if self.use_bias:
            ops.sum_rows(dz, out=at.d_bias)
        if at.dx is not None:
            ops.convolve(dz, at.kernel, at.dx, *at.geometry)

    def multiply_adds(self, *shapes: Shape) -> int:
        height, width, channels = shapes[0]
        window = pair("kernel_size", self.kernel_size)
        return height * width * channels * window[0] * window[1] * self.filters

    def _extra(self) -> tuple[int | None, int | None]:
        extra = self.output_padding
        return (extra, extra) if extra is None or isinstance(extra, int) else (extra[0], extra[1])

    def _spreads(self, shape: Shape) -> list[tuple[int, tuple[int, int]]]:
        window, strides = pair("kernel_size", self.kernel_size), pair("strides", self.strides)
        dilation, extra = pair("dilation_rate", self.dilation_rate), self._extra()
        named = self.padding in ("valid", "same")
        padding = (self.padding,) * 2 if named else explicit_padding(self.padding)
        extents = [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)]
        return [spread(shape[i], extents[i], strides[i], padding[i], extra[i]) for i in (0, 1)]
