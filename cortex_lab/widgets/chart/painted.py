"""How matplotlib paints what `matplotlib.py` has no room for: matrices, heat maps, networks, buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.matrix import Matrix, frames_of_selected
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.palette import FAULT, category
from cortex_lab.widgets.chart.parallel import Parallel

CHOSEN = "#e76300"


def matrix(colormap: Callable[[str], Any], mark: Matrix, axes: Any) -> None:
    low, high = mark.limits
    shown = np.where(np.isfinite(mark.values), mark.values, np.nan)
    axes.imshow(shown, cmap=colormap(mark.ramp), vmin=low, vmax=high, aspect="auto")
    rows, columns = range(len(mark.rows)), range(len(mark.columns))
    axes.set(
        xticks=columns, yticks=rows, xticklabels=mark.columns, yticklabels=[_cut(name) for name in mark.rows]
    )
    size = 6.5 if len(mark.columns) <= 12 else 5.0
    for place, (row, column) in enumerate(np.ndindex(mark.values.shape)):
        level = (mark.values[row, column] - low) / ((high - low) or 1.0)
        color = "white" if level > 0.55 else "#15181d"
        if mark.is_wrong(row, column):
            color = "white"
            box = {"facecolor": FAULT, "edgecolor": "none"}
            axes.axhspan(row - 0.48, row + 0.48, column / len(columns), (column + 1) / len(columns), **box)
        axes.text(column, row, mark.texts[place], color=color, fontsize=size, ha="center", va="center")
    if mark.chosen is not None:
        frame = {"facecolor": "none", "edgecolor": CHOSEN, "linewidth": 1.6}
        axes.axhspan(mark.chosen - 0.5, mark.chosen + 0.5, **frame)
    for cell, width in frames_of_selected(mark):
        row, column = divmod(cell, len(mark.columns))
        across = column / len(mark.columns), (column + 1) / len(mark.columns)
        axes.axhspan(row - 0.48, row + 0.48, *across, fill=False, edgecolor=CHOSEN, linewidth=width)


def _cut(name: str, most: int = 19) -> str:
    """A name, cut in the middle where there is no room for it: those of layers differ at their ends."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"


def buttons(mark: Buttons, axes: Any) -> None:
    """What can be done, in words: a picture has nothing to click."""
    axes.set(xlim=(0, 1), ylim=(1, 0))
    for place, (name, told) in enumerate(zip(mark.names, mark.told, strict=True)):
        axes.text(
            0,
            (place + 0.4) / max(5, len(mark.names)),
            f"{name}: {told}",
            fontsize=6.5,
            color="#616161",
            wrap=True,
        )


def heat_map(colormap: Callable[[str], Any], mark: HeatMap, axes: Any) -> None:
    if not mark.values.size:
        return
    if not len(mark.groups):
        cells = np.ma.masked_invalid(mark.levels)
        axes.pcolormesh(mark.x, mark.y, cells, cmap=colormap(mark.ramp), vmin=0, vmax=1, rasterized=True)
        return
    for group in range(len(mark.names)):
        mine = np.where(mark.groups == group, mark.levels, np.nan)
        ramp = colormap_of(colormap, category(group))
        axes.pcolormesh(
            mark.x, mark.y, np.ma.masked_invalid(mine), cmap=ramp, vmin=0, vmax=1, rasterized=True
        )


def colormap_of(colormap: Callable[[str], Any], color: str) -> Any:
    """From hardly there to the color, half seen through: what lies on it must still stand out."""
    # The class of the colormaps that there are: this module imports no matplotlib.
    return type(colormap("gray")).from_list(color, [f"{color}10", f"{color}90"])


