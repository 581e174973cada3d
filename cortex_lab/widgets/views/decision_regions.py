"""What a network says of every place in a plane, where its input is two numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import Collected, OfAnswers, class_ids, classes_of
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Axis, Chart, Mark, Plot, Scatter
from cortex_lab.widgets.chart.rows import Asked
from cortex_lab.widgets.chart.view import NothingToShow, View

SIDE = 64
"""Places along each side of the plane."""
MOST_POINTS = 1000


@dataclass(frozen=True, eq=False)
class Regions:
    """Answers between the edges `x` and `y`, and rows of the data with what they should be.

    `values` (places, places) are chances of the likeliest class, which `groups` names; or values predicted.
    """

    step: int
    told: str
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    groups: np.ndarray | None
    names: tuple[str, ...]
    rows: np.ndarray
    points: np.ndarray
    truth: np.ndarray
    lost: int


class DecisionRegions(OfAnswers, View[Regions]):
    """The class that a network of two inputs says at each place, the fuller the surer, or the value.

    Rows of the `part` lie above, colored by what they should be; a click selects one.
    """

    title = "Decision regions"
    size = (5.4, 4.2)
    height = 320
    place = "tall"
    rank = 22
    opened = False
    says = ("classes", "yes or no", "values")
    first_part = "training"

    def __init__(self, session: Session, part: str | None = None) -> None:
        super().__init__(session)
        self._ask(part)

    @classmethod
    def fits(cls, session: Session) -> bool:
        return super().fits(session) and _in_plane(session)

    def collect(self, exact: bool) -> Collected:
        collected = super().collect(exact)
        if not _in_plane(self.session):
            shapes = self.session.network.graph.inputs  # type: ignore[attr-defined]
            told = ", ".join(f"{name} is {shape}" for name, shape in shapes.items())
            raise NothingToShow(
                f"This is for one input of two numbers, and here {told}.\nEmbeddingMap shows others."
            )
        return collected

    def prepare(self, collected: Collected) -> Regions:
        goal, answers = self.goal, self.answers
        ((name, given),) = collected.inputs.items()
        points = np.asarray(given, np.float64)
        x, y = _edges(points[:, 0]), _edges(points[:, 1])
        plane = np.stack(np.meshgrid((x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2), axis=-1)
        said = answers.answer(collected, {name: plane.reshape(-1, 2).astype(np.float32)})[self._output]  # type: ignore[index]
        target = collected.targets.get(self._output)  # type: ignore[arg-type]
        count = len(collected.rows)
        values, groups, names, truth = _answered(goal, said, target, count)
        total = collected.total
        told = (
            f"{count:,} of {total:,} {collected.part} rows"
            if count < total
            else f"all {total:,} {collected.part} rows"
        )
        lost = int(np.count_nonzero(~np.isfinite(values)))
        shape = (SIDE, SIDE)
        regions = None if groups is None else groups.reshape(shape)
        place = (collected.step, told, x, y, values.reshape(shape), regions, names)
        return Regions(*place, collected.rows, points, truth, lost)

    def chart(self, data: Regions) -> Chart:
        marks: list[Mark] = []
        if data.groups is not None:
            low = 1.0 / max(2, len(data.names))
            marks.append(HeatMap(data.x, data.y, data.values, (low, 1.0), unit="chance", groups=data.groups,
                                 names=data.names))  # fmt: skip
        else:
            limits = _limits(data.values, data.truth)
            marks.append(HeatMap(data.x, data.y, data.values, limits, unit="predicted"))
        marks.append(self._points(data))
        axes = [Axis((float(edges[0]), float(edges[-1])), name) for edges, name in
                zip((data.x, data.y), self._columns(), strict=True)]  # fmt: skip
        caption = data.told
        if data.lost:
            caption += f"; {data.lost:,} of {data.values.size:,} answers are not finite"
        summary = f"{self.title} at step {data.step}: {caption}"
        return Chart(
            (Plot(tuple(marks), x=axes[0], y=axes[1]),), caption=caption, summary=summary, step=data.step
        )

    def _points(self, data: Regions) -> Scatter:
        shown = np.arange(len(data.rows))
        if len(shown) > MOST_POINTS:
            shown = np.sort(np.random.default_rng(0).choice(shown, MOST_POINTS, replace=False))
        where, keys = data.points[shown].T, {"keys": data.rows[shown], "key_name": "row", "pins": True}
        if data.groups is None:
            return Scatter(*where, values=data.truth[shown], ramp="sequential", **keys)
        truth = data.truth[shown].astype(np.int64)
        names = data.names if (truth >= 0).all() else (*data.names, "unknown")
        return Scatter(*where, np.where(truth >= 0, truth, len(data.names)), names, **keys)

    def _columns(self) -> tuple[str, str]:
        network = self.session.network  # type: ignore[attr-defined]
        names = [str(name) for name in network.reads.get(next(iter(network.graph.inputs)), ())]
        return (names[0], names[1]) if len(names) == 2 else ("first input", "second input")

    def table(self, data: Regions) -> pd.DataFrame:
        x, y = np.meshgrid((data.x[1:] + data.x[:-1]) / 2, (data.y[1:] + data.y[:-1]) / 2)
        frame = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "value": data.values.ravel()})
        if data.groups is not None:
            names = np.array([*data.names, "not finite"], object)
            frame["class"] = names[np.where(np.isfinite(data.values), data.groups, len(data.names)).ravel()]
        return frame


def _in_plane(session: Session) -> bool:
    network = getattr(session, "network", None)
    shapes = getattr(getattr(network, "graph", None), "inputs", {})
    return list(shapes.values()) == [(2,)] and not getattr(network, "ids", ())


def _answered(
    goal: Asked, said: np.ndarray, target: np.ndarray | None, rows: int
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...], np.ndarray]:
    """Values, groups and their names of the plane, and what the rows should be."""
    unknown = np.full(rows, np.nan)
    if goal.says == "values" or (goal.says == "yes or no" and len(goal.classes) != 2):
        # Of several values the first; another view shows them all.
        truth = unknown if target is None else np.asarray(target, np.float64).reshape(rows, -1)[:, 0]
        return said.reshape(len(said), -1)[:, 0].astype(np.float64), None, (), truth
    chances, names = classes_of(goal, said)
    chances = np.where(np.isfinite(chances).all(axis=1, keepdims=True), chances, np.nan)
    best = np.where(np.isfinite(chances), chances, -np.inf).argmax(axis=1)
    truth = unknown if target is None else class_ids(np.asarray(target), rows, len(names)).astype(np.float64)
    return chances[np.arange(len(chances)), best], best, names, np.where(np.isnan(truth), -1, truth)


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of the cells along one side, a little beyond the rows."""
    low, high = float(values.min()), float(values.max())
    room = 0.08 * (high - low) or 1.0
    return np.linspace(low - room, high + room, SIDE + 1)


def _limits(*parts: np.ndarray) -> tuple[float, float]:
    together = np.concatenate([part.ravel() for part in parts])
    finite = together[np.isfinite(together)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)
