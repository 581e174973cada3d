"""The picture of a bench that stays in a saved notebook: its own output, hidden while the bench lives."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cortex_lab.widgets.chart.view import View, new_picture, picture_html, png_bytes


def paint_bench(views: Iterable[View[Any]], headline: str, dpi: int = 120) -> bytes:
    """All views as they are now, arranged like the bench, as PNG."""
    from matplotlib.gridspec import GridSpec

    figure = new_picture((10, 7.2), dpi)
    figure.text(0.015, 0.985, headline, fontsize=8, va="top", color="#424242")
    shown = {view.name: view for view in views}
    grid = GridSpec(25, 2, figure=figure, left=0, right=1, top=1, bottom=0, hspace=0, wspace=0)
    with_map = "embedding_map" in shown
    places = {
        "loss_curve": grid[1:9, 0],
        "weight_histogram": grid[9:17, 0] if with_map else grid[1:9, 1],
        "embedding_map": grid[1:17, 1],
        "activations": grid[17:, :] if with_map else grid[9:17, :],
    }
    for name, view in shown.items():
        if name in places:
            view.paint_or_say(figure.add_subfigure(places[name]))
    return png_bytes(figure)


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
        return {
            "image/png": base64.b64encode(self.png).decode("ascii"),
            "text/html": picture_html(self.png, text, css_class),
            "text/plain": text,
        }

    def display(self) -> None:
        """Put the picture into the output of the running cell."""
        from IPython.display import display

        handle = f"cortex-lab-static-{self.bench}-{len(self._displayed)}"
        display(self.bundle(), raw=True, display_id=handle)
        self._displayed.add(handle)
        self._shown = self.png

    def draw(self) -> None:
        """Draw it anew in the background, unless that is under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        name = f"cortex-lab-picture-{self.bench}"
        self._thread = threading.Thread(target=self.draw_now, name=name, daemon=True)
        self._thread.start()

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
