"""The picture of a bench that stays in a saved notebook: its own output, hidden while the bench lives."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.matplotlib import new_picture, paint, png_bytes
from cortex_lab.widgets.chart.view import View, failed_panel, picture_html

LINE = (
    '<p style="opacity:.75">A picture. To be live again, run the cells of this notebook up to this one.</p>'
)
# The same colors on a dark ground: what is light becomes dark, and no hue another.
DARK = "<style>body[data-jp-theme-light=false] .{} img{{filter:invert(.93) hue-rotate(180deg);}}</style>"
MOST_BYTES = 100_000
"""Of a picture, which a notebook keeps twice, in base64."""


def small_picture(paint: Callable[[int], bytes], dpi: int = 120) -> bytes:
    """What `paint(dpi)` draws, with as many dots as fit into `MOST_BYTES`."""
    png = paint(dpi)
    while len(png) > MOST_BYTES and dpi > 40:
        dpi = max(40, int(0.9 * dpi * (MOST_BYTES / len(png)) ** 0.5))
        png = paint(dpi)
    return png


def paint_bench(views: Iterable[View[Any]], headline: str, dpi: int = 120) -> bytes:
    """All views as they are now, arranged like the bench, as PNG."""
    shown = [(view, _drawing(view), *place) for view, place in _places(views)]
    units = max((rows.stop for _, _, rows, _ in shown), default=1)
    heights = [0.3, *[2.3] * units]
    for view, chart, rows, _ in shown:
        if view.place == "wide":
            heights[rows.start + 1] = view.size_for(chart)[1]
    figure = new_picture((10, sum(heights)), dpi)
    edges = {"left": 0, "right": 1, "top": 1, "bottom": 0, "hspace": 0, "wspace": 0}
    grid = figure.add_gridspec(units + 1, 2, height_ratios=heights, **edges)
    figure.text(0.015, 1 - 0.1 / sum(heights), headline, fontsize=8, va="top", color="#424242")
    for view, chart, rows, columns in shown:
        below = slice(rows.start + 1, rows.stop + 1)
        paint(chart, figure.add_subfigure(grid[below, columns]), view.title)
    return png_bytes(figure)


def _drawing(view: View[Any]) -> Chart:
    try:
        return view.drawing()
    except Exception as error:
        # As on the page, a view that fails leaves the rest of the picture alone.
        return failed_panel(error)


def _places(views: Iterable[View[Any]]) -> Iterator[tuple[View[Any], tuple[slice, slice]]]:
    """Rows and columns of each view, as the page's grid finds them: the first free half, tall ones right."""
    free = [0, 0]
    for view in views:
        if view.place == "wide":
            top = max(free)
            free = [top + 1, top + 1]
            yield view, (slice(top, top + 1), slice(0, 2))
            continue
        tall = view.place == "tall"
        half = 1 if tall or free[1] < free[0] else 0
        top = free[half]
        free[half] = top + 1 + tall
        yield view, (slice(top, free[half]), slice(half, half + 1))


class StaticPicture:
    """The saved picture of one bench: drawn by a thread of its own when things rest, shown by the publisher.

    `paint()` draws it; `ready()` is called when there is a new one for `refresh`.
    """

    def __init__(self, bench: str, paint: Callable[[], bytes], ready: Callable[[], None]) -> None:
        self.bench = bench
        self.png: bytes | None = None
        self.error: BaseException | None = None
        self._paint = paint
        self._ready = ready
        self._displayed: set[str] = set()
        self._shown: bytes | None = None
        self._thread: threading.Thread | None = None

    @property
    def displayed(self) -> bool:
        return bool(self._displayed)

    def bundle(self) -> dict[str, str]:
        """What the notebook keeps: HTML that the live bench can hide, PNG for where HTML is not shown."""
        css_class = f"cortex-lab-static-{self.bench}"
        if self.png is None:
            text = "The picture of the bench is drawn when the training rests."
            return {"text/html": f'<div class="{css_class}">{text}</div>', "text/plain": text}
        text = "Picture of the lab bench"
        html = picture_html(self.png, text, css_class)
        return {
            "image/png": base64.b64encode(self.png).decode("ascii"),
            "text/html": html.replace("</div>", f"{LINE}</div>{DARK.format(css_class)}"),
            "text/plain": text,
        }

    def display(self) -> None:
        """Put the picture into the output of the running cell."""
        from IPython.display import display

        handle = f"cortex-lab-static-{self.bench}-{len(self._displayed)}"
        display(self.bundle(), raw=True, display_id=handle)
        self._displayed.add(handle)
        self._shown = self.png

    def draw(self) -> bool:
        """Draw it anew in the background; False if an earlier one is still being drawn."""
        if self._thread is not None and self._thread.is_alive():
            return False
        name = f"cortex-lab-picture-{self.bench}"
        self._thread = threading.Thread(target=self.draw_now, name=name, daemon=True)
        self._thread.start()
        return True

    def draw_now(self) -> None:
        try:
            self.png = self._paint()
        except Exception as error:
            # A picture that cannot be drawn must not take the bench with it.
            self.error = error
        self._ready()

    def refresh(self) -> None:
        """Show the latest picture where an older one is displayed."""
        if self.png is self._shown or not self._displayed:
            return
        from IPython.display import display

        self._shown = self.png
        for handle in self._displayed:
            display(self.bundle(), raw=True, display_id=handle, update=True)

    def join(self, timeout: float) -> None:
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
