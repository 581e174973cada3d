"""One thread steps at a time, and visitors come in between."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from cortex_lab.study.events import SessionBusy


class Gate:
    """The lock of a session. Whoever holds it, stepping or visiting, is its owner.

    `at_rest` is true while the owner is at a point where others may look: in a visitor, or in a subscriber.
    """

    def __init__(self) -> None:
        self.stepping = False
        self.at_rest = False
        self.visitors: deque[tuple[Callable[[], Any], Future]] = deque()
        self._lock = threading.Lock()
        self._owner: threading.Thread | None = None

    def enter(self) -> None:
        """Become the owner, to set `stepping`; SessionBusy if someone steps or the caller visits."""
        if self._owner is threading.current_thread():
            raise SessionBusy("a subscriber, visitor or tap cannot step the session that is calling it")
        # A visitor holds the lock for a moment only; a stepping thread says so.
        while not self._lock.acquire(timeout=0.05):
            if self.stepping:
                owner = self._owner
                raise SessionBusy(
                    f"the session is already stepping in thread {owner.name if owner else 'another'!r}; "
                    "call session.pause() first"
                )
        self._owner = threading.current_thread()

    def leave(self) -> None:
        """Stop being the stepping thread, and let in whoever waited."""
        self.stepping = False
        self._owner = None
        self._lock.release()
        self._admit_if_idle()

    def visit(self, visit: Callable[[], Any]) -> Future:
        """Call `visit()`: now if nobody steps or the owner at rest asks, else before the next step."""
        future: Future = Future()
        if self._owner is threading.current_thread() and self.at_rest:
            _call(visit, future)
        else:
            self.visitors.append((visit, future))
            self._admit_if_idle()
        return future

    def visit_and_wait(self, visit: Callable[[], Any]) -> Any:
        """The result of `visit()`, once it could be called; SessionBusy where waiting would never end."""
        if self._owner is threading.current_thread() and not self.at_rest:
            raise SessionBusy(
                "this cannot be done from inside a phase; ask for it with session.between_steps"
            )
        return self.visit(visit).result()

    def admit(self) -> None:
        """Call every waiting visitor; for the owner only, between two steps."""
        with self.resting():
            while self.visitors:
                _call(*self.visitors.popleft())

    @contextmanager
    def resting(self) -> Iterator[None]:
        """The owner is at rest for the length of the block; nothing happens to anybody else."""
        if self._owner is not threading.current_thread():
            yield
            return
        before, self.at_rest = self.at_rest, True
        try:
            yield
        finally:
            self.at_rest = before

    def _admit_if_idle(self) -> None:
        # Looked at again after each release: a visitor that came meanwhile must not be left waiting.
        while self.visitors and self._lock.acquire(blocking=False):
            self._owner = threading.current_thread()
            try:
                self.admit()
            finally:
                self._owner = None
                self._lock.release()


def _call(visit: Callable[[], Any], future: Future) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(visit())
    except BaseException as error:
        future.set_exception(error)
        # Ctrl-C belongs to whoever is in this thread, not only to the visitor.
        if not isinstance(error, Exception):
            raise


@contextmanager
def interrupt_is_pause(pause: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C calls `pause` for the length of the block; a second one, if a step never ends, is raised."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    asked = False

    def ask(signum: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        pause()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
