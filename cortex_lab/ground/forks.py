"""What a forked child finds: the thread that forked, and whatever the others left, which is put right here.

Locks are `freed`, things are `told`. Only what is said there is known: a lock that a thread held at the fork
would be held in the child for good.
"""

from __future__ import annotations

import functools
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Protocol, TypeVar

Lock = TypeVar("Lock")
PATIENCE = 5.0
"""Seconds that a fork waits for other threads to let go of locks."""
SPAWN = 'start processes by multiprocessing.get_context("spawn")'


class Forked(Protocol):
    """What has to know."""

    def after_fork(self) -> None:
        """Called in a forked child, before anything else there; locks that others still held seem held."""


class cached_property(functools.cached_property):
    """As of Python 3.12: without a lock, which a thread would hold for all objects of the class."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(function)
        self.lock = nullcontext()


_locks: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_things: weakref.WeakValueDictionary[int, Forked] = weakref.WeakValueDictionary()
_taken: dict[int, list[Any]] = {}


def freed(lock: Lock) -> Lock:
    """`lock`, which a fork waits for, so that nothing is half done, and which is nobody else's in a child."""
    _locks[id(lock)] = lock
    return lock


def told(thing: Forked) -> None:
    """Have `thing.after_fork()` called in every forked child."""
    _things[id(thing)] = thing


def _living(known: weakref.WeakValueDictionary[int, Any]) -> list[Any]:
    # One call of C makes the list, whoever adds to it.
    return [each for reference in known.valuerefs() if (each := reference()) is not None]


def _before() -> None:
    taken = _taken[threading.get_ident()] = []
    until = time.monotonic() + PATIENCE
    for lock in _living(_locks):
        if lock.acquire(timeout=max(0.0, until - time.monotonic())):
            taken.append(lock)


def _after() -> None:
    for lock in _taken.pop(threading.get_ident(), ()):
        lock.release()


def _after_in_child() -> None:
    _after()
    _taken.clear()
    for thing in _living(_things):
        thing.after_fork()
    for lock in _living(_locks):
        if lock.acquire(blocking=False):
            lock.release()
        else:
            lock._at_fork_reinit()


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
