"""What a backend brings beside its kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cortex_lab.compute.work import Call, in_turn


def _again(calls: Iterable[Call]) -> Call:
    return in_turn(*calls)


def _as_it_is(call: Call) -> Call:
    return call


def _fill(arrays: Sequence[Any], values: Sequence[Any]) -> None:
    for array, value in zip(arrays, values, strict=True):
        array.fill(value)


def _by_the_clock(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _free() -> int | None:
    # What files are kept in for now is free, too, and only Linux says how much that is.
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        (kilobytes,) = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
        return 1024 * int(kilobytes)
    except (OSError, ValueError):
        return None


def _cut_as_ever(cut: int) -> None:
    pass


def _leave() -> int:
    return 0


def _leave_as_it_was(before: Any) -> None:
    pass


@dataclass(frozen=True)
class Backend:
    """What a backend brings beside its kernels; without arguments, what every one has."""

    capture: Callable[[Iterable[Call]], Call] = _again
    """Makes one call of many. What records calls below Python, as a CUDA graph does, goes in here."""
    record: Callable[[Call], Call] = _as_it_is
    """What stands for a call that was made, to be made again: `Work`, if the backend can make it that."""
    write: Callable[[Sequence[Any], Sequence[Any]], None] = _fill
    """Writes numbers into arrays (), each its own."""
    timed: Callable[[Callable[[], object]], float] = _by_the_clock
    """Seconds that what `act()` has this device do takes there, once it is done."""
    free: Callable[[], int | None] = _free
    """Bytes of the memory that arrays lie in which nothing takes now; None where nobody says."""
    denormals: Callable[[], Any] = _leave
    """How this thread counts denormal numbers now: what `restore` takes."""
    flush: Callable[[], Any] = _leave
    """Has denormal numbers count as zero in this thread, where they are slow."""
    restore: Callable[[Any], None] = _leave_as_it_was
    alike: int = 0
    """For how many workers kernels are cut where any number shall give the same bits; 0 if none are cut."""
    cut_for: Callable[[int], None] = _cut_as_ever
    """Has this thread cut kernels for so many workers, 0 for as many as there are."""
    cutting: Callable[[], int] = _leave
    """For how many workers this thread cuts kernels now."""
