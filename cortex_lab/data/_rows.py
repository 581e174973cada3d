"""Rows that are learned from: checked, held, and picked by number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from cortex_lab.data._large import is_large, some_rows
from cortex_lab.data._memory import Shared, kept
from cortex_lab.data.source import ArraySource, Source, as_sliced, frozen, in_memory, source_of
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import (
    check_distinct,
    check_float32,
    check_numeric,
    check_range,
    refuse_masked,
    refuse_missing,
)
from cortex_lab.ground.pieces import PIECE, Sliced, pieces

BYTE_SCALE = np.float32(1 / 255)


class Rows:
    """Rows laid out so that picking some is one fast copy, and which nobody else changes.

    Bytes stay bytes, other numbers become float32, or another `dtype`. `targets` that are whole numbers are
    class ids and become int64, unless they are bytes of more than one dimension: those may be pictures.
    `called` names the rows in errors. Those that are not `private` are copied, or, if they are too many or in
    a file, `shared` notices changes. What is in a file and not laid out so is read, and converted, when it is
    picked. Of a large file some rows are looked at, and the others when they are picked: ValueError then,
    too, for a row of numbers that do not fit, or with `finite` for one that lacks some.
    """

    def __init__(
        self,
        values: ArrayLike | Source,
        targets: bool = False,
        called: str = "the array",
        private: bool = False,
        dtype: DTypeLike = np.float32,
        finite: bool = False,
    ) -> None:
        refuse_masked(values, called)
        self.called = called
        listed = isinstance(values, (list, tuple, dict))
        source = self.source = source_of(checks.array(called, values) if listed else values)
        self.shape, self.all_looked_at, self._finite = source.shape, not is_large(source), finite
        rows = None if self.all_looked_at else some_rows(source)
        given = as_sliced(source) if rows is None else source.take(rows)
        check_numeric(given, called)
        if targets and source.dtype.kind in "iu" and (source.dtype != np.uint8 or not self.shape):
            self.dtype = np.dtype(np.int64)
            _check_ids(given, called, distinct=dtype == np.float32)
        else:
            self.dtype = source.dtype if source.dtype == np.uint8 else np.dtype(dtype)
            if self.dtype == np.float32:
                check_float32(given, called, rows)
        self.shared: list[Shared] = []
        self.flat: np.ndarray | None = None
        if isinstance(source, ArraySource) and (in_memory(source) or self._is_laid_out(source.array)):
            array = np.ascontiguousarray(source.array.astype(self.dtype, copy=False))
            # np.take copies whole rows faster when a row is one dimension.
            self.flat = array.reshape(len(array), -1 if len(array) else 0)
            if not private and np.may_share_memory(self.flat, source.array):
                self.flat = kept(self.flat, called, self.shared)
            self.source = ArraySource(np.reshape(self.flat, (len(array), *self.shape)))
        elif not private:
            self.shared.append(Shared.of(called, source))

    def _is_laid_out(self, array: np.ndarray) -> bool:
        return array.dtype == self.dtype and array.flags.c_contiguous and array.flags.aligned

    @classmethod
    def of(
        cls, values: ArrayLike | Source | Rows, targets: bool, called: str, dtype: DTypeLike = np.float32
    ) -> Rows:
        return values if isinstance(values, Rows) else cls(values, targets, called, dtype=dtype)

    def __len__(self) -> int:
        return len(self.source)

    def like(self, other: Rows) -> Rows:
        """Sequences with as many steps as the other's, where they have fewer; other rows as they are."""
        lengthened = getattr(self.source, "lengthened", None)
        if lengthened is None or self.shape[1:] != other.shape[1:] or self.shape[0] >= other.shape[0]:
            return self
        return Rows(lengthened(other.shape[0]), called=self.called, dtype=self.dtype)

    @property
    def whole(self) -> np.ndarray | Source:
        """All rows, (n, *shape), to be read only; as they lie, where they are not laid out in one array."""
        return frozen(self.source.array) if isinstance(self.source, ArraySource) else self.source

    @property
    def rows_at_a_time(self) -> int:
        """How many rows are a few megabytes."""
        return max(1, PIECE // max(1, math.prod(self.shape) * self.dtype.itemsize))

    @property
    def holds_finite(self) -> bool:
        """Whether one look at all that lies laid out in memory, which copies nothing, finds no gap."""
        flat = self.flat
        return flat is not None and all(np.isfinite(flat[piece]).all() for piece in pieces(flat))

    def is_same(self, other: Rows | None) -> bool:
        """Whether the other's numbers are these, of the same dtype and in rows of the same length."""
        if other is None or self.dtype != other.dtype or len(self) != len(other):
            return False
        if len(self) == 0 or math.prod(self.shape) != math.prod(other.shape) or not math.prod(self.shape):
            return False
        if self.source is other.source or _place(self.source) == _place(other.source):
            return True
        # The first row tells most arrays apart at once.
        starts = (slice(0, 1), *pieces(as_sliced(self.source)))
        return all(np.array_equal(self._piece(rows), other._piece(rows)) for rows in starts)

    def keep_only(self, other: Rows) -> None:
        """Let go of these numbers for the other's, which are the same."""
        if other.flat is not None:
            self.flat = other.flat
            self.source = ArraySource(other.flat.reshape(len(other), *self.shape))

    def _piece(self, rows: slice) -> np.ndarray:
        found = self.source.take(rows).astype(self.dtype, copy=False)
        return found.reshape(len(found), -1)

    def take(self, rows: np.ndarray, pictures: bool = False) -> np.ndarray:
        """A new array of `rows`, (len(rows), *shape); bytes that are `pictures` as float32 in 0..1."""
        if self.flat is None:
            given = self.source.take(rows)
            self._look_at(given, rows)
            picked = given.astype(self.dtype, copy=False)
        else:
            picked = self.flat.take(rows, axis=0)
            self._look_at(picked, rows)
        if pictures and picked.dtype == np.uint8:
            # As fast as picking floats, and a quarter of the memory: there is less to read.
            picked = np.multiply(picked, BYTE_SCALE, dtype=np.float32)
        return picked.reshape(len(rows), *self.shape)

    def put(self, rows: np.ndarray, into: np.ndarray, pictures: bool = False) -> None:
        """What `take` returns, copied into an array of as many numbers, as its dtype."""
        flat, straight = self.flat, into.flags.c_contiguous
        if flat is None:
            into[...] = self.take(rows, pictures).reshape(into.shape)
        elif straight and into.dtype == flat.dtype:
            # "clip" keeps NumPy from making a copy to be safe; no row is out of bounds here.
            flat.take(rows, axis=0, out=into.reshape(len(rows), -1), mode="clip")
            self._look_at(into, rows)
        elif straight and pictures and into.dtype == np.float32 and flat.dtype == np.uint8:
            np.multiply(flat.take(rows, axis=0), BYTE_SCALE, out=into.reshape(len(rows), -1))
        else:
            into[...] = self.take(rows, pictures).reshape(into.shape)

    def _look_at(self, values: np.ndarray, rows: np.ndarray) -> None:
        """ValueError for what was not looked at before, in values of these rows as they lie."""
        if self.all_looked_at:
            return
        if self.dtype == np.float32 and values.dtype.kind == "f" and values.dtype.itemsize > 4:
            check_range(values, self.called, rows)
        if self.dtype == np.int64:
            _check_ids(values, self.called, distinct=False)
        if self._finite:
            refuse_missing(values, self.called, rows)


@dataclass(frozen=True, eq=False)
class SomeRows:
    """Rows by number, to be read a few at a time."""

    rows: Rows
    numbers: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.numbers), *self.rows.shape

    @property
    def dtype(self) -> np.dtype:
        return self.rows.dtype

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, places: slice, /) -> np.ndarray:
        return self.rows.take(self.numbers[places])


