"""How matplotlib paints a matrix: what `matplotlib.py` has no room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.widgets.chart.matrix import Matrix
from cortex_lab.widgets.chart.palette import FAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

CHOSEN = "#e76300"


def matrix(colormap: Callable[[str], Any], mark: Matrix, axes: Axes) -> None:
    low, high = mark.limits
    shown = np.where(np.isfinite(mark.values), mark.values, np.nan)
    axes.imshow(shown, cmap=colormap(mark.ramp), vmin=low, vmax=high, aspect="auto")
    rows, columns = range(len(mark.rows)), range(len(mark.columns))
    axes.set(xticks=columns, yticks=rows, xticklabels=mark.columns, yticklabels=mark.rows)
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
