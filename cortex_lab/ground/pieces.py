"""A few megabytes of many rows at a time, so that looking at them takes no second copy of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

PIECE = 4 * 2**20
"""Bytes that are looked at together."""


class Sliced(Protocol):
    """Rows that can be read some at a time: an array, or what lies in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, rows: slice, /) -> np.ndarray: ...


def pieces(values: Sliced, size: int = PIECE) -> Iterator[slice]:
    """Slices of the rows, in order, each of about `size` bytes and of one row at least."""
    rows, *shape = values.shape
    step = max(1, size // max(1, math.prod(shape) * values.dtype.itemsize))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` places among `count`, evenly spread, the first and the last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
