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
from cortex_lab.widgets.chart.marks import Chart, failed_panel
from cortex_lab.widgets.chart.view import NothingToShow, View
from cortex_lab.widgets.status import status_panel


class Frames:
    """Remembers what each panel shows, and packs those that no longer show how things are.

    `error()` is the error to tell of in the status line, `closed()` ends the waiting for a safe point.
    """

    def __init__(
        self,
        session: Session,
        views: Mapping[str, View[Any]],
        error: Callable[[], BaseException | None],
        closed: Callable[[], bool],
    ) -> None:
        self.session = session
        self.views = views
        self._error = error
        self._closed = closed
        self._shown: dict[str, Any] = {}
        self._drawn: dict[str, int] = {}
        self._made = 0

    def forget(self) -> None:
        """A new page shows nothing yet."""
        self._shown = {}

    def make(self, visible: Collection[str]) -> tuple[dict[str, Packed], float]:
        """The panels to draw anew among those visible, and the seconds the training waited for them."""
        shown = self._shown
        exact = not self.session.running
        states = {name: view.state(exact) for name, view in self.views.items() if name in visible}
        wanted = {name: state for name, state in states.items() if shown.get(name, self) != state}
        if not exact:
            wanted = self._take_turns(wanted)
        panels: dict[str, Packed] = {}
        kept_waiting = 0.0
        if wanted:
            collected, kept_waiting = self._visit(wanted, exact)
            for name, found in collected.items():
                panels[name] = self._pack(self.views[name], found)
                shown[name] = wanted[name]
        status = status_panel(self.session, self._error())
        if shown.get("status") != status.meta:
            panels["status"] = status
            shown["status"] = status.meta
        return panels, 0.0 if exact else kept_waiting

    def _take_turns(self, wanted: dict[str, Hashable]) -> dict[str, Hashable]:
        """While training, about a third of the panels in a frame, those that waited longest."""
        self._made += 1
        longest = sorted(wanted, key=lambda name: self._drawn.get(name, 0))
        chosen = longest[: (len(longest) + 2) // 3]
        self._drawn |= dict.fromkeys(chosen, self._made)
        return {name: wanted[name] for name in chosen}

    def _visit(self, names: Collection[str], exact: bool) -> tuple[dict[str, Any], float]:
        def visit() -> tuple[dict[str, Any], float]:
            began = time.perf_counter()
            collected: dict[str, Any] = {}
            for name in names:
                try:
                    collected[name] = self.views[name].collect(exact)
                except Exception as error:
                    collected[name] = error
            return collected, time.perf_counter() - began

        if not exact and all(self.views[name].any_time for name in names):
            return visit()[0], 0.0
        future: Future[Any] = self.session.between_steps(visit)
        while not self._closed():
            with contextlib.suppress(FutureTimeout):
                return future.result(timeout=0.5)
        future.cancel()
        return {}, 0.0

    def _pack(self, view: View[Any], found: Any) -> Packed:
        step = self.session.step_number
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
