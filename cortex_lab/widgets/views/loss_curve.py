"""Loss and accuracy over steps."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.channel import Packed
from cortex_lab.widgets.chart.palette import TRAIN, VALIDATION, category
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.view import View, tidy_axes

NO_STEPS = "no steps yet: press Step"
_TIMELIKE = ("step", "seconds", "epoch", "learning_rate")


@dataclass(frozen=True)
class Series:
    """One line: x are steps, y values; `faint` under another line, `dots` where points are few."""

    key: str
    label: str
    color: int
    x: np.ndarray
    y: np.ndarray
    faint: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Plot:
    title: str
    percent: bool
    limits: tuple[float, float]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Curves:
    step: int
    limits: tuple[float, float]
    plots: tuple[Plot, ...]


class LossCurve(View[Curves]):
    """Loss and accuracy of training and validation rows, every peak kept in at most 1000 points a line.

    A process that measures no loss shows the first other thing it records.
    """

    name = "loss_curve"
    kind = "curve"
    title = "Loss and accuracy"
    any_time = True

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        recorded = session.trace.keys
        keys = [key for key in ("loss", "accuracy") if key in recorded]
        self.keys = keys or [key for key in recorded if key not in _TIMELIKE][:1]
        self._curves: defaultdict[str, GrowingCurve] = defaultdict(GrowingCurve)
        self._history = 0
        self._turn = threading.Lock()

    def state(self, exact: bool) -> Hashable:
        return self.session.trace.version

    def collect(self, exact: bool) -> tuple[int, dict[str, np.ndarray]]:
        # While training the trace only appends, so these stay true although the training goes on.
        trace = self.session.trace
        # As long as rows were only appended, one at a time, this is the same number.
        history = trace.version - len(trace)
        wanted = [*self.keys, *(f"validation_{key}" for key in self.keys)]
        return history, {key: trace[key] for key in ("step", *(key for key in wanted if key in trace))}

    def prepare(self, collected: tuple[int, dict[str, np.ndarray]]) -> Curves:
        with self._turn:
            history, columns = collected
            if history != self._history:
                self._history, self._curves = history, defaultdict(GrowingCurve)
            return self._drawn(columns)

    def _drawn(self, columns: dict[str, np.ndarray]) -> Curves:
        length = min(len(column) for column in columns.values())
        steps = columns["step"][:length]
        plots = []
        for key in self.keys:
            series = _train_series(key, self._curves[key], steps, columns[key][:length])
            validation = columns.get(f"validation_{key}")
            if validation is not None:
                curve = self._curves[f"validation_{key}"]
                x, y = curve.decimate(*curve.recorded(steps, validation[:length]))
                series.append(Series(f"validation_{key}", "validation", VALIDATION, x, y, dots=len(x) <= 60))
            percent = "accuracy" in key
            plots.append(Plot(key.replace("_", " "), percent, _limits(series, percent), tuple(series)))
        last = int(steps[-1]) if length else self.session.step_number
        first = float(steps[0]) - 1 if length else float(last)
        end = first + nice_ceiling(max(last - first, 10.0))
        return Curves(last, (first, end), tuple(plots))

    def pack(self, data: Curves) -> Packed:
        arrays, plots, legend = {}, [], []
        for plot in data.plots:
            lines = []
            for line in plot.series:
                arrays[f"{line.key}.x"] = line.x.astype(np.float32)
                arrays[f"{line.key}.y"] = line.y.astype(np.float32)
                style = {"label": line.label, "color": line.color, "faint": line.faint}
                lines.append({"key": line.key, "dots": line.dots, **style})
                if {"mark": "line", **style} not in legend:
                    legend.append({"mark": "line", **style})
            plots.append({"title": plot.title, "percent": plot.percent, "y": plot.limits, "series": lines})
        meta: dict[str, Any] = {"step": data.step, "x": data.limits, "plots": plots, "legend": legend}
        meta["summary"] = self._summary(data)
        if not any(len(line.x) for plot in data.plots for line in plot.series):
            meta["note"] = NO_STEPS
        return Packed(meta, arrays)

    def table(self, data: Curves) -> pd.DataFrame:
        parts = [
            pd.DataFrame({"step": line.x.astype(np.int64), "value": line.y}).assign(
                key=line.key.removesuffix(".mean"), line=line.label
            )
            for plot in data.plots
            for line in plot.series
        ]
        if not parts:
            return pd.DataFrame(columns=["key", "line", "step", "value"])
        return pd.concat(parts, ignore_index=True).reindex(columns=["key", "line", "step", "value"])

    def plot(self, data: Curves) -> Any:
        from plotly.subplots import make_subplots

        figure = make_subplots(rows=max(1, len(data.plots)), cols=1, shared_xaxes=True, vertical_spacing=0.08)
        for row, plot in enumerate(data.plots, start=1):
            for line in plot.series:
                figure.add_scatter(
                    x=line.x,
                    y=line.y,
                    name=f"{plot.title}, {line.label}",
                    mode="lines+markers" if line.dots else "lines",
                    line={"color": category(line.color), "width": 1 if line.faint else 2},
                    opacity=0.4 if line.faint else 1,
                    row=row,
                    col=1,
                )
            figure.update_yaxes(title=plot.title, tickformat=".0%" if plot.percent else None, row=row, col=1)
        return figure.update_xaxes(title="step", row=max(1, len(data.plots)), col=1)

    def paint(self, data: Curves, figure: Any) -> None:
        heights = [1.4, 1] if len(data.plots) == 2 else [1] * max(1, len(data.plots))
        all_axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        figure.subplots_adjust(left=0.1, right=0.97, top=0.82, bottom=0.13, hspace=0.34)
        for axes, plot in zip(all_axes, data.plots, strict=False):
            for line in plot.series:
                style: dict[str, Any] = {
                    "color": category(line.color),
                    "linewidth": 0.7 if line.faint else 1.5,
                }
                marker = "o" if line.dots or len(line.x) < 3 else None
                label = line.label if plot is data.plots[0] else None
                alpha = 0.45 if line.faint else 1
                axes.plot(line.x, line.y, marker=marker, markersize=3, alpha=alpha, label=label, **style)
            tidy_axes(axes)
            axes.set(xlim=data.limits, ylim=plot.limits)
            axes.set_title(plot.title, fontsize=8, loc="left", pad=3)
            if plot.percent:
                axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        all_axes[-1].set_xlabel("step", fontsize=7, color="#616161", labelpad=1)
        if any(len(line.x) for plot in data.plots for line in plot.series):
            all_axes[0].legend(fontsize=6.5, frameon=False, loc="upper right")
        else:
            figure.text(0.5, 0.5, NO_STEPS, ha="center", fontsize=8, color="#616161")

    def _summary(self, data: Curves) -> str:
        last = [
            f"{plot.title} of {line.label} {line.y[-1]:.3g}"
            for plot in data.plots
            for line in plot.series
            if len(line.y) and not line.key.endswith(".mean")
        ]
        return f"{self.title} at step {data.step}: {', '.join(last)}" if last else f"{self.title}: {NO_STEPS}"


def _train_series(key: str, curve: GrowingCurve, steps: np.ndarray, values: np.ndarray) -> list[Series]:
    steps, values = curve.recorded(steps, values)
    x, y = curve.decimate(steps, values)
    if len(values) < 64:
        return [Series(key, "training", TRAIN, x, y)]
    mean_x, mean_y = curve.running_mean(steps, values)
    return [
        Series(key, "training, each batch", TRAIN, x, y, faint=True),
        Series(f"{key}.mean", "running mean", TRAIN, mean_x, mean_y),
    ]


def _limits(series: list[Series], percent: bool) -> tuple[float, float]:
    if percent:
        return 0.0, 1.0
    drawn = np.concatenate([line.y for line in series])
    if not len(drawn):
        return 0.0, 1.0
    low, high = float(drawn.min()), float(drawn.max())
    return (
        -nice_ceiling(-low) if low < 0 else 0.0,
        nice_ceiling(high) if high > 0 else (1.0 if low == 0 else 0.0),
    )
