"""How plotly plots what `plotly.py` has no room for: matrices, heat maps, networks, buttons."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.matrix import Matrix, frames_of_selected
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.palette import FAULT, category
from cortex_lab.widgets.chart.parallel import Parallel


def matrix(scale: Callable[[str], Any], mark: Matrix, place: Any) -> None:
    low, high = mark.limits
    text = np.reshape(mark.texts, mark.values.shape) if mark.texts else None
    style = {"zmin": low, "zmax": high, "showscale": False, "text": text, "hovertemplate": _TOLD}
    names = {"x": list(mark.columns), "y": list(mark.rows)}
    finite = np.where(np.isfinite(mark.values), mark.values, np.nan)
    place.add("heatmap", z=finite, colorscale=scale(mark.ramp), texttemplate="%{text}", **names, **style)
    if mark.wrong_ones.any():
        wrong = np.where(mark.wrong_ones.reshape(mark.values.shape), 1.0, np.nan)
        fault = {"colorscale": [[0, FAULT], [1, FAULT]], "texttemplate": "%{text}"}
        place.add("heatmap", z=wrong, **fault, **names, **style)
    if mark.chosen is not None:
        box = {"y0": mark.chosen - 0.5, "y1": mark.chosen + 0.5, "x0": -0.5, "x1": len(mark.columns) - 0.5}
        place.figure.add_shape(type="rect", line={"color": "#e76300", "width": 2}, **box, **place.at)
    for cell, width in frames_of_selected(mark):
        row, column = divmod(cell, len(mark.columns))
        box = {"y0": row - 0.48, "y1": row + 0.48, "x0": column - 0.48, "x1": column + 0.48}
        place.figure.add_shape(type="rect", line={"color": "#e76300", "width": width}, **box, **place.at)
    place.figure.update_yaxes(visible=True, autorange="reversed", type="category", **place.at)
    place.figure.update_xaxes(visible=True, type="category", **place.at)


_TOLD = "%{y}, %{x}: %{text}<extra></extra>"


def buttons(mark: Buttons, place: Any) -> None:
    """What can be done, in words: a figure has nothing to click."""
    texts = [f"{name}: {told}" for name, told in zip(mark.names, mark.told, strict=True)]
    heights = [-float(number) for number in range(len(texts))]
    style = {"mode": "text", "textposition": "middle right", "hoverinfo": "skip"}
    place.add("scatter", x=[0.0] * len(texts), y=heights, text=texts, **style)
    place.figure.update_xaxes(visible=False, range=[0, 1], **place.at)
    place.figure.update_yaxes(visible=False, range=[-max(5, len(texts)), 1], **place.at)


def heat_map(scale: Callable[[str], Any], mark: HeatMap, place: Any) -> None:
    where = {"x": mark.x, "y": mark.y, "zmin": 0, "zmax": 1, "showscale": False}
    told = {"customdata": mark.values, "hovertemplate": "%{x:.4g}, %{y:.4g}: %{customdata:.4g} " + mark.unit}
    if not len(mark.groups):
        place.add("heatmap", z=mark.levels, colorscale=scale(mark.ramp), **where, **told)
        return
    for group, name in enumerate(mark.names):
        color = category(group)
        shades = [[0, f"rgba{(*_parts(color), 0.06)}"], [1, f"rgba{(*_parts(color), 0.55)}"]]
        mine = np.where(mark.groups == group, mark.levels, np.nan)
        place.add("heatmap", z=mine, colorscale=shades, name=name, **where, **told)


def _parts(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def node_map(scale: Callable[[str], Any], mark: NodeMap, place: Any) -> None:
    ways = {"line": {"color": "#9e9e9e", "width": 1}, "hoverinfo": "skip", "mode": "lines"}
    place.add("scatter", x=mark.way_x, y=mark.way_y, **ways)
    levels = mark.values if len(mark.values) else np.full(len(mark.names), np.nan)
    edges = np.where(mark.wrong_ones.astype(bool), FAULT, "#9e9e9e") if len(mark.wrong_ones) else "#9e9e9e"
    marker = {"size": 26, "symbol": "square", "color": np.nan_to_num(levels), "cmin": 0, "cmax": 1.4}
    marker |= {"colorscale": scale("sequential"), "line": {"color": edges, "width": 2}}
    said = {"text": list(mark.names), "textposition": "bottom center", "hovertext": list(mark.told)}
    style = {"mode": "markers+text", "marker": marker, "hoverinfo": "text"}
    place.add("scatter", x=mark.across, y=mark.down, **said, **style)
    place.figure.update_yaxes(range=[1.05, -0.05], visible=False, **place.at)
    place.figure.update_xaxes(range=[0, 1], visible=False, **place.at)


SHADES = 8
"""As many colors have the lines of a figure, one trace each."""


def parallel(scale: Callable[[str], Any], mark: Parallel, place: Any) -> None:
    from plotly.colors import sample_colorscale

    axes = np.arange(len(mark.names), dtype=float)
    levels = np.array([mark.level_of(line) for line in range(len(mark.told))])
    shades = np.nan_to_num(np.clip(levels * SHADES, 0, SHADES - 1), nan=-1).astype(int)
    for shade in np.unique(shades):
        lines = np.flatnonzero(shades == shade)
        color = "#bdbdbd" if shade < 0 else sample_colorscale(scale("warm"), shade / (SHADES - 1))[0]
        gap = np.full((len(lines), 1), np.nan)
        ways = np.hstack([mark.places[lines], gap]).ravel()
        told = [text for line in lines for text in [html.escape(mark.told[line])] * (len(axes) + 1)]
        style = {"mode": "lines", "line": {"color": color, "width": 1.2}, "hoverinfo": "text"}
        place.add("scatter", x=np.tile([*axes, np.nan], len(lines)), y=ways, hovertext=told, **style)
    said = [(axis, at, html.escape(text)) for axis, ticks in enumerate(mark.ticks) for at, text in ticks]
    said += [(axis, 1.08, f"<b>{html.escape(name)}</b>") for axis, name in enumerate(mark.names)]
    for axis in axes:
        upright = {"mode": "lines", "line": {"color": "#616161", "width": 1}, "hoverinfo": "skip"}
        place.add("scatter", x=[axis, axis], y=[0, 1], **upright)
    x, y, texts = zip(*said, strict=True) if said else ((), (), ())
    place.add("scatter", x=x, y=y, text=texts, mode="text", textposition="middle left", hoverinfo="skip")
    place.figure.update_xaxes(range=[-0.5, max(1, len(axes) - 1) + 0.3], visible=False, **place.at)
    place.figure.update_yaxes(range=[-0.05, 1.16], visible=False, **place.at)
