"""Charts as printed pictures, by matplotlib."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cortex_lab.ground import forks
from cortex_lab.widgets.chart import painted
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MUTED = "#616161"
_PLAIN: dict[Any, str] = {"muted": MUTED, "text": "#15181d", "ground": "white", "fault": FAULT}
_SYMBOLS = {"dot": "o", "square": "s", "triangle": "^", "star": "*", "dead": "s"}


def new_picture(size: tuple[float, float], dpi: int = 110) -> Any:
    """A matplotlib Figure on Agg, without pyplot: any thread may draw it. ImportError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        raise ImportError("pictures need matplotlib: pip install 'cortex-lab[lab]'") from missing
    # One for all figures, which a forked child would find held.
    if (lock := getattr(Figure, "_render_lock", None)) is not None:
        forks.freed(lock)
    figure = Figure(figsize=size, dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def svg_text(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def paint(chart: Chart, figure: Figure, title: str = "") -> None:
    """Draw the chart on a matplotlib Figure or SubFigure."""
    margin = 0.12 * figure.get_figure(root=True).dpi
    place = {"x": margin / figure.bbox.width, "y": 1 - margin / figure.bbox.height}
    figure.suptitle(title, **place, ha="left", va="top", fontsize=9, fontweight="bold")
    if chart.plots:
        _paint_plots(chart, figure)
    if chart.told:
        figure.text(place["x"], 0.02, chart.told, fontsize=6.5, color=MUTED)
    if chart.note:
        figure.text(0.5, 0.5, chart.note, ha="center", va="center", fontsize=8, color=MUTED, wrap=True)


def _paint_plots(chart: Chart, figure: Figure) -> None:
    plots, upright = chart.plots, chart.arrange == "column"
    shares = [plot.share for plot in plots]
    rows, columns = (len(plots), 1) if upright else (1, len(plots))
    ratios: dict[str, Any] = {"height_ratios" if upright else "width_ratios": shares}
    all_axes = figure.subplots(rows, columns, squeeze=False, **ratios).ravel()
    for axes, plot in zip(all_axes, plots, strict=True):
        _paint_plot(plot, axes)
    if upright:
        for axes in all_axes[:-1]:
            axes.tick_params(labelbottom=False)
            axes.set_xlabel("")
    _arrange(chart, figure)
    told = [any(mark.entries for mark in plot.marks) for plot in plots]
    _add_legend(chart, all_axes[told.index(True) if True in told else 0])


def _arrange(chart: Chart, figure: Figure) -> None:
    on_axes = any(plot.has_axes for plot in chart.plots)
    header = max(bool(plot.title) + bool(plot.detail) for plot in chart.plots)
    top = 1 - (0.32 + 0.13 * header) / (figure.bbox.height / figure.dpi)
    bottom = 0.15 * bool(chart.told) + (0.32 if on_axes else 0.16)
    edges = {"top": top, "bottom": bottom / (figure.bbox.height / figure.dpi)}
    # Names of rows and of lying bars stand at the left of their plot.
    named = any(isinstance(mark, (Cells, Bars, Matrix)) for mark in chart.plots[0].marks)
    if on_axes:
        figure.subplots_adjust(left=0.1, right=0.97, hspace=0.34, wspace=0.28, **edges)
    else:
        right = 0.84 if _legend_beside(chart) else 0.98
        figure.subplots_adjust(left=0.1 if named else 0.02, right=right, wspace=0.22, **edges)


def _legend_beside(chart: Chart) -> bool:
    return len(chart.plots) == 1 and chart.plots[0].x is None and bool(chart.legend)


def _add_legend(chart: Chart, axes: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for entry in chart.legend:
        color, name = _color(entry.color), _short(entry.label)
        alpha = 0.45 if entry.faint else 1.0
        if entry.mark == "line":
            width = 0.8 if entry.faint else 1.5
            handles.append(Line2D([], [], color=color, label=name, alpha=alpha, linewidth=width))
        elif entry.mark == "bar":
            handles.append(Patch(color=color, label=name, alpha=0.75))
        else:
            edge = "#15181d" if entry.color == "ground" else color
            style = {"linestyle": "", "markersize": 5, "markeredgecolor": edge, "markeredgewidth": 0.6}
            handles.append(Line2D([], [], color=color, marker=_SYMBOLS[entry.mark], label=name, **style))
    if not handles or (len(handles) == 1 and not _legend_beside(chart)):
        return
    if _legend_beside(chart):
        style = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "handletextpad": 0.2, "frameon": False}
    else:
        style = {"loc": "best", "framealpha": 0.85, "edgecolor": "none"}
    axes.legend(handles=handles, fontsize=6.5, **style)


def _paint_plot(plot: Plot, axes: Axes) -> None:
    heading = "\n".join(filter(None, (f"{plot.title} {plot.aside}".strip(), plot.detail)))
    axes.set_title(heading, fontsize=7, loc="left", pad=4)
    if plot.has_axes:
        _tidy_axes(axes, grid="" if any(isinstance(mark, Contours) for mark in plot.marks) else "y")
    else:
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=6.5, colors=MUTED)
        axes.set(xticks=[], yticks=[])
    for mark in plot.marks:
        _PAINTERS[type(mark)](mark, axes)
    if not (plot.x or plot.y) and any(mark.on_axes for mark in plot.marks):
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.04)
    for name, axis in (("x", plot.x), ("y", plot.y)):
        if axis is None:
            continue
        if axis.log:
            axes.set(**{f"{name}scale": "log"})
        axes.set(**{f"{name}lim": axis.limits})
        if not plot.has_axes:
            continue
        getattr(axes, f"set_{name}label")(axis.label, fontsize=7, color=MUTED, labelpad=1)
        if axis.percent:
            getattr(axes, f"{name}axis").set_major_formatter(lambda value, _: f"{100 * value:.0f}%")


