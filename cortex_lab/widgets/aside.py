"""The threads in which views move on by themselves, beside the training and within a share of its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cortex_lab.ground.flag import Flag
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import View

if TYPE_CHECKING:
    from cortex_lab.widgets.channel import Channel

SHARE = 0.03
"""The part of the time that one of them takes at most while the training runs."""
LONGEST_REST = 30.0
NUDGED = 0.1
"""Seconds between two pieces that nudges ask for, at least: whoever steps in a loop nudges at each.

What somebody turns, and the end of a cell, is heeded at once.
"""
UNSEEN, GONE = 0.5, 15.0
"""Seconds after which to look again whether somebody looks, and after which a silent page does not."""


class Aside:
    """Calls `work()` again and again, once started, from a thread of its own.

    `work` does one short piece and returns the seconds after which it wants to be called again, or None when
    it has nothing to do until `nudge`. While `training()` holds, a piece that took t seconds is followed by a
    rest of t / share. What it raises goes to `failed`, and it waits for a nudge; one that comes within
    `spacing` seconds of the last piece is heeded when they are over, or at once if it asks for that.
    """

    def __init__(
        self,
        work: Callable[[], float | None],
        training: Callable[[], bool],
        failed: Callable[[Exception], None],
        name: str,
        share: float = SHARE,
        spacing: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.share, self.spacing = share, spacing
        self._work, self._training, self._failed, self._clock = work, training, failed, clock
        self._wake, self._hurry = Flag(), Flag()
        self._at_once = self._closing = False
        self._thread = threading.Thread(target=self._loop, name=f"cortex-lab-aside-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def nudge(self, at_once: bool = False) -> None:
        """There may be something to do, which somebody may wait for. Cheap enough for the stepping thread."""
        if at_once:
            self._at_once = True
            self._hurry.set()
        self._wake.set()

    @property
    def ending(self) -> bool:
        """Whether it was asked to end."""
        return self._closing

    def close(self, timeout: float = 10.0) -> bool:
        """End the thread after the piece under way; False if it did not end in time."""
        self._closing = True
        self._hurry.set()
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while not self._closing:
            began, self._at_once = self._clock(), False
            try:
                wanted = self._work()
            except Exception as error:
                self._failed(error)
                wanted = None
            self._rest(wanted, self._clock() - began)

    def _rest(self, wanted: float | None, took: float) -> None:
        owed = min(LONGEST_REST, took / self.share) if self._training() else 0.0
        until, woken = self._clock() + owed, False
        # A nudge does not shorten what is owed to the training, but its end does.
        while not self._closing and self._training() and (left := until - self._clock()) > 0:
            woken = self._wake.take(min(left, 0.25)) or woken
        worked = self._clock()
        if not woken and not self._closing:
            woken = self._wake.take(3600.0 if wanted is None else max(0.0, wanted - owed))
        # Other nudges are not waited for here: hearing each would cost more than the rest saves.
        while woken and not self._closing and (early := worked + self.spacing - self._clock()) > 0:
            # Those of before this piece have been heeded; their flag may still be raised.
            if self._at_once or (self._hurry.take(early) and self._at_once):
                return


class Asides:
    """One of them for each of a bench's views that moves by itself; `hurries()` says that time is dear.

    While the training runs, those that no page shows rest. `stirred(None)` is called after every piece of
    work after which a view wants to go on at once, and with what a view raised.
    """

    def __init__(
        self,
        views: Mapping[str, View[Any]],
        session: Session,
        channel: Channel,
        stirred: Callable[[Exception | None], None],
        hurries: Callable[[], bool],
        name: str,
    ) -> None:
        self._session, self._channel, self._stirred = session, channel, stirred
        moving = {each: view for each, view in views.items() if type(view).advance is not View.advance}
        self._each = []
        for each, view in moving.items():
            name_of_it = f"{each}-{name}"
            aside = Aside(partial(self._advance, each, view), hurries, stirred, name_of_it, spacing=NUDGED)
            self._each.append(aside)
            view.go_beside(hurries, lambda aside=aside: aside.ending)

    def start(self) -> None:
        for each in self._each:
            each.start()

    def nudge(self, at_once: bool = False) -> None:
        for each in self._each:
            each.nudge(at_once)

    def close(self) -> bool:
        """End all threads; False if one did not end in time."""
        for each in self._each:
            each.close(0.0)
        return all([each.close() for each in self._each])

    def _advance(self, name: str, view: View[Any]) -> float | None:
        if (self._session.running or view.only_when_seen) and not self._seen(name):
            return UNSEEN
        wanted = view.advance()
        if wanted == 0.0:
            self._stirred(None)
        return wanted

    def _seen(self, name: str) -> bool:
        heard = self._channel.heard_at > time.monotonic() - GONE
        return heard and name in self._channel.visible()
