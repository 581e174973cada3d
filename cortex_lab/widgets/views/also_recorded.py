"""What else is recorded: losses of several outputs, and probes."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Plot
from cortex_lab.widgets.chart.palette import TRAIN
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.view import View

ALL = "all"
MOST_PLOTS = 3
_DRAWN_ELSEWHERE = (
    "step", "seconds", "epoch", "learning_rate",
    "loss", "accuracy",
)  # fmt: skip

Columns = tuple[int, int, dict[str, np.ndarray]]


def other_keys(session: Session) -> tuple[str, ...]:
    """What a session records beside loss, accuracy and what is measured of validation rows."""
    keys = (key for key in session.trace.keys if not key.startswith("validation_"))
    return tuple(key for key in keys if key not in _DRAWN_ELSEWHERE)


class AlsoRecorded(View[Columns]):
    """What is recorded beside losses and metrics, a plot each: `key` says which, or "all" of three."""

    title = "Also recorded"
    follows = False
    rank = 15
    any_time = True

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.keys = other_keys(session)
        self.key = ALL if len(self.keys) <= MOST_PLOTS else next(iter(self.keys), ALL)

    @classmethod
    def fits(cls, session: Session) -> bool:
        return "loss" in session.trace.keys and bool(other_keys(session))

    @classmethod
    def unfit(cls, session: Session) -> str:
        if cls.fits(session):
            return ""
        return "Only losses and metrics are recorded.\nRecord more: session.record(cl.Probe('grad_norm'))."

    @property
    def knobs(self) -> tuple[Knob, ...]:
        choices = (ALL, *self.keys) if len(self.keys) <= MOST_PLOTS else self.keys
        return (Knob("key", "choice", self.key, choices, label="show"),) if len(self.keys) > 1 else ()

    def state(self, exact: bool) -> Hashable:
        return self.session.trace.version, self.key

    def collect(self, exact: bool) -> Columns:
        trace = self.session.trace
        wanted = self.keys if self.key == ALL else (self.key,)
        return self.session.step_number, trace.version, {key: trace[key] for key in ("step", *wanted)}

    def chart(self, data: Columns) -> Chart:
        step, _, columns = data
        length = min(len(column) for column in columns.values())
        steps = columns["step"][:length]
        first = float(steps[0]) - 1 if length else float(step)
        across = Axis((first, first + nice_ceiling(max(step - first, 10.0))), "step")
        plots = tuple(
            _plot(key, steps, column[:length], across) for key, column in columns.items() if key != "step"
        )
        last = [f"{plot.title} {mark.y[-1]:.4g}" for plot in plots for mark in plot.marks if len(mark.y)]  # type: ignore[attr-defined]
        note = "" if last else "not measured yet"
        summary = f"{self.title} at step {step}: {', '.join(last) or note}"
        return Chart(plots, note=note, summary=summary, step=step)


def _plot(key: str, steps: np.ndarray, values: np.ndarray, across: Axis) -> Plot:
    curve = GrowingCurve()
    x, y = curve.decimate(*curve.recorded(steps, values))
    line = Line(x, y, "training", TRAIN, dots=len(x) <= 60, key=key)
    latest = f"{y[-1]:.4g}".replace("-", "−") if len(y) else ""
    return Plot((line,), key.replace("_", " "), latest, x=across, y=_around(y))


def _around(values: np.ndarray) -> Axis:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low >= 0 and 0.25 < high <= 1:
        return Axis((0.0, 1.0))
    room = 0.06 * (high - low) or abs(high) or 1.0
    return Axis((low - room, high + room))
