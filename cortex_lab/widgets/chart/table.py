"""The numbers of a chart as a table."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.diagram import Diagram
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import Bars, Cells, Chart, Contours, Line, Mark, Sentences
from cortex_lab.widgets.chart.matrix import Matrix
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.parallel import Parallel


def table_of(chart: Chart) -> pd.DataFrame:
    """A row for every number of every mark: its plot, its mark, and what the mark holds, by name."""
    parts = []
    for plot in chart.plots:
        for mark in plot.marks:
            if len(part := pd.DataFrame(_columns(mark))):
                part.insert(0, "plot", plot.title)
                part.insert(1, "mark", getattr(mark, "label", "") or mark.kind)
                parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["plot", "mark"])


def _columns(mark: Mark) -> dict[str, Any]:
    if isinstance(mark, Line) and mark.outline:
        return {"low": mark.x[:-1], "high": mark.x[1:], "value": mark.y}
    if isinstance(mark, Bars):
        edges = mark.edges
        where = {"name": mark.names} if edges is None else {"low": edges[:-1], "high": edges[1:]}
        return {**where, "value": mark.values}
    if isinstance(mark, (Cells, Matrix)):
        names = [(row, column) for row in mark.rows for column in mark.columns]
        rows, columns = zip(*names, strict=True) if names else ((), ())
        return {"row": rows, "column": columns, "value": mark.texts or mark.values.ravel()}
    if isinstance(mark, Contours):
        x, y = np.meshgrid(mark.x, mark.y)
        return {"x": x.ravel(), "y": y.ravel(), "value": mark.told.ravel()}
    if isinstance(mark, Buttons):
        return {"name": mark.names, "text": mark.told}
    if isinstance(mark, HeatMap):
        x, y = np.meshgrid(mark.x[:-1], mark.y[:-1])
        return {"x": x.ravel(), "y": y.ravel(), "value": mark.values.ravel()}
    if isinstance(mark, NodeMap):
        return {"name": mark.names, "x": mark.across, "y": mark.down, "detail": mark.details}
    if isinstance(mark, Parallel):
        line, axis = (each.ravel() for each in np.indices(mark.places.shape))
        return {"line": line, "axis": np.array(mark.names, object)[axis], "place": mark.places.ravel()}
    if isinstance(mark, Sentences):
        return {"text": mark.texts, "detail": mark.details, "wrong": mark.wrong_ones}
    if isinstance(mark, Diagram):
        x, y = mark.places().T
        return {"name": mark.names, "x": x, "y": y}
    arrays = {each.name: getattr(mark, each.name) for each in fields(mark) if each.name != "selected"}
    found = {
        name: values for name, values in arrays.items() if isinstance(values, np.ndarray) and len(values)
    }
    if any(values.ndim > 1 for values in found.values()):
        shape = found["values"].shape
        places = np.indices(shape).reshape(len(shape), -1)
        named = dict(zip(("tile", "y", "x", "channel"), places, strict=False))
        return {**named, "value": found["values"].ravel()}
    return found
