"""What every step is asked: whether its numbers are numbers, and how many rows it got right."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel

SPREAD = 0x9E3779B1
"""Knuth's multiplier, which scatters what follows each other."""


@kernel
def all_finite(xp: Any, a: Any) -> bool:
    """Whether no element is NaN or infinite."""
    return bool(xp.isfinite(a).all())


@kernel
def note_finite(xp: Any, a: Any, finite: Any) -> None:
    """`finite`, an array () of bool, becomes False if an element is NaN or infinite; else it stays."""
    finite &= xp.isfinite(a).all()


@kernel
def checksum(xp: Any, words: Any) -> int:
    """The sum of `words` (n,) uint32, each times an odd number of its own, modulo 2**64.

    One word changed always changes it, several do with all but certainty.
    """
    place = xp.arange(len(words), dtype=xp.uint64)
    odd = (place * xp.uint64(SPREAD) & xp.uint64(0xFFFFFFFF)) | xp.uint64(1)
    return int((words * odd).sum(dtype=xp.uint64))


@kernel
def count_hits(xp: Any, scores: Any, classes: Any) -> int:
    """How many of `classes` (n, ...) are where `scores` (n, ..., classes) are highest, the first if equal."""
    return int(xp.count_nonzero(scores.argmax(axis=-1) == classes))
