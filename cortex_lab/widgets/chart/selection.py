"""The rows selected and the step marked, which all views share, and charts with those marked in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Bars, Cells, Chart, Line, Mark, Plot, Scatter, Tiles
from cortex_lab.widgets.chart.matrix import Matrix

Rows = Iterable[int] | np.ndarray | None

Moment = int | None
"""A step of the session that somebody looks at; None for none."""


class Selection(Sequence[int]):
    """Numbers of rows of the dataset, each once, in the order in which they were chosen.

    It is equal to any list or array of the same rows, and goes wherever rows are given:
    `dataset.select(bench.selection)`.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, rows: Iterable[int] | np.ndarray = ()) -> None:
        found = np.array(rows, dtype=np.int64).ravel()
        firsts = np.sort(np.unique(found, return_index=True)[1])
        self.rows = found[firsts]
        self.rows.flags.writeable = False

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int | slice) -> Any:
        return self.rows[place].tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __contains__(self, row: object) -> bool:
        return bool((self.rows == row).any())

    def __array__(self, dtype: np.dtype | type | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.rows, dtype=dtype)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Selection, np.ndarray, list, tuple, range)):
            return NotImplemented
        return np.array_equal(self.rows, np.asarray(other))

    def __repr__(self) -> str:
        few = ", ".join(map(str, self.rows[:5])) + (", ..." if len(self) > 5 else "")
        return f"<Selection of {len(self):,} row{'s' * (len(self) != 1)}{': ' * bool(len(self))}{few}>"


def checked_selection(session: Session, rows: object) -> Selection:
    """`rows` as a Selection of the session's dataset, or of its arrays; None and [] select none.

    Raises IndexError for a row that is not there, ValueError or TypeError for what is no row at all, and
    LookupError where there are no rows.
    """
    if isinstance(rows, Selection) and not len(rows):
        return rows
    if rows is None or (hasattr(rows, "__len__") and not isinstance(rows, (str, bytes)) and not len(rows)):
        return Selection()
    dataset = getattr(session, "dataset", None)
    if dataset is None:
        return Selection(_of_arrays(session, rows))
    found, known = np.asarray(dataset.select(rows).rows), np.asarray(dataset.rows)
    absent = found[~np.isin(found, known)]
    if len(absent):
        raise IndexError(
            f"there is no row {absent[0]} in {dataset.name!r} to select; "
            f"it has {len(known)} rows from {known.min()} to {known.max()}"
        )
    return Selection(found)


def _of_arrays(session: Session, rows: object) -> list[int]:
    """Rows of arrays, which are their places there; of batches of one's own, whatever numbers those give."""
    batches = getattr(session.process, "batches", None)
    if batches is None:
        raise LookupError(
            "this session has no dataset, so it has no rows to select; give cl.train a Dataset: "
            "cl.train(network, cl.data.Dataset(frame), ...)"
        )
    arrays = getattr(batches, "inputs", None)
    first = next(iter(arrays.values())) if isinstance(arrays, Mapping) else arrays
    length = np.iinfo(np.int32).max if first is None else len(first)
    found = checks.listed("rows", rows, "row numbers, in a list or an array")
    if first is not None and all(isinstance(row, (bool, np.bool_)) for row in found):
        if len(found) != length:
            raise IndexError(f"{len(found)} bools do not choose from {length} rows")
        return np.flatnonzero(found).tolist()
    return [_among(length, row) for row in found]


def _among(length: int, row: object) -> int:
    found = checks.whole("a row", row)
    if not 0 <= found < length:
        raise IndexError(f"there is no row {found} to select; rows go from 0 to {length - 1}")
    return found


def checked_moment(session: Session, step: object) -> Moment:
    """`step`, if the session has been there; None for none. IndexError for a step that is yet to come."""
    if step is None:
        return None
    found = checks.whole("moment", step)
    if not session.first_step <= found <= session.step_number:
        raise IndexError(
            f"moment: there is no step {found}; the session has gone from step {session.first_step} to "
            f"step {session.step_number}"
        )
    return found


def marked(chart: Chart, selection: Selection, moment: Moment) -> Chart:
    """The chart with the rows selected standing out, and a line at the moment wherever steps go across."""
    if not len(selection) and moment is None:
        return chart
    return replace(chart, plots=tuple(_marked(plot, selection, moment) for plot in chart.plots))


def _marked(plot: Plot, selection: Selection, moment: Moment) -> Plot:
    marks = tuple(_selected(mark, selection) for mark in plot.marks)
    if moment is not None and plot.x is not None and plot.x.of_steps and plot.has_axes:
        low, high = plot.x.limits
        ends = plot.y.limits if plot.y is not None else _ends(marks)
        if low <= moment <= high:
            marks += (Line([moment, moment], ends, color="text", faint=True),)
    return replace(plot, marks=marks)


def _selected(mark: Mark, selection: Selection) -> Mark:
    if isinstance(mark, (Scatter, Tiles, Cells)) and mark.pins:
        return replace(mark, selected=mark.keys[np.isin(mark.keys, selection.rows)])
    if isinstance(mark, (Bars, Matrix)) and len(mark.starts):
        return replace(mark, selected=mark.members[np.isin(mark.members, selection.rows)])
    return mark


def _ends(marks: tuple[Mark, ...]) -> tuple[float, float]:
    values = np.concatenate([mark.y for mark in marks if isinstance(mark, Line)] or [np.zeros(1)])
    finite = values[np.isfinite(values)]
    return float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
