"""What every view can do: collect at a safe point, prepare away from it, and say what is to be drawn."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Generic, Literal, TypeVar

import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.described import Registry
from cortex_lab.ground.files import write_whole
from cortex_lab.study import Session
from cortex_lab.widgets.chart import matplotlib, plotly
from cortex_lab.widgets.chart.buttons import Acts
from cortex_lab.widgets.chart.files import FORMATS, format_of
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.selection import Moment, Selection, marked
from cortex_lab.widgets.chart.table import table_of

Data = TypeVar("Data")


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


VIEWS = Registry("view", spell=_snake_case)


class NothingToShow(LookupError):
    """A view lacks something; the message says what, and how to provide it."""


class View(Generic[Data]):
    """Draws one aspect of a Session. Measuring never draws, drawing never measures.

    A subclass is one file and appears in every bench opened after it was defined. It says in `collect` what
    to copy at a safe point (cheap: the training waits for it), in `prepare` what follows from that, in
    `chart` what is to be drawn (see `chart/marks.py`), and in `knobs` what may be set while looking:

        class Rate(View):
            title = "Learning rate"

            def collect(self, exact):
                return self.session.trace["step"].copy(), self.session.trace["learning_rate"].copy()

            def chart(self, data):
                steps, rates = data
                return Chart((Plot((Line(steps, rates),), x=Axis((0, 100), "step"), y=Axis((0, 1))),))
    """

    name: ClassVar[str] = "view"
    """What the page calls it: the name of the class, in small letters."""
    title: str = ""
    size: ClassVar[tuple[float, float]] = (5.4, 3.2)
    """Width and height in inches of the picture of the view alone."""
    height: int = 190
    """Height of its figure in a bench, in pixels, at least."""
    place: ClassVar[Literal["small", "tall", "wide"]] = "small"
    """How much of a bench it takes: half its width, that and twice the height, or all its width."""
    rank: ClassVar[int] = 50
    """Views of lower rank come first."""
    opened: ClassVar[bool] = True
    """Whether a bench shows it from the beginning, or only once somebody opens its panel."""
    any_time: ClassVar[bool] = False
    """Whether `collect` may also be called while a step is under way."""
    only_when_seen: ClassVar[bool] = False
    """Whether `advance` is called only while some page shows it."""
    follows: ClassVar[bool] = True
    """Whether it shows the step of the moment; what is drawn over steps has that marked instead."""
    selection: Selection = Selection()
    moment: Moment = None
    """What a bench has all its views mark: rows, and a step. A page marks them by itself."""

    def __init__(self, session: Session) -> None:
        self.session = checks.instance(
            "session", session, Session, "a session, such as cl.train(...) returns"
        )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = _snake_case(cls.__name__)
        if "title" not in cls.__dict__:
            cls.title = cls.name.replace("_", " ").capitalize()
        VIEWS.add(cls)

    # To be written by a view ------------------------------------------------------------------------

    def collect(self, exact: bool) -> Any:
        """Copies of what is needed, taken while no step is under way; `exact` when the training rests."""
        raise TypeError(f"{type(self).__name__} must define collect(exact)")

    def chart(self, data: Data) -> Chart:
        """What is to be drawn of the data."""
        raise TypeError(f"{type(self).__name__} must define chart(data)")

    # What a view may say besides --------------------------------------------------------------------

    @classmethod
    def fits(cls, session: Session) -> bool:
        """Whether a bench of this session shows such a view."""
        return True

    @classmethod
    def unfit(cls, session: Session) -> str:
        """Why such a view alone has nothing to show of this session, and what to do; "" where it has."""
        if cls.fits(session):
            return ""
        try:
            cls(session).look()
        except NothingToShow as missing:
            return str(missing)
        return ""

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What somebody may set while looking; asked for once, when a bench opens."""
        return ()

    def state(self, exact: bool) -> Hashable:
        """What the picture depends on: while this stays equal, there is nothing new to collect."""
        settings = tuple(getattr(self, knob.name) for knob in self.knobs)
        return self.session.step_number, self.session.trace.version, settings

    def prepare(self, collected: Any) -> Data:
        """The data to draw."""
        return collected

    def table(self, data: Data) -> pd.DataFrame:
        """The data as a DataFrame; without another word, the numbers of all marks."""
        return table_of(self.chart(data))

    def act(self, number: int) -> Acts:
        """What a click asks for, on the button, the line or the node of this number."""
        return Acts()

    def advance(self) -> float | None:
        """One short piece of work of its own while the training rests.

        Returns the seconds after which to be called again, or None if there is nothing to do.
        """
        return None

    def twin(self, session: Session) -> View[Data]:
        """The same view of another session of this kind, to show how things were at an earlier step.

        What moves by itself needs one of its own: a twin is asked for nothing but `collect` and what follows.
        """
        return type(self)(session)

    def go_beside(self, hurries: Callable[[], bool], ending: Callable[[], bool]) -> None:
        """From now on a thread of a bench calls `advance` beside the training, until it is `ending()`."""

    def size_for(self, chart: Chart) -> tuple[float, float]:
        """Width and height in inches of the picture of this chart."""
        return self.size

    @property
    def live(self) -> bool:
        """Whether it moves by itself, through `advance`."""
        return False

    # What a view then can do, without any front end -------------------------------------------------

    def look(self) -> Data:
        """The data as they are now; NothingToShow if something is missing."""
        return self.prepare(self.session.between_steps(lambda: self.collect(exact=True)).result())

    def drawing(self) -> Chart:
        """What is to be drawn now, or a chart that says what is missing."""
        try:
            return marked(self.charted(self.look()), self.selection, self.moment)
        except NothingToShow as missing:
            return Chart(note=str(missing))

    def charted(self, data: Data) -> Chart:
        """The chart of the data; TypeError where the view made something else."""
        return checks.instance(
            f"what {type(self).__name__}.chart(data) returns", self.chart(data), Chart, "a Chart"
        )

    def frame(self) -> pd.DataFrame:
        """What is drawn, as a DataFrame."""
        return self.table(self.look())

    def figure(self) -> Any:
        """What is drawn, as a plotly Figure to zoom into and to export."""
        return plotly.plot(self.drawing(), self.title)

    def png(self, dpi: int = 110) -> bytes:
        """What is drawn, as a PNG picture."""
        chart = self.drawing()
        figure = matplotlib.new_picture(self.size_for(chart), dpi)
        matplotlib.paint(chart, figure, self.title)
        return matplotlib.png_bytes(figure)

    def svg(self) -> str:
        """What is drawn, as an SVG picture."""
        chart = self.drawing()
        figure = matplotlib.new_picture(self.size_for(chart))
        matplotlib.paint(chart, figure, self.title)
        return matplotlib.svg_text(figure)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what is drawn to a file: .png, .svg, .html (to zoom into), or the numbers as .csv."""
        write_whole(path, self.as_file(format_of(path)))

    def as_file(self, format: str) -> bytes:
        """What is drawn, as one of "png", "svg", "html" and "csv"."""
        checks.choice("format", format, FORMATS)
        if format == "png":
            return self.png()
        if format == "svg":
            return self.svg().encode()
        if format == "csv":
            return self.frame().to_csv().encode()
        # All that a page needs is in it, so that it opens without a network.
        return self.figure().to_html(include_plotlyjs=True, full_html=True).encode()

    def html(self) -> str:
        """What is drawn, as a piece of HTML that needs nothing else."""
        return picture_html(self.png(), self.title)

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.session!r}>"


def picture_html(png: bytes, alternative: str, css_class: str = "cortex-lab-picture") -> str:
    """A PNG picture as a piece of HTML that needs nothing else."""
    data = base64.b64encode(png).decode("ascii")
    text = html.escape(alternative, quote=True)
    return (
        f'<div class="{html.escape(css_class, quote=True)}">'
        f'<img alt="{text}" style="max-width:100%" src="data:image/png;base64,{data}"></div>'
    )


def failed_panel(error: Exception, step: int | None = None) -> Chart:
    """What stands in place of a view that failed."""
    told = f"This panel failed: {type(error).__name__}: {error}"
    return Chart(note=told, summary=told, step=step)
