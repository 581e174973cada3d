"""What a schedule is: a frozen function from an update to its learning rate."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.described import PACKAGE, Described, Registry

SCHEDULES = Registry("schedule")
WANTED = "a number or a schedule, such as CosineDecay(1e-3, 1000) or a function of your own, update to rate"
_OTHERS = "numpy", "scipy", "pandas", "sklearn", "torch", "keras", "jax"
_LIBRARIES = {*sys.stdlib_module_names, *_OTHERS, PACKAGE}


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


def checked_schedule(name: str, schedule: Any) -> Callable[[int], float]:
    """A `Schedule`, or a function of one's own that gives a rate at update 0; an error for other callables.

    Much else can be called with a number, from layers to numpy.sin, and none of it was meant for this.
    """
    if isinstance(schedule, Schedule):
        return schedule
    of_ours = type(schedule).__module__.partition(".")[0] == PACKAGE
    if of_ours or isinstance(schedule, (type, Described)) or _is_of_a_library(schedule):
        raise checks.refused(name, WANTED, schedule)
    try:
        rate = schedule(0)
        if isinstance(rate, (bool, np.bool_)) or np.ndim(rate) or not 0 <= float(rate) < float("inf"):
            raise ValueError(f"it gives {checks.shown(rate)} at update 0")
    except Exception as error:
        raise checks.WrongArgument(f"{checks.refused(name, WANTED, schedule)}: {error}") from error
    return schedule


def _is_of_a_library(function: Any) -> bool:
    """Whether a library offers this function or method; what looks up numbers of one's own is one's own."""
    owner = getattr(function, "__self__", None)
    called = getattr(function, "__qualname__", "<an object>")
    if isinstance(owner, Schedule) or called.rpartition(".")[2] in ("get", "__getitem__", "__call__"):
        return False
    module = getattr(function, "__module__", None) or type(owner).__module__
    library = str(module).partition(".")[0] in _LIBRARIES
    return isinstance(function, np.ufunc) or (library and "<" not in called)
