"""What views ask of a search: its trials, and what each of them came to."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.axis import Axis
from cortex_lab.widgets.chart.ranges import range_of
from cortex_lab.widgets.chart.view import NothingToShow

STATES = ("complete", "pruned", "running", "failed")
MANY = 30.0
"""From the lowest to the highest so many times over, and a parameter is shown on a logarithmic axis."""


class Searched(Protocol):
    """A search, such as `cl.search.Search`."""

    metric: str
    rising: bool

    @property
    def parameters(self) -> list[str]: ...

    def frame(self) -> pd.DataFrame: ...


def _is_searched(given: object) -> bool:
    """Whether it has what a search has; nothing of it is asked for, since that may raise."""
    names = ("metric", "rising", "parameters", "frame")
    return all(hasattr(type(given), name) or name in getattr(given, "__dict__", {}) for name in names)


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of a search by number, with a `value` that is finite, and how many had none."""

    frame: pd.DataFrame
    parameters: list[str]
    metric: str
    rising: bool
    without: int

    @property
    def best(self) -> int:
        """The number of the trial with the best value, of those that went to their end, if any did."""
        done = self.frame[self.frame["state"] == "complete"]
        values = (done if len(done) else self.frame)["value"]
        return int(values.idxmax() if self.rising else values.idxmin())

    @property
    def said(self) -> str:
        """How many there are, and which is best."""
        counts = self.frame["state"].value_counts()
        told = [f"{counts[state]:,} {state}" for state in STATES if state in counts]
        told += [f"{self.without:,} without a value"] if self.without else []
        best = f"best {self.metric} {self.frame['value'][self.best]:.4g}, of trial {self.best}"
        return f"{', '.join(told)}; {best}".replace("-", "−")


class OfSearch:
    """Of a view of a search: it takes one in the place of a session, and no bench of a session shows it."""

    title: str
    search: Searched

    def __init__(self, search: Searched) -> None:
        if not _is_searched(search):
            raise checks.refused("search", "a search, such as cl.search.Search(make)", search)
        self.search = search

    @classmethod
    def fits(cls, session: Session) -> bool:
        """No bench shows it: it is of no session."""
        return False

    @classmethod
    def unfit(cls, session: Session) -> str:
        return f"It is drawn of a search.\nSay {cls.__name__}(cl.search.Search(make).run(trials=20))."

    def state(self, exact: bool) -> Hashable:
        frame = self.search.frame()
        return len(frame), tuple(frame["state"]), tuple(frame["step"])

    def collect(self, exact: bool) -> Trials:
        frame = self.search.frame()
        if not len(frame):
            raise NothingToShow("No trial has been made yet.\nsearch.run(trials=20) makes some.")
        known = np.isfinite(frame["value"].to_numpy(float))
        if not known.any():
            said = f"No trial has a finite {self.search.metric} yet."
            raise NothingToShow(f"{said}\nsearch.frame()['why'] says why some failed.")
        search = self.search
        without = int(np.count_nonzero(~known))
        return Trials(frame[known], list(search.parameters), search.metric, search.rising, without)

    def look(self) -> Trials:
        """The trials as they are now; NothingToShow before any."""
        return self.collect(exact=True)

    def table(self, data: Trials) -> pd.DataFrame:
        return data.frame.copy()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.search.frame()):,} trials>"


@dataclass(frozen=True, eq=False)
class Spread:
    """The values of a parameter or of a metric along an axis: numbers, or places of `words`."""

    values: np.ndarray
    words: tuple[str, ...]
    axis: Axis

    @classmethod
    def of(cls, column: pd.Series, label: str) -> Spread:
        """Numbers as they are, on a logarithmic axis where they go far; anything else as words."""
        given = column.dropna()
        if pd.api.types.is_numeric_dtype(given.infer_objects()) and not _are_flags(given):
            values = pd.to_numeric(column).to_numpy(float)
            finite = values[np.isfinite(values)]
            log = bool(len(finite) and finite.min() > 0 and finite.max() > MANY * finite.min())
            low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
            if low == high:
                low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
            return cls(values, (), Axis((low, high), label, log=log))
        words = sorted(map(str, given.unique()))
        places = {word: float(place) for place, word in enumerate(words)}
        values = np.array([np.nan if pd.isna(each) else places[str(each)] for each in column])
        return cls(values, tuple(words), Axis((0.0, max(1.0, len(words) - 1.0)), label))

    @property
    def shares(self) -> np.ndarray:
        """Where the values lie on the axis, 0 to 1."""
        low, high = self.axis.limits
        if not self.axis.log:
            return (self.values - low) / (high - low)
        return np.log(self.values / low) / np.log(high / low)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        low, high = self.axis.limits
        if self.words:
            return tuple((place / (high - low), word) for place, word in enumerate(self.words))
        middle = float(np.sqrt(low * high)) if self.axis.log else (low + high) / 2
        ends = ((0.0, low), (0.5, middle), (1.0, high))
        return tuple((share, f"{value:.3g}".replace("-", "−")) for share, value in ends)

    @property
    def around(self) -> Axis:
        """The axis with room at its ends, so that points at them are seen; words are told by its label."""
        low, high = self.axis.limits
        if self.axis.log:
            room = (high / low) ** 0.04
            return Axis((low / room, high * room), self.axis.label, log=True)
        room = 0.04 * (high - low)
        named = ", ".join(f"{place} {word}" for place, word in enumerate(self.words))
        return Axis((low - room, high + room), self.axis.label + (f" ({named})" if named else ""))


def _are_flags(column: pd.Series) -> bool:
    return bool(len(column)) and all(isinstance(each, (bool, np.bool_)) for each in column)


def axis_of(values: np.ndarray, label: str) -> Axis:
    """An axis of what the trials came to, spikes aside."""
    found = Spread.of(pd.Series(values), label).axis
    spread: Any = range_of([values], found.log)
    return Axis(spread.limits, label, log=found.log)
