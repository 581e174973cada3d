"""What a schedule is: a frozen function from an update to its learning rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground.described import Registry

SCHEDULES = Registry("schedule")


class Schedule:
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
        config = {f.name: _to_plain(getattr(self, f.name)) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {"kind": SCHEDULES.kind_of(type(self)), **config}


def schedule_from_dict(data: Mapping[str, Any]) -> Schedule:
    """The schedule that `Schedule.to_dict` described; ValueError for an unknown kind or setting."""
    return SCHEDULES.make(data, _from_plain)


def rate_at(rate: float | Callable[[int], float], step: int) -> float:
    """A number, or what a schedule says at `step`."""
    return float(rate(step)) if callable(rate) else float(rate)


def need_rate(kind: str, name: str, value: Any) -> None:
    """ValueError unless `value` is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < np.inf:
        raise ValueError(f"{kind} wants {name} to be a finite number of at least 0, got {value!r}")


def need_steps(kind: str, name: str, value: Any) -> None:
    """ValueError unless `value` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{kind} wants {name} to be a whole number of steps, at least 1, got {value!r}")


def _to_plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    if callable(value):
        raise ValueError(f"only a Schedule can be written down, this one holds {value!r}")
    return value


def _from_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return schedule_from_dict(value)
    if isinstance(value, list):
        return tuple(_from_plain(part) for part in value)
    return value
