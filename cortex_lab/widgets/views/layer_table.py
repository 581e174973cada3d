"""One line for each layer: norms, ratios, dead units, and what is out of bounds."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.buttons import Acts
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_stats import LayersSeen, LayerStats, LooksKept
from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.matrix import Matrix
from cortex_lab.widgets.chart.nodes import OfOneNode
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.view import NothingToShow, View

IN_ORDER = "place in the network"
NUMBERS = (
    "parameters", "weight norm", "gradient norm", "update norm", "update ratio", "dead share",
    "activation mean", "activation std", "not finite",
)  # fmt: skip
SHORT = {
    "weight norm": "weights", "gradient norm": "gradient", "update norm": "update", "update ratio": "ratio",
    "dead share": "dead", "activation mean": "mean", "activation std": "std",
}  # fmt: skip
MOST_LINES = 40
BLOCKS = "▁▂▃▄▅▆▇█"


class LayerTable(OfOneNode, View[LayersSeen]):
    """Norms of weights, gradient and update, dead units, and the spread of the output, of each layer.

    The update ratio is the norm of the last update over that of the weights before it; a unit is dead if a
    rectified layer gave 0 for all rows looked at, which are rows of the last batch. `TROUBLE` of
    `chart/layer_stats.py` has the bounds beyond which a number stands out. Updates are kept from the first
    look on. `sort` orders the lines, the largest first; a click on one shows its layer in all views. The last
    column is how the update ratio went, or what lines are sorted by, over at most 24 steps looked at.
    """

    title = "Layers"
    size = (9.6, 3.2)
    height = 260
    place = "wide"
    rank = 35
    opened = False

    def __init__(self, session: Session, sort: str = IN_ORDER) -> None:
        super().__init__(session)
        self._stats = LayerStats(session)
        self._looks = LooksKept()
        self._shown: list[str] = []
        self.sort = sort

    @classmethod
    def fits(cls, session: Session) -> bool:
        return LayerStats.fits(session)

    @property
    def sort(self) -> str:
        """What the lines are ordered by."""
        return self._sort

    @sort.setter
    def sort(self, column: str) -> None:
        self._sort = checks.choice("sort", column, (IN_ORDER, *NUMBERS))

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return (Knob("sort", "choice", self._sort, (IN_ORDER, *NUMBERS), label="sort by"), *self.node_knob)

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._sort, self._node, exact

    def collect(self, exact: bool) -> tuple[LayersSeen, dict[int, float]]:
        seen = self._stats.collect(exact)
        return seen, self._looks.made_at(self.session.trace, seen.step)

    def prepare(self, collected: tuple[LayersSeen, dict[int, float]]) -> LayersSeen:
        seen, made_at = collected
        if not len(seen.frame):
            raise NothingToShow("This network has no layers.\nGive Network a list of layers.")
        return self._looks.add(seen, made_at)

    @property
    def _followed(self) -> str:
        """What the last column follows over the steps: what lines are sorted by, if that changes."""
        return self._sort if self._sort in NUMBERS[1:] else "update ratio"

    def chart(self, data: LayersSeen) -> Chart:
        frame = self._sorted(data.frame)
        shown = frame.iloc[:MOST_LINES]
        self._shown = list(shown.index)
        wrong = data.wrong_ones.reindex(shown.index)[[*NUMBERS]].to_numpy(bool)
        texts = [_text(column, value) for line in shown[[*NUMBERS]].itertuples(index=False)
                 for column, value in zip(NUMBERS, line, strict=True)]  # fmt: skip
        shades = np.stack([_shades(shown[column].to_numpy(float)) for column in NUMBERS], axis=1)
        heads = tuple(SHORT.get(column, column) for column in NUMBERS)
        if data.past:
            texts, shades, wrong = self._with_trends(data, shown, texts, shades, wrong)
            heads = (*heads, f"{SHORT.get(self._followed, self._followed)} so far")
        lines = tuple(f"{name}  {kind}" for name, kind in zip(shown.index, shown["shape"], strict=True))
        chosen = self._shown.index(self._node) if self._node in self._shown else None
        mark = Matrix(
            shades, lines, heads, tuple(texts), (0.0, 2.5), wrong_ones=wrong.ravel(), chosen=chosen, acts=True
        )
        caption = self._said(data)
        if len(frame) > len(shown):
            caption += f"; the first {len(shown)} of {len(frame)} layers"
        summary = f"{self.title} at step {data.step}: {caption}"
        return Chart((Plot((mark,)),), caption=caption, summary=summary, step=data.step)

    def _with_trends(
        self, data: LayersSeen, shown: pd.DataFrame, texts: list[str], shades: np.ndarray, wrong: np.ndarray
    ) -> tuple[list[str], np.ndarray, np.ndarray]:
        """The cells with a column more, of how what is followed went at the steps that were looked at."""
        followed = [each[self._followed] for each in (*data.past, data.frame)]
        lines = np.array([[float(each.get(name, np.nan)) for each in followed] for name in shown.index])
        wide = len(NUMBERS)
        told = [[*texts[place * wide : (place + 1) * wide], _spark(line)] for place, line in enumerate(lines)]
        blank = np.full((len(lines), 1), np.nan)
        wrong = np.hstack([wrong, np.zeros(blank.shape, bool)])
        return [cell for line in told for cell in line], np.hstack([shades, blank]), wrong

    def _sorted(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self._sort == IN_ORDER:
            return frame
        return frame.sort_values(self._sort, ascending=False, kind="stable", na_position="last")

    def _said(self, data: LayersSeen) -> str:
        if not data.fresh:
            return "weights only: gradients and activations are those of a step; take one"
        troubles = data.troubles
        more = f" and {len(troubles) - 4} more" if len(troubles) > 4 else ""
        return f"out of bounds: {', '.join(troubles[:4])}{more}" if troubles else "nothing is out of bounds"

    def table(self, data: LayersSeen) -> pd.DataFrame:
        return self._sorted(data.frame)

    def act(self, number: int) -> Acts:
        """A click on a line: its layer is shown in all views."""
        shown = self._shown or list(self.look().frame.index)
        return self.choosing(shown[number]) if 0 <= number < len(shown) else Acts()


def _text(column: str, value: float) -> str:
    if np.isnan(value):
        return ""
    if column in ("parameters", "not finite"):
        return f"{int(value):,}" if np.isfinite(value) else str(value)
    return f"{value:.0%}" if column == "dead share" else f"{value:.3g}".replace("-", "−")


def _spark(values: np.ndarray) -> str:
    """A line of blocks, as high as the logarithms of sizes; 0 is the lowest, what is not finite a gap."""
    sizes = np.abs(values)
    known = np.isfinite(sizes) & (sizes > 0)
    if not known.any():
        return ""
    logs = np.log10(np.where(known, sizes, 1.0))
    low, high = float(logs[known].min()), float(logs[known].max())
    heights = (logs - low) / (high - low) if high > low else np.full(len(logs), 0.5)
    blocks = [BLOCKS[round(float(h) * 7)] if k else BLOCKS[0] for h, k in zip(heights, known, strict=True)]
    return "".join(each if np.isfinite(v) else " " for each, v in zip(blocks, values, strict=True)).rstrip()


def _shades(values: np.ndarray) -> np.ndarray:
    """0 to 1 by the logarithm of sizes, so that layers of one column can be told apart; NaN stays."""
    sizes = np.abs(values)
    known = np.isfinite(sizes) & (sizes > 0)
    if not known.any():
        return np.where(np.isnan(values), np.nan, 0.0)
    logs = np.log10(np.where(known, sizes, sizes[known].min()))
    low, high = float(logs.min()), float(logs.max())
    return np.where(np.isnan(values), np.nan, (logs - low) / (high - low) if high > low else 0.0)
