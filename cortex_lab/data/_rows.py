"""Picking rows of an array by number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_BYTE_SCALE = np.float32(1 / 255)


class Rows:
    """An array laid out so that picking rows of it is one fast copy.

    Bytes are served as float32 in 0..1, other numbers as float32. `targets` that are whole numbers are class
    ids and are served as int64, unless they are bytes of more than one dimension: those are pictures.
    """

    def __init__(self, values: np.ndarray, targets: bool = False) -> None:
        values = np.asarray(values)
        if values.ndim == 0 or values.dtype.kind not in "biuf":
            raise ValueError(f"an array (n, ...) of numbers is wanted, got {values.dtype} {values.shape}")
        self.shape = values.shape[1:]
        if targets and values.dtype.kind in "iu" and (values.dtype != np.uint8 or values.ndim == 1):
            values = values.astype(np.int64, copy=False)
        elif values.dtype != np.uint8:
            values = values.astype(np.float32, copy=False)
        # np.take copies whole rows faster when a row is one dimension.
        self.flat = np.ascontiguousarray(values).reshape(len(values), -1 if len(values) else 0)

    @classmethod
    def of(cls, values: np.ndarray | Rows, targets: bool = False) -> Rows:
        return values if isinstance(values, Rows) else cls(values, targets)

    def __len__(self) -> int:
        return len(self.flat)

    def is_same(self, other: Rows | None) -> bool:
        """Whether the other's numbers are these, in the same memory."""
        if other is None or self.flat.dtype != other.flat.dtype or self.flat.shape != other.flat.shape:
            return False
        return self.flat.size > 0 and self.flat.ctypes.data == other.flat.ctypes.data

    def take(self, rows: np.ndarray) -> np.ndarray:
        """A new array of `rows`, (len(rows), *shape)."""
        picked = self.flat.take(rows, axis=0)
        if picked.dtype == np.uint8:
            # As fast as picking floats, and a quarter of the memory: there is less to read.
            picked = np.multiply(picked, _BYTE_SCALE, dtype=np.float32)
        return picked.reshape(len(rows), *self.shape)

    def put(self, rows: np.ndarray, into: np.ndarray) -> None:
        """What `take` returns, copied into an array of as many numbers, as its dtype."""
        straight = into.flags.c_contiguous
        if straight and into.dtype == self.flat.dtype:
            # "clip" keeps NumPy from making a copy to be safe; no row is out of bounds here.
            self.flat.take(rows, axis=0, out=into.reshape(len(rows), -1), mode="clip")
        elif straight and into.dtype == np.float32 and self.flat.dtype == np.uint8:
            np.multiply(self.flat.take(rows, axis=0), _BYTE_SCALE, out=into.reshape(len(rows), -1))
        else:
            into[...] = self.take(rows).reshape(into.shape)


def positions(rows: Iterable[int], length: int) -> np.ndarray:
    """Row numbers as int64; IndexError for one that is not there, TypeError if they are not whole numbers."""
    if not isinstance(rows, np.ndarray):
        rows = np.array(list(rows))
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise TypeError(f"rows are given as whole numbers, got {rows.dtype} of shape {rows.shape}")
    if rows.min() < 0 or rows.max() >= length:
        wrong = rows[(rows < 0) | (rows >= length)][0]
        raise IndexError(f"there is no row {wrong}; rows go from 0 to {length - 1}")
    return rows.astype(np.int64)
