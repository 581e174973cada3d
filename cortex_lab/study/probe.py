"""What to record, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class every:
    """Schedule: true on every `n`-th step.

    A schedule is any function from a step number (steps completed, from 1) to bool; this is the usual one.
    """

    n: int

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"every(n) needs n of at least 1, got {self.n}")

    def __call__(self, step: int) -> bool:
        return step % self.n == 0


@dataclass(frozen=True)
class Probe:
    """Record `key` whenever `schedule(step)` is true; None records every step."""

    key: str
    schedule: Callable[[int], bool] | None = None