def _tidy_axes(axes: Axes, grid: Literal["", "y"]) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9e9e9e")
    axes.tick_params(which="both", labelsize=7, colors=MUTED, length=3)
    if grid:
        axes.grid(axis=grid, color="#e0e0e0", linewidth=0.7)
        axes.set_axisbelow(True)


def _line(mark: Line, axes: Axes) -> None:
    if mark.outline:
        axes.stairs(mark.y, mark.x, color=_color(mark.color), linewidth=1)
        return
    marker = "o" if mark.dots or len(mark.x) < 3 else None
    style: dict[str, Any] = {"linewidth": 0.7 if mark.faint else 1.5, "alpha": 0.45 if mark.faint else 1.0}
    axes.plot(mark.x, mark.y, color=_color(mark.color), marker=marker, markersize=3, **style)


def _bars(mark: Bars, axes: Axes) -> None:
    if mark.edges is not None:
        style = {"align": "edge", "color": _color(mark.color), "alpha": 0.75}
        axes.bar(mark.edges[:-1], mark.values, np.diff(mark.edges), **style)
        for bar, width in frames_of_selected(mark):
            axes.axvspan(*mark.edges[bar : bar + 2], fill=False, edgecolor="#e76300", linewidth=width)
        return
    count = len(mark.values)
    colors = [_color(mark.color) if mark.strong in (None, place) else "#9e9e9e" for place in range(count)]
    axes.barh(range(count), mark.values, color=colors)
    for bar, width in frames_of_selected(mark):
        axes.axhspan(bar - 0.45, bar + 0.45, fill=False, edgecolor="#e76300", linewidth=width)
    axes.set(yticks=range(count), yticklabels=mark.names)
    axes.invert_yaxis()


