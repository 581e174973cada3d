"""What to record, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study.process import Placed


@dataclass(frozen=True)
class every:
    """Schedule: true on every `n`-th step.

    A schedule is any function from a step number (steps completed, from 1) to bool; this is the usual one.
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", checks.whole("n", self.n, least=1))

    def __call__(self, step: int) -> bool:
        return step % self.n == 0


@dataclass(frozen=True)
class Probe:
    """Record `key` whenever `schedule(step)` is true; None records every step.

    `key` is one the process measures, or, with `measure`, a name of your own for `measure(process)`: who
    then asks for what is best or stalls says which way is better, mode="max" or "min".
    """

    key: str
    schedule: Callable[[int], bool] | None = None
    measure: Callable[[Any], float] | None = None

    def __post_init__(self) -> None:
        checks.text("key", self.key, "loss")
        if self.schedule is not None:
            checks.function("schedule", self.schedule, "a function from a step to True or False")
        if self.measure is not None:
            checks.function("measure", self.measure, "a function of the process")


@dataclass(frozen=True, eq=False)
class distance_to:
    """Measure: how far the parameters of a process are from `point`, in the Euclidean norm.

    `point` is a flat vector, or one array per parameter name.

        Session(process, probes=[Probe("distance", measure=distance_to(minimum))]).run("distance < 1e-3")
    """

    point: Any

    def __post_init__(self) -> None:
        parts = self.point if isinstance(self.point, dict) else {"point": self.point}
        if not parts:
            raise checks.refused("point", "a vector, or an array per parameter name", self.point)
        for name, part in parts.items():
            checks.finite(str(name), part)

    def __call__(self, process: Placed) -> float:
        here = dict(process.parameters)
        if isinstance(self.point, dict):
            gaps = [np.ravel(here[name] - np.asarray(there)) for name, there in self.point.items()]
            return float(np.linalg.norm(np.concatenate(gaps)))
        flat = np.concatenate([np.ravel(array) for array in here.values()])
        return float(np.linalg.norm(flat - np.ravel(self.point)))
