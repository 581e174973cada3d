"""What changed since the last frame: collected at one safe point, prepared and packed away from it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from cortex_lab.study import Session
from cortex_lab.widgets.chart.canvas import Packed, pack
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.view import NothingToShow, View, failed_panel
from cortex_lab.widgets.scrubbing import Scrubber, follows
from cortex_lab.widgets.speed import Speed

SHARES = (0.015, 0.0075)
"""The parts of the time for panels that can be had at any time, and for those that wait for a step's end."""
DEAR = 0.05
"""Seconds of work from which on a panel comes after the others, where nobody hurries, one in a frame."""


class Frames:
    """Remembers what each panel shows, and packs those that no longer show how things are.

    While the training hurries, a panel comes again when its part of `shares`, the parts of the time that
    panels may take, has paid for it: those that can be had at any time, such as the curves, have the first
    to themselves. Frames come every `interval` seconds, so what is due sooner before one than after it
    comes with it: between two drawings of a panel there are then always as many frames.

    `closed()` ends the waiting for a safe point, `told()` are the lines above the panels. What the `scrubber`
    shows of an earlier step, somebody has asked for, and keeps no training waiting: it comes at once.
    Nobody who steps, or looks at an earlier step, waits for panels that take long: those come after the
    others, one in a frame, and `puts_off` says that there are such.
    """

    def __init__(
        self,
        session: Session,
        views: Mapping[str, View[Any]],
        speed: Speed,
        closed: Callable[[], bool],
        scrubber: Scrubber,
        told: Callable[[], Mapping[str, Packed]],
        shares: tuple[float, float] = SHARES,
        interval: float = 0.125,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = session
        self.views = views
        self.speed = speed
        self.shares = shares
        self.interval = interval
        self.clock = clock
        self.scrubber = scrubber
        self.puts_off = False
        self._told = told
        self._closed = closed
        self._shown: dict[str, Any] = {}
        self._held = False
        self._costs: dict[str, float] = {}
        self._drawn: dict[str, float] = {}

    def forget(self) -> None:
        """A new page shows nothing yet."""
        self._shown = {}

    def make(self, visible: Collection[str]) -> tuple[dict[str, Packed], float]:
        """The panels to draw anew among those visible, and the seconds the training waited for them."""
        shown = self._shown
        exact = not self.session.running
        before, self.puts_off = self.puts_off, False
        panels, visible = self._of_then(visible)
        states = {name: view.state(exact) for name, view in self.views.items() if name in visible}
        wanted = {name: state for name, state in states.items() if shown.get(name, self) != state}
        if self.speed.hurries:
            wanted = self._take_turns(wanted, len(states))
        else:
            wanted = self._cheap_first(wanted, one=before and not panels)
        kept_waiting = 0.0
        if wanted:
            seen, kept_waiting = self._visit(wanted, exact)
            for name, (found, seconds) in seen.items():
                began = time.thread_time()
                panels[name] = packed_view(self.views[name], found)
                self._note_cost(name, seconds + time.thread_time() - began)
                shown[name] = wanted[name]
        # A frame that only says it is on its way would have the panels of then wait for the next.
        on_its_way = self.scrubber.target is not None and not self.scrubber.standing
        holds, self._held = on_its_way and not panels and not self._held, on_its_way
        if holds:
            return {}, 0.0
        for name, line in self._told().items():
            if shown.get(name) != line.meta:
                panels[name] = line
                shown[name] = line.meta
        return panels, 0.0 if exact else kept_waiting

    def _of_then(self, visible: Collection[str]) -> tuple[dict[str, Packed], Collection[str]]:
        """The panels that show the moment and do not yet, and the names of those that show the present."""
        scrubber = self.scrubber
        if scrubber.target is None:
            return {}, visible
        panels: dict[str, Packed] = {}
        present = [name for name in visible if name in self.views and not follows(self.views[name])]
        for name in sorted(self.views, key=self._is_dear):
            if name not in visible or name in present:
                continue
            if panels and self._is_dear(name):
                self.puts_off = True
                break
            # One at a time, so that a moment that has moved on meanwhile need not wait for all of them.
            with scrubber.turn:
                view = scrubber.shown(name)
                if view is self.views[name]:
                    present.append(name)
                elif view is not None:
                    state = (scrubber.version(), view.state(True))
                    if self._shown.get(name, self) != state:
                        began = time.thread_time()
                        panels[name] = packed_view(view, collected(view))
                        self._note_cost(name, time.thread_time() - began)
                        self._shown[name] = state
        if panels:
            scrubber.nudge()
        return panels, present

    def _take_turns(self, wanted: dict[str, Hashable], count: int) -> dict[str, Hashable]:
        """Those among the wanted whose time has come, of `count` panels that share the time."""
        now = self.clock()
        any_time = [name for name in wanted if self.views[name].any_time]
        mine, others = self.shares[0] / max(1, len(any_time)), self.shares[1] / max(1, count - len(any_time))
        return {
            name: state
            for name, state in wanted.items()
            if now + self.interval / 2
            >= self._drawn.get(name, -1e9)
            + self._costs.get(name, 0.0) / (mine if name in any_time else others)
        }

    def _is_dear(self, name: str) -> bool:
        return self._costs.get(name, 0.0) >= DEAR

    def _cheap_first(self, wanted: dict[str, Hashable], one: bool) -> dict[str, Hashable]:
        """Those among the wanted that take little, and `one` of the others, or where there are only such."""
        dear = sorted(filter(self._is_dear, wanted), key=lambda name: self._drawn.get(name, -1e9))
        now = dear[:1] if one or len(dear) == len(wanted) else []
        self.puts_off = self.puts_off or len(dear) > len(now)
        return {name: state for name, state in wanted.items() if name in now or name not in dear}

    def _note_cost(self, name: str, seconds: float) -> None:
        self._drawn[name] = self.clock()
        self._costs[name] = (seconds + self._costs.get(name, seconds)) / 2

    def _visit(self, names: Collection[str], exact: bool) -> tuple[dict[str, tuple[Any, float]], float]:
        """What each view collected and the seconds that took, and those that the training waited."""

        def visit(clock: Callable[[], float] = time.perf_counter) -> tuple[dict[str, Any], float]:
            came = clock()
            collected: dict[str, tuple[Any, float]] = {}
            for name in names:
                began = clock()
                try:
                    found: Any = self.views[name].collect(exact)
                except Exception as error:
                    found = error
                collected[name] = found, clock() - began
            return collected, clock() - came

        if not exact and all(self.views[name].any_time for name in names):
            # It waits for others here, and nobody for it.
            return visit(time.thread_time)[0], 0.0
        future: Future[Any] = self.session.between_steps(visit)
        while not self._closed():
            with contextlib.suppress(FutureTimeout):
                return future.result(timeout=0.5)
        future.cancel()
        return {}, 0.0


def packed_view(view: View[Any], found: object) -> Packed:
    """What a view makes of what it collected, or raised while it did, for the page."""
    step = view.session.step_number
    try:
        if isinstance(found, Exception):
            raise found
        packed = pack(view.charted(view.prepare(found)))
    except NothingToShow as missing:
        return pack(Chart(note=str(missing), summary=str(missing), step=step))
    except Exception as error:
        # A view that fails says so in its own panel and leaves the rest of the bench alone.
        return pack(failed_panel(error, step))
    if packed.meta["step"] is None:
        packed.meta["step"] = step
    return packed


def collected(view: View[Any]) -> Any:
    """What a view of a session at rest collects, or the exception that it raised."""
    try:
        return view.collect(True)
    except Exception as error:
        return error
