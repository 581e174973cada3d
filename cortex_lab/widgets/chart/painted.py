"""How matplotlib paints matrices and buttons: what `matplotlib.py` has no room for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.matrix import Matrix
from cortex_lab.widgets.chart.palette import FAULT

CHOSEN = "#e76300"


def matrix(colormap: Callable[[str], Any], mark: Matrix, axes: Any) -> None:
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
