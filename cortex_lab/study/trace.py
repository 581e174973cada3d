"""The record of a run: a row per step, a column per probed key."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.held import Unpickled
from cortex_lab.study.missing import MISSING, is_recorded
from cortex_lab.study.tracefile import TraceFile
from cortex_lab.study.tracereading import read_trace

_LARGE = 2**19
"""Bytes of a column from which on its memory is the system's own."""
# A forked child writes into rows of its own. Windows has neither forks nor these words.
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


class Trace(Unpickled):
    """Append-only table of float64 columns, NaN where a key was not due at that step.

    Columns grow by doubling, so appending is cheap and reading a column copies nothing. One thread
    appends; others may read. `version` grows with every change, so a reader knows when to look again.

    `directions` says by key whether more of it is better (None: nobody can tell; others go by their names),
    `before` the values of never-falling columns when the first row's step began, where they are known.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        if not isinstance(keys, Mapping):
            keys = checks.listed("keys", keys, "a list of names")
        keys = [checks.text("a key", key, "loss") for key in keys]
        self._capacity = 1024
        self._length = self._dropped = 0
        self._columns = {key: _column(self._capacity) for key in ("step", "seconds", *keys)}
        self._cells = _cells(self._columns)
        self._files: list[TraceFile] = []
        self.version = 0
        self.directions: Mapping[str, bool | None] = {}
        self.before: Mapping[str, float] = {}
        self.advise: Callable[[str], str] = lambda key: f"Record it with Probe({key!r})"

    kept_by = "trace.frame() is a table of it, trace.stream_to('it.h5') a file"

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
        if not isinstance(key, str) or key not in self._columns:
            remedy = f". {self.advise(key)}" if isinstance(key, str) else ""
            there = ", ".join(self._columns)
            raise KeyError(f"nothing records {checks.shown(key)}; this trace has {there}{remedy}")
        column = self._columns[key][: self._length]
        column.flags.writeable = False
        return column

    def recorded(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps, values) of the rows in which `key` was recorded; a value may be a recorded NaN."""
        values = self[key]
        steps = self["step"][: len(values)]
        there = is_recorded(values)
        return steps[there].astype(np.int64), values[there]

    def row(self, step: int) -> dict[str, float]:
        """What was recorded of `step`, by key; empty if it has no row."""
        step = checks.whole("step", step, least=0)
        position = int(np.searchsorted(self["step"], step))
        if position == len(self) or self["step"][position] != step:
            return {}
        row = {key: column[position : position + 1] for key, column in self._columns.items()}
        return {key: float(cell[0]) for key, cell in row.items() if is_recorded(cell)[0]}

    def append(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Add the row of a step later than those before; a key without a column is a KeyError.

        Nothing is added then, nor where a value is no number.
        """
        if type(step) is not int or step < 0:
            step = checks.whole("step", step, least=0)
        if self._length and step <= (last := self._cells["step"][self._length - 1]):
            raise checks.refused("step", f"later than {last:.0f}, the step of the last row", step)
        if type(seconds) is not float:
            seconds = checks.real("seconds", seconds)
        if type(values) is not dict or set(map(type, values.values())) != {float}:
            values = self._checked(values)
        try:
            self._append(step, seconds, values)
        except KeyError:
            self._checked(values)
            raise

    def _append(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """`append` for who is asked at every step: with whole numbers and floats alone, in rising steps."""
        row = self._length
        if row == self._capacity:
            self._grow()
        cells = self._cells
        try:
            for key, value in values.items():
                cells[key][row] = value
        except BaseException:
            self._clear(row)
            raise
        cells["step"][row] = step
        cells["seconds"][row] = seconds
        # From here on it is recorded; what was interrupted before leaves traces that `truncate` clears.
        self._length = row + 1
        self.version += 1

    def add_column(self, key: str) -> None:
        """Begin to record `key`: NaN in the rows so far. Nothing happens if there is such a column."""
        if checks.text("key", key, "loss") in self._cells:
            return
        # A new dict, so that a thread that is going over the old one can finish.
        self._columns = {**self._columns, key: _column(self._capacity)}
        self._cells = _cells(self._columns)
        self.version += 1

    def extend(self, other: Trace, after: float = -np.inf) -> None:
        """Append the rows of `other` that are of steps later than `after`, and what it knows of keys."""
        checks.instance("other", other, Trace, "a Trace")
        if not (type(after) is float and after == -np.inf):
            checks.number("after", after)
        first = int(np.searchsorted(other["step"], after, side="right"))
        start, stop = self._length, self._length + len(other) - first
        for key in other.keys:
            self.add_column(key)
        while self._capacity < stop:
            self._grow()
        for key in other.keys:
            self._columns[key][start:stop] = other[key][first:]
        self.directions = {**other.directions, **self.directions}
        self._length = stop
        self.version += 1

    def truncate(self, step: int) -> None:
        """Drop the rows of every step after `step`, and what is left of one that was not completed."""
        kept = int(np.searchsorted(self["step"], checks.whole("step", step, least=0), side="right"))
        # Kept until all is cleared, for the case that this is interrupted and done again.
        self._dropped = max(self._dropped, self._length)
        self._length = kept
        # Told before they are cleared, a file that is reading these rows sees that it has to read again.
        for file in self._files:
            file.truncate(kept)
        for column in self._columns.values():
            column[kept : self._dropped + 1] = MISSING
        self._dropped = 0
        self.version += 1

    def preview(self, step: int, values: Mapping[str, float]) -> TracePreview:
        """The trace as it would be with one row more; good until the trace changes or `close` is called."""
        step, values = checks.whole("step", step, least=0), dict(self._checked(values))
        if self._length == self._capacity:
            self._grow()
        return TracePreview(self, step, values)

    def _checked(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """`values` as floats, each of a column that there is."""
        if type(values) is not dict:
            checks.instance("values", values, Mapping, "numbers by key, such as {'loss': 0.5}")
        for key in values:
            if key not in self._columns:
                self[key]
        return {key: checks.real(f"the value of {key!r}", value) for key, value in values.items()}

    def frame(self) -> pd.DataFrame:
        """The trace as a DataFrame indexed by step; a copy, yours to change."""
        length = self._length
        columns = {key: column[:length].copy() for key, column in self._columns.items() if key != "step"}
        index = pd.Index(self._columns["step"][:length].astype(np.int64), name="step")
        return pd.DataFrame(columns, index=index)

    def stream_to(self, path: str | Path) -> TraceFile:
        """Write the trace to a file, now and from now on, several times a second.

        Returns the file; `close()` it, or leave a `with` block, to end the stream and make the file HDF5.
        A crash loses at most the last second. FileExistsError if there is such a file already; if this trace
        is being written there, that stream is returned.
        """
        path = checks.path("path", path)
        # After an interrupt one may have a stream and not know it.
        here = [file for file in self._files if file.is_of(path)]
        return here[0] if here else TraceFile(self, path).begin()

    @classmethod
    def open(cls, path: str | Path) -> Trace:
        """Read a trace from the file that `stream_to` wrote, or still writes.

        A file that was not closed, or was cut off or damaged, is read up to there, with a warning that says
        so. `DamagedFile`, a ValueError, for a file that is no trace or has not a row left.
        """
        columns, directions = read_trace(Path(checks.path("path", path)))
        trace = cls.of(columns)
        trace.directions = directions
        return trace

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray]) -> Trace:
        """A trace of these columns, float64 (rows,), "step" and "seconds" among them."""
        checks.instance("columns", columns, Mapping, "arrays by name, such as {'step': ..., ...}")
        for key in ("step", "seconds"):
            if key not in columns:
                raise checks.WrongArgument(f"columns of a trace have {key!r} among them, got {[*columns]}")
        rows = np.shape(columns["step"])
        for key, column in columns.items():
            if not isinstance(column, np.ndarray) or column.dtype != np.float64 or column.shape != rows[:1]:
                raise checks.refused(f"column {key!r}", f"a float64 array of shape {rows[:1]}", column)
        trace = cls(key for key in columns if key not in ("step", "seconds"))
        trace._columns = dict(columns)
        trace._cells = _cells(columns)
        trace._length = trace._capacity = len(columns["step"])
        trace.version = 1
        return trace

    def __del__(self) -> None:
        # What was recorded since the last time its files were written; after this they have no trace to ask.
        for file in getattr(self, "_files", ()):
            with contextlib.suppress(OSError):
                file.release(self)

    def __repr__(self) -> str:
        return f"<Trace: {len(self)} steps of {', '.join(key for key in self.keys if key != 'step')}>"

    def _grow(self) -> None:
        larger = {}
        capacity = max(1024, 2 * self._capacity)
        for key, column in self._columns.items():
            larger[key] = _column(capacity)
            larger[key][: self._capacity] = column[: self._capacity]
        self._columns = larger
        self._cells = _cells(larger)
        self._capacity = capacity

    def _clear(self, row: int) -> None:
        for column in self._columns.values():
            column[row] = MISSING


def _column(capacity: int) -> np.ndarray:
    """Room for so many numbers, none recorded."""
    size = 8 * capacity
    # What NumPy lets go of stays with the process for a while, which for columns that double is all of them.
    column = np.frombuffer(mmap.mmap(-1, size, **_PRIVATE)) if size >= _LARGE else np.empty(capacity)
    column.fill(MISSING)
    return column


def _cells(columns: Mapping[str, np.ndarray]) -> dict[str, memoryview]:
    """The same memory to write single values to, which a memoryview does in half the time."""
    return {key: memoryview(column) for key, column in columns.items()}


class TracePreview:
    """A trace with one row more than it has, for asking conditions about a step not yet completed.

    Reads like a Trace. It writes into room the trace keeps for rows to come, so making one copies nothing.
    """

    def __init__(self, trace: Trace, step: int, values: Mapping[str, float]) -> None:
        self._trace = trace
        self._columns = trace._columns
        self._row = trace._length
        for key, value in {**values, "step": step}.items():
            self._columns[key][self._row] = value

    @property
    def directions(self) -> Mapping[str, bool | None]:
        return self._trace.directions

    @property
    def before(self) -> Mapping[str, float]:
        return self._trace.before

    def __len__(self) -> int:
        return self._row + 1

    def __contains__(self, key: object) -> bool:
        return key in self._columns

    def __getitem__(self, key: str) -> np.ndarray:
        return self._columns[key][: self._row + 1]

    def close(self) -> None:
        """Give the room back."""
        self._trace._clear(self._row)
