"""What a network takes for what: rows of each class by the class that it says."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import Answered, Collected, OfAnswers, class_ids, classes_of, softened
from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.matrix import Matrix, grouped
from cortex_lab.widgets.chart.view import View

MOST_CLASSES = 20
NOT_FINITE = "not finite"
SCORES = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often a row of class `names[i]` is said to be `columns[j]`: `counts` (names, columns).

    `members` are the rows of the data in each cell, along the rows; `unknown` answers have no label.
    """

    step: int
    told: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    counts: np.ndarray
    members: list[np.ndarray]
    unknown: int
    scores: np.ndarray

    @property
    def accuracy(self) -> float:
        total = self.counts.sum()
        return float(np.trace(self.counts) / total) if total else float("nan")


class ConfusionMatrix(OfAnswers, View[Confusion]):
    """Rows of each class by the class that the network says, and the precision, recall and F1 of each.

    Precision is the share of what is said to be of a class that is, recall the share of a class that is said
    to be, F1 their harmonic mean; NaN where there is nothing to divide by. A click on a cell selects its
    rows. Where an output says yes or no to several labels, each label has a line of its own.
    Of more than 2000 rows in the `part` a sample is looked at, and the caption says so.
    """

    title = "Confusion matrix"
    size = (9.6, 3.6)
    height = 300
    place = "wide"
    rank = 62
    opened = False
    says = ("classes", "yes or no")
    instead = "For values there is PredictedValues(session)."

    def __init__(self, session: Session, part: str | None = None) -> None:
        super().__init__(session)
        self._ask(part)

    def prepare(self, collected: Collected) -> Confusion:
        answered = self.answers.work_out(collected)
        values, target = answered.outputs[self._output], answered.targets[self._output]  # type: ignore[index]
        if self.goal.says == "yes or no" and len(self.goal.classes) != 2:
            return self._of_labels(answered, softened(self.goal, values), np.asarray(target, float))
        chances, names = classes_of(self.goal, values)
        truth = class_ids(np.asarray(target), len(chances), len(names))
        rows = np.repeat(answered.rows, len(chances) // len(answered.rows))
        finite = np.isfinite(chances).all(axis=1)
        said = np.where(finite, np.where(finite[:, None], chances, 0.0).argmax(axis=1), len(names))
        known = truth >= 0
        columns = names if finite[known].all() else (*names, NOT_FINITE)
        cells = np.where(known, truth * len(columns) + said, -1)
        members = _by_cell(rows, cells, len(names) * len(columns))
        counts = np.bincount(cells[known], minlength=len(members)).reshape(len(names), len(columns))
        scores = _scores(np.diagonal(counts), counts.sum(axis=0)[: len(names)], counts.sum(axis=1))
        told = answered.step, answered.told, names, columns
        return Confusion(*told, counts, members, int((~known).sum()), scores)

    def _of_labels(self, answered: Answered, chances: np.ndarray, target: np.ndarray) -> Confusion:
        """A line for each label: how often it is neither there nor said, said only, there only, and both."""
        names = self.goal.names
        chances, target = chances.reshape(-1, len(names)), target.reshape(-1, len(names))
        rows = np.repeat(answered.rows, len(chances) // len(answered.rows))
        known, finite = np.isfinite(target) & (target >= 0), np.isfinite(chances)
        kind = np.where(finite, 2 * (target > 0.5) + (chances > 0.5), 4)
        columns = ("neither", "said, not there", "there, not said", "both", NOT_FINITE)[
            : 4 + (not finite.all())
        ]
        members = [
            rows[known[:, label] & (kind[:, label] == column)]
            for label in range(len(names))
            for column in range(len(columns))
        ]
        counts = np.array([len(each) for each in members]).reshape(len(names), len(columns))
        there = counts[:, 2] + counts[:, 3] + ((kind == 4) & (target > 0.5) & known).sum(axis=0)
        scores = _scores(counts[:, 3], counts[:, 1] + counts[:, 3], there)
        told = answered.step, answered.told, names, columns
        return Confusion(*told, counts, members, int((~known).sum()), scores)

    def chart(self, data: Confusion) -> Chart:
        size = len(data.columns)
        square = data.columns[: len(data.names)] == data.names
        missed = data.counts.sum(axis=1) - np.diagonal(data.counts) if square else np.zeros(len(data.names))
        shown = np.sort(np.argsort(-missed, kind="stable")[:MOST_CLASSES])
        across = np.array([j for j in range(size) if not square or j in shown or j >= len(data.names)])
        counts = data.counts[np.ix_(shown, across)]
        totals = data.counts[shown].sum(axis=1, keepdims=True)
        names, columns = tuple(data.names[i] for i in shown), tuple(data.columns[j] for j in across)
        members = grouped([data.members[i * size + j] for i in shown for j in across])
        texts = tuple(f"{count:,}" if count else "" for count in counts.ravel())
        cells = Matrix(counts / np.maximum(1, totals), names, columns, texts, **members)
        scores = data.scores[shown]
        told = [f"{score:.0%}" if np.isfinite(score) else "–" for score in scores.ravel()]
        table = Matrix(scores, names, SCORES, tuple(told))
        caption = f"{data.told}; {self._said(data)}"
        if len(shown) < len(data.names):
            caption += f"; the {len(shown)} of {len(data.names)} classes that are mistaken most"
        if data.unknown:
            caption += f"; {data.unknown:,} without a label left out"
        heading = "true class, by what the network says" if square else "labels, by what the network says"
        plots = Plot((cells,), heading, share=2.4), Plot((table,), "of each", share=1.0)
        summary = f"{self.title} at step {data.step}: {caption}"
        return Chart(plots, "row", caption=caption, summary=summary, step=data.step)

    def _said(self, data: Confusion) -> str:
        f1 = data.scores[:, 2]
        mean = f"{np.nanmean(f1):.1%}" if np.isfinite(f1).any() else "unknown"
        if data.columns[: len(data.names)] == data.names:
            right = f"{data.accuracy:.1%}" if data.counts.sum() else "unknown"
            return f"accuracy {right}, mean F1 {mean}"
        return f"mean F1 {mean}"

    def table(self, data: Confusion) -> pd.DataFrame:
        frame = pd.DataFrame(data.counts, pd.Index(data.names, name="class"), data.columns)
        for place, name in enumerate(SCORES):
            frame[name] = data.scores[:, place]
        return frame


def _by_cell(rows: np.ndarray, cells: np.ndarray, count: int) -> list[np.ndarray]:
    order = np.argsort(cells, kind="stable")
    ends = np.searchsorted(cells[order], np.arange(count + 1))
    return [rows[order[start:end]] for start, end in pairwise(ends)]


def _scores(right: np.ndarray, said: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 of each class, (classes, 3)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([right / said, right / there, 2 * right / (said + there)], axis=1)
