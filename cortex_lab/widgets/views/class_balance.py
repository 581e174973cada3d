"""How many rows each class has."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset
from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Plot
from cortex_lab.widgets.chart.matrix import MOST_TO_SELECT, grouped
from cortex_lab.widgets.chart.subjects import NO_DATASET, has_rows_to_browse
from cortex_lab.widgets.chart.view import View

MOST_CLASSES = 24
NO_CLASSES = "Its targets are no classes.\ncolumn_histograms shows how they are spread."


class ClassBalance(View[pd.DataFrame]):
    """Rows of each class, in each part of the dataset; of many classes, the largest."""

    title = "Classes"
    follows = False
    size = (9.6, 2.6)
    height = 190
    place = "wide"
    rank = 70
    opened = False

    @classmethod
    def fits(cls, session: Session) -> bool:
        return has_rows_to_browse(session) and session.dataset.class_counts is not None  # type: ignore[attr-defined]

    @classmethod
    def unfit(cls, session: Session) -> str:
        if not has_rows_to_browse(session):
            return NO_DATASET
        return "" if cls.fits(session) else NO_CLASSES

    def state(self, exact: bool) -> Hashable:
        return ()

    @property
    def _parts(self) -> dict[str, Dataset]:
        dataset = self.session.dataset  # type: ignore[attr-defined]
        return {name: getattr(dataset, name) for name in dataset.splits} or {"rows": dataset}

    def collect(self, exact: bool) -> pd.DataFrame:
        return pd.DataFrame({name: part.class_counts for name, part in self._parts.items()})

    def _members(self, part: Dataset, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """The rows of each class, for a click on its bar; none of several targets, or of very many rows."""
        if not isinstance(part.target, str) or part.labels is None or len(part) > MOST_TO_SELECT:
            return {}
        codes = pd.Index(part.labels).get_indexer(part.frame[part.target])
        known = {str(label): place for place, label in enumerate(part.labels)}
        return grouped([part.rows[codes == known.get(name, -2)] for name in names])

    def chart(self, data: pd.DataFrame) -> Chart:
        totals = data.sum(axis=1)
        largest = totals.to_numpy().argsort(kind="stable")[::-1][:MOST_CLASSES]
        shown = data.iloc[sorted(largest)]
        plots = []
        for part in data.columns:
            counts = shown[part].to_numpy(float)
            names = tuple(map(str, shown.index))
            top = Axis((0.0, max(1.0, float(counts.max(initial=0.0)))))
            bars = Bars(counts, names=names, **self._members(self._parts[part], names))
            plots.append(Plot((bars,), part, f"{int(data[part].sum()):,} rows", x=top))
        whole = max(1, int(totals.sum()))
        most, least = totals.idxmax(), totals.idxmin()
        caption = f"largest {most}: {totals[most] / whole:.1%}, smallest {least}: {totals[least] / whole:.1%}"
        if len(shown) < len(data):
            caption += f"; {len(data) - len(shown):,} smaller classes are left out"
        return Chart(tuple(plots), "row", caption=caption, summary=f"{self.title}: {caption}")

    def table(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.rename_axis("class").reset_index()
