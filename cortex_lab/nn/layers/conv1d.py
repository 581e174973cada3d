"""One-dimensional convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.activation import (
    activation_buffers,
    activation_scratch,
    check_activation,
    leave,
    through,
)
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, positive
from cortex_lab.nn.contract.window import check_span_padding, resolve_span, slide


@dataclass(frozen=True)
class Conv1D(Layer):
    """Convolution over rows of shape (length, channels), giving (length', filters).

    `padding` is "valid", "same" (the odd place at the end), "causal" (no output sees what comes after it), or
    explicit: n or (before, after). Parameters: `kernel` (kernel size, channels / groups, filters), `bias`
    (filters,).
    """

    replays = True
    filters: int
    kernel_size: int
    strides: int = 1
    padding: Any = "valid"
    activation: str | None = None
    dilation_rate: int = 1
    groups: int = 1
    use_bias: bool = True
    kernel_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        for name in ("filters", "kernel_size", "strides", "dilation_rate", "groups"):
            positive(name, getattr(self, name))
        check_span_padding(self.padding)
        check_activation(self.activation)
        if self.filters % self.groups:
            raise ValueError(f"{self.filters} filters cannot be shared out among {self.groups} groups")

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 2, "(length, channels)")
        length, channels = shapes[0]
        if channels % self.groups:
            raise ValueError(f"{channels} channels cannot be shared out among {self.groups} groups")
        window, strides, dilation = (self.kernel_size,), (self.strides,), (self.dilation_rate,)
        return (*slide("Conv1D", (length,), window, strides, (self._span(length),), dilation), self.filters)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        shape = (self.kernel_size, shapes[0][1] // self.groups, self.filters)
        kernel = Parameter(shape, self.kernel_initializer)
        bias = Parameter((self.filters,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, self.out_shape(*shapes))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, self.out_shape(*shapes))

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        padding = ((0, 0), self._span(shapes[0][0]))
        return {"geometry": ((1, self.strides), padding, (1, self.dilation_rate), self.groups)}

    def forward(self, ops: Ops, at: Slots) -> None:
        # A sequence is an image one pixel high.
        ops.convolve(at.x[:, None], at.kernel[None], at.y[:, None], *at.geometry)
        leave(ops, self, at)

    def backward(self, ops: Ops, at: Slots) -> None:
        dz = through(ops, self, at)
        ops.convolve_weight_gradient(at.x[:, None], dz[:, None], at.d_kernel[None], *at.geometry)
        if self.use_bias:
            ops.sum_rows(dz, out=at.d_bias)
        if at.dx is not None:
            ops.convolve_input_gradient(dz[:, None], at.kernel[None], at.dx[:, None], *at.geometry)

    def multiply_adds(self, *shapes: Shape) -> int:
        length, filters = self.out_shape(*shapes)
        return length * filters * self.kernel_size * shapes[0][1] // self.groups

    def _span(self, length: int) -> tuple[int, int]:
        return resolve_span(self.padding, length, self.kernel_size, self.strides, self.dilation_rate)
