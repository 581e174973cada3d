"""Maps as one file that any browser opens: their steps and all they may be colored by, without a kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.row_map import colors_of
from cortex_lab.widgets.program import Program
from cortex_lab.widgets.report_file import Book, html_of

MOST_COLORS = 24
HEIGHT = 560


def map_page(
    frames: Sequence[tuple[int, pd.DataFrame]],
    title: str,
    color: str,
    chart_of: Callable[[int, pd.DataFrame, str], Chart],
) -> bytes:
    """The page of maps (step, frame): `chart_of(step, frame, column)` draws one, `color` is chosen at first.

    A slider goes through the steps, and a menu through the columns, of up to 24.
    """
    frames = sorted(frames, key=lambda each: each[0])
    colors = [color, *(name for name in colorable(frames[-1][1]) if name != color)][:MOST_COLORS]
    steps = [step for step, _ in frames]
    book = Book(steps, steps[0])
    numbers = [[book.add(pack(chart_of(step, frame, each))) for each in colors] for step, frame in frames]
    settings = [["color", "color", each or "nothing"] for each in colors]
    book.panel("map", title=title, height=HEIGHT, place="wide", settings=settings, frames=numbers, turns=[])
    book.program(Program())
    book.told = [[["step", f"{step:,}"], ["points", f"{len(frame):,}"]] for step, frame in frames]
    book.known = {"presets": {}}
    return html_of(book, title)


def colorable(frame: pd.DataFrame) -> list[str]:
    """The columns that points may be colored by."""
    found = []
    for name in frame.columns:
        if name in ("x", "y") or not isinstance(name, str):
            continue
        try:
            colors_of(frame, name)
        except ValueError:
            # Too many different words for colors of their own.
            continue
        found.append(name)
    return found
