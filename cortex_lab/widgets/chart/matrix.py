"""A table of cells, each of which may stand for rows of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.axis import Entry, Ramp
from cortex_lab.widgets.chart.lengths import not_of
from cortex_lab.widgets.chart.marks import Mark

MOST_TO_SELECT = 200_000
"""Rows that the bars of one plot select by a click; of more, a page would be sent megabytes."""
_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class Matrix(Mark):
    """Cells (rows, columns) shaded between `limits`, with `texts` in them, along the rows.

    `wrong_ones` is a bool for each cell that shall stand out as wrong.
    Where there are `members`, a click on a cell selects rows of the dataset: of cell i, counted along the
    rows, those from `starts[i]` to `starts[i + 1]`; cells with some that are `selected` have a frame.
    `chosen` is the line that has a frame, and where lines
    `act`, the page tells of a click on one.
    """

    values: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    limits: tuple[float, float] = (0.0, 1.0)
    ramp: Ramp = "sequential"
    wrong_ones: np.ndarray = field(default_factory=lambda: _NONE)
    members: np.ndarray = field(default_factory=lambda: _NONE)
    starts: np.ndarray = field(default_factory=lambda: _NONE)
    selected: np.ndarray = field(default_factory=lambda: _NONE)
    chosen: int | None = None
    acts: bool = False

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        wrong = not_of((len(self.rows), len(self.columns)), values=self.values)
        size = self.values.size
        fits = {"texts": (size,), "wrong_ones": (0, size), "starts": (0, size + 1)}
        lengths = {name: len(getattr(self, name)) for name in fits}
        odd = [name for name, length in lengths.items() if length not in fits[name]]
        return wrong or (f"{size} cells but {lengths[odd[0]]} {odd[0]}" if odd else "")

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (Entry("out of bounds", "fault", "square"),) if self.wrong_ones.any() else ()

    def members_of(self, row: int, column: int) -> np.ndarray:
        """The rows of the dataset that a cell stands for."""
        cell = row * len(self.columns) + column
        return self.members[self.starts[cell] : self.starts[cell + 1]] if len(self.starts) else _NONE

    def is_wrong(self, row: int, column: int) -> bool:
        return bool(len(self.wrong_ones) and self.wrong_ones[row * len(self.columns) + column])


def frames_of_selected(mark: Any) -> list[tuple[int, float]]:
    """Cells of a matrix, or bars, that stand for rows selected, and how wide their frames are."""
    if not len(mark.selected) or not len(mark.starts):
        return []
    stand = np.concatenate([[0], np.cumsum(np.isin(mark.members, mark.selected))])
    counts, all_of_it = np.diff(stand[mark.starts]), np.diff(mark.starts)
    return [(int(i), 1.6 if counts[i] == all_of_it[i] else 0.7) for i in np.flatnonzero(counts)]


def grouped(cells: Sequence[np.ndarray]) -> dict[str, Any]:
    """The `members` and `starts` of cells that stand for these rows, each row once in a cell."""
    rows = [np.unique(cell) for cell in cells]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in rows])])
    members = np.concatenate(rows) if rows else _NONE
    return {"members": members.astype(np.int32), "starts": starts.astype(np.int32)}


def grouped_by(rows: np.ndarray, places: np.ndarray, count: int) -> dict[str, Any]:
    """The rows at each of `count` places; none where a row is no one value, or where there are very many."""
    if len(rows) != len(places) or len(rows) > MOST_TO_SELECT:
        return {}
    return grouped([rows[places == place] for place in range(count)])


def places_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """In which bin each value is, as `numpy.histogram` has it; -1 of those in none."""
    with np.errstate(invalid="ignore"):
        places = np.searchsorted(edges, values, side="right") - 1
    # The last bin has both of its ends.
    places[values == edges[-1]] = len(edges) - 2
    return np.where(places < len(edges) - 1, places, -1)
