"""What every step is asked, in one call each."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.jit import compiled
from cortex_lab.compute.cpu.kernels._arrays import EXPONENT, plain
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.kernels import checks

GRAIN = 65_536
_SPREAD = np.uint32(checks.SPREAD)


@checks.all_finite.override("cpu")
def all_finite(ops: Any, a: Any) -> Any:
    if not plain(a):
        return NotImplemented
    if a.size <= GRAIN:
        return _all_finite(a)
    workers, values = get_workers(), a.reshape(-1)
    pieces = workers.split(a.size, GRAIN)
    found = np.zeros(len(pieces), bool)
    tasks = [(values[i:j], found[k : k + 1]) for k, (i, j) in enumerate(pieces)]
    workers.run(_note_finite, tasks, blas=False)
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


@checks.checksum.override("cpu")
def checksum(ops: Any, words: Any) -> Any:
    if words.dtype != np.uint32 or words.ndim != 1 or not words.flags.c_contiguous:
        return NotImplemented
    if len(words) <= GRAIN:
        return _checksum(words, 0, _SPREAD)
    workers = get_workers()
    pieces = workers.split(len(words), GRAIN)
    found = np.zeros(len(pieces), np.uint64)
    tasks = [(words[i:j], i, found[k : k + 1]) for k, (i, j) in enumerate(pieces)]
    workers.run(_note_checksum, tasks, blas=False)
    return int(found.sum(dtype=np.uint64))


@compiled
def _note_checksum(words, start, found):
    found[0] = _checksum(words, start, _SPREAD)


@compiled
def _checksum(words, start, spread):
    total, place = np.uint64(0), np.uint32(np.uint32(start) * spread)
    for i in range(words.shape[0]):
        total += np.uint64(words[i]) * np.uint64(place | np.uint32(1))
        place = np.uint32(place + spread)
    return total


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
