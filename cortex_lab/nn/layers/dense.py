"""Fully connected layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import NEEDS_INPUT, Ops
from cortex_lab.nn.contract.activation import activation_buffers, activation_scratch, check_activation, leave
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots, positive


@dataclass(frozen=True)
class Dense(Layer):
    """y = f(x @ kernel + bias) for rows of shape (features,), or (..., features) at each place alike.

    To see all places together, put a Flatten before it. Parameters: `kernel` (features, units), `bias`
    (units,).
    """

    replays = True

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: Any = None
    bias_initializer: Any = "zeros"

    def __post_init__(self) -> None:
        positive("units", self.units)
        check_activation(self.activation)

    @property
    def keeps_steps(self) -> bool:
        return True

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0]:
            raise ValueError("Dense wants rows of shape (features,) or (..., features), got ()")
        return (*shapes[0][:-1], self.units)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        kernel = Parameter((shapes[0][-1], self.units), self.kernel_initializer)
        bias = Parameter((self.units,), self.bias_initializer)
        return {"kernel": kernel, "bias": bias} if self.use_bias else {"kernel": kernel}

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_buffers(self.activation, self.out_shape(*shapes))

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return activation_scratch(self.activation, self.out_shape(*shapes))

    def forward(self, ops: Ops, at: Slots) -> None:
        if self.activation in NEEDS_INPUT and at.training:
            ops.matmul(_matrix(at.x), at.kernel, out=_matrix(at.y))
            leave(ops, self, at)
        else:
            bias = at.bias if self.use_bias else None
            ops.dense(_matrix(at.x), at.kernel, bias, self.activation or "linear", _matrix(at.y))

    def backward(self, ops: Ops, at: Slots) -> None:
        name = self.activation or "linear"
        x, y, dy = _matrix(at.x), _matrix(at.y), _matrix(at.dy)
        z = _matrix(at.z) if name in NEEDS_INPUT else None
        dz = None if name == "linear" else _matrix(at.dz)
        d_bias = at.d_bias if self.use_bias else None
        ops.dense_gradient(x, name, z, y, dy, dz, at.d_kernel, d_bias)
        if at.dx is not None:
            ops.matmul(dy if dz is None else dz, at.kernel.T, out=_matrix(at.dx))

    def multiply_adds(self, *shapes: Shape) -> int:
        return math.prod(shapes[0]) * self.units


def _matrix(x: np.ndarray) -> Any:
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
