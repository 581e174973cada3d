"""The steps that a session has been at, looked at beside it while it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study.events import Event
from cortex_lab.study.history import replaying
from cortex_lab.study.process import Cloneable, Expecting
from cortex_lab.study.session import Session
from cortex_lab.study.trace import Trace


class Past:
    """Another session, `then`, that stands where `session` stood at some earlier step.

    It is one on a clone of the process, which is brought from the nearest snapshot to the step asked for;
    `session` is looked at in between two of its steps and goes on meanwhile. The way there is gone in pieces:

        past.aim(120)
        while not past.arrived:
            past.advance()
        past.then.network            # as it was then

    It keeps what measuring `expect` needs, such as "update_ratio". TypeError if the process cannot be cloned.
    """

    def __init__(self, session: Session, expect: Iterable[str] = ()) -> None:
        checks.instance("session", session, Session, "a session, such as cl.train(...) returns")
        if not isinstance(session.process, Cloneable):
            raise TypeError(
                f"{type(session.process).__name__} has no clone() to go back on; rewind the session itself: "
                "session.rewind(step)"
            )
        self.session = session
        self.then: Session = session.at_rest(lambda: session.sibling(session.process.clone()))  # type: ignore[attr-defined]
        if expect and isinstance(self.then.process, Expecting):
            self.then.process.expect(expect)
        self.step: int | None = None
        """Where `then` stands; None while it is on its way."""
        self.arrived = False
        """Whether it stands there for good, its buffers being those of the step where they can be."""
        self.replayed_from: int | None = None
        """The kept step from which the one asked for was computed again; None if it was kept itself."""
        self._wanted = 0
        self._events: list[Event] = []
        self._way: Iterator[int] | None = None
        self._next: Iterator[int] | None = None
        # Where it stood last, and on which line; and of which line the rows are copies.
        self._stood: tuple[int, int] | None = None
        self._copied: int | None = None

    @property
    def line(self) -> int:
        """A number that stays the same as long as the session only takes further steps."""
        return self.session.trace.version - len(self.session.trace)

    def aim(self, step: int) -> None:
        """Begin to go to `step`; at once to its weights and all that lasts, if it is one that was kept.

        ValueError for a step outside the session, LookupError for one that cannot be reached; it then stays.
        """
        checks.whole("step", step)
        line, (kept, snapshot) = self.session.at_rest(lambda: self._look(step))
        process, from_here = self.then.process, False
        if self._stood is not None and kept < step:
            stood, its_line = self._stood
            from_here = its_line == line and kept <= stood <= step and process.step_number == stood
        self._stood, self.step, self.arrived, self._wanted = None, None, False, step
        self.replayed_from = None if kept == step else kept
        if kept == step:
            process.restore(snapshot)
            self._way = None
            self._stand(line, whole=False)
            first = self.then._journal.first_step
            # What is inside a step, such as its gradient, is no part of what is kept.
            self.arrived = step == first
            self._next = None if self.arrived else self._begin(self.then.history.nearest(step - 1)[1], line)
            return
        self._next = None
        self._way = self._begin(None if from_here else snapshot, line)

    def advance(self) -> None:
        """Go one step further on the way, if there is still one."""
        if self.arrived:
            return
        if self._way is None:
            self._way, self._next, self.step = self._next, None, None
        assert self._way is not None
        if next(self._way, None) is None:
            self.arrived = True

    def _begin(self, snapshot: Any, line: int) -> Iterator[int]:
        """The way to the step wanted, from a snapshot or from where the process is; it then stands there."""

        def go() -> Iterator[int]:
            process = self.then.process
            if snapshot is not None:
                process.restore(snapshot)
            for reached in replaying(process, self._events, self._wanted):
                if reached == self._wanted:
                    break
                yield reached
            self._stand(line, whole=True)

        return go()

    def _look(self, step: int) -> tuple[int, tuple[int, Any]]:
        """What there is to know of the way to `step`: copies, at a safe point of the session."""
        session, theirs, ours = self.session, self.session._journal, self.then._journal
        if not session.first_step <= step <= session.step_number:
            raise ValueError(
                f"there is no step {step} to look at: this session goes from step {session.first_step} "
                f"to step {session.step_number}"
            )
        found, line = theirs.history.nearest(step), self.line
        self._events = [event for event in theirs.events if event.step < step]
        ours.first_step = theirs.first_step
        interval, kept = theirs.history.kept
        ours.history.kept = (interval, {each: kept[each] for each in kept if each <= step})
        rows = ours.trace
        rows.truncate(step if self._copied == line else 0)
        self._copied = line
        there = int(np.searchsorted(theirs.trace["step"], step, side="right"))
        last = float(rows["step"][-1]) if len(rows) else -float("inf")
        rows.extend(Trace.of({key: theirs.trace[key][:there] for key in theirs.trace.keys}), after=last)
        rows.directions = theirs.trace.directions
        rows.before = theirs.trace.before
        return line, found

    def _stand(self, line: int, whole: bool) -> None:
        self.then._journal.look_back(self._wanted, self._events, whole)
        self.step, self._stood = self._wanted, (self._wanted, line)
