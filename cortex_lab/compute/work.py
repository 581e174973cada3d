"""Compiled kernels with their arguments, cut into pieces: looked at once, done as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.pool import get_workers

ENTRY, ROWS, WIDTH, PLACE, PIECES, LENGTH, COUNT = range(7)
"""Words of a record, which says what a kernel's pieces are: the entry, its rows (one for each worker) and
their width, the place in a row where a piece goes, the pieces, how many words each has, and their number."""
SIZE = 8


class Work:
    """One kernel after the other, each shared out among the workers: a call without arguments."""

    def __init__(
        self, names: list[str], records: np.ndarray, kept: list[Any], workers: int, blas: bool
    ) -> None:
        self.names = names
        self.records = records
        self.kept = kept
        self.workers = workers
        """How many may be at it."""
        self.blas = blas
        self.widest = int(records[COUNT::SIZE].max())

    def __call__(self) -> None:
        get_workers().perform(self)


def join(works: Sequence[Work]) -> Work:
    """The work that is these, one after the other."""
    if len(works) == 1:
        return works[0]
    names = [name for each in works for name in each.names]
    records = np.concatenate([each.records for each in works])
    workers, blas = min(each.workers for each in works), any(each.blas for each in works)
    return Work(names, records, list(works), workers, blas)


def joined(calls: Iterable[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """These calls in their order, neighbors that are `Work` made one."""
    found: list[Callable[[], Any]] = []
    for is_work, group in groupby(calls, lambda call: isinstance(call, Work)):
        some: list[Any] = list(group)
        found += [join(some)] if is_work else some
    return found
