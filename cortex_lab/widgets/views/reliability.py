"""Whether chances can be believed, and what any threshold on them would give."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import Collected, OfAnswers, class_ids, classes_of, softened
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Line, Mark, Plot
from cortex_lab.widgets.chart.matrix import grouped_by
from cortex_lab.widgets.chart.view import NothingToShow, View

EVERY = "all classes"
BINS = 10
MOST_CLASSES = 10
MOST_POINTS = 300


@dataclass(frozen=True, eq=False)
class Judged:
    """The `chances` of each class, (answers, classes), and the `truth`, as bools; the `rows` of the answers.

    Of the likeliest alone how `sure` the answer is and whether it is `right`, (answers,). `lost` answers are
    not finite and left out.
    """

    step: int
    told: str
    names: tuple[str, ...]
    rows: np.ndarray
    chances: np.ndarray
    truth: np.ndarray
    sure: np.ndarray
    right: np.ndarray
    lost: int


class Reliability(OfAnswers, View[Judged]):
    """Calibration, ROC and precision-recall curves of the classes.

    Calibration: of answers of about one chance, the share that is right, in ten bins of chances; on the
    diagonal chances can be believed, and the expected calibration error is the mean distance from it, of all
    answers (Guo et al., 2017, https://arxiv.org/abs/1706.04599). ROC and precision-recall have a line for
    each class against all others; the areas below them are the area under the curve, and average precision.
    A `focus` shows one class alone, and its calibration. A click on a bar selects the rows of its chances.
    """

    title = "Reliability"
    size = (9.6, 3.2)
    height = 260
    place = "wide"
    rank = 64
    opened = False
    says = ("classes", "yes or no")
    instead = "For values there is PredictedValues(session)."

    def __init__(self, session: Session, part: str | None = None, focus: str = EVERY) -> None:
        super().__init__(session)
        self._ask(part)
        self._focus = EVERY
        if self._answers is not None and self._output is not None:
            self.focus = focus

    @property
    def focus(self) -> str:
        """The class that is shown; "all classes" for all."""
        return self._focus

    @focus.setter
    def focus(self, name: str) -> None:
        self._focus = checks.choice("focus", name, (EVERY, *_names(self.goal)))

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self._output is None or len(self.outputs) > 1:
            return super().knobs
        choices = (EVERY, *_names(self.goal))
        return (*super().knobs, Knob("focus", "choice", self._focus, choices, label="class"))

    def state(self, exact: bool) -> Hashable:
        return super().state(exact), self._focus

    def prepare(self, collected: Collected) -> Judged:
        answered, goal = self.answers.work_out(collected), self.goal
        values = answered.outputs[self._output]  # type: ignore[index]
        target = answered.targets.get(self._output)  # type: ignore[arg-type]
        if target is None:
            raise NothingToShow(f"The {answered.part} rows have no labels.\nChoose another part of the data.")
        names = _names(goal)
        if goal.says == "yes or no" and len(goal.classes) != 2:
            chances = softened(goal, values).reshape(-1, len(names))
            truth = np.asarray(target, np.float64).reshape(-1, len(names))
            known = (np.isfinite(truth) & (truth >= 0)).all(axis=1)
            truth, best = truth > 0.5, chances
            right = (best > 0.5) == truth
            sure = np.where(best > 0.5, best, 1 - best)
        else:
            chances, _ = classes_of(goal, values)
            ids = class_ids(np.asarray(target), len(chances), len(names))
            known = ids >= 0
            truth = ids[:, None] == np.arange(len(names))
            sure = chances.max(axis=1)
            right = np.where(np.isfinite(sure), np.nan_to_num(chances).argmax(axis=1), -1) == ids
        finite = np.isfinite(chances).all(axis=1)
        kept, lost = known & finite, int((known & ~finite).sum())
        rows = np.repeat(answered.rows, len(chances) // max(1, len(answered.rows)))
        told = answered.step, answered.told, names, rows[kept], chances[kept], truth[kept]
        return Judged(*told, sure[kept].ravel(), right[kept].ravel(), lost)

    def chart(self, data: Judged) -> Chart:
        shown = self._shown(data)
        sure, right = data.sure, data.right
        rows = np.repeat(data.rows, len(sure) // max(1, len(data.rows)))
        if self._focus != EVERY:
            sure, right, rows = data.chances[:, shown[0]], data.truth[:, shown[0]], data.rows
        calibration, error = _calibration(sure, right, rows)
        curves: tuple[list[Mark], list[Mark]] = [], []
        areas = []
        for place in shown:
            found = curves_of(data.chances[:, place], data.truth[:, place])
            if found is None:
                continue
            areas.append((found.area, found.average_precision))
            named = {"label": data.names[place], "color": place % 10}
            curves[0].append(Line(found.fallout, found.recall, **named))
            curves[1].append(Line(found.recall, found.precision, **named))
        chance = Line(np.linspace(0, 1, 3), np.linspace(0, 1, 3), "", "muted", faint=True)
        unit = {"x": Axis((0.0, 1.0), "chance", percent=True), "y": Axis((0.0, 1.0), "right", percent=True)}
        roc = {
            "x": Axis((0.0, 1.0), "false alarms", percent=True),
            "y": Axis((0.0, 1.0), "recall", percent=True),
        }
        recall = {
            "x": Axis((0.0, 1.0), "recall", percent=True),
            "y": Axis((0.0, 1.0), "precision", percent=True),
        }
        plots = (
            Plot(calibration, "calibration", **unit),
            Plot((chance, *curves[0]), "ROC", **roc),
            Plot(tuple(curves[1]) or (Line([], []),), "precision and recall", **recall),
        )
        caption = f"{data.told}; {_said(error, areas)}"
        if data.lost:
            caption += f"; {data.lost:,} answers are not finite"
        if self._focus == EVERY and len(data.names) > MOST_CLASSES:
            caption += f"; the first {MOST_CLASSES} of {len(data.names)} classes"
        summary = f"{self.title} at step {data.step}: {caption}"
        return Chart(plots, "row", caption=caption, summary=summary, step=data.step)

    def _shown(self, data: Judged) -> list[int]:
        if self._focus in data.names:
            return [data.names.index(self._focus)]
        # Of two classes one curve says what the other does.
        if len(data.names) == 2 and len(self.goal.classes) == 2:
            return [1]
        return [*range(min(MOST_CLASSES, len(data.names)))]

    def table(self, data: Judged) -> pd.DataFrame:
        """Of each class its rows, the areas under its curves and its calibration; NaN without any."""
        lines = []
        for place, name in enumerate(data.names):
            found = curves_of(data.chances[:, place], data.truth[:, place])
            area, average = (np.nan, np.nan) if found is None else (found.area, found.average_precision)
            error = calibration_error(data.chances[:, place], data.truth[:, place])
            lines.append([name, int(data.truth[:, place].sum()), area, average, error])
        columns = ["class", "rows", "area under ROC", "average precision", "calibration error"]
        return pd.DataFrame(lines, columns=columns).set_index("class")


@dataclass(frozen=True, eq=False)
class RankCurves:
    """Recall, false alarms and precision of every threshold on chances, from the highest on."""

    recall: np.ndarray
    fallout: np.ndarray
    precision: np.ndarray
    area: float
    average_precision: float


def curves_of(chances: np.ndarray, truth: np.ndarray) -> RankCurves | None:
    """The curves of one class, (rows,) both; None where all rows are of it, or none is."""
    yes = int(truth.sum())
    if not yes or yes == len(truth):
        return None
    order = np.argsort(-chances, kind="stable")
    # Rows of one chance are on one side of any threshold.
    last = np.append(np.flatnonzero(np.diff(chances[order])), len(order) - 1)
    hits = np.cumsum(truth[order])[last]
    alarms = last + 1 - hits
    recall, fallout, precision = hits / yes, alarms / (len(truth) - yes), hits / (last + 1)
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    recall, fallout = np.append(0.0, recall), np.append(0.0, fallout)
    area = float(np.sum(np.diff(fallout) * (recall[1:] + recall[:-1]) / 2))
    precision = np.append(1.0, precision)
    if len(recall) > MOST_POINTS:
        places = np.unique(np.linspace(0, len(recall) - 1, MOST_POINTS).astype(int))
        recall, fallout, precision = recall[places], fallout[places], precision[places]
    return RankCurves(recall, fallout, precision, area, average)


def bins_of(chances: np.ndarray) -> np.ndarray:
    """In which of the bins each chance is."""
    return np.minimum((chances * BINS).astype(int), BINS - 1)


def binned(chances: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By bin of chances: how many answers, their mean chance, and the share that is right; NaN where none."""
    bins = bins_of(chances)
    counts = np.bincount(bins, minlength=BINS).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        said = np.bincount(bins, chances, BINS) / counts
        share = np.bincount(bins, right.astype(float), BINS) / counts
    return counts, said, share


def calibration_error(chances: np.ndarray, right: np.ndarray) -> float:
    """The mean distance of chances from the share that is right, of all answers; NaN without any."""
    counts, said, share = binned(chances, right)
    return float(np.nansum(counts * np.abs(said - share)) / counts.sum()) if counts.sum() else float("nan")


def _calibration(
    chances: np.ndarray, right: np.ndarray, rows: np.ndarray
) -> tuple[tuple[Mark, ...], float]:
    counts, said, share = binned(chances, right)
    diagonal = Line(np.linspace(0, 1, 3), np.linspace(0, 1, 3), "", "muted", faint=True)
    parts = counts / counts.sum() if counts.sum() else counts
    members = grouped_by(rows, bins_of(chances), BINS)
    edges = np.linspace(0, 1, BINS + 1)
    bars = Bars(parts, edges, label="share of the answers", color="muted", **members)
    known = counts > 0
    line = Line(said[known], share[known], "right, of that chance", 6, dots=True)
    return (bars, diagonal, line), calibration_error(chances, right)


def _said(error: float, areas: list[tuple[float, float]]) -> str:
    told = [f"calibration error {error:.1%}"] if np.isfinite(error) else []
    if areas:
        area, average = np.mean(areas, axis=0)
        told.append(f"area under ROC {area:.3f}, average precision {average:.3f}")
    else:
        told.append("one class alone has no curves")
    return ", ".join(told)


def _names(goal: object) -> tuple[str, ...]:
    classes, names = getattr(goal, "classes", ()), getattr(goal, "names", ())
    return classes if len(classes) >= 2 else names
