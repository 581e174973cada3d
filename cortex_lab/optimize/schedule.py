"""What a schedule is: a frozen function from an update to its learning rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.described import Described, Registry

SCHEDULES = Registry("schedule")


class Schedule(Described):
    """Base of all schedules: frozen dataclasses called with the number of updates already made.

    The first update has number 0. A schedule keeps no count of its own, so it survives a rewind; give one
    wherever an optimizer takes a learning rate.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Said here so that @dataclass leaves it: what equals its default need not be read every time.
        cls.__repr__ = Schedule.__repr__  # type: ignore[method-assign]
        SCHEDULES.add(cls)

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        raise TypeError(f"{type(self).__name__} must define __call__(step)")

    def frame(self, steps: int) -> pd.DataFrame:
        """The learning rates of the first `steps` updates: a DataFrame with one column, indexed by step."""
        checks.whole("steps", steps, least=0)
        rates = [float(self(step)) for step in range(steps)]
        return pd.DataFrame({"learning_rate": rates}, index=pd.RangeIndex(steps, name="step"))

    def __repr__(self) -> str:
        said = []
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if f.default is dataclasses.MISSING:
                said.append(repr(value))
            elif value != f.default:
                said.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(said)})"

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data; `schedule_from_dict` reads it back."""
        return SCHEDULES.to_dict(self)


schedule_from_dict = SCHEDULES.from_dict


def rate_at(rate: float | Callable[[int], float], step: int) -> float:
    """A number, or what a schedule says at `step`."""
    return float(rate(step)) if callable(rate) else float(rate)
