"""Charts packed for the page, which draws them on a canvas (`static/`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.ground.checks import plain
from cortex_lab.widgets.chart.diagram import Diagram
from cortex_lab.widgets.chart.marks import Axis, Chart, Mark, Scatter, Tiles
from cortex_lab.widgets.chart.picture_tiles import as_bytes


@dataclass(frozen=True)
class Packed:
    """What a panel draws: a small JSON-able `meta`, and `arrays` of float32, uint8 or int32."""

    meta: dict[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def pack(chart: Chart) -> Packed:
    """The chart for the page. Array "0.1.x" is `x` of the second mark of the first plot."""
    arrays: dict[str, np.ndarray] = {}
    plots = []
    for place, plot in enumerate(chart.plots):
        marks = [_described(mark, f"{place}.{number}", arrays) for number, mark in enumerate(plot.marks)]
        described: dict[str, Any] = {"title": plot.title, "aside": plot.aside, "detail": plot.detail}
        described |= {name: _axis(axis) for name, axis in (("x", plot.x), ("y", plot.y)) if axis}
        plots.append({**described, "axes": plot.has_axes, "share": plot.share, "marks": marks})
    legend = [dict(vars(entry)) for entry in chart.legend]
    said = {name: getattr(chart, name) for name in ("arrange", "caption", "note", "subject", "summary")}
    return Packed({**said, "step": chart.step, "legend": legend, "plots": plots}, arrays)


def _axis(axis: Axis) -> dict[str, Any]:
    return {"limits": plain(axis.limits), "label": axis.label, "percent": axis.percent, "log": axis.log}


def _described(mark: Mark, name: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": mark.kind, "name": name}
    for key, value in vars(mark).items():
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{key}"] = _small(value).ravel()
        elif value is not None:
            found[key] = value if isinstance(value, str) else plain(value)
    if isinstance(mark, Tiles):
        arrays[f"{name}.values"] = as_bytes(mark.values, *mark.limits).ravel()
        found["count"], found["height"], found["width"] = mark.values.shape[:3]
        found["channels"] = 3 if mark.in_color else 1
        if len(mark.odd):
            arrays[f"{name}.odd"] = _small(mark.odd)
    if isinstance(mark, Scatter) and len(mark.values):
        found["limits"] = plain(mark.limits)
    if isinstance(mark, Diagram):
        arrays[f"{name}.places"] = mark.places().ravel()
    return found


def _small(values: np.ndarray) -> np.ndarray:
    return values.astype(np.int32 if values.dtype.kind in "iub" else np.float32)
