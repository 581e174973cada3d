"""Two-dimensional convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import NEEDS_INPUT, Ops
from cortex_lab.nn.contract.activation import activation_buffers, activation_scratch, check_activation, leave
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, pair, positive
from cortex_lab.nn.contract.window import check_padding, resolve_padding, slide


@dataclass(frozen=True)
class Conv2D(Layer):
    """Convolution over rows of shape (height, width, channels), giving (height', width', filters).

    `padding` is "valid", "same" (the odd pixel at the bottom and right, as in Keras), or explicit: n,
    (rows, columns) or ((top, bottom), (left, right)). Parameters: `kernel` (kernel height, kernel width,
    channels / groups, filters), `bias` (filters,).
    """

    replays = True

    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: Any = "valid"
    activation: str | None = None
    dilation_rate: int | tuple[int, int] = 1
    groups: int = 1
    use_bias: bool = True
    kernel_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        positive("filters", self.filters)
        positive("groups", self.groups)
        pair("kernel_size", self.kernel_size)
        pair("strides", self.strides)
        pair("dilation_rate", self.dilation_rate)
        check_padding(self.padding)
        check_activation(self.activation)
        if self.filters % self.groups:
            raise ValueError(f"{self.filters} filters cannot be shared out among {self.groups} groups")

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 3, "(height, width, channels)")
        if shapes[0][2] % self.groups:
            raise ValueError(f"{shapes[0][2]} channels cannot be shared out among {self.groups} groups")
        strides, padding, dilation, _ = self.constants(*shapes)["geometry"]
        window = pair("kernel_size", self.kernel_size)
        return (*slide("Conv2D", shapes[0][:2], window, strides, padding, dilation), self.filters)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        window = pair("kernel_size", self.kernel_size)
        kernel = Parameter((*window, shapes[0][2] // self.groups, self.filters), self.kernel_initializer)
        bias = Parameter((self.filters,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, self.out_shape(*shapes))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, self.out_shape(*shapes))

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        strides, dilation = pair("strides", self.strides), pair("dilation_rate", self.dilation_rate)
        window = pair("kernel_size", self.kernel_size)
        padding = resolve_padding(self.padding, shapes[0][:2], window, strides, dilation)
        return {"geometry": (strides, padding, dilation, self.groups)}

    def forward(self, ops: Ops, at: Slots) -> None:
        if self.activation in NEEDS_INPUT and at.training:
            ops.convolve(at.x, at.kernel, at.y, *at.geometry)
            leave(ops, self, at)
        else:
            bias, name = at.bias if self.use_bias else None, self.activation or "linear"
            ops.convolve_and(at.x, at.kernel, None, bias, None, name, at.y, *at.geometry)

    def backward(self, ops: Ops, at: Slots) -> None:
        name, dz = self.activation or "linear", at.dy
        d_bias = at.d_bias if self.use_bias else None
        if name != "linear":
            dz = at.dz
            ops.slopes_and_sums(name, at.z if name in NEEDS_INPUT else None, at.y, at.dy, dz, d_bias)
        elif d_bias is not None:
            ops.sum_rows(dz, out=d_bias)
        ops.convolve_weight_gradient(at.x, dz, at.d_kernel, *at.geometry)
        if at.dx is not None:
            ops.convolve_input_gradient(dz, at.kernel, at.dx, *at.geometry)

    def multiply_adds(self, *shapes: Shape) -> int:
        height, width, filters = self.out_shape(*shapes)
        window = pair("kernel_size", self.kernel_size)
        return height * width * filters * window[0] * window[1] * shapes[0][2] // self.groups
