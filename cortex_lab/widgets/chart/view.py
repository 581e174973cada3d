"""What every view can do: collect at a safe point, prepare away from it, then draw it in any of five ways."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Hashable
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.channel import Packed

Data = TypeVar("Data")


class NothingToShow(LookupError):
    """A view lacks something; the message says what, and how to provide it."""


class View(Generic[Data]):
    """Draws one aspect of a Session. Measuring never draws, drawing never measures.

    A subclass is one file. It says in `collect` what to copy at a safe point (cheap: the training waits for
    it), in `prepare` what follows from that, and then draws those data as a table, a plotly figure, a
    matplotlib picture and a packed frame for the canvas of the same kind in `static/`.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    title: ClassVar[str]
    size: ClassVar[tuple[float, float]] = (5.4, 3.2)
    """Width and height in inches of the picture of the view alone."""
    any_time: ClassVar[bool] = False
    """Whether `collect` may also be called while a step is under way."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # To be written by a view ------------------------------------------------------------------------

    def state(self, exact: bool) -> Hashable:
        """What the picture depends on: while this stays equal, there is nothing new to collect."""
        raise TypeError(f"{type(self).__name__} must define state(exact)")

    def collect(self, exact: bool) -> Any:
        """Copies of what is needed, taken while no step is under way; `exact` when the training rests."""
        raise TypeError(f"{type(self).__name__} must define collect(exact)")

    def prepare(self, collected: Any) -> Data:
        """The data to draw."""
        return collected

    def pack(self, data: Data) -> Packed:
        """The data for the canvas."""
        raise TypeError(f"{type(self).__name__} must define pack(data)")

    def table(self, data: Data) -> pd.DataFrame:
        """The data as a DataFrame."""
        raise TypeError(f"{type(self).__name__} must define table(data)")

    def plot(self, data: Data) -> Any:
        """The data as a plotly Figure."""
        raise TypeError(f"{type(self).__name__} must define plot(data)")

    def paint(self, data: Data, figure: Any) -> None:
        """The data on a matplotlib Figure or SubFigure."""
        raise TypeError(f"{type(self).__name__} must define paint(data, figure)")

    # What a view then can do, without any front end -------------------------------------------------

    def look(self) -> Data:
        """The data as they are now; NothingToShow if something is missing."""
        return self.prepare(self.session.between_steps(lambda: self.collect(exact=True)).result())

    def frame(self) -> pd.DataFrame:
        """What is drawn, as a DataFrame."""
        return self.table(self.look())

    def figure(self) -> Any:
        """What is drawn, as a plotly Figure to zoom into and to export."""
        try:
            figure = self.plot(self.look())
        except NothingToShow as missing:
            from plotly import graph_objects

            figure = graph_objects.Figure()
            figure.add_annotation(text=str(missing).replace("\n", "<br>"), showarrow=False)
            figure.update_xaxes(visible=False).update_yaxes(visible=False)
        return figure.update_layout(title=self.title, template="plotly_white")

    def png(self, dpi: int = 110) -> bytes:
        """What is drawn, as a PNG picture."""
        figure = new_picture(self.size, dpi)
        self.paint_or_say(figure)
        return png_bytes(figure)

    def html(self) -> str:
        """What is drawn, as a piece of HTML that needs nothing else."""
        return picture_html(self.png(), self.title)

    def paint_or_say(self, figure: Any) -> None:
        """Paint what there is now, or say on the picture what is missing."""
        margin = 0.12 * figure.get_figure(root=True).dpi
        place = {"x": margin / figure.bbox.width, "y": 1 - margin / figure.bbox.height}
        figure.suptitle(self.title, **place, ha="left", va="top", fontsize=9, fontweight="bold")
        try:
            self.paint(self.look(), figure)
        except NothingToShow as missing:
            figure.text(
                0.5, 0.5, str(missing), ha="center", va="center", fontsize=8, color="#616161", wrap=True
            )

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.session!r}>"


def note(text: str, step: int) -> Packed:
    """A panel that says why it is empty."""
    return Packed({"note": text, "empty": True, "summary": text, "step": step})


def new_picture(size: tuple[float, float], dpi: int = 110) -> Any:
    """A matplotlib Figure on Agg, without pyplot: any thread may draw it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def picture_html(png: bytes, alternative: str, css_class: str = "cortex-lab-picture") -> str:
    data = base64.b64encode(png).decode("ascii")
    text = html.escape(alternative, quote=True)
    return (
        f'<div class="{html.escape(css_class, quote=True)}">'
        f'<img alt="{text}" style="max-width:100%" src="data:image/png;base64,{data}"></div>'
    )


def tidy_axes(axes: Any, grid: str = "y") -> None:
    """The plain look of all printed axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9e9e9e")
    axes.tick_params(labelsize=7, colors="#616161", length=3)
    if grid:
        axes.grid(axis=grid, color="#e0e0e0", linewidth=0.7)
        axes.set_axisbelow(True)
