"""Noise that only training sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Buffer, Layer, Shape, Slots


class _Noise(Layer):
    """Disturbs its input in training and hands it on unchanged outside.

    Draws are keyed by (seed, step, node), so a step can be run again with the same ones. The strength is a
    number in `at`: where a session changes it, the calls made with the one before are forgotten.
    """

    random = True
    replays = True
    in_place = True
    carries_activation = True

    def forward(self, ops: Ops, at: Slots) -> None:
        if at.training:
            self.disturb(ops, at)
        else:
            ops.copy(at.x, out=at.y)

    def disturb(self, ops: Ops, at: Slots) -> None:
        """Compute `at.y` from `at.x` in training."""
        raise TypeError(f"{type(self).__name__} must define disturb(ops, at)")


@dataclass(frozen=True)
class GaussianNoise(_Noise):
    """Adds normal noise of mean 0 and standard deviation `stddev`."""

    stddev: float = 0.1

    def __post_init__(self) -> None:
        if not self.stddev >= 0:
            raise ValueError(f"stddev must be at least 0, got {self.stddev!r}")

    def scratch(self, *shapes: Shape) -> dict[str, Buffer]:
        return {"noise": Buffer(shapes[0])}

    def constants(self, *shapes: Shape) -> dict[str, Any]:
        return {"stddev": self.stddev}

    def disturb(self, ops: Ops, at: Slots) -> None:
        ops.random_normal(at.noise, at.seed, at.step, at.stream)
        ops.add_scaled(at.x, at.noise, at.stddev, out=at.y)

    def backward(self, ops: Ops, at: Slots) -> None:
        if at.dx is not None:
            ops.copy(at.dy, out=at.dx)
