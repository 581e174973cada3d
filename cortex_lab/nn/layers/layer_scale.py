"""A learned scale for each channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.initializers import Constant
from cortex_lab.nn.contract.layer import Buffer, Layer, Parameter, Shape, Slots


@dataclass(frozen=True)
class LayerScale(Layer):
    """x times a learned scale for each channel of rows (..., channels) (Touvron et al. 2021).

    At the end of a branch that is added to what it began with, as in ConvNeXt, a small `init_values` lets the
    branch come in little by little. Parameter: `gamma` (channels,), which starts at `init_values`.
    """

    replays = True
    init_values: float = 1e-6

    def __post_init__(self) -> None:
        checks.number("init_values", self.init_values)

    @property
    def keeps_steps(self) -> bool:
        return True

    def out_shape(self, *shapes: Shape) -> Shape:
        if not shapes[0]:
            raise ValueError("LayerScale wants rows with a channel axis, got ()")
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        return {"gamma": Parameter(shapes[0][-1:], Constant(self.init_values))}

    def unit_of(self, *shapes: Shape) -> dict[str, np.ndarray]:
        return {"gamma": np.arange(shapes[0][-1])}

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"share": Buffer(shapes[0])}

    def forward(self, ops: Ops, at: Slots) -> None:
        ops.multiply(at.x, at.gamma, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        ops.multiply(at.dy, at.x, out=at.share)
        ops.sum_rows(at.share.reshape(-1, at.share.shape[-1]), out=at.d_gamma)
        if at.dx is not None:
            ops.multiply(at.dy, at.gamma, out=at.dx)
