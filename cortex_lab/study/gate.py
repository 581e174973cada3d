"""One thread steps at a time, and visitors come in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from cortex_lab.ground import forks
from cortex_lab.ground.flag import Flag
from cortex_lab.study.events import SessionBusy
from cortex_lab.study.settling import settled

Result = TypeVar("Result")


class Gate:
    """The lock of a session. Whoever holds it, stepping or visiting, is its owner.

    `settle(error)` is called by each owner before it leaves, with what was raised or None, and again if that
    was interrupted. `at_rest` is true while the owner is at a point where others may look: in a visitor, or
    in a subscriber.
    """

    def __init__(self, settle: Callable[[BaseException | None], None]) -> None:
        self.stepping = False
        self.at_rest = False
        self.visitors: deque[tuple[Callable[[], Any], Future]] = deque()
        self._settle = settle
        # Of one key at most: `setdefault` and `pop` are single moves, in which nothing can be interrupted.
        self._owner: dict[str, _Call] = {}
        self._orphaned = False
        forks.told(self)

    def own(self, act: Callable[[], Result]) -> Result:
        """The result of `act()`, as the owner; SessionBusy if someone steps or the caller visits."""
        call = _Call(steps=True)

        def enter_and_act() -> Result:
            self._enter(call)
            return act()

        def leave(error: BaseException | None) -> None:
            self._leave(call, error)
            self._admit_if_idle()

        return settled(enter_and_act, leave)

    def visit(self, visit: Callable[[], Any]) -> Future:
        """Call `visit()`: now if nobody steps or the owner at rest asks, else before the next step."""
        return self._ask(visit, Future())

    def visit_and_wait(self, visit: Callable[[], Any]) -> Any:
        """The result of `visit()`, once it could be called; SessionBusy where waiting would never end."""
        if self._is_mine() and not self.at_rest:
            raise SessionBusy(
                "this cannot be done from inside a phase; ask for it with session.between_steps"
            )
        future: Future = Future()
        try:
            return self._ask(visit, future).result()
        except BaseException:
            # Who was interrupted while waiting does not want it any more.
            future.cancel()
            raise

    def admit(self) -> None:
        """Call the visitors that are waiting now; for the owner only, between two steps.

        Those that come meanwhile, as who looks in a loop does, wait for the next step.
        """
        with self.resting():
            for _ in range(len(self.visitors)):
                _call(*self.visitors[0])
                self.visitors.popleft()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """The owner is at rest for the length of the block; nothing happens to anybody else."""
        if not self._is_mine():
            yield
            return
        before, self.at_rest = self.at_rest, True
        try:
            yield
        finally:
            self.at_rest = before

    def _is_mine(self) -> bool:
        owner = self._owner.get("")
        return owner is not None and owner.thread is threading.current_thread()

    def after_fork(self) -> None:
        """In a child: whoever was inside is not there to come out, and nobody waits for visitors."""
        owner = self._owner.get("")
        if owner is None or owner.thread is not threading.current_thread():
            self.visitors.clear()
            self._orphaned = owner is not None and owner.steps
            if not self._orphaned:
                self._owner.clear()
                self.at_rest = False

    def _refuse_an_orphan(self) -> None:
        if self._orphaned:
            raise RuntimeError(
                "this process was forked while the session stepped in another thread, which is not here to "
                f"finish the step; pause the session before forking, or {forks.SPAWN}"
            )

    def _enter(self, call: _Call) -> None:
        self._refuse_an_orphan()
        while (owner := self._owner.setdefault("", call)) is not call:
            if owner.thread is call.thread:
                raise SessionBusy("a subscriber, visitor or tap cannot step the session that is calling it")
            if owner.steps:
                raise SessionBusy(
                    f"the session is already stepping in thread {owner.thread.name!r}; "
                    "call session.pause() first"
                )
            # A visitor is there for a moment only.
            owner.left.take()
            owner.left.set()

    def _leave(self, call: _Call, error: BaseException | None) -> None:
        if self._owner.get("") is call:
            self._settle(error)
            while self.visitors and self.visitors[0][1].running():
                self.visitors[0][1].set_exception(error or SessionBusy("the visit was interrupted"))
            self.stepping = self.at_rest = False
            self._owner.pop("", None)
        call.left.set()

    def _ask(self, visit: Callable[[], Any], future: Future) -> Future:
        self._refuse_an_orphan()
        if self._is_mine() and self.at_rest:
            _call(visit, future)
        else:
            self.visitors.append((visit, future))
            self._admit_if_idle()
        return future

    def _admit_if_idle(self) -> None:
        if self.visitors and not self._owner:
            self._admit_as(_Call())
        # A visitor that came meanwhile must not be left waiting, nor keep this thread for ever.
        if self.visitors and not self._owner:
            threading.Thread(target=self._admit_if_idle, name="visits", daemon=True).start()

    def _admit_as(self, call: _Call) -> None:
        def admit() -> None:
            if self._owner.setdefault("", call) is call:
                self.admit()

        settled(admit, lambda error: self._leave(call, error))


class _Call:
    """One call that owns the gate, or wants to, until it has `left`; `steps` tells it from a visitor's."""

    def __init__(self, steps: bool = False) -> None:
        self.thread = threading.current_thread()
        self.steps = steps
        self.left = Flag()


def _call(visit: Callable[[], Any], future: Future) -> None:
    # A visitor may have been called already, if what came after it was interrupted.
    if future.done() or not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(visit())
    except BaseException as error:
        if not future.done():
            future.set_exception(error)
        # Ctrl-C belongs to whoever is in this thread, not only to the visitor.
        if not isinstance(error, Exception):
            raise
