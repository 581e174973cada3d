"""Squared distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.nn.layer import Slots
from cortex_lab.nn.loss import Loss


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Mean over a row's elements of (output - target)**2; targets have the shape of the outputs."""

    def evaluate(self, ops: Any, at: Slots) -> None:
        ops.squared_error(at.y, at.target, at.weights, at.rows, at.dy)
