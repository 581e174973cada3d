"""Fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.nn.activation import activation_buffers, activation_scratch, check_activation, leave, through
from cortex_lab.nn.layer import Buffer, Layer, Parameter, Shape, Slots, need_rank, positive


@dataclass(frozen=True)
class Dense(Layer):
    """y = f(x @ kernel + bias) for rows of shape (features,).

    Parameters: `kernel` (features, units), `bias` (units,).
    """

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        positive("units", self.units)
        check_activation(self.activation)

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], 1, "(features,)")
        return (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        kernel = Parameter((shapes[0][0], self.units), self.kernel_initializer)
        bias = Parameter((self.units,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, (self.units,))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, (self.units,))

    def forward(self, ops: Any, at: Slots) -> None:
        ops.matmul(at.x, at.kernel, out=at.y)
        leave(ops, self, at)

    def backward(self, ops: Any, at: Slots) -> None:
        dz = through(ops, self, at)
        ops.matmul(at.x.T, dz, out=at.d_kernel)
        if self.use_bias:
            ops.sum_rows(dz, out=at.d_bias)
        if at.dx is not None:
            ops.matmul(dz, at.kernel.T, out=at.dx)

    def multiply_adds(self, *shapes: Shape) -> int:
        return shapes[0][0] * self.units
