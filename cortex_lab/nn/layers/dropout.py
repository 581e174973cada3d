"""Values dropped, or multiplied by noise, in training only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from cortex_lab.compute import SELU_ALPHA, SELU_SCALE, Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Buffer, Shape, Slots, need_rank
from cortex_lab.nn.layers.noise import _Noise


class _Masked(_Noise):
    """Multiplies by a drawn mask, which its backward pass needs again."""

    rate: float

    def __post_init__(self) -> None:
        checks.fraction("rate", self.rate)

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"mask": Buffer(shapes[0])}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"rate": self.rate}

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.multiply(at.dy, at.mask, out=at.dx)


@dataclass(frozen=True)
class Dropout(_Masked):
    """Drops each value with probability `rate`, divides the others by 1 - rate (Srivastava et al. 2014)."""

    rate: float = 0.5

    def disturb(self, ops: Ops, at: Slots) -> None:
        ops.dropout(at.x, at.mask, at.y, at.rate, at.seed, at.step, at.stream)


class _SpatialDropout(_Masked):
    """Drops whole channels: one draw for all places of a channel."""

    _rows: ClassVar[str]

    def out_shape(self, *shapes: Shape) -> Shape:
        need_rank(self, shapes[0], self._rows.count(",") + 1, self._rows)
        return shapes[0]

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"mask": Buffer((*(1 for _ in shapes[0][:-1]), shapes[0][-1]))}

    def disturb(self, ops: Ops, at: Slots) -> None:
        ops.dropout_mask(at.mask, at.rate, at.seed, at.step, at.stream)
        ops.multiply(at.x, at.mask, out=at.y)


@dataclass(frozen=True)
class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of a sequence with probability `rate`, divides the others by 1 - rate.

    Rows (steps, channels) (Tompson et al. 2015).
    """

    _rows = "(steps, channels)"
    rate: float = 0.5


@dataclass(frozen=True)
class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of an image with probability `rate`, divides the others by 1 - rate.

    Rows (height, width, channels) (Tompson et al. 2015).
    """

    _rows = "(height, width, channels)"
    rate: float = 0.5


@dataclass(frozen=True)
class StochasticDepth(_Masked):
    """Drops whole rows with probability `rate`, divides the others by 1 - rate (Huang et al. 2016).

    At the end of a branch that is added to what it began with, a row that is dropped goes past the branch.
    """

    rate: float = 0.5

    def saved(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"mask": Buffer(tuple(1 for _ in shapes[0]))}

    def disturb(self, ops: Ops, at: Slots) -> None:
        ops.dropout_mask(at.mask, at.rate, at.seed, at.step, at.stream)
        ops.multiply(at.x, at.mask, out=at.y)


@dataclass(frozen=True)
class GaussianDropout(_Masked):
    """Multiplies by normal noise of mean 1 and Dropout's variance, rate / (1 - rate).

    (Srivastava et al. 2014, section 10)
    """

    rate: float = 0.5

    def disturb(self, ops: Ops, at: Slots) -> None:
        ops.random_normal(at.mask, at.seed, at.step, at.stream)
        ops.scale_shift(at.mask, math.sqrt(at.rate / (1 - at.rate)), 1.0, out=at.mask)
        ops.multiply(at.x, at.mask, out=at.y)


@dataclass(frozen=True)
class AlphaDropout(_Masked):
    """Sets each value with probability `rate` to SELU's lowest, and scales and shifts the rest.

    Inputs of mean 0 and variance 1 keep both (Klambauer et al. 2017).
    """

    rate: float = 0.5

    def disturb(self, ops: Ops, at: Slots) -> None:
        lowest = -SELU_ALPHA * SELU_SCALE
        keep = 1 - at.rate
        scale = 1 / math.sqrt(keep * (1 + at.rate * lowest**2))
        ops.dropout_mask(at.mask, at.rate, at.seed, at.step, at.stream)
        ops.scale_shift(at.mask, keep * scale, 0.0, out=at.mask)
        # scale * (x where kept, lowest elsewhere) - scale * rate * lowest, written around the mask.
        ops.scale_shift(at.x, 1.0, -lowest, out=at.y)
        ops.multiply(at.y, at.mask, out=at.y)
        ops.scale_shift(at.y, 1.0, scale * keep * lowest, out=at.y)
