"""The views of a bench as they were at the moment: twins of them, on the session of then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cortex_lab.ground import forks
from cortex_lab.study import Notice, Past, Session
from cortex_lab.study.process import Cloneable
from cortex_lab.widgets.aside import Aside
from cortex_lab.widgets.chart.selection import Moment
from cortex_lab.widgets.chart.view import View

EXPECTED = ("update_ratio",)
"""What views measure of a step that has to be kept while it is taken."""
LOOKED_AT = 0.25
"""Seconds for which a kept step stands, at most, until it has been looked at; then its inside is replayed."""
PIECE = 0.02
"""Seconds of replaying after which others may look, and the training has its turn."""


class Scrubber:
    """Brings the session of then to the moment, in a thread of its own, and has a twin of each view show it.

    It takes its share of the time while the training hurries, and never steps the session itself. What is
    computed once is not kept: a moment between two kept steps is replayed again whenever it is asked for.

    Parameters
    ----------
    knobs
        By view, the names of the settings that a twin takes over.
    wanted
        Tells the moment.
    stirred
        Called when there is something new to draw, with what went wrong or None.
    hurries
        Whether time is dear.
    """

    def __init__(
        self,
        session: Session,
        views: Mapping[str, View[Any]],
        knobs: Mapping[str, Collection[str]],
        wanted: Callable[[], Moment],
        stirred: Callable[[Exception | None], None],
        hurries: Callable[[], bool],
        name: str,
    ) -> None:
        self.session, self.views = session, views
        self.turn = forks.freed(threading.Lock())
        """Held while the session of then moves, and by those who look at it."""
        self._knobs, self._wanted, self._stirred = knobs, wanted, stirred
        self._past: Past | None = None
        self._twins: dict[str, View[Any] | None] = {}
        self._aimed: tuple[int, int] | None = None
        self._failed: tuple[tuple[Moment, int] | None, str] = (None, "")
        self._rewinds = 0
        self._aside = Aside(self._work, hurries, self._fail, f"scrubber-{name}")
        self.start, self.nudge, self.close = self._aside.start, self._aside.nudge, self._aside.close

    # What is shown -----------------------------------------------------------------------------------

    @property
    def able(self) -> bool:
        """Whether there is a way back: a process that can be cloned."""
        return isinstance(self.session.process, Cloneable)

    @property
    def target(self) -> Moment:
        """The step that views show instead of the present one; None for none."""
        moment, step = self._wanted(), self.session.step_number
        if moment is None or not self.able or self._failed[0] == (moment, self._rewinds) or moment > step:
            return None
        return None if moment == step and not self.session.running else moment

    @property
    def standing(self) -> bool:
        """Whether it stands where it should."""
        past, target = self._past, self.target
        return target is None or (past is not None and past.step == target and self._aimed == self._aim())

    @property
    def told(self) -> str:
        """What to say of the moment."""
        moment, past = self._wanted(), self._past
        if moment is None:
            return "live"
        if self._failed[0] == (moment, self._rewinds):
            return f"marked only: {self._failed[1]}"
        if not self.able:
            return "marked only"
        if self.target is None:
            return "now"
        if not self.standing:
            return "on its way"
        return (
            "recorded"
            if past is None or past.replayed_from is None
            else f"replayed from {past.replayed_from:,}"
        )

    def version(self) -> tuple[Any, ...]:
        """What a picture of the moment depends on beside what its view says."""
        past = self._past
        return () if self.target is None or past is None else (past.step, past.arrived, self._aimed)

    def shown(self, name: str) -> View[Any] | None:
        """The view to draw for `name`: itself, its twin, or None while it is on its way. Hold the `turn`."""
        view = self.views[name]
        if self.target is None or not follows(view):
            return view
        if not self.standing or self._past is None:
            return None
        if name not in self._twins:
            self._twins[name] = self._twin_of(view, self._past.then)
        twin = self._twins[name]
        if twin is None:
            return view
        for knob in self._knobs.get(name, ()):
            # A twin does not move by itself.
            if knob != "live" and getattr(twin, knob) != getattr(view, knob):
                setattr(twin, knob, getattr(view, knob))
        twin.selection, twin.moment = view.selection, view.moment
        return twin

    def _twin_of(self, view: View[Any], then: Session) -> View[Any] | None:
        try:
            return view.twin(then)
        except Exception as error:
            # One of somebody's own, made in a way of its own: it stays with the present.
            self._stirred(error)
            return None

    def heed(self, notice: Notice) -> None:
        """In the stepping thread: a step that was gone back from may have become another one."""
        if notice.kind == "rewind":
            self._rewinds += 1
            self.nudge()

    def wait(self, seconds: float) -> bool:
        """Wait until what is shown is the moment; False if that takes longer."""
        deadline = time.monotonic() + seconds
        while not (
            self.standing and (self.target is None or (self._past is not None and self._past.arrived))
        ):
            if time.monotonic() > deadline or self._aside.ending:
                return False
            self.nudge()
            time.sleep(0.005)
        return True

    # In its thread ----------------------------------------------------------------------------------

    def _aim(self) -> tuple[int, int] | None:
        target = self.target
        return None if target is None else (target, self._rewinds)

    def _work(self) -> float | None:
        """A piece of the way; whether to be called again."""
        target = self.target
        if target is None:
            return None
        if self._past is None:
            self._past = Past(self.session, EXPECTED)
        past, aim = self._past, (target, self._rewinds)
        with self.turn:
            if self._aimed != aim:
                try:
                    past.aim(target)
                except (ValueError, LookupError):
                    if (target, self._rewinds) == self._aim():
                        raise
                    # The session went back meanwhile.
                    return 0.0
                self._aimed = aim
                if past.step is not None:
                    self._stirred(None)
                    # Those who look come first, and nudge: on the way to its inside it stands nowhere.
                    return None if past.arrived else LOOKED_AT
            elif past.arrived:
                return None
            until = time.perf_counter() + PIECE
            while not past.arrived and time.perf_counter() < until:
                past.advance()
        if past.arrived:
            self._stirred(None)
        return 0.0

    def _fail(self, error: Exception) -> None:
        """It stays with the present, says why, and tries again at another moment."""
        self._failed = (self._wanted(), self._rewinds), f"{type(error).__name__}: {error}"
        self._aimed = None
        self._stirred(error)


def follows(view: View[Any]) -> bool:
    """Whether a view shows the moment: not one over steps, nor one that moves by itself and knows no past."""
    moves = type(view).advance is not View.advance and type(view).twin is View.twin
    return view.follows and not moves
