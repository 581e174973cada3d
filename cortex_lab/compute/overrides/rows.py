"""Rows of an array, copied by all workers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.entries import piecework, work
from cortex_lab.compute.kernels import rows as reference
from cortex_lab.compute.native import copy_block
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.remembered import remembered
from cortex_lab.compute.workers import get_workers

GRAIN = 16_384


@reference.pick_rows.override("cpu")
def pick_rows(ops: Any, values: Any, rows: Any, out: Any) -> Any:
    if rows.dtype != np.int64 or rows.ndim != 1:
        return NotImplemented
    picking = _picking(values, out)
    return NotImplemented if picking is None or not picking(rows) else None


@remembered
def _picking(values: Any, out: Any) -> _Picking | None:
    fits = plain(values) and writable(out) and values.ndim > 1 and out.ndim > 0
    if not fits or out.size == 0 or values[0].size * len(out) != out.size:
        return None
    return _Picking(values, out)


class _Picking:
    """Copies rows of one array to another one."""

    def __init__(self, values: Any, out: Any) -> None:
        size = out.size // len(out)
        pieces = get_workers().split(len(out), -(-GRAIN // size))
        self._rows, self._outside = np.zeros(len(out), np.int64), np.zeros(1, bool)
        before = values.reshape(-1), self._rows, out.reshape(-1), size, self._outside
        self._work = work(_pick, before, pieces, keep=False)

    def __call__(self, rows: Any) -> bool:
        """Whether all of them exist, and are as many as there is room for."""
        if rows.shape != self._rows.shape:
            return False
        self._rows[:] = rows
        self._work()
        return not self._outside[0]


@piecework
def _pick(values, rows, out, size, outside, start, stop):
    for i in range(start, stop):
        at = rows[i] * size
        if 0 <= at < values.shape[0]:
            copy_block(out, i * size, values, at, size)
        else:
            outside[0] = True
