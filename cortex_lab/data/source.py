"""Where the rows of a column lie: in memory, in a file that is mapped, in HDF5. They are read when wanted.

| source          | its rows                                                               |
|-----------------|------------------------------------------------------------------------|
| `ArraySource`   | those of one ndarray, in memory or mapped from a file                  |
| `HDF5Source`    | those of a dataset in an open HDF5 file                                |
| `PickedSource`  | some of another source, in an order of their own                       |
| `JoinedSource`  | those of several sources, one after the other                          |
| `ChangedSource` | those of another source, but for some that were changed, now in memory |

What lies in memory is copied where pandas copies. What lies in a file stays there: a copy, a choice of rows
or several columns put together are a new way to read it, and what is written to them is not written there.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import h5py
import numpy as np

from cortex_lab.ground.files import DamagedFile
from cortex_lab.ground.pieces import Sliced

Numbers = np.ndarray | slice
"""Which rows: their numbers from 0 to the last, (k,) integers, or a slice of them."""


@runtime_checkable
class Source(Protocol):
    """Rows of one shape and dtype, wherever they lie."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        ...

    @property
    def dtype(self) -> np.dtype: ...

    def __len__(self) -> int: ...

    def take(self, rows: Numbers, /) -> np.ndarray:
        """(k, *shape): a new array of rows by number; a slice of them may be a view."""
        ...

    def put(self, rows: Numbers, values: np.ndarray, /) -> None:
        """Write these rows: one value for each, or one for all."""
        ...


