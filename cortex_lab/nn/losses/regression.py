"""Losses of numbers: the mean over a row's elements of some function of output - target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.accuracy import note_hits
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import Loss


class _Elementwise(Loss):
    """A loss that is a mean over elements; targets have the shape of the outputs."""

    function: ClassVar[str]
    parameter: float = 0.0
    replays = True

    def evaluate(self, ops: Ops, at: Slots) -> None:
        ops.elementwise_loss(self.function, at.y, at.target, at.weights, at.rows, at.dy, self.parameter)
        note_hits(self, ops, at)


@dataclass(frozen=True)
class MeanSquaredError(_Elementwise):
    """Mean over a row's elements of (output - target)**2; targets have the shape of the outputs."""

    function = "squared"

    def evaluate(self, ops: Ops, at: Slots) -> None:
        ops.squared_error(at.y, at.target, at.weights, at.rows, at.dy)


@dataclass(frozen=True)
class MeanAbsoluteError(_Elementwise):
    """Mean over a row's elements of |output - target|; at 0 the gradient is 0."""

    function = "absolute"


@dataclass(frozen=True)
class Huber(_Elementwise):
    """Half the squared error up to `delta`, linear beyond (Huber 1964): outliers pull with bounded force."""

    delta: float = 1.0
    function = "huber"

    def __post_init__(self) -> None:
        if not 0 < self.delta < float("inf"):
            raise ValueError(f"delta must be a positive number, got {self.delta!r}")

    @property
    def parameter(self) -> float:
        return self.delta