def _place(source: Source) -> object:
    """Where in memory, or in a mapped file, the rows lie; itself for those that lie elsewhere."""
    if not isinstance(source, ArraySource):
        return source
    array = source.array
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def _check_ids(values: Sliced, called: str, distinct: bool) -> None:
    if values.dtype == np.uint64:
        most = max((int(values[piece].max()) for piece in pieces(values)), default=0)
        if most > np.iinfo(np.int64).max:
            raise ValueError(f"{called}: {most} is beyond int64; number the classes from 0")
    if distinct:
        check_distinct(values, called)


def one_weight_each(sample_weight: object, rows: int, called: str = "sample_weight") -> np.ndarray:
    """The weights of `rows` rows, as float64; ValueError if there is not one for each."""
    weights = checks.numbers(called, sample_weight, f"{rows} numbers, one for each row")
    if weights.shape != (rows,):
        size = "x".join(map(str, weights.shape)) or "a single number"
        say = f"; give {called}.ravel()" if weights.size == rows and weights.ndim > 1 else ""
        raise checks.WrongArgument(f"{called} needs one weight for each of {rows} rows, got {size}{say}")
    return weights.astype(np.float64)


def positions(rows: Iterable[int], length: int) -> np.ndarray:
    """Row numbers as int64; IndexError for one that is not there, TypeError if they are not whole numbers."""
    if not isinstance(rows, np.ndarray):
        rows = np.array(checks.listed("rows", rows, "row numbers, in a list or an array"))
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        say = "; of bools, numpy.flatnonzero(...) makes row numbers" if rows.dtype == bool else ""
        raise checks.WrongArgument(
            f"rows are given as whole numbers, got {rows.dtype} of shape {rows.shape}{say}"
        )
    if rows.min() < 0 or rows.max() >= length:
        wrong = rows[(rows < 0) | (rows >= length)][0]
        raise IndexError(f"there is no row {wrong}; rows go from 0 to {length - 1}")
    return rows.astype(np.int64)
