"""How long the device works on something, by its own clock."""

from __future__ import annotations

from collections.abc import Callable

import cupy


def timed(act: Callable[[], object]) -> float:
    """Seconds between what was given to the device before `act()` and the end of what that gives it.

    Where the device waits for the host meanwhile, this counts.
    """
    began, ended = cupy.cuda.Event(), cupy.cuda.Event()
    began.record()
    act()
    ended.record()
    ended.synchronize()
    return cupy.cuda.get_elapsed_time(began, ended) / 1000