@dataclass(frozen=True, eq=False)
class _Whole:
    """Rows that lie in one place (n, *shape)."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype.newbyteorder("=")

    def __len__(self) -> int:
        return len(self.array)


@dataclass(frozen=True, eq=False)
class ArraySource(_Whole):
    """The rows of one array (n, *shape), which may be mapped from a file."""

    array: np.ndarray

    def take(self, rows: Numbers) -> np.ndarray:
        # Not `array.take`: of what is not contiguous, it copies all to take some.
        return self.array[rows].astype(self.dtype, copy=False)

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        self.array[rows] = values


class HDF5Source(_Whole):
    """The rows of an `h5py.Dataset`, whose file must stay open; pickled, it is opened again where it was."""

    def take(self, rows: Numbers) -> np.ndarray:
        self._check_open()
        if isinstance(rows, slice) and (rows.step or 1) > 0:
            return self._read(rows)
        # HDF5 reads rows in the order of the file, each once; and slices ten times as fast as lists of rows.
        there, places = np.unique(numbers(rows, len(self)), return_inverse=True)
        found = np.empty((len(there), *self.shape), self.dtype)
        starts = np.flatnonzero(np.diff(there, prepend=-2) != 1)
        for start, end in zip(starts, np.append(starts[1:], len(there)), strict=False):
            found[start:end] = self._read(slice(there[start], there[start] + end - start))
        return found if np.array_equal(places, np.arange(len(places))) else found[places]

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        self._check_open()
        there = numbers(rows, len(self))
        for row, value in zip(there, np.broadcast_to(values, (len(there), *self.shape)), strict=True):
            self.array[row] = value

    def _read(self, rows: slice) -> np.ndarray:
        try:
            return self.array[rows].astype(self.dtype, copy=False)
        except OSError as error:
            name, file = self.array.name, self.array.file.filename
            raise DamagedFile(
                file, f"cannot be read in {name!r} between rows {rows.start} and {rows.stop} ({error})", name
            ) from error

    def _check_open(self) -> None:
        if not self.array:
            raise ValueError(
                "the HDF5 file of this column was closed; keep it open, or let the column do so: "
                "TensorArray.open(path, name)"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        return _reopened, (self.array.file.filename, self.array.name)


def _reopened(path: str, name: str) -> HDF5Source:
    return HDF5Source(h5py.File(path, "r")[name])


@dataclass(frozen=True, eq=False)
class PickedSource:
    """Some rows of another source; what is written to them is written there."""

    source: Source
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Numbers) -> np.ndarray:
        return self.source.take(self.rows[rows])

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        self.source.put(self.rows[rows], values)


class JoinedSource:
    """The rows of several sources of one shape and dtype, one after the other."""

    def __init__(self, parts: Sequence[Source]) -> None:
        self.parts = tuple(parts)
        self.ends = np.cumsum([len(part) for part in parts])
        self.shape, self.dtype = parts[0].shape, parts[0].dtype

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, rows: Numbers) -> np.ndarray:
        wanted = numbers(rows, len(self))
        taken = np.empty((len(wanted), *self.shape), self.dtype)
        for part, places, there in self._by_part(wanted):
            taken[places] = part.take(there)
        return taken

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        wanted = numbers(rows, len(self))
        values = np.broadcast_to(values, (len(wanted), *self.shape))
        for part, places, there in self._by_part(wanted):
            part.put(there, values[places])

    def _by_part(self, wanted: np.ndarray) -> list[tuple[Source, np.ndarray, np.ndarray]]:
        """Each part, which of the rows wanted are its own, and their numbers in it."""
        owners = np.searchsorted(self.ends, wanted, side="right")
        found = []
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            part = self.parts[owner]
            found.append((part, places, wanted[places] - (self.ends[owner] - len(part))))
        return found


class ChangedSource:
    """A source of which some rows are others; those lie in memory, and the source stays what it is."""

    def __init__(self, source: Source, changed: dict[int, np.ndarray] | None = None) -> None:
        self.source, self.changed = source, dict(changed or {})

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: Numbers) -> np.ndarray:
        if not self.changed:
            return frozen(self.source.take(rows)) if isinstance(rows, slice) else self.source.take(rows)
        wanted = numbers(rows, len(self))
        taken = self.source.take(wanted)
        for place in np.flatnonzero(np.isin(wanted, list(self.changed))):
            taken[place] = self.changed[int(wanted[place])]
        return taken

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        wanted = numbers(rows, len(self))
        for row, value in zip(wanted, np.broadcast_to(values, (len(wanted), *self.shape)), strict=True):
            self.changed[int(row)] = np.array(value, self.dtype)


def source_of(values: Any) -> Source:
    """The rows of an array, or of an `h5py.Dataset`, or what is a source already; else an array is made."""
    if isinstance(values, h5py.Dataset):
        return HDF5Source(values)
    # Arrays have methods called `take` and `put` too, and mean something else by them.
    if hasattr(values, "__array__") or not isinstance(values, Source):
        return ArraySource(np.asarray(values))
    return values


def in_memory(source: Source) -> bool:
    """Whether the rows lie in memory as one array, so that a copy of them is a copy of that."""
    return isinstance(source, ArraySource) and not is_mapped(source.array)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array, or what it is a view of, is mapped from a file."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)


def whole(source: Source) -> np.ndarray:
    """All rows as one array (n, *shape): the very one, where they lie in one, else they are read."""
    if isinstance(source, ChangedSource) and not source.changed:
        return frozen(whole(source.source))
    return source.array if isinstance(source, ArraySource) else source.take(slice(None))


def part(source: Source, rows: Numbers) -> Source:
    """Some of the rows: a slice sees what is done to them, rows by number are a copy."""
    if isinstance(source, ArraySource) and (isinstance(rows, slice) or in_memory(source)):
        return ArraySource(source.array[rows])
    wanted = numbers(rows, len(source))
    if isinstance(rows, slice):
        return PickedSource(source, wanted)
    kept = settled(source)
    # A choice out of a choice is one choice.
    while isinstance(kept, PickedSource):
        kept, wanted = settled(kept.source), kept.rows[wanted]
    return ChangedSource(PickedSource(kept, wanted))


def joined(sources: Sequence[Source]) -> Source:
    """A copy of all rows, one source after the other."""
    if all(in_memory(source) for source in sources):
        return ArraySource(np.concatenate([whole(source) for source in sources]))
    return ChangedSource(JoinedSource([copied(source) for source in sources]))


def copied(source: Source) -> Source:
    """The same rows; what is done to one of the two does not show in the other."""
    if isinstance(source, ChangedSource):
        return ChangedSource(source.source, source.changed)
    if isinstance(source, PickedSource):
        return ChangedSource(PickedSource(copied(source.source), source.rows))
    if isinstance(source, ArraySource) and in_memory(source):
        return ArraySource(source.array.copy())
    return ChangedSource(source)


def settled(source: Source) -> Source:
    """The same rows as they are now, for what only reads them: those in memory themselves, never a copy."""
    kept = source if in_memory(source) else copied(source)
    while isinstance(kept, ChangedSource) and not kept.changed:
        kept = kept.source
    return kept


def numbers(rows: Numbers, length: int) -> np.ndarray:
    """Row numbers from 0, (k,), where they were given as a slice, a mask, or counted from the end."""
    if isinstance(rows, slice):
        return np.arange(*rows.indices(length))
    rows = np.asarray(rows)
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    rows = rows.reshape(-1).astype(np.intp, copy=False)
    if len(rows) and (rows.min() < -length or rows.max() >= length):
        wrong = rows[(rows < -length) | (rows >= length)][0]
        raise IndexError(f"index {wrong} is out of bounds for {length} rows")
    return np.where(rows < 0, rows + length, rows)


def row_bytes(source: Source) -> int:
    return math.prod(source.shape) * source.dtype.itemsize


def as_sliced(source: Source) -> Sliced:
    """The rows as what can be looked at piece by piece."""
    return source.array if isinstance(source, ArraySource) else _Sliced(source)


@dataclass(frozen=True, eq=False)
class _Sliced:
    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.source), *self.source.shape

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        return self.source.take(rows)


def frozen(array: np.ndarray) -> np.ndarray:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
