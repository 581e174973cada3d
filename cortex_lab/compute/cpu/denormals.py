"""Numbers too small for a normal float32 count as zero while a step runs, and only then.

Adam's averages of a unit that died shrink into that range and stay there, where Intel's processors take a
hundred times as long for each operation: a step of 6 ms takes 13 after a thousand. The switch belongs to a
thread, so it is thrown around what the lab runs and put back; the caller's own code never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from cortex_lab.compute.cpu.accelerate import accelerate


@lru_cache(maxsize=1)
def switches() -> tuple[Callable[[], int], Callable[[int], Any]]:
    """(flush, restore): `before = flush()` throws this thread's switch, `restore(before)` puts it back.

    Both do nothing where it would bring nothing: on processors that are as quick with small numbers as with
    any, and without Numba.
    """
    if accelerate():
        from cortex_lab.compute.cpu.flush_to_zero import IS_X86, flush, restore

        if IS_X86:
            return flush, restore
    return (lambda: 0), (lambda before: None)


@contextmanager
def flushed() -> Iterator[None]:
    """Denormal numbers count as zero in this thread for the length of the block."""
    flush, restore = switches()
    before = flush()
    try:
        yield
    finally:
        restore(before)
