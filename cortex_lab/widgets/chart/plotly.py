"""Charts as plotly figures, to zoom into and to export."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.widgets.chart import plotted
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.diagram import Diagram
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.marks import (
    Bars,
    Cells,
    Chart,
    Color,
    Contours,
    Line,
    Mark,
    Plot,
    Scatter,
    Sentences,
    Tiles,
    Trail,
)
from cortex_lab.widgets.chart.matrix import Matrix, frames_of_selected
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.palette import FAULT, PALETTE, category
from cortex_lab.widgets.chart.parallel import Parallel
from cortex_lab.widgets.chart.picture_tiles import ASPECT, as_bytes, frames_of, mosaic

_PLAIN: dict[Any, str] = {"muted": "#616161", "text": "#15181d", "ground": "white", "fault": FAULT}
_SYMBOLS = {"dot": "circle", "square": "square", "triangle": "triangle-up", "star": "star"}


@dataclass(frozen=True)
class _Place:
    """Where in a figure a plot stands; `told` are the legend entries that are there already."""

    figure: Any
    plot: Plot
    at: dict[str, int]
    told: set[str]

    def add(self, kind: str, **trace: Any) -> None:
        if name := trace.get("name"):
            trace["showlegend"] = name not in self.told
            self.told.add(name)
        elif kind in ("scatter", "bar"):
            trace |= {"name": None, "showlegend": False}
        getattr(self.figure, f"add_{kind}")(**trace, **self.at)

    @property
    def axis(self) -> int:
        return max(self.at.values())


def plot(chart: Chart, title: str = "") -> Any:
    """The chart as a plotly Figure. ImportError that says what to install without plotly."""
    try:
        from plotly.graph_objects import Figure
        from plotly.subplots import make_subplots
    except ModuleNotFoundError as missing:
        raise ImportError(
            "a figure to zoom into needs plotly: pip install 'cortex-lab[lab]'; .png() and .frame() do not"
        ) from missing

    figure, plots, upright = Figure(), chart.plots, chart.arrange == "column"
    if plots:
        shares = [one.share for one in plots]
        headings = [_heading(one) for one in plots]
        rows, columns = (len(plots), 1) if upright else (1, len(plots))
        sizes: dict[str, Any] = (
            {"row_heights": shares, "shared_xaxes": True, "vertical_spacing": 0.08}
            if upright
            else {"column_widths": shares, "horizontal_spacing": min(0.06, 0.4 / len(plots))}
        )
        titles = headings if any(headings) else None
        figure = make_subplots(rows=rows, cols=columns, subplot_titles=titles, **sizes)
    told: set[str] = set()
    for number, one in enumerate(plots, start=1):
        at = {"row": number if upright else 1, "col": 1 if upright else number}
        place = _Place(figure, one, at, told)
        _lay_axes(place, last=number == len(plots) or not upright)
        for mark in one.marks:
            _PLOTTERS[type(mark)](mark, place)
    margin = {"t": 90 if chart.arrange != "column" else 80}
    figure.update_layout(title=title, template="plotly_white", bargap=0.05, margin=margin)
    said = {"xref": "paper", "yref": "paper", "showarrow": False}
    if chart.note:
        figure.add_annotation(text=chart.note.replace("\n", "<br>"), x=0.5, y=0.5, **said)
    if chart.told:
        below = {"x": 0, "y": 0, "yshift": -30, "xanchor": "left", "yanchor": "top"}
        figure.add_annotation(text=chart.told.replace("\n", "<br>"), **below, **said)
    if not plots:
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure


def _heading(one: Plot) -> str:
    return "<br>".join(filter(None, (f"{one.title} {one.aside}".strip(), one.detail)))


def _lay_axes(place: _Place, last: bool) -> None:
    figure, one = place.figure, place.plot
    for name, axis in (("x", one.x), ("y", one.y)):
        update = getattr(figure, f"update_{name}axes")
        if axis is None:
            update(visible=one.has_axes, **place.at)
            continue
        # The last of a column names their common axis.
        label = axis.label if name == "y" or last else None
        limits = list(np.log10(axis.limits) if axis.log else axis.limits)
        style = {"tickformat": ".0%" if axis.percent else None, "type": "log" if axis.log else None}
        update(title=label, range=limits, **style, **place.at)
    if one.x is None and one.y is None and any(mark.on_axes for mark in one.marks):
        figure.update_xaxes(scaleanchor=f"y{place.axis if place.axis > 1 else ''}", **place.at)


def _line(mark: Line, place: _Place) -> None:
    style = {"color": _color(mark.color), "width": 1 if mark.faint else 2}
    if mark.outline:
        y = np.append(mark.y, mark.y[-1:])
        place.add("scatter", x=mark.x, y=y, name=mark.label, mode="lines", line={**style, "shape": "hv"})
        return
    told = {"mode": "lines+markers" if mark.dots else "lines", "opacity": 0.4 if mark.faint else 1}
    place.add("scatter", x=mark.x, y=mark.y, name=mark.label, line=style, **told)


def _bars(mark: Bars, place: _Place) -> None:
    if mark.edges is not None:
        middles, widths = (mark.edges[:-1] + mark.edges[1:]) / 2, np.diff(mark.edges)
        style = {"marker_color": _color(mark.color), "opacity": 0.75}
        place.add("bar", x=middles, y=mark.values, width=widths, name=mark.label, **style)
        for bar, width in frames_of_selected(mark):
            line = {"color": "#e76300", "width": width}
            place.figure.add_vrect(*mark.edges[bar : bar + 2].tolist(), line=line, **place.at)
        return
    count = len(mark.values)
    colors = [_color(mark.color) if mark.strong in (None, i) else "#9e9e9e" for i in range(count)]
    style = {"orientation": "h", "marker_color": colors, "name": mark.label}
    place.add("bar", x=mark.values, y=list(mark.names), **style)
    for bar, width in frames_of_selected(mark):
        line = {"color": "#e76300", "width": width}
        place.figure.add_hrect(bar - 0.45, bar + 0.45, line=line, **place.at)
    place.figure.update_yaxes(visible=True, autorange="reversed", type="category", **place.at)


def _scatter(mark: Scatter, place: _Place) -> None:
    for group, name in enumerate(mark.names or ("",)):
        mine = np.flatnonzero(mark.members(group))
        symbol = mark.entries[group].mark if name else "dot"
        marker = {"color": _color(mark.color_of(group)), "size": 12 if mark.symbol else 6}
        marker |= {
            "symbol": _SYMBOLS[symbol],
            "line": {"width": int(mark.color == "ground"), "color": "#15181d"},
        }
        if len(mark.outlined):
            width = np.where(np.isin(mark.keys[mine], mark.outlined), 1.5, 0)
            marker["line"] = {"width": width, "color": _color("fault")}
        if len(mark.values):
            low, high = mark.limits
            values = np.where(np.isfinite(mark.values[mine]), mark.values[mine], np.nan)
            marker |= {"color": values, "colorscale": _scale(mark.ramp), "cmin": low, "cmax": high}
            marker |= {"showscale": True}
        text = [mark.told(point) for point in mine]
        style = {"mode": "markers", "marker": marker, "text": text, "hoverinfo": "text"}
        if len(mark.keys):
            # By which a point stays itself where a figure goes through several.
            style["ids"] = [str(key) for key in mark.keys[mine]]
        if len(mark.selected):
            style["selectedpoints"] = np.flatnonzero(np.isin(mark.keys[mine], mark.selected))
        place.add("scatter", x=mark.x[mine], y=mark.y[mine], name=name, **style)
    chosen = np.flatnonzero(mark.keys == mark.chosen)
    if mark.chosen is not None and len(chosen):
        ring = {"symbol": "circle-open", "size": 14, "color": _PLAIN["text"], "line": {"width": 2}}
        style = {"mode": "markers", "marker": ring, "hoverinfo": "skip"}
        place.add("scatter", x=mark.x[chosen], y=mark.y[chosen], **style)


def _trail(mark: Trail, place: _Place) -> None:
    place.add(
        "scatter",
        x=mark.x,
        y=mark.y,
        name=mark.label,
        mode="lines+markers",
        line={"color": _color(mark.color), "width": 2},
        marker={"size": 4, "line": {"width": 0}},
        customdata=np.stack([np.arange(len(mark.x)), mark.values], -1),
        hovertemplate="step %{customdata[0]}: %{customdata[1]:.6g}<extra></extra>",
    )


def _contours(mark: Contours, place: _Place) -> None:
    place.add(
        "contour",
        x=mark.x.astype(np.float32),
        y=mark.y.astype(np.float32),
        z=mark.z.astype(np.float32),
        customdata=mark.told,
        hovertemplate="%{x:.4g}, %{y:.4g}: %{customdata:.5g}<extra></extra>",
        contours={"start": 0, "end": 1, "size": 1 / mark.bands},
        colorscale=_scale(mark.ramp),
        line={"width": 0.5},
        showscale=False,
    )


def _tiles(mark: Tiles, place: _Place) -> None:
    low, high = mark.limits
    aspect = 3.0 if mark.album else ASPECT
    if mark.in_color:
        place.add("image", z=as_bytes(mosaic(mark.values, aspect), low, high))
    else:
        scale = {"zmin": low, "zmax": high, "colorscale": _scale(mark.ramp), "showscale": False}
        finite = np.where(np.isfinite(mark.values), mark.values, np.nan)
        place.add("heatmap", z=mosaic(finite, aspect), **scale)
        _overlay(place, mosaic(np.where(np.isfinite(mark.values), np.nan, 1.0), aspect), "fault", 1.0)
        if mark.dead.any():
            dead = np.where(mark.dead.astype(bool)[:, None, None], np.ones_like(mark.values), np.nan)
            _overlay(place, mosaic(dead, aspect), "muted", 0.55)
    for top, left, height, width in frames_of(mark.values, np.isin(mark.keys, mark.selected), aspect):
        box = {"x0": left - 0.5, "y0": top - 0.5, "x1": left + width - 0.5, "y1": top + height - 0.5}
        place.figure.add_shape(type="rect", line={"color": "#e76300", "width": 2}, **box, **place.at)
    anchor = f"x{place.axis if place.axis > 1 else ''}"
    place.figure.update_yaxes(autorange="reversed", scaleanchor=anchor, **place.at)
    place.figure.update_xaxes(constrain="domain", **place.at)


def _overlay(place: _Place, values: np.ndarray, color: Color, opacity: float) -> None:
    """One color over the places of a mosaic that are not NaN."""
    if not np.isnan(values).all():
        scale = {"colorscale": [[0, _color(color)], [1, _color(color)]], "showscale": False}
        place.add("heatmap", z=values, hoverinfo="skip", opacity=opacity, **scale)


def _cells(mark: Cells, place: _Place) -> None:
    low, high = mark.limits
    scale = {"zmin": low, "zmax": high, "colorscale": _scale(mark.ramp), "showscale": False}
    text = "%{z:.4g}" if mark.numbers else ""
    if mark.texts:
        scale["text"], text = np.reshape(mark.texts, mark.values.shape), "%{text}"
    place.add("heatmap", z=mark.values, x=list(mark.columns), y=list(mark.rows), texttemplate=text, **scale)
    for row in np.flatnonzero(np.isin(mark.keys, mark.selected)):
        box = {"y0": row - 0.5, "y1": row + 0.5, "x0": -0.5, "x1": len(mark.columns) - 0.5}
        place.figure.add_shape(type="rect", line={"color": "#e76300", "width": 2}, **box, **place.at)
    place.figure.update_yaxes(visible=True, autorange="reversed", type="category", **place.at)
    place.figure.update_xaxes(visible=True, type="category", **place.at)


def _diagram(mark: Diagram, place: _Place) -> None:
    places = mark.places()
    ends = [point for start, end in mark.edges for point in (places[start], places[end], [np.nan, np.nan])]
    x, y = np.reshape(ends, (-1, 2)).T
    place.add("scatter", x=x, y=y, mode="lines", line={"color": "#9e9e9e", "width": 1}, hoverinfo="skip")
    shades = np.full(len(mark.names), 0.2) if mark.values is None else mark.values
    marker = {"size": 18, "color": shades, "colorscale": _scale("sequential"), "cmin": 0, "cmax": 1}
    details = mark.details or ("",) * len(mark.names)
    text = [f"{name}<br>{detail}" for name, detail in zip(mark.names, details, strict=True)]
    style = {"mode": "markers+text", "marker": marker, "textposition": "bottom center", "hoverinfo": "text"}
    place.add("scatter", x=places[:, 0], y=places[:, 1], text=text, **style)
    place.figure.update_yaxes(range=[1.1, -0.1], **place.at).update_xaxes(range=[0, 1], **place.at)


def _sentences(mark: Sentences, place: _Place) -> None:
    texts = [
        "<br>".join(textwrap.wrap(text, 110)) + (f"<br><i>{detail}</i>" if detail else "")
        for text, detail in zip(mark.texts, mark.details, strict=True)
    ]
    shades = [FAULT if wrong else _PLAIN["text"] for wrong in mark.wrong_ones]
    heights = [-float(number) for number in range(len(texts))]
    style = {"mode": "text", "textposition": "middle right", "textfont": {"color": shades}}
    place.add("scatter", x=[0.0] * len(texts), y=heights, text=texts, hoverinfo="skip", **style)
    place.figure.update_xaxes(visible=False, range=[0, 1], **place.at)
    place.figure.update_yaxes(visible=False, range=[-len(texts), 1], **place.at)


_PLOTTERS: dict[type[Mark], Callable[[Any, _Place], None]] = {
    Line: _line,
    Bars: _bars,
    Scatter: _scatter,
    Trail: _trail,
    Contours: _contours,
    Tiles: _tiles,
    Cells: _cells,
    Diagram: _diagram,
    Sentences: _sentences,
    Buttons: plotted.buttons,
    HeatMap: lambda mark, place: plotted.heat_map(_scale, mark, place),
    NodeMap: lambda mark, place: plotted.node_map(_scale, mark, place),
    Matrix: lambda mark, place: plotted.matrix(_scale, mark, place),
    Parallel: lambda mark, place: plotted.parallel(_scale, mark, place),
}


def _color(color: Color) -> str:
    return category(color) if isinstance(color, int) else _PLAIN[color]


def _scale(ramp: str) -> list[list[Any]]:
    stops = PALETTE["light"][ramp]
    return [[place / (len(stops) - 1), color] for place, color in enumerate(stops)]
