"""What a network predicts beside what it should, and how far they are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import Collected, OfAnswers
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Line, Mark, Plot, Scatter
from cortex_lab.widgets.chart.matrix import grouped_by, places_of
from cortex_lab.widgets.chart.view import View

MOST_POINTS = 2000
MOST_NAMES = 10
BINS = 31


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predicted and true values with the `rows` and the column (of `names`) that each is of.

    `lost` values are not finite, `unknown` ones have no target; neither is among the others.
    """

    step: int
    told: str
    names: tuple[str, ...]
    rows: np.ndarray
    columns: np.ndarray
    truth: np.ndarray
    said: np.ndarray
    lost: int
    unknown: int

    @property
    def residuals(self) -> np.ndarray:
        return self.said - self.truth

    @property
    def r2(self) -> float:
        """The share of the spread of the targets that is predicted; NaN where they have none."""
        spread = np.square(self.truth - self.truth.mean()).sum() if len(self.truth) else 0.0
        return float(1 - np.square(self.residuals).sum() / spread) if spread > 0 else float("nan")


class PredictedValues(OfAnswers, View[Predicted]):
    """Values that a network predicts against their targets, and the residuals beside.

    A residual is what was predicted less the target. A click on a point selects its row, one on a bar its
    rows. Of more than 2000 rows in the `part` a sample is looked at, and the caption says so.
    """

    title = "Predicted values"
    size = (9.6, 3.2)
    height = 260
    place = "wide"
    rank = 63
    opened = False
    says = ("values",)
    instead = "For classes there is ConfusionMatrix(session)."

    def __init__(self, session: Session, part: str | None = None) -> None:
        super().__init__(session)
        self._ask(part)

    def prepare(self, collected: Collected) -> Predicted:
        answered, goal = self.answers.work_out(collected), self.goal
        said = answered.outputs[self._output].astype(np.float64)  # type: ignore[index]
        count, width = len(said), said.shape[-1] if said.ndim > 1 else 1
        said = said.reshape(-1)
        truth = np.asarray(answered.targets[self._output], np.float64).reshape(-1)  # type: ignore[index]
        rows = np.repeat(answered.rows, len(said) // count)
        columns = np.tile(np.arange(width), len(said) // width)
        names = goal.names if 1 < width <= MOST_NAMES and len(goal.names) == width else ()
        known, finite = np.isfinite(truth), np.isfinite(said)
        lost, unknown = int((known & ~finite).sum()), int((~known).sum())
        kept = known & finite
        told = answered.step, answered.told, names
        return Predicted(*told, rows[kept], columns[kept], truth[kept], said[kept], lost, unknown)

    def chart(self, data: Predicted) -> Chart:
        low, high = _ends(data.truth, data.said)
        picked = np.arange(len(data.rows))
        if len(picked) > MOST_POINTS:
            picked = np.sort(np.random.default_rng(0).choice(picked, MOST_POINTS, replace=False))
        groups = data.columns[picked] if data.names else np.zeros(len(picked), np.int64)
        points = Scatter(
            data.truth[picked], data.said[picked], groups, data.names, data.rows[picked], "row", pins=True
        )  # fmt: skip
        diagonal = Line(*[np.linspace(low, high, 3)] * 2, "as it should be", "muted")
        axes = {"x": Axis((low, high), "target"), "y": Axis((low, high), "predicted")}
        against = Plot((diagonal, points), "predicted against target", share=1.0, **axes)
        caption = f"{data.told}; {self._said(data)}"
        summary = f"{self.title} at step {data.step}: {caption}"
        plots = against, self._histogram(data)
        return Chart(plots, "row", caption=caption, summary=summary, step=data.step)

    def _histogram(self, data: Predicted) -> Plot:
        # A few far off leave the others to be seen; the ends hold those beyond.
        far = np.abs(data.residuals)
        widest = float(np.percentile(far, 99)) if len(far) else 1.0
        widest = max(widest, 1e-12) * 1.05
        edges = np.linspace(-widest, widest, BINS + 1)
        places = places_of(np.clip(data.residuals, -widest, widest), edges)
        counts = np.bincount(places, minlength=BINS)
        top = max(1.0, float(counts.max(initial=0)))
        beyond = int((far > widest).sum())
        detail = f"{beyond:,} beyond, counted at the ends" if beyond else ""
        marks: tuple[Mark, ...] = (
            Bars(counts, edges, label="values", **grouped_by(data.rows, places, BINS)),
            Line(np.zeros(3), np.linspace(0.0, top, 3), color="text"),
        )
        return Plot(
            marks, "predicted less target", detail=detail, x=Axis((-widest, widest)), y=Axis((0, top))
        )

    def _said(self, data: Predicted) -> str:
        gone = [f"{data.lost:,} predictions are not finite"] if data.lost else []
        gone += [f"{data.unknown:,} without a target left out"] if data.unknown else []
        if not len(data.truth):
            return "; ".join(gone) or "nothing to compare"
        errors = data.residuals
        explained = f"{data.r2:.3g}" if np.isfinite(data.r2) else "unknown"
        mean, square = np.abs(errors).mean(), np.sqrt(np.square(errors).mean())
        told = f"mean error {mean:.4g}, root mean square {square:.4g}, R² {explained}".replace("-", "−")
        return "; ".join([told, *gone])

    def table(self, data: Predicted) -> pd.DataFrame:
        frame = pd.DataFrame(
            {"target": data.truth, "predicted": data.said, "residual": data.residuals},
            pd.Index(data.rows, name="row"),
        )
        if data.names:
            frame.insert(0, "column", np.array(data.names, object)[data.columns])
        return frame


def _ends(*values: np.ndarray) -> tuple[float, float]:
    together = np.concatenate(values)
    low, high = (float(together.min()), float(together.max())) if len(together) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5 * max(abs(low), 1e-6)
    return low - room, high + room
