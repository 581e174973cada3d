"""How many rows each class has."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Plot
from cortex_lab.widgets.chart.subjects import NO_DATASET, has_rows_to_browse
from cortex_lab.widgets.chart.view import View

MOST_CLASSES = 24
NO_CLASSES = "Its targets are no classes.\ncolumn_histograms shows how they are spread."


class ClassBalance(View[pd.DataFrame]):
    """Rows of each class, in each part of the dataset; of many classes, the largest."""

    title = "Classes"
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

    def collect(self, exact: bool) -> pd.DataFrame:
        dataset = self.session.dataset  # type: ignore[attr-defined]
        parts = {name: getattr(dataset, name) for name in dataset.splits} or {"rows": dataset}
        return pd.DataFrame({name: part.class_counts for name, part in parts.items()})

    def chart(self, data: pd.DataFrame) -> Chart:
        totals = data.sum(axis=1)
        largest = totals.to_numpy().argsort(kind="stable")[::-1][:MOST_CLASSES]
        shown = data.iloc[sorted(largest)]
        plots = []
        for part in data.columns:
            counts = shown[part].to_numpy(float)
            names = tuple(map(str, shown.index))
            top = Axis((0.0, max(1.0, float(counts.max(initial=0.0)))))
            plots.append(Plot((Bars(counts, names=names),), part, f"{int(data[part].sum()):,} rows", x=top))
        whole = max(1, int(totals.sum()))
        most, least = totals.idxmax(), totals.idxmin()
        caption = f"largest {most}: {totals[most] / whole:.1%}, smallest {least}: {totals[least] / whole:.1%}"
        if len(shown) < len(data):
            caption += f"; {len(data) - len(shown):,} smaller classes are left out"
        return Chart(tuple(plots), "row", caption=caption, summary=f"{self.title}: {caption}")

    def table(self, data: pd.DataFrame) -> pd.DataFrame:
        return data.rename_axis("class").reset_index()
