"""Results that are remembered by the arrays they were made for."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.machine import PORTABLE

_NEVER = object()


def remembered(make: Callable[..., Any]) -> Callable[..., Any]:
    """`make`, run once for the same arrays and other arguments; forgotten when one of the arrays is gone.

    What it makes may know where the arrays lie, but must not keep them, or they would never be gone.
    """
    if PORTABLE:
        # Plain work keeps the arrays it is given.
        return make
    made: dict[tuple[Any, ...], Any] = {}
    waiting: dict[tuple[Any, ...], list[weakref.finalize]] = {}

    def forget(key: tuple[Any, ...]) -> None:
        made.pop(key, None)
        # An array that stays would collect one of these for every other that goes.
        for each in waiting.pop(key, ()):
            each.detach()

    def find(*arguments: object) -> Any:
        # A list, since a generator would take twice as long: every step comes by here.
        key = tuple([id(each) if isinstance(each, np.ndarray) else each for each in arguments])
        found = made.get(key, _NEVER)
        if found is _NEVER:
            found = made[key] = make(*arguments)
            # Empty ones stand for nothing, and are there for good.
            arrays = [each for each in arguments if isinstance(each, np.ndarray) and each.size > 0]
            waiting[key] = [weakref.finalize(each, forget, key) for each in arrays]
            for each in waiting[key]:
                each.atexit = False
        return found

    return find


def held(arrays: tuple[Any, ...], call: Callable[..., Any], *arguments: object) -> Callable[[], Any]:
    """call(*arguments), as a call that keeps the arrays: what is remembered knows only where they lie."""
    return partial(_call, arrays, call, *arguments)


def _call(arrays: tuple[Any, ...], call: Callable[..., Any], *arguments: object) -> Any:
    return call(*arguments)
