"""What to record, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


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
    """Record `key` whenever `schedule(step)` is true; None records every step.

    `key` is one the process measures, or, with `measure`, a name of your own for `measure(process)`.
    """

    key: str
    schedule: Callable[[int], bool] | None = None
    measure: Callable[[Any], float] | None = None


@dataclass(frozen=True, eq=False)
class distance_to:
    """Measure: how far the parameters of a process are from `point`, in the Euclidean norm.

    `point` is a flat vector, or one array per parameter name.

        Session(process, probes=[Probe("distance", measure=distance_to(minimum))]).run("distance < 1e-3")
    """

    point: Any

    def __call__(self, process: Any) -> float:
        here = dict(process.parameters)
        if isinstance(self.point, dict):
            gaps = [np.ravel(here[name] - np.asarray(there)) for name, there in self.point.items()]
            return float(np.linalg.norm(np.concatenate(gaps)))
        flat = np.concatenate([np.ravel(array) for array in here.values()])
        return float(np.linalg.norm(flat - np.ravel(self.point)))