def _scatter(mark: Scatter, axes: Axes) -> None:
    for group, name in enumerate(mark.names or ("",)):
        mine = mark.members(group)
        color, symbol = _color(mark.color_of(group)), mark.entries[group].mark if name else "dot"
        edge = "#15181d" if mark.color == "ground" else "white"
        style = {"edgecolors": edge, "linewidths": 0.8 if mark.symbol else 0.3, "zorder": 5}
        size = 70 if mark.symbol else 11
        style |= {"s": size, "marker": _SYMBOLS[symbol]}
        stands = mine & np.isin(mark.keys, mark.selected) if len(mark.selected) else mine
        if len(mark.selected):
            _points(mark, axes, mine & ~stands, color, alpha=0.25, **style)
            style |= {"edgecolors": "#15181d", "linewidths": 0.8, "zorder": 6, "s": 2 * size}
        _points(mark, axes, stands, color, **style)
    if len(mark.outlined):
        outlined = np.isin(mark.keys, mark.outlined)
        ring = {"s": 22, "facecolors": "none", "edgecolors": _color("fault"), "linewidths": 0.8, "zorder": 6}
        axes.scatter(mark.x[outlined], mark.y[outlined], **ring)
    chosen = np.flatnonzero(mark.keys == mark.chosen)
    if mark.chosen is not None and len(chosen):
        ring = {"s": 60, "facecolors": "none", "edgecolors": _PLAIN["text"], "linewidths": 1.2, "zorder": 6}
        axes.scatter(mark.x[chosen], mark.y[chosen], **ring)


def _points(mark: Scatter, axes: Axes, mine: np.ndarray, color: str, **style: Any) -> None:
    """Some of the points, all in one color or each in that of its value."""
    if not len(mark.values):
        axes.scatter(mark.x[mine], mark.y[mine], color=color, **style)
        return
    (low, high), known = mark.limits, mine & np.isfinite(mark.values)
    axes.scatter(mark.x[mine & ~known], mark.y[mine & ~known], color="#9e9e9e", **style)
    style |= {"c": mark.values[known], "cmap": colormap(mark.ramp), "vmin": low, "vmax": high}
    axes.scatter(mark.x[known], mark.y[known], **style)


def _trail(mark: Trail, axes: Axes) -> None:
    color = _color(mark.color)
    axes.plot(mark.x, mark.y, color=color, linewidth=1.4, marker="o", markersize=1.8)
    ends = {"color": color, "markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 4, "markersize": 6}
    for place, symbol in ((0, "o"), (-1, "s")):
        if len(mark.x):
            axes.plot(mark.x[place], mark.y[place], marker=symbol, **ends)


def _contours(mark: Contours, axes: Axes) -> None:
    levels = np.linspace(0, 1, mark.bands + 1)
    axes.contourf(mark.x, mark.y, mark.z, levels, cmap=colormap(mark.ramp), alpha=0.55)
    axes.contour(mark.x, mark.y, mark.z, levels, colors="white", linewidths=0.5, alpha=0.8)


def _tiles(mark: Tiles, axes: Axes) -> None:
    from matplotlib.patches import Rectangle

    axes.set_anchor("NW")
    low, high = mark.limits
    aspect = axes.bbox.width / axes.bbox.height if mark.album else ASPECT
    whole = mosaic(mark.values, aspect)
    if mark.in_color:
        axes.imshow(as_bytes(whole, low, high))
    else:
        finite = np.where(np.isfinite(mark.values), mark.values, np.nan)
        axes.imshow(mosaic(finite, aspect), cmap=colormap(mark.ramp), vmin=low, vmax=high)
        if len(mark.odd):
            odd = mosaic(np.where(np.isfinite(mark.values), np.nan, 1.0), aspect)
            axes.imshow(odd, cmap=_plain_colormap("fault"))
        for top, left, height, width in frames_of(mark.values, mark.dead.astype(bool), aspect):
            box = (left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5)
            axes.imshow([[1.0]], cmap=_plain_colormap("muted"), extent=box, alpha=0.55)
            axes.plot(box[:2], box[2:], color="white", linewidth=0.8, scalex=False, scaley=False)
        axes.set(xlim=(-0.5, whole.shape[1] - 0.5), ylim=(whole.shape[0] - 0.5, -0.5))
    for top, left, height, width in frames_of(mark.values, np.isin(mark.keys, mark.selected), aspect):
        frame = {"edgecolor": "#e76300", "facecolor": "none", "linewidth": 1.6, "clip_on": False}
        axes.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, **frame))


