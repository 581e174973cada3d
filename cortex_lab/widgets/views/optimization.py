"""Whether the last step went too far, what lies around the path, and how much of the gradient is noise."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks, forks
from cortex_lab.nn import Training
from cortex_lab.optimize.descent import Descent, Landscape, Log, landscape
from cortex_lab.study import Session, replay
from cortex_lab.widgets.chart.landscapes import ends, even, landscape_plot
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Color, Contours, Line, Mark, Plot, Trail
from cortex_lab.widgets.chart.ranges import range_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.step_study import (
    BUDGET,
    Along,
    Noise,
    Plane,
    StepStudy,
    Taken,
    along,
    checked_passes,
    plane,
    points_for,
)
from cortex_lab.widgets.chart.view import NothingToShow, View

NO_STEP = "The weights before the last step are not known yet.\nPress Step."
RUNNING = "This is worked out while the training rests.\nPress Pause."
MOST_MADE_AGAIN = 500
"""Steps of a descent that are made again for its path; of more, those that are kept are shown."""
SAME = 1e-4
"""By how much, as a share, the loss found where the step began may differ from the one recorded."""


@dataclass(frozen=True, eq=False)
class Studied:
    """The last step: `line` along it, the `plane` around the path, `noise` of the gradient; or a `ground`.

    `away` is by how much the loss where it began is not the one recorded, as a share; NaN if none was.
    """

    step: int
    line: Along | None = None
    plane: Plane | None = None
    noise: Noise | None = None
    away: float = math.nan
    ground: Landscape | None = None


@dataclass(frozen=True, eq=False)
class Walked:
    """A copy of a descent after `step`, the snapshots and edits of the way there, and the `last` step."""

    step: int
    descent: Descent
    kept: list[tuple[int, Any]]
    events: tuple[Any, ...]
    last: np.ndarray

    def path(self) -> tuple[np.ndarray, np.ndarray]:
        """Steps and points, (steps, dimension): made again where there are few, else those that are kept."""
        now, copy = _point(self.descent), self.descent.clone()
        first = self.kept[0][0]
        if self.step - first > MOST_MADE_AGAIN:
            found = []
            for step, snapshot in self.kept:
                copy.restore(snapshot)
                found.append((step, _point(copy)))
        else:
            copy.restore(self.kept[0][1])
            found = [(first, _point(copy))]
            for step in range(first + 1, self.step):
                later = [event for event in self.events if event.step >= step - 1]
                replay(copy, copy.snapshot(), later, step)
                found.append((step, _point(copy)))
        steps, points = zip(*found, (self.step, now), strict=True)
        return np.array(steps), np.array(points)


def _point(descent: Descent) -> np.ndarray:
    return np.array(descent.ops.to_numpy(descent.params), np.float64)


class Optimization(View[Studied]):
    """The loss along the last step, in the plane around the path, and how far gradients of batches agree.

    Along the step, 0 is where it began and 1 where it ended: it may have gone beyond the lowest loss, or have
    stopped short of it. The plane is that of velocity and acceleration, the last update and its change; the
    share of the path's variance that it shows is said. Losses are those of the batch that the step was made
    on. The noise scale is the number of rows in a batch at which noise and signal of the gradient are alike.
    Of a descent, the path lies on its own landscape; of a long one, through the points that are kept.

    It is worked out while the training rests, within `budget` multiply-adds a look.
    """

    title = "Optimization"
    size = (9.6, 3.2)
    height = 260
    place = "wide"
    rank = 63
    opened = False

    def __init__(self, session: Session, budget: float = BUDGET) -> None:
        super().__init__(session)
        self._study = StepStudy(session)
        self._rested: Hashable = None
        self._turn = forks.freed(threading.Lock())
        self.budget = budget

    @classmethod
    def fits(cls, session: Session) -> bool:
        return isinstance(session.process, (Training, Descent))

    @property
    def budget(self) -> float:
        """Multiply-adds that one look takes, at most."""
        return self._budget

    @budget.setter
    def budget(self, value: float) -> None:
        self._budget = float(checks.number("budget", value, over=0))

    def state(self, exact: bool) -> Hashable:
        if exact or self._rested is None:
            self._rested = standing(self.session, exact), self._budget
        return self._rested

    def collect(self, exact: bool) -> Any:
        process = self.session.process
        if not self.fits(self.session):
            raise NothingToShow(NO_STEPS)
        if not exact:
            raise NothingToShow(RUNNING)
        if isinstance(process, Descent):
            return self._walked(process)
        checked_passes(self._budget, self._study.work)
        return self._study.collect()

    def _walked(self, descent: Descent) -> Walked:
        step, history = self.session.step_number, self.session.history
        if step <= self.session.first_step:
            raise NothingToShow(NO_STEP)
        kept = [history.nearest(each) for each in history.steps if each < step]
        last = np.array(descent.ops.to_numpy(descent.last_step), np.float64)
        return Walked(step, descent.clone(), kept, tuple(self.session.events), last)

    def prepare(self, collected: Any) -> Studied:
        with self._turn:
            return self._of_step(collected) if isinstance(collected, Taken) else self._of_descent(collected)

    def _of_step(self, taken: Taken) -> Studied:
        points, batches, side = points_for(checked_passes(self._budget, self._study.work))
        # Gradients of an epoch's batches are drawn without putting back; of more epochs they repeat.
        batches = min(batches, self.session.process.batches.steps_per_epoch)  # type: ignore[attr-defined]
        noise = self._study.noise(taken, batches) if batches > 1 else None
        if taken.before is None:
            if noise is None:
                raise NothingToShow(NO_STEP)
            return Studied(taken.step, noise=noise)
        loss, now = self._study.loss_of(taken), taken.path[-1][1]
        line = along(loss, taken.before, now - taken.before, points)
        began = float(line.losses[line.times == 0][0])
        away = abs(began - taken.recorded) / max(abs(taken.recorded), 1e-12)
        around = plane(loss, taken.path, side) if side else None
        return Studied(taken.step, line, around, noise, away)

    def _of_descent(self, walked: Walked) -> Studied:
        function = walked.descent.function
        with np.errstate(all="ignore"):
            steps, points = walked.path()
            value = lambda point: float(function.value(point))  # noqa: E731
            line = along(value, points[-1] - walked.last, walked.last, 41)
            frame = pd.DataFrame({"value": [value(each) for each in points]}, pd.Index(steps, name="step"))
            log = Log(function, walked.descent.optimizer, points, frame)
            ground = landscape(log) if points.shape[1] > 1 else None
        return Studied(walked.step, line, ground=ground)

    # What is drawn ----------------------------------------------------------------------------------

    def chart(self, data: Studied) -> Chart:
        plots = [] if data.line is None else [_line_plot(data.line)]
        caption = (
            "what the last step did is known from the next one on" if data.line is None else data.line.told
        )
        if data.ground is not None:
            plots.append(landscape_plot(data.ground, "the path so far"))
            points = len(data.ground.tracks[0].xy)
            caption += "" if points > data.step else f"; {points} points of {data.step:,} steps"
        if data.plane is not None:
            plots.append(_plane_plot(data.plane))
            caption += f"; the plane shows {data.plane.share:.0%} of the path's variance"
        if data.noise is not None:
            plots.append(_noise_plot(data.noise))
            caption += f"; {_scale_told(data.noise)}"
        if data.away > SAME:
            caption += (
                f"; where it began the loss is {data.away:.2%} off the one recorded, as data or what layers "
                "remember have changed since"
            )
        summary = f"{self.title} at step {data.step}: {caption}"
        return Chart(tuple(plots), "row", caption=caption, summary=summary, step=data.step)

    def table(self, data: Studied) -> pd.DataFrame:
        """Losses along the "step" and in the "plane", at `x` and `y`, and the agreement of each "batch"."""
        parts = []
        if data.line is not None:
            parts.append({"of": "step", "x": data.line.times, "y": math.nan, "value": data.line.losses})
        for around in (data.plane, data.ground):
            if around is not None:
                x, y = np.meshgrid(around.x, around.y)
                parts.append({"of": "plane", "x": x.ravel(), "y": y.ravel(), "value": around.z.ravel()})
        if data.noise is not None:
            of = {"of": "batch", "x": data.noise.steps.astype(float), "y": math.nan}
            parts.append({**of, "value": data.noise.cosines})
        return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def _line_plot(line: Along) -> Plot:
    limits, told = _limits(line.losses)
    marks: list[Mark] = [Line(line.times, line.losses, "", 0)]
    ends_of: tuple[tuple[str, float, Color], ...] = (("began", 0.0, "text"), ("ended", 1.0, 6))
    for name, at, color in ends_of:
        loss = line.losses[line.times == at]
        if np.isfinite(loss).all():
            marks.append(Line([at], loss, name, color, dots=True))
    if line.lowest is not None:
        marks.append(Line([line.lowest] * 2, list(limits), "lowest", 2, faint=True))
    across = Axis((float(line.times[0]), float(line.times[-1])), "times the last step")
    return Plot(tuple(marks), "loss along it", told, x=across, y=Axis(limits))


def _limits(losses: np.ndarray) -> tuple[tuple[float, float], str]:
    """Ends of the axis, with some room, and what is beyond it."""
    known = losses[np.isfinite(losses)]
    found = range_of([known], False)
    if found.beyond or not len(known):
        return (
            found.limits,
            f"{found.beyond} beyond the axis, to {found.farthest:.3g}" if found.beyond else "",
        )
    low, high = float(known.min()), float(known.max())
    room = 0.08 * (high - low) or 0.5 * abs(high) or 1.0
    return (low - room, high + room), ""


def _plane_plot(data: Plane) -> Plot:
    ground = Contours(data.x, data.y, even(data.z), data.z)
    path = Trail(*data.path.T, data.values, "path", 2)
    x, y = Axis(ends(data.x), "velocity"), Axis(ends(data.y), "acceleration")
    return Plot((ground, path), "around the path", detail=f"{len(data.steps)} steps of it", x=x, y=y)


def _noise_plot(noise: Noise) -> Plot:
    names = tuple(f"batch {step}" for step in noise.steps)
    cosines = np.where(np.isfinite(noise.cosines), noise.cosines, 0.0)
    low = min(0.0, float(cosines.min()))
    bars = Bars(cosines, names=names)
    return Plot(
        (bars,), "agreement of gradients", detail="cosine with the mean of the others", x=Axis((low, 1.0))
    )


def _scale_told(noise: Noise) -> str:
    if math.isnan(noise.scale):
        return "the gradients are not finite"
    if math.isinf(noise.scale):
        return f"of gradients of {noise.rows} rows there is nothing but noise"
    return f"noise scale {noise.scale:.3g} rows, of batches of {noise.rows}"
