"""What every step is asked: whether its numbers are numbers, and how many rows it got right."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel

SPREAD = 0x9E3779B1
"""Knuth's multiplier, which scatters what follows each other."""


@kernel
def all_finite(xp: ModuleType, a: Array) -> bool:
    """Whether no element is NaN or infinite."""
    return bool(xp.isfinite(a).all())


@kernel
def note_finite(xp: ModuleType, a: Array, finite: Array) -> None:
    """`finite`, an array () of bool, becomes False if an element is NaN or infinite; else it stays."""
    finite &= xp.isfinite(a).all()


@kernel
def checksum(xp: ModuleType, words: Array) -> int:
    """The sum of `words` (n,) uint32, each times an odd number of its own, modulo 2**64.

    One word changed always changes it, several do with all but certainty.
    """
    place = xp.arange(len(words), dtype=xp.uint64)
    odd = (place * xp.uint64(SPREAD) & xp.uint64(0xFFFFFFFF)) | xp.uint64(1)
    return int((words * odd).sum(dtype=xp.uint64))


@kernel
def count_hits(xp: ModuleType, scores: Array, classes: Array) -> int:
    """How many of `classes` (n, ...) are where `scores` (n, ..., classes) are highest, the first if equal."""
    return int(xp.count_nonzero(scores.argmax(axis=-1) == classes))


@kernel
def note_hits(xp: ModuleType, scores: Array, target: Array, over: float | None, found: Array) -> None:
    """`found[1]` becomes how many of `target`, in the shape of `scores`, the scores are right about.

    They say yes, 1, where they are over `over`, and no, 0, elsewhere; nobody is right about other targets.
    Without `over`, a last axis is right if both are highest at the same place. `found` is (2,) float64.
    """
    if over is None:
        found[1] = xp.count_nonzero(scores.argmax(axis=-1) == target.argmax(axis=-1))
    else:
        found[1] = xp.count_nonzero((scores > over) == target)
