"""Weights are read by any number of threads, or changed by one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from cortex_lab.ground import forks
from cortex_lab.study.settling import settled

Result = TypeVar("Result")


class Turns:
    """Whose turn it is: `turns.reading(act)` reads the weights. What changes them begins so:

        with turns.lock:
            turns.await_readers()

    Who changes them waits until those that read are done, and who comes to read meanwhile waits for that
    one change, so neither keeps the other waiting for ever. No thread waits for itself: what it reads or
    changes within a turn of its own, it may. An interrupt leaves no turn behind: the lock itself is entered
    and left in C, where there is no place for one.
    """

    def __init__(self) -> None:
        self.lock = forks.freed(threading.RLock())
        self._moved = threading.Condition(self.lock)
        self._readers: dict[object, int] = {}
        self._waiting = self._changes = 0
        self._torn = False
        forks.told(self)

    def await_readers(self) -> None:
        """Wait until no other thread reads; for who holds the lock."""
        # An update of the smallest network takes microseconds, so all it pays for is the look.
        if self._readers:
            self._wait_for_readers()

    def reading(self, act: Callable[[], Result]) -> Result:
        """The result of `act()`, while the weights stay as they are."""
        turn, me = object(), threading.get_ident()

        def enter_and_act() -> Result:
            with self.lock:
                self._refuse_if_torn()
                changes = self._changes
                while self._waiting and changes == self._changes and me not in self._readers.values():
                    self._moved.wait()
                self._readers[turn] = me
            return act()

        def leave(_: BaseException | None) -> None:
            # Who is told looks only once the lock is free, so what is left is done last: then all is done.
            if turn in self._readers:
                with self.lock:
                    self._moved.notify_all()
                    self._readers.pop(turn, None)

        return settled(enter_and_act, leave)

    def after_fork(self) -> None:
        """In a child: who reads or changes weights in another thread is not there to come to an end."""
        me, free = threading.get_ident(), self.lock.acquire(blocking=False)
        mine = {turn: reader for turn, reader in self._readers.items() if reader == me}
        if free:
            self.lock.release()
        # Who comes to change weights looks at nothing but the readers.
        self._torn, self._readers = not free, mine if free else {None: 0}
        self._waiting = 0

    def _refuse_if_torn(self) -> None:
        if self._torn:
            raise RuntimeError(
                "this process was forked while another thread changed these weights, of which some are new "
                f"and some are not; wait for it before forking, or {forks.SPAWN}"
            )

    def _wait_for_readers(self) -> None:
        self._refuse_if_torn()
        me = threading.get_ident()
        self._waiting += 1
        try:
            while any(reader != me for reader in self._readers.values()):
                self._moved.wait()
        finally:
            self._waiting -= 1
            self._changes += 1
            self._moved.notify_all()
