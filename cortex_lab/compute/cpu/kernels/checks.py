"""What every step is asked, in one call each."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import EXPONENT, flag, plain
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import checks
from cortex_lab.compute.work import Work

GRAIN = 65_536
_SPREAD = np.uint32(checks.SPREAD)


@checks.all_finite.override("cpu")
def all_finite(ops: OpsLike, a: Array) -> Any:
    if not plain(a):
        return NotImplemented
    if a.size <= GRAIN:
        return partial(_all_finite, a)
    finite = np.zeros((), bool)
    look = _looking(a, finite)

    def ask() -> bool:
        finite.fill(True)
        look()
        return bool(finite)

    return ask


@checks.note_finite.override("cpu")
def note_finite(ops: OpsLike, a: Array, finite: Array) -> Any:
    return _looking(a, finite) if plain(a) and flag(finite) else NotImplemented


def _looking(a: Array, finite: Array) -> Work:
    return work(_note_finite, (a.reshape(-1), finite), get_workers().split(a.size, GRAIN))


@piecework
def _note_finite(values, finite, start, stop):
    # Whoever else says so at the same time says the same.
    if not _all_finite(values[start:stop]):
        finite[()] = False


@compiled
def _all_finite(values):
    # By bits: the largest of whole numbers is found in vectors, with one question at the end.
    bits, largest = values.reshape(-1).view(np.int32), np.int32(0)
    for i in range(bits.shape[0]):
        largest = max(largest, np.int32(bits[i] & EXPONENT))
    return largest != EXPONENT


@checks.checksum.override("cpu")
def checksum(ops: OpsLike, words: Array) -> Any:
    if words.dtype != np.uint32 or words.ndim != 1 or not words.flags.c_contiguous:
        return NotImplemented
    if len(words) <= GRAIN:
        return partial(_checksum, words, 0, _SPREAD)
    pieces = get_workers().split(len(words), GRAIN)
    found = np.zeros(len(pieces), np.uint64)
    add = work(_note_checksum, (words, found), [(k, *piece) for k, piece in enumerate(pieces)])

    def ask() -> int:
        add()
        return int(found.sum(dtype=np.uint64))

    return ask


@piecework
def _note_checksum(words, found, k, start, stop):
    found[k] = _checksum(words[start:stop], start, _SPREAD)


@compiled
def _checksum(words, start, spread):
    # Back to 32 bits after each step, as the reference has them: Numba reckons in 64.
    total, place = np.uint64(0), np.uint32(np.uint32(start) * spread)
    for i in range(words.shape[0]):
        total += np.uint64(words[i]) * np.uint64(place | np.uint32(1))
        place = np.uint32(place + spread)
    return total


@checks.count_hits.override("cpu")
def count_hits(ops: OpsLike, scores: Array, classes: Array) -> Any:
    if not plain(scores) or classes.dtype != np.int64 or not classes.flags.c_contiguous:
        return NotImplemented
    return partial(_count_hits, scores, classes)


@checks.note_hits.override("cpu")
def note_hits(ops: OpsLike, scores: Array, target: Array, over: float | None, found: Array) -> Any:
    if not plain(scores, target) or scores.shape != target.shape or not scores.size:
        return NotImplemented
    if found.shape != (2,) or found.dtype != np.float64 or not found.flags.writeable:
        return NotImplemented
    if over is None:
        count = scores.shape[-1]
        return work(_note_highest, (scores.reshape(-1, count), target.reshape(-1, count), found))
    return work(_note_over, (scores.reshape(-1), target.reshape(-1), np.float32(over), found))


@compiled
def _count_hits(scores, classes):
    hits = 0
    rows, wanted = scores.reshape(-1, scores.shape[-1]), classes.reshape(-1)
    for i in range(rows.shape[0]):
        hits += _highest(rows[i]) == wanted[i]
    return hits


@piecework
def _note_highest(scores, target, found):
    hits = 0
    for i in range(scores.shape[0]):
        hits += _highest(scores[i]) == _highest(target[i])
    found[1] = hits


@piecework
def _note_over(scores, target, over, found):
    hits = 0
    for i in range(scores.shape[0]):
        hits += target[i] == (np.float32(1) if scores[i] > over else np.float32(0))
    found[1] = hits


@compiled
def _highest(row):
    best = 0
    for j in range(1, row.shape[0]):
        # NaN counts as the highest, as NumPy has it.
        if row[j] > row[best] or (np.isnan(row[j]) and not np.isnan(row[best])):
            best = j
    return best
