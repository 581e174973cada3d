"""Rows of the dataset: as pictures, or as a table."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset
from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Cells, Chart, Plot, Tiles
from cortex_lab.widgets.chart.picture_tiles import thinned
from cortex_lab.widgets.chart.subjects import NO_DATASET, has_rows_to_browse
from cortex_lab.widgets.chart.view import View

MOST_PICTURES, MOST_ROWS, MOST_COLUMNS = 60, 12, 10
MOST_PIXELS = 64


@dataclass(frozen=True)
class Page:
    """Some rows of a part that has `total`; `pictures` (n, height, width, channels) if they are pictures."""

    part: str
    first: int
    total: int
    frame: pd.DataFrame
    labels: tuple[str, ...]
    pictures: np.ndarray | None


class DatasetRows(View[Page]):
    """Rows of the dataset from the one at place `first` on: pictures side by side, or lines of a table.

    A click selects a row, with shift or control one more.
    """

    title = "Rows"
    follows = False
    size = (9.6, 3.4)
    height = 240
    place = "wide"
    rank = 60
    opened = False

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._part = "all"
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
    def part(self) -> str:
        """The part whose rows are shown: "all", or one of the splits."""
        return self._part

    @part.setter
    def part(self, name: str) -> None:
        self._part = checks.choice("part", name, ("all", *self.dataset.splits))
        self._first = 0

    @property
    def first(self) -> int:
        """The place in the part of the first row that is shown."""
        return self._first

    @first.setter
    def first(self, place: int) -> None:
        self._first = checks.whole("first", place, least=0, most=len(self.dataset) - 1)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        limits = 0, len(self.dataset) - 1
        first = Knob("first", "count", 0, limits=limits, label="from", tooltip="Place of the first row shown")
        parts = ("all", *self.dataset.splits)
        return (Knob("part", "choice", "all", parts, label="part"), first) if len(parts) > 1 else (first,)

    def state(self, exact: bool) -> Hashable:
        return self._part, self._first

    def collect(self, exact: bool) -> Page:
        rows = self.dataset.rows if self._part == "all" else self.dataset.splits[self._part]
        first = min(self._first, len(rows) - 1)
        shown = self.dataset.select(rows[first : first + MOST_PICTURES])
        pictures = _pictures(shown)
        if pictures is None:
            shown = self.dataset.select(rows[first : first + MOST_ROWS])
        return Page(self._part, first, len(rows), shown.frame, _labels(shown), pictures)

    def chart(self, data: Page) -> Chart:
        rows = data.frame.index.to_numpy()
        last = data.first + len(rows)
        caption = f"rows {data.first + 1:,} to {last:,} of {data.total:,}"
        summary = f"{self.title} of {self.dataset.name}: {caption}"
        mark = _tiles(data, rows) if data.pictures is not None else _cells(data, rows)
        return Chart((Plot((mark,)),), caption=caption, summary=summary)

    def table(self, data: Page) -> pd.DataFrame:
        return data.frame.copy()


def _pictures(shown: Dataset) -> np.ndarray | None:
    """The first input that is pictures, in a size that can be seen, None without one."""
    inputs, _ = shown.arrays()
    for values in inputs.values() if isinstance(inputs, dict) else (inputs,):
        if values.ndim == 4 and values.shape[3] in (1, 3):
            return np.stack([thinned(picture, MOST_PIXELS) for picture in values])
    return None


def _labels(shown: Dataset) -> tuple[str, ...]:
    if shown.target is None or isinstance(shown.target, (dict, list)) or shown.target not in shown.frame:
        return ()
    return tuple(str(value) for value in shown.frame[shown.target])


def _tiles(data: Page, rows: np.ndarray) -> Tiles:
    values = data.pictures
    assert values is not None
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    high = 255.0 if values.dtype == np.uint8 else max(1.0, float(finite.max(initial=0.0)))
    limits = (min(0.0, float(finite.min(initial=0.0))), high)
    tiles = values if values.shape[3] == 3 else values[..., 0]
    return Tiles(tiles, limits, "gray", "row", keys=rows, pins=True, told=data.labels)


def _cells(data: Page, rows: np.ndarray) -> Cells:
    names = [*data.frame.columns[:MOST_COLUMNS]]
    columns = [data.frame.iloc[:, place] for place in range(len(names))]
    shades = np.stack([_shades(column) for column in columns], axis=1)
    texts = [_text(column.iloc[row]) for row in range(len(rows)) for column in columns]
    heads = tuple(map(str, names))
    keys = {"keys": rows, "pins": True, "texts": tuple(texts), "numbers": False}
    return Cells(shades, (0.0, 2.0), tuple(f"row {row}" for row in rows), heads, **keys)


def _shades(column: pd.Series) -> np.ndarray:
    """0 to 1 for the numbers of a column; what is no number has none."""
    if column.dtype.kind not in "iufb":
        return np.full(len(column), np.nan)
    values = column.to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    # Halves, since the largest and the smallest may be farther apart than any number.
    return (values / 2 - low / 2) / (high / 2 - low / 2 or 1.0)


def _text(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= 24 else text[:23] + "…"
