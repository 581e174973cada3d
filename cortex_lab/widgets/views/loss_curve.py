"""Loss and accuracy over steps."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.ground import checks, forks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Plot
from cortex_lab.widgets.chart.palette import TRAIN, VALIDATION
from cortex_lab.widgets.chart.ranges import range_of, wants_log
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.view import View

NO_STEPS = "no steps yet: press Step"
SCALES = ("auto", "linear", "log")
_TIMELIKE = ("step", "seconds", "epoch", "learning_rate")


@dataclass(frozen=True)
class Curves:
    """A plot for each thing measured, on step axes of the same limits."""

    step: int
    limits: tuple[float, float]
    plots: tuple[Plot, ...]

    @property
    def lines(self) -> list[tuple[Plot, Line]]:
        """Every line, with the plot it is on."""
        return [(plot, mark) for plot in self.plots for mark in plot.marks if isinstance(mark, Line)]


class LossCurve(View[Curves]):
    """Loss, accuracy and metrics of training and validation rows, every peak in at most 1000 points a line.

    A process that measures no loss shows the first other thing it records. On the `scale` "auto" an axis is
    logarithmic from when most of a curve would lie flat on a linear one; single spikes lie beyond it, and
    the heading tells of them.
    """

    title = "Loss and accuracy"
    follows = False
    rank = 10
    any_time = True

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        if self.keys[:2] == ["loss"]:
            self.title = "Loss"
        elif self.keys[:1] == ["loss"] and "accuracy" not in self.keys:
            self.title = "Loss and metrics"
        self.height = type(self).height + 50 * max(0, len(self.keys) - 2)
        self._scale = "auto"
        self._curves: defaultdict[str, GrowingCurve] = defaultdict(GrowingCurve)
        # The axes that were logarithmic once, and stay so.
        self._logs: set[str] = set()
        self._history = 0
        self._turn = forks.freed(threading.Lock())

    @property
    def keys(self) -> list[str]:
        """What is drawn, each on a plot of its own."""
        recorded = self.session.trace.keys
        metrics = [key.removeprefix("validation_") for key in recorded if key.startswith("validation_")]
        keys = [key for key in ("loss", "accuracy") if key in recorded]
        keys += [key for key in metrics if key not in keys]
        return keys or [key for key in recorded if key not in _TIMELIKE][:1]

    @property
    def scale(self) -> str:
        """How values are drawn: "auto", "linear" or "log"."""
        return self._scale

    @scale.setter
    def scale(self, name: str) -> None:
        self._scale = checks.choice("scale", name, SCALES)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return (Knob("scale", "choice", "auto", SCALES, label="scale", tooltip="Of everything but shares"),)

    def state(self, exact: bool) -> Hashable:
        return self.session.trace.version, self._scale

    def collect(self, exact: bool) -> tuple[int, dict[str, np.ndarray]]:
        # While training the trace only appends, so these stay true although the training goes on.
        trace = self.session.trace
        # As long as rows were only appended, one at a time, this is the same number.
        history = trace.version - len(trace)
        wanted = [name for key in self.keys for name in (key, f"validation_{key}")]
        return history, {key: trace[key] for key in ("step", *(key for key in wanted if key in trace))}

    def prepare(self, collected: tuple[int, dict[str, np.ndarray]]) -> Curves:
        with self._turn:
            history, columns = collected
            if history != self._history:
                self._history, self._curves = history, defaultdict(GrowingCurve)
                self._logs.clear()
            return self._drawn(columns)

    def _drawn(self, columns: dict[str, np.ndarray]) -> Curves:
        length = min(len(column) for column in columns.values())
        steps = columns["step"][:length]
        last = int(steps[-1]) if length else self.session.step_number
        first = float(steps[0]) - 1 if length else float(last)
        limits = first, first + nice_ceiling(max(last - first, 10.0))
        plots: list[Plot] = []
        for key in self.keys:
            lines = []
            if key in columns:
                lines = _train_lines(key, self._curves[key], steps, columns[key][:length])
            validation = columns.get(f"validation_{key}")
            if validation is not None:
                curve = self._curves[f"validation_{key}"]
                x, y = curve.decimate(*curve.recorded(steps, validation[:length]))
                style = {"dots": len(x) <= 60, "key": f"validation_{key}"}
                lines.append(Line(x, y, "validation", VALIDATION, **style))
            if length and plots and "accuracy" in key and not any(len(line.x) for line in lines):
                # What is recorded, but of targets that have none.
                continue
            y_axis, aside = self._axis(key, lines)
            style = {"x": Axis(limits, "step"), "y": y_axis, "share": 1.0 if plots else 1.4}
            plots.append(Plot(tuple(lines), key.replace("_", " "), aside, **style))
        return Curves(last, limits, tuple(plots))

    def _axis(self, key: str, lines: list[Line]) -> tuple[Axis, str]:
        """The upward axis of a plot, and what its heading says of it."""
        if "accuracy" in key:
            return Axis((0.0, 1.0), percent=True), ""
        # A mean drags every spike along.
        drawn = [line.y for line in lines if not line.key.endswith(".mean")]
        if self._scale == "auto" and key not in self._logs and any(map(wants_log, drawn)):
            self._logs.add(key)
        log = self._scale == "log" or (self._scale == "auto" and key in self._logs)
        found = range_of(drawn, log)
        told = ["log"] if log else []
        if found.beyond:
            told.append(f"{found.beyond} beyond the axis, to {found.farthest:.3g}")
        return Axis(found.limits, log=log), ", ".join(told)

    def chart(self, data: Curves) -> Chart:
        note = "" if any(len(line.x) for _, line in data.lines) else NO_STEPS
        return Chart(data.plots, note=note, summary=self._summary(data), step=data.step)

    def table(self, data: Curves) -> pd.DataFrame:
        parts = [
            pd.DataFrame({"step": line.x.astype(np.int64), "value": line.y}).assign(
                key=line.key.removesuffix(".mean"), line=line.label
            )
            for _, line in data.lines
        ]
        if not parts:
            return pd.DataFrame(columns=["key", "line", "step", "value"])
        return pd.concat(parts, ignore_index=True).reindex(columns=["key", "line", "step", "value"])

    def _summary(self, data: Curves) -> str:
        last = [
            f"{plot.title} of {line.label} {line.y[-1]:.3g}"
            for plot, line in data.lines
            if len(line.y) and not line.key.endswith(".mean")
        ]
        return f"{self.title} at step {data.step}: {', '.join(last)}" if last else f"{self.title}: {NO_STEPS}"


def _train_lines(key: str, curve: GrowingCurve, steps: np.ndarray, values: np.ndarray) -> list[Line]:
    steps, values = curve.recorded(steps, values)
    x, y = curve.decimate(steps, values)
    if len(values) < 64:
        return [Line(x, y, "training", TRAIN, key=key)]
    mean_x, mean_y = curve.running_mean(steps, values)
    return [
        Line(x, y, "training, each batch", TRAIN, faint=True, key=key),
        Line(mean_x, mean_y, "running mean", TRAIN, key=f"{key}.mean"),
    ]
