"""Weights are read by any number of threads, or changed by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Turns:
    """Whose turn it is: `with turns:` changes the weights, `with turns.reading():` reads them.

    Who changes them waits until those that read are done, and who comes to read meanwhile waits for it. No
    thread waits for itself: what it reads or changes within a turn of its own, it may.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._moved = threading.Condition(self._lock)
        self._readers: dict[int, int] = {}
        self._waiting = 0

    def __enter__(self) -> None:
        # An update of the smallest network takes microseconds, so all it pays for is the lock.
        self._lock.acquire()
        if self._readers:
            try:
                self._wait_for_readers()
            except BaseException:
                self._lock.release()
                raise

    def __exit__(self, kind: Any, error: Any, where: Any) -> None:
        self._lock.release()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The weights stay as they are for the length of the block, if it is left in the thread it is in."""
        me = threading.get_ident()
        before = self._readers.get(me, 0)
        try:
            with self._moved:
                while self._waiting and not before:
                    self._moved.wait()
                self._readers[me] = before + 1
            yield
        finally:
            with self._moved:
                if before:
                    self._readers[me] = before
                else:
                    self._readers.pop(me, None)
                    self._moved.notify_all()

    def _wait_for_readers(self) -> None:
        me = threading.get_ident()
        self._waiting += 1
        try:
            while any(reader != me for reader in self._readers):
                self._moved.wait()
        finally:
            self._waiting -= 1
            self._moved.notify_all()
