"""The lines of a bench above its panels: what the session is doing, and its steps to go back and forth in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.study import Session
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.scrubbing import Scrubber
from cortex_lab.widgets.speed import Speed
from cortex_lab.widgets.status import status_panel

MOST_TICKS = 200
"""Kept steps that are marked on the slider; of more, as many spread evenly."""


class Told:
    """What is told in lines; `error()` is the error to tell of, `beside()` what is listed below the steps."""

    def __init__(
        self,
        session: Session,
        speed: Speed,
        scrubber: Scrubber,
        error: Callable[[], BaseException | None],
        beside: Callable[[], dict[str, Any]],
    ) -> None:
        self.session, self.speed, self.scrubber = session, speed, scrubber
        self.error, self.beside = error, beside

    def panels(self) -> dict[str, Packed]:
        """The status line and the steps, packed for their panels."""
        status = status_panel(self.session, self.error(), self.speed.measured, self.speed.hint)
        return {"status": status, "timeline": self.timeline()}

    def timeline(self) -> Packed:
        session = self.session
        steps = np.array([] if session.running else session.history.steps, np.int32)
        if len(steps) > MOST_TICKS:
            steps = steps[np.linspace(0, len(steps) - 1, MOST_TICKS).astype(int)]
        return Packed(
            {
                "first": session.first_step,
                "last": session.step_number,
                "told": self.scrubber.told,
                "kept": len(session.history.steps),
                **self.beside(),
            },
            {"ticks": steps},
        )
