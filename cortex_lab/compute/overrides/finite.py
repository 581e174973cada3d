"""The look for NaN that every step takes before its update."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import finite
from cortex_lab.compute.overrides._arrays import plain
from cortex_lab.compute.workers import get_workers

GRAIN = 65_536
_EXPONENT = np.int32(0x7F800000)
"""All bits of it are set in NaN and infinity, and in nothing else."""


@finite.all_finite.override("cpu")
def all_finite(ops: Any, a: Any) -> Any:
    if not plain(a):
        return NotImplemented
    bits = a.reshape(-1).view(np.int32)
    if len(bits) <= GRAIN:
        return bool(_largest_exponent(bits) != _EXPONENT)
    workers = get_workers()
    pieces = workers.split(len(bits), GRAIN)
    found = np.zeros(len(pieces), np.int32)
    workers.run(_note_exponent, [(bits[i:j], found[k : k + 1]) for k, (i, j) in enumerate(pieces)])
    return bool(found.max() != _EXPONENT)


@compiled
def _note_exponent(bits, found):
    found[0] = _largest_exponent(bits)


@compiled
def _largest_exponent(bits):
    largest = np.int32(0)
    for i in range(bits.shape[0]):
        largest = max(largest, np.int32(bits[i] & _EXPONENT))
    return largest
