"""How the values of each column are spread."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset
from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Plot
from cortex_lab.widgets.chart.matrix import grouped_by, places_of
from cortex_lab.widgets.chart.subjects import NO_DATASET, has_rows_to_browse
from cortex_lab.widgets.chart.view import View

SHOWN, BINS, MOST_NAMES = 5, 30, 10
MOST_VALUES = 2**20
FARTHEST = 1e37
"""The largest number that a page, with its 32 bits, has room around."""


class ColumnHistograms(View[dict[str, np.ndarray]]):
    """Histograms of the columns, five at a time, from the one at place `first` on; words are counted.

    Of a column of pictures, or other tensors, all numbers in it are counted, at most about a million.
    """

    title = "Columns"
    follows = False
    size = (9.6, 2.6)
    height = 190
    place = "wide"
    rank = 80
    opened = False

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._first = 0

    @classmethod
    def fits(cls, session: Session) -> bool:
        return has_rows_to_browse(session)

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "" if cls.fits(session) else NO_DATASET

    @property
    def dataset(self) -> Dataset:
        return self.session.dataset  # type: ignore[attr-defined]

    @property
    def columns(self) -> list:
        return [*self.dataset.select(self.dataset.rows[:1]).frame.columns]

    @property
    def first(self) -> int:
        """The place of the first column that is shown."""
        return self._first

    @first.setter
    def first(self, place: int) -> None:
        self._first = checks.whole("first", place, least=0, most=max(0, len(self.columns) - 1))

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if len(self.columns) <= SHOWN:
            return ()
        told = {"label": "from column", "tooltip": "Place of the first column shown"}
        return (Knob("first", "count", 0, limits=(0, len(self.columns) - 1), **told),)

    def state(self, exact: bool) -> Hashable:
        return self._first

    def collect(self, exact: bool) -> dict[str, np.ndarray]:
        frame, names = self.dataset.frame, self.columns
        shown = range(self._first, min(self._first + SHOWN, len(names)))
        return {str(names[place]): _values(frame.iloc[:, place]) for place in shown}

    def chart(self, data: dict[str, np.ndarray]) -> Chart:
        rows = np.asarray(self.dataset.rows)
        plots = tuple((_of_numbers if found.dtype.kind == "f" else _of_words)(name, found, rows)
                      for name, found in data.items())  # fmt: skip
        there = len(self.columns)
        last = self._first + len(data)
        caption = f"columns {self._first + 1} to {last} of {there:,}" if there > SHOWN else ""
        told = "; ".join(f"{plot.title}: {plot.detail}" for plot in plots)
        return Chart(plots, "row", caption=caption, summary=f"{self.title}: {told}")


def _values(column: pd.Series) -> np.ndarray:
    """Numbers as floats, not finite where one is missing; anything else as words."""
    if hasattr(column.array, "tensor"):
        some = column.iloc[:: max(1, len(column) // 4096)]
        stacked = np.stack([np.asarray(cell) for cell in some if cell is not pd.NA] or [np.zeros(0)])
        return stacked.reshape(-1)[:MOST_VALUES].astype(np.float64)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    return column.astype(str).to_numpy(object)


def _of_numbers(name: str, values: np.ndarray, rows: np.ndarray) -> Plot:
    finite = values[np.isfinite(values)]
    drawn = finite[np.abs(finite) <= FARTHEST]
    detail = f"mean {drawn.mean():.4g}, std {drawn.std():.3g}" if len(drawn) else "no numbers"
    for count, what in ((len(values) - len(finite), "not finite"), (len(finite) - len(drawn), "beyond 1e37")):
        detail += f", {count:,} {what}" if count else ""
    low, high = (float(drawn.min()), float(drawn.max())) if len(drawn) else (0.0, 1.0)
    if high == low:
        low, high = low - max(0.5, abs(low) / 8), high + max(0.5, abs(high) / 8)
    counts, edges = np.histogram(drawn, BINS, (low, high))
    top = Axis((0.0, max(1.0, 1.02 * float(counts.max(initial=0)))))
    bars = Bars(counts, edges, **grouped_by(rows, places_of(values, edges), BINS))
    return Plot((bars,), name, detail=detail, x=Axis((low, high)), y=top)


def _of_words(name: str, values: np.ndarray, rows: np.ndarray) -> Plot:
    words, found, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    most = np.sort(np.argsort(-counts, kind="stable")[:MOST_NAMES])
    names = tuple(str(word) for word in words[most])
    detail = f"{len(words):,} values" + (f", the {len(most)} most frequent" if len(words) > len(most) else "")
    top = Axis((0.0, float(counts.max(initial=1))))
    places = np.full(len(words), -1)
    places[most] = np.arange(len(most))
    bars = Bars(counts[most].astype(float), names=names, **grouped_by(rows, places[found.ravel()], len(most)))
    return Plot((bars,), name, detail=detail, x=top)
