"""Everything that is recorded, as curves, with what was done marked, beside other runs."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks, forks
from cortex_lab.nn import Training
from cortex_lab.study import Notice, Session, Trace
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Mark, Plot, Scatter
from cortex_lab.widgets.chart.ranges import range_of, wants_log
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.view import View

ALL = "all"
ACROSS = ("step", "epoch", "seconds")
SCALES = ("auto", "linear", "log")
KINDS = ("edit", "rewind", "fault", "breakpoint")
MOST_PLOTS, MOST_LINES, MOST_EVENTS = 6, 8, 200
_NOT_DRAWN = ("step", "seconds", "epoch")
_FIRST = ("loss", "accuracy")
# What is set, and not measured: it has no noise and no spikes.
_SET = ("learning_rate",)

Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Runs:
    """The columns of this run and of those laid over it, and what was done: (step, kind, what)."""

    step: int
    histories: tuple[Any, ...]
    columns: dict[str, Columns]
    events: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    step: int
    plots: tuple[Plot, ...]
    events: tuple[tuple[int, str, str], ...]
    left_out: int


class RecordedCurves(View[Drawn]):
    """What a session records, a plot for each kind of measure: `show` one of them, or "all" of six.

    Of training and validation rows, of outputs and of layers, each is a line; `smooth` is the number of
    values that a line is the mean of, the last so many at each place. Edits and faults are marked below, and
    rewinds and breakpoints that stopped it since this view was made. `over` are other sessions or traces by
    name, such as the branches of a fork or `Trace.open(path)`, whose lines lie behind in colors of their own.
    """

    title = "Curves"
    follows = False
    size = (9.6, 4.4)
    height = 320
    place = "wide"
    rank = 16
    any_time = True
    opened = False

    def __init__(
        self,
        session: Session,
        show: str = ALL,
        smooth: int = 1,
        over: Mapping[str, Session | Trace] | None = None,
    ) -> None:
        super().__init__(session)
        self._curves: defaultdict[tuple[str, str, str], GrowingCurve] = defaultdict(GrowingCurve)
        self._histories: tuple[Any, ...] = ()
        self.heard: list[tuple[int, str, str]] = []
        self._turn = forks.freed(threading.Lock())
        self._scale, self._across, self._smooth = "auto", "step", 1
        self.over = over
        self.show, self.smooth = show, smooth
        _hear_of_rewinds(self)

    @classmethod
    def fits(cls, session: Session) -> bool:
        return isinstance(session.process, Training) and "loss" in session.trace.keys

    # What may be set --------------------------------------------------------------------------------

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is recorded, by kind of measure."""
        found = dict.fromkeys(_kind(key) for key in self.session.trace.keys if key not in _NOT_DRAWN)
        return (*(kind for kind in _FIRST if kind in found), *(kind for kind in found if kind not in _FIRST))

    @property
    def show(self) -> str:
        """Which kind of measure is drawn."""
        return self._show

    @show.setter
    def show(self, kind: str) -> None:
        self._show = checks.choice("show", kind, (ALL, *self.kinds))

    @property
    def scale(self) -> str:
        """How values are drawn: "auto", "linear" or "log"."""
        return self._scale

    @scale.setter
    def scale(self, name: str) -> None:
        self._scale = checks.choice("scale", name, SCALES)

    @property
    def across(self) -> str:
        """What goes along the plots: "step", "epoch" or "seconds"."""
        return self._across

    @across.setter
    def across(self, name: str) -> None:
        self._across = checks.choice(
            "across", name, [key for key in ACROSS if key in self.session.trace.keys]
        )

    @property
    def smooth(self) -> int:
        """How many values each place of a line is the mean of."""
        return self._smooth

    @smooth.setter
    def smooth(self, count: int) -> None:
        self._smooth = checks.whole("smooth", count, least=1, most=10_000)

    @property
    def over(self) -> dict[str, Session | Trace]:
        """Other runs, by name, whose lines lie behind."""
        return dict(self._over)

    @over.setter
    def over(self, runs: Mapping[str, Session | Trace] | None) -> None:
        given = {} if runs is None else runs
        found = dict(checks.instance("over", given, Mapping, "a dict of sessions or traces by name"))
        for name, run in found.items():
            checks.instance(f"over[{name!r}]", run, (Session, Trace), "a session, or a trace")
        self._over = found

    @property
    def knobs(self) -> tuple[Knob, ...]:
        along = tuple(key for key in ACROSS if key in self.session.trace.keys)
        return (
            Knob("show", "choice", self._show, (ALL, *self.kinds), label="show"),
            Knob("scale", "choice", self._scale, SCALES, label="scale"),
            Knob("across", "choice", self._across, along, label="along"),
            Knob("smooth", "count", self._smooth, limits=(1, 10_000), label="mean of"),
        )

    def state(self, exact: bool) -> Hashable:
        others = tuple((name, _trace(run).version) for name, run in self._over.items())
        chosen = self._show, self._scale, self._across, self._smooth
        session = self.session
        return (
            session.trace.version,
            len(session.events),
            len(self.heard),
            session.held_back,
            others,
            chosen,
        )

    # What is collected ------------------------------------------------------------------------------

    def collect(self, exact: bool) -> Runs:
        session = self.session
        wanted = [kind for kind in self.kinds if self._show in (ALL, kind)]
        runs = {"": session.trace, **{name: _trace(run) for name, run in self._over.items()}}
        columns = {name: _columns(run, wanted, self._across) for name, run in runs.items()}
        events = [(event.step, "edit", f"{event.name} to {_short(event.value)}") for event in session.events]
        if session.held_back is not None:
            events.append((session.step_number, "fault", "an update was held back"))
        there = [each for each in self.heard if each[0] <= session.step_number]
        done = tuple(sorted([*events, *there], key=lambda each: each[0])[-MOST_EVENTS:])
        # As long as rows were only appended, one at a time, these are the same.
        histories = tuple((name, id(run), run.version - len(run)) for name, run in runs.items())
        return Runs(session.step_number, histories, columns, done)

    def prepare(self, collected: Runs) -> Drawn:
        with self._turn:
            if collected.histories != self._histories:
                self._histories = collected.histories
                self._curves.clear()
            return self._drawn(collected)

    def _drawn(self, runs: Runs) -> Drawn:
        kinds = [kind for kind in self.kinds if self._show in (ALL, kind)]
        kinds = [
            kind
            for kind in kinds
            if any(_kind(key) == kind for each in runs.columns.values() for key in each)
        ]
        across = self._across_axis(runs)
        plots = [self._plot(kind, runs, across) for kind in kinds[:MOST_PLOTS]]
        return Drawn(runs.step, tuple(plots), runs.events, max(0, len(kinds) - MOST_PLOTS))

    def _across_axis(self, runs: Runs) -> Axis:
        ends = [column[[0, -1]] for each in runs.columns.values() if len(column := each[self._across])]
        low, high = (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (0.0, 1.0)
        if self._across == "step":
            low = float(low) - 1 if ends else 0.0
            return Axis((low, low + nice_ceiling(max(high - low, 10.0))), "step")
        return Axis((min(0.0, float(low)), nice_ceiling(max(float(high), 1e-3))), self._across)

    def _plot(self, kind: str, runs: Runs, across: Axis) -> Plot:
        lines: list[Line] = []
        for place, (run, columns) in reversed([*enumerate(runs.columns.items())]):
            keys = [key for key in columns if _kind(key) == kind and key != self._across][:MOST_LINES]
            for number, key in enumerate(keys):
                label = " ".join(filter(None, (run, _label(key, keys))))
                color = (
                    (6 if key.startswith("validation_") else number % 10) if not place else (place + 1) % 10
                )
                lines += self._lines(run, key, columns, label, color, behind=place > 0)
        drawn = [line.y for line in lines]
        log = self._scale == "log" or (
            self._scale == "auto" and kind != "accuracy" and any(map(wants_log, drawn))
        )
        up, aside = self._up(kind, drawn, log)
        marks: list[Mark] = [*lines]
        if self._across == "step" and runs.events:
            marks.append(_marked_events(runs.events, up.limits[0]))
        return Plot(tuple(marks), kind.replace("_", " "), aside, x=across, y=up)

    def _up(self, kind: str, drawn: list[np.ndarray], log: bool) -> tuple[Axis, str]:
        """The upward axis of a plot, and what its heading says of it."""
        if kind == "accuracy" and self._scale != "log":
            return Axis((0.0, 1.0), percent=True), ""
        if kind in _SET:
            values = np.concatenate([*drawn, np.zeros(0)])
            values = values[values > 0] if log else values
            low, high = (float(values.min()), float(values.max())) if len(values) else (0.1, 1.0)
            ends = (
                (low / 1.5, high * 1.5) if log else (min(0.0, low), nice_ceiling(high) if high > 0 else 1.0)
            )
            return Axis(ends, log=log), "log" if log else ""
        found = range_of(drawn, log)
        told = ["log"] if log else []
        told += [f"{found.beyond} beyond the axis, to {found.farthest:.3g}"] if found.beyond else []
        return Axis(found.limits, log=log), ", ".join(told)

    def _lines(
        self, run: str, key: str, columns: Columns, label: str, color: int, behind: bool
    ) -> list[Line]:
        length = min(len(columns[self._across]), len(columns[key]))
        curve = self._curves[run, key, self._across]
        x, y = curve.recorded(columns[self._across][:length], columns[key][:length])
        style = {
            "dots": key.startswith("validation_") and len(x) <= 60,
            "key": f"{run}:{key}" if run else key,
        }
        if self._smooth > 1 and len(y) > 1 and key not in _SET and not key.startswith("validation_"):
            return [Line(*_smoothed(x, y, self._smooth), label, color, faint=behind, **style)]
        return [Line(*curve.decimate(x, y), label, color, faint=behind, **style)]

    # What is drawn ----------------------------------------------------------------------------------

    def chart(self, data: Drawn) -> Chart:
        lines = [(plot, mark) for plot in data.plots for mark in plot.marks if isinstance(mark, Line)]
        told = [f"{what} at step {step:,}" for step, kind, what in data.events[-3:]]
        caption = "; ".join(told) + (f"; {len(data.events) - 3} more" if len(data.events) > 3 else "")
        if data.left_out:
            caption = "; ".join(
                filter(None, (caption, f"{data.left_out} more kinds of measures: choose what to show"))
            )
        last = [f"{mark.key} {mark.y[-1]:.4g}" for _, mark in lines if len(mark.y)]
        note = "" if last else "no steps yet: press Step"
        summary = f"{self.title} at step {data.step}: {', '.join(last[:8]) or note}"
        return Chart(data.plots, caption=caption, note=note, summary=summary, step=data.step)

    def table(self, data: Drawn) -> pd.DataFrame:
        parts = [
            pd.DataFrame({"key": mark.key, self._across: mark.x, "value": mark.y})
            for plot in data.plots
            for mark in plot.marks
            if isinstance(mark, Line) and len(mark.x)
        ]
        return (
            pd.concat(parts, ignore_index=True)
            if parts
            else pd.DataFrame(columns=["key", self._across, "value"])
        )


def _kind(key: str) -> str:
    """The measure, whatever it is of: "loss" of "validation_loss" and of "loss['price']"."""
    return key.removeprefix("validation_").partition("[")[0]


def _label(key: str, keys: list[str]) -> str:
    """What the legend calls a line among those of its plot."""
    if key.startswith("validation_"):
        return "validation"
    of = key.partition("[")[2].rstrip("]").strip("'\"")
    if of or len(keys) == 1:
        return of
    return "training" if any(each.startswith("validation_") for each in keys) else "all"


def _trace(run: Session | Trace) -> Trace:
    return run.trace if isinstance(run, Session) else run


def _columns(trace: Trace, kinds: list[str], across: str) -> Columns:
    keys = [key for key in trace.keys if key not in _NOT_DRAWN and _kind(key) in kinds]
    along = [across] if across in trace.keys else []
    found = {key: trace[key] for key in dict.fromkeys(("step", *along, *keys))}
    return found if along else {"step": found["step"], across: np.full(len(found["step"]), np.nan)}


def _smoothed(x: np.ndarray, y: np.ndarray, count: int, most: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the last `count` values, at no more than `most` places, the last among them."""
    sums = np.concatenate([[0.0], np.cumsum(y)])
    ends = np.unique(np.linspace(1, len(y), min(len(y), most)).astype(np.intp))
    starts = np.maximum(0, ends - count)
    return x[ends - 1], (sums[ends] - sums[starts]) / (ends - starts)


def _marked_events(events: tuple[tuple[int, str, str], ...], level: float) -> Scatter:
    steps = np.array([step for step, _, _ in events])
    kinds = [kind for kind in KINDS if any(kind == each for _, each, _ in events)]
    groups = np.array([kinds.index(kind) for _, kind, _ in events])
    heights = np.full(len(steps), level)
    return Scatter(steps, heights, groups, tuple(kinds), steps, "step", color=2)


def _short(value: object, most: int = 24) -> str:
    text = (
        f"{value:.4g}"
        if isinstance(value, float)
        else f"{len(value)} rows"
        if isinstance(value, (list, dict))
        else ""
    )
    text = text or " ".join(str(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _hear_of_rewinds(view: RecordedCurves) -> None:
    """Have the view note each rewind, and each stop by a breakpoint, while there is somebody who holds it."""
    held = weakref.ref(view)

    def heard(notice: Notice) -> None:
        seen = held()
        if seen is None:
            unsubscribe()
        elif notice.kind == "rewind":
            adopted = not isinstance(notice.detail, int)
            seen.heard.append((notice.step, "rewind", "went on as a branch" if adopted else "rewound"))
        elif notice.kind == "pause" and getattr(notice.detail, "kind", "") == "breakpoint":
            seen.heard.append((notice.step, "breakpoint", f"stopped by {_short(notice.detail.reason, 48)}"))

    unsubscribe = view.session.subscribe(heard, steps=False)