def _cells(mark: Cells, axes: Axes) -> None:
    low, high = mark.limits
    axes.imshow(mark.values, cmap=colormap(mark.ramp), vmin=low, vmax=high, aspect="auto")
    rows, columns = range(len(mark.rows)), range(len(mark.columns))
    axes.set(xticks=columns, yticks=rows, xticklabels=mark.columns, yticklabels=mark.rows)
    shown = np.ndindex(mark.values.shape) if mark.numbers or mark.texts else ()
    for place, (row, column) in enumerate(shown):
        value = mark.values[row, column]
        text = mark.texts[place] if mark.texts else f"{value:.4g}"
        style = {"ha": "center", "va": "center", "fontsize": 6.5}
        shade = "white" if (value - low) > 0.55 * (high - low) else "#15181d"
        axes.text(column, row, text, color=shade, **style)
    for row in np.flatnonzero(np.isin(mark.keys, mark.selected)):
        axes.axhspan(row - 0.5, row + 0.5, facecolor="none", edgecolor="#e76300", linewidth=1.6)


def _diagram(mark: Diagram, axes: Axes) -> None:
    places = mark.places()
    for start, end in mark.edges:
        axes.plot(*places[[start, end]].T, color="#9e9e9e", linewidth=1, zorder=1)
    for node, (name, (x, y)) in enumerate(zip(mark.names, places, strict=True)):
        told = f"{name}\n{mark.details[node]}" if mark.details else name
        shade = "white" if mark.values is None else colormap("sequential")(0.6 * float(mark.values[node]))
        box = {"boxstyle": "round,pad=0.4", "facecolor": shade, "edgecolor": "#9e9e9e"}
        axes.text(x, y, told, ha="center", va="center", fontsize=6.5, bbox=box)
    axes.set(xlim=(0, 1), ylim=(1, 0))


def lines_of(mark: Sentences) -> list[tuple[str, str]]:
    """The lines that sentences are drawn as, each with its color."""
    lines: list[tuple[str, str]] = []
    for text, detail, wrong in zip(mark.texts, mark.details, mark.wrong_ones, strict=True):
        shade = FAULT if wrong else _PLAIN["text"]
        lines += [(line, shade) for line in textwrap.wrap(text, 150)]
        lines += [(detail, MUTED)] if detail else []
    return lines


def _sentences(mark: Sentences, axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(1, 0))
    lines = lines_of(mark)
    for place, (line, shade) in enumerate(lines):
        axes.text(0, (place + 0.5) / max(5, len(lines)), line, color=shade, fontsize=6.5, va="center")


_PAINTERS: dict[type[Mark], Callable[[Any, Any], None]] = {
    Line: _line,
    Bars: _bars,
    Scatter: _scatter,
    Trail: _trail,
    Contours: _contours,
    Tiles: _tiles,
    Cells: _cells,
    Diagram: _diagram,
    Sentences: _sentences,
    Buttons: painted.buttons,
    HeatMap: lambda mark, axes: painted.heat_map(colormap, mark, axes),
    NodeMap: lambda mark, axes: painted.node_map(colormap, mark, axes),
    Matrix: lambda mark, axes: painted.matrix(colormap, mark, axes),
    Parallel: lambda mark, axes: painted.parallel(colormap, mark, axes),
}


@cache
def colormap(ramp: str) -> Any:
    """The matplotlib colormap of a ramp of the palette."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(f"cortex_{ramp}", PALETTE["light"][ramp])


@cache
def _plain_colormap(color: Color) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap([_color(color)])


def _color(color: Color) -> str:
    return category(color) if isinstance(color, int) else _PLAIN[color]


def _short(text: str) -> str:
    return text if len(text) <= 48 else f"{text[:21]}…{text[-26:]}"