def node_map(colormap: Callable[[str], Any], mark: NodeMap, axes: Any) -> None:
    """All boxes are one artist and all words another: of hundreds, drawing each alone takes a second."""
    from matplotlib.collections import PolyCollection

    axes.plot(mark.way_x, mark.way_y, color="#9e9e9e", linewidth=0.8, zorder=1)
    axes.set(xlim=(0, 1), ylim=(1, 0))
    count, width, height = len(mark.names), 0.86 / mark.columns, 0.8 / max(1, mark.lanes)
    middles = np.stack([mark.across, mark.down], axis=1)
    levels = np.asarray(mark.values if len(mark.values) else np.full(count, np.nan), float)
    known = np.isfinite(levels)
    shades = np.where(known[:, None], colormap("sequential")(0.7 * np.where(known, levels, 0)), 1.0)
    edges, widths = np.full(count, "#9e9e9e"), np.full(count, 0.7)
    stand = mark.wrong_ones.astype(bool) if len(mark.wrong_ones) else np.zeros(count, bool)
    edges[stand], widths[stand] = FAULT, 1.6
    if mark.chosen is not None:
        edges[mark.chosen], widths[mark.chosen] = CHOSEN, 1.6
    sizes = np.tile([width, height], (count, 1))
    style = {"facecolors": shades, "edgecolors": edges, "linewidths": widths}
    axes.add_collection(PolyCollection(_boxes(middles, sizes), zorder=2, **style), autolim=False)
    if np.nansum(mark.dead) > 0:
        sizes = np.stack([width * np.nan_to_num(mark.dead), np.full(count, 0.12 * height)], axis=1)
        places = middles + np.stack([(sizes[:, 0] - width) / 2, np.full(count, height / 2)], axis=1)
        bars = PolyCollection(_boxes(places, sizes), facecolors="#616161", edgecolors="none", zorder=3)
        axes.add_collection(bars, autolim=False)
    room = max(4, int(axes.bbox.width / axes.figure.get_figure(root=True).dpi * 72 * width / 3.7))
    both = zip(mark.names, mark.details, strict=True)
    told = [[_cut(line, room) for text in each for line in text.split("\n") if line] for each in both]
    colors = np.where(levels > 0.75, "white", "#15181d")
    _words(axes, told, middles, colors, size=5.5)


def _words(axes: Any, told: list[list[str]], places: np.ndarray, colors: np.ndarray, size: float) -> None:
    """Lines of text in the middle of places, as outlines; what is said again is outlined once."""
    from matplotlib.collections import PathCollection
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import text_to_path
    from matplotlib.transforms import Affine2D

    # As text, and no formula, whatever signs there are in somebody's names.
    font, outlines, words, at = FontProperties(size=size), dict[tuple[str, float], Any](), [], []
    for node, lines in enumerate(told):
        for place, line in enumerate(lines):
            # Of the foot of the letters, in points above the middle.
            rise = 1.25 * size * ((len(lines) - 1) / 2 - place) - 0.37 * size
            if (line, rise) not in outlines:
                corners, codes = text_to_path.get_text_path(font, line)
                points = np.asarray(corners, float).reshape(-1, 2) * (size / text_to_path.FONT_SCALE)
                points += (-points[:, 0].max(initial=0.0) / 2, rise)
                outlines[line, rise] = Path(points, codes or None)
            words.append(outlines[line, rise])
            at.append(node)
    upright = Affine2D().scale(1 / 72) + axes.figure.get_figure(root=True).dpi_scale_trans
    style = {"facecolors": colors[at], "edgecolors": "none", "linewidths": 0, "zorder": 4}
    shown = PathCollection(words, offsets=places[at], offset_transform=axes.transData, **style)
    shown.set_transform(upright)
    axes.add_collection(shown, autolim=False)


def parallel(colormap: Callable[[str], Any], mark: Parallel, axes: Any) -> None:
    last = max(1, len(mark.names) - 1)
    axes.set(xlim=(-0.35, last + 0.35), ylim=(-0.05, 1.14))
    for line, places in enumerate(mark.places):
        level = mark.level_of(line)
        known = np.isfinite(level)
        color = colormap("warm")(level) if known else "#9e9e9e"
        axes.plot(range(len(places)), places, color=color, linewidth=0.9, alpha=0.85 if known else 0.35)
    for axis, (name, ticks) in enumerate(zip(mark.names, mark.ticks, strict=True)):
        axes.plot([axis, axis], [0, 1], color="#616161", linewidth=0.8)
        axes.text(axis, 1.06, _cut(name), ha="center", fontsize=6.5, color="#15181d")
        for place, text in ticks:
            style = {"ha": "right", "va": "center", "fontsize": 5.5, "color": "#15181d"}
            axes.text(axis - 0.03, place, _cut(text, 12), **style)


def _boxes(middles: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The corners of boxes (n, 4, 2)."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return middles[:, None] + corners * sizes[:, None]
