"""Rows of an array: checked, held, and picked by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cortex_lab.data._memory import Shared, frozen, kept
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import as_float32, check_distinct, check_numeric, refuse_masked

BYTE_SCALE = np.float32(1 / 255)


class Rows:
    """An array laid out so that picking rows of it is one fast copy, and which nobody else changes.

    Bytes stay bytes, other numbers become float32. `targets` that are whole numbers are class ids and become
    int64, unless they are bytes of more than one dimension: those may be pictures. `called` names the array
    in errors. One that is not `private` is copied, or, if it is too large for that, `shared` notices changes.
    """

    def __init__(
        self, values: Any, targets: bool = False, called: str = "the array", private: bool = False
    ) -> None:
        refuse_masked(values, called)
        given = values = np.asarray(values)
        check_numeric(values, called)
        self.shape = values.shape[1:]
        if targets and values.dtype.kind in "iu" and (values.dtype != np.uint8 or values.ndim == 1):
            values = _as_ids(values, called)
        elif values.dtype != np.uint8:
            values = as_float32(values, called)
        # np.take copies whole rows faster when a row is one dimension.
        self.flat = np.ascontiguousarray(values).reshape(len(values), -1 if len(values) else 0)
        self.shared: list[Shared] = []
        if not private and np.may_share_memory(self.flat, given):
            self.flat = kept(self.flat, called, self.shared)

    @classmethod
    def of(cls, values: np.ndarray | Rows, targets: bool = False, called: str = "the array") -> Rows:
        return values if isinstance(values, Rows) else cls(values, targets, called)

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def whole(self) -> np.ndarray:
        """All rows, (n, *shape), to be read only."""
        return frozen(self.flat).reshape(len(self), *self.shape)

    def is_same(self, other: Rows | None) -> bool:
        """Whether the other's numbers are these, of the same dtype and in rows of the same length."""
        if other is None or self.flat.dtype != other.flat.dtype or self.flat.shape != other.flat.shape:
            return False
        if self.flat is other.flat or self.flat.size == 0:
            return self.flat.size > 0
        # The first row tells most arrays apart at once.
        pieces = (slice(0, 1), *(slice(start, start + 1024) for start in range(1, len(self), 1024)))
        return all(np.array_equal(self.flat[piece], other.flat[piece]) for piece in pieces)

    def take(self, rows: np.ndarray, pictures: bool = False) -> np.ndarray:
        """A new array of `rows`, (len(rows), *shape); bytes that are `pictures` as float32 in 0..1."""
        picked = self.flat.take(rows, axis=0)
        if pictures and picked.dtype == np.uint8:
            # As fast as picking floats, and a quarter of the memory: there is less to read.
            picked = np.multiply(picked, BYTE_SCALE, dtype=np.float32)
        return picked.reshape(len(rows), *self.shape)

    def put(self, rows: np.ndarray, into: np.ndarray, pictures: bool = False) -> None:
        """What `take` returns, copied into an array of as many numbers, as its dtype."""
        straight = into.flags.c_contiguous
        if straight and into.dtype == self.flat.dtype:
            # "clip" keeps NumPy from making a copy to be safe; no row is out of bounds here.
            self.flat.take(rows, axis=0, out=into.reshape(len(rows), -1), mode="clip")
        elif straight and pictures and into.dtype == np.float32 and self.flat.dtype == np.uint8:
            np.multiply(self.flat.take(rows, axis=0), BYTE_SCALE, out=into.reshape(len(rows), -1))
        else:
            into[...] = self.take(rows, pictures).reshape(into.shape)


def _as_ids(values: np.ndarray, called: str) -> np.ndarray:
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{called}: {values.max()} is beyond int64; number the classes from 0")
    check_distinct(values, called)
    return values.astype(np.int64, copy=False)


def one_weight_each(sample_weight: Any, rows: int) -> np.ndarray:
    """The weights of `rows` rows, as float64; ValueError if there is not one for each."""
    weights = checks.numbers("sample_weight", sample_weight, f"{rows} numbers, one for each row")
    if weights.shape != (rows,):
        size = "x".join(map(str, weights.shape)) or "a single number"
        say = "; give sample_weight.ravel()" if weights.size == rows and weights.ndim > 1 else ""
        raise checks.WrongArgument(
            f"sample_weight needs one weight for each of {rows} rows, ({rows},), got {size}{say}"
        )
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
