"""The record of a run: a row per step, a column per probed key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd


class Trace:
    """Append-only table of float64 columns, NaN where a key was not due at that step.

    Columns grow by doubling, so appending is cheap and reading a column copies nothing. One thread
    appends; others may read. `version` grows with every change, so a reader knows when to look again.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._capacity = 1024
        self._length = 0
        self._columns = {key: np.full(self._capacity, np.nan) for key in ("step", "seconds", *keys)}
        self.version = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns, `step` and `seconds` first."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return self._length

    def __contains__(self, key: object) -> bool:
        return key in self._columns

    def __getitem__(self, key: str) -> np.ndarray:
        """The column `key`, float64 of shape (rows,), as a read-only view."""
        if key not in self._columns:
            raise KeyError(
                f"nothing records {key!r}; this trace has {', '.join(self._columns)}. "
                f"Record it with Probe({key!r})"
            )
        column = self._columns[key][: self._length]
        column.flags.writeable = False
        return column

    def recorded(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of the rows in which `key` was recorded."""
        values = self[key]
        there = ~np.isnan(values)
        return self["step"][there].astype(np.int64), values[there]

    def append(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Add the row of a step; keys without a column are a KeyError."""
        row = self._length
        if row == self._capacity:
            self._grow()
        columns = self._columns
        columns["step"][row] = step
        columns["seconds"][row] = seconds
        for key, value in values.items():
            columns[key][row] = value
        self._length = row + 1
        self.version += 1

    def truncate(self, step: int) -> None:
        """Drop the rows of every step after `step`."""
        kept = int(np.searchsorted(self["step"], step, side="right"))
        for column in self._columns.values():
            column[kept : self._length] = np.nan
        self._length = kept
        self.version += 1

    def frame(self) -> pd.DataFrame:
        """The trace as a DataFrame indexed by step; a copy, yours to change."""
        length = self._length
        columns = {key: column[:length].copy() for key, column in self._columns.items() if key != "step"}
        index = pd.Index(self._columns["step"][:length].astype(np.int64), name="step")
        return pd.DataFrame(columns, index=index)

    def __repr__(self) -> str:
        return f"<Trace: {len(self)} steps of {', '.join(key for key in self.keys if key != 'step')}>"

    def _grow(self) -> None:
        for key, column in self._columns.items():
            larger = np.full(2 * self._capacity, np.nan)
            larger[: self._capacity] = column
            self._columns[key] = larger
        self._capacity *= 2
