"""How matplotlib paints what `matplotlib.py` has no room for: matrices, heat maps, networks, buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.heat_map import HeatMap
from cortex_lab.widgets.chart.matrix import Matrix
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
    axes.plot(mark.way_x, mark.way_y, color="#9e9e9e", linewidth=0.8, zorder=1)
    axes.set(xlim=(0, 1), ylim=(1, 0))
    width, height = 0.86 / mark.columns, 0.8 / max(1, mark.lanes)
    room = int(axes.bbox.width / axes.figure.get_figure(root=True).dpi * 72 * width / 3.7)
    for node, (name, detail, x, y) in enumerate(
        zip(mark.names, mark.details, mark.across, mark.down, strict=True)
    ):
        level = mark.values[node] if len(mark.values) else np.nan
        shade = colormap("sequential")(0.7 * float(level)) if np.isfinite(level) else "white"
        wrong = bool(len(mark.wrong_ones) and mark.wrong_ones[node])
        edge = CHOSEN if node == mark.chosen else FAULT if wrong else "#9e9e9e"
        style = {
            "facecolor": shade,
            "edgecolor": edge,
            "linewidth": 1.6 if node == mark.chosen or wrong else 0.7,
        }
        axes.fill(*_box(x, y, width, height), zorder=2, **style)
        if len(mark.dead) and mark.dead[node] > 0:
            left, bottom = x - width / 2, y + height / 2
            full = _box(left + width * mark.dead[node] / 2, bottom, width * mark.dead[node], 0.12 * height)
            axes.fill(*full, facecolor="#616161", zorder=3)
        color = "white" if np.isfinite(level) and level > 0.75 else "#15181d"
        text = "\n".join(filter(None, (_cut(name, max(4, room)), _cut(detail, max(4, room)))))
        axes.text(x, y, text, ha="center", va="center", fontsize=5.5, color=color, zorder=4)


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


def _box(x: float, y: float, width: float, height: float) -> tuple[list[float], list[float]]:
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    return [left, right, right, left], [top, top, bottom, bottom]
