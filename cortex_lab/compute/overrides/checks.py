"""What every step is asked, in one call each."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import checks
from cortex_lab.compute.overrides._arrays import EXPONENT, plain
from cortex_lab.compute.workers import get_workers

GRAIN = 65_536


@checks.all_finite.override("cpu")
def all_finite(ops: Any, a: Any) -> Any:
    if not plain(a):
        return NotImplemented
    if a.size <= GRAIN:
        return _all_finite(a)
    workers, values = get_workers(), a.reshape(-1)
    pieces = workers.split(a.size, GRAIN)
    found = np.zeros(len(pieces), bool)
    workers.run(_note_finite, [(values[i:j], found[k : k + 1]) for k, (i, j) in enumerate(pieces)])
    return bool(found.all())


@compiled
def _note_finite(values, found):
    found[0] = _all_finite(values)


@compiled
def _all_finite(values):
    bits, largest = values.reshape(-1).view(np.int32), np.int32(0)
    for i in range(bits.shape[0]):
        largest = max(largest, np.int32(bits[i] & EXPONENT))
    return largest != EXPONENT


@checks.count_hits.override("cpu")
def count_hits(ops: Any, scores: Any, classes: Any) -> Any:
    if not plain(scores) or classes.dtype != np.int64 or not classes.flags.c_contiguous:
        return NotImplemented
    return _count_hits(scores, classes)


@compiled
def _count_hits(scores, classes):
    count, hits = scores.shape[-1], 0
    rows, wanted = scores.reshape(-1, count), classes.reshape(-1)
    for i in range(rows.shape[0]):
        best = 0
        for j in range(1, count):
            # NaN counts as the highest, as NumPy has it.
            if rows[i, j] > rows[i, best] or (np.isnan(rows[i, j]) and not np.isnan(rows[i, best])):
                best = j
        hits += best == wanted[i]
    return hits
