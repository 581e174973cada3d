"""What can be drawn, as plain data: a chart of plots, each with marks on it.

| type       | what it is                                                                      |
|------------|---------------------------------------------------------------------------------|
| `Chart`    | plots and how they are arranged, and what is said around them                   |
| `Plot`     | marks on one pair of axes, or in a box without axes                             |
| `Axis`     | limits and label of one direction                                               |
| `Line`     | a curve, or the outline of a histogram                                          |
| `Bars`     | counts in bins, or one bar for each name                                        |
| `Scatter`  | places in groups, which can be clicked                                          |
| `Trail`    | a way through a plane, from a dot to a square                                   |
| `Contours` | heights of a plane, in bands                                                    |
| `Tiles`    | small pictures side by side, or single cells                                    |
| `Cells`    | a table of numbers as colors, such as a confusion matrix                        |
| `Sentences`| things said, one below the other, with a button where there is something to do  |
| `Diagram`  | nodes and the edges between them, from left to right (`diagram.py`)             |

Three renderers draw every chart: `canvas` (for the page), `plotly` and `matplotlib`. A new mark is a class
here and a function in each of them; a test fails where one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from typing import ClassVar, Literal, get_args

import numpy as np

from cortex_lab.widgets.chart.axis import Axis, Color, Entry, Ramp
from cortex_lab.widgets.chart.lengths import not_of, unequal
from cortex_lab.widgets.chart.palette import category_mark

Arrangement = Literal["column", "row", "flow"]

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class Mark:
    """Base of all marks."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__.lower()

    def __post_init__(self) -> None:
        for name in _names_of_arrays(type(self)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, np.ndarray):
                object.__setattr__(self, name, np.asarray(value))
        if wrong := self.wrong():
            raise ValueError(f"{type(self).__name__}: {wrong}")

    def wrong(self) -> str:
        """What does not fit together in it; nothing if all does."""
        return ""

    @property
    def on_axes(self) -> bool:
        """Whether it is drawn on the axes of its plot; any other mark fills its box."""
        return True

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the legend says about it."""
        return ()


@dataclass(frozen=True, eq=False)
class Line(Mark):
    """Values `y` over ascending `x`; with one `x` more than `y`, the outline of values between edges.

    A `faint` line stands back behind another, `dots` are for lines of few points. Values that are not
    finite leave a gap. `key` is what a table calls the line, if not by its label.
    """

    x: np.ndarray
    y: np.ndarray
    label: str = ""
    color: Color = 0
    faint: bool = False
    dots: bool = False
    key: str = ""

    def wrong(self) -> str:
        fits = len(self.x) - len(self.y) in (0, 1)
        return "" if fits else f"x must be as long as y, or one longer, got {len(self.x)} and {len(self.y)}"

    @property
    def outline(self) -> bool:
        return len(self.x) == len(self.y) + 1

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (Entry(self.label, self.color, "line", self.faint),) if self.label else ()


@dataclass(frozen=True, eq=False)
class Bars(Mark):
    """Upright bars between `edges`, one edge more than values; or a lying bar for each of `names`, downwards.

    Among named bars `strong` is the place of one that stands out, for the reason `told`. Where there are
    `members`, a click on a bar selects rows of the dataset: of bar i those from `starts[i]` to
    `starts[i + 1]` (see `matrix.grouped`); with some that are `selected`, it has a frame.
    """

    values: np.ndarray
    edges: np.ndarray | None = None
    names: tuple[str, ...] = ()
    label: str = ""
    color: Color = 0
    strong: int | None = None
    told: str = ""
    members: np.ndarray = field(default_factory=lambda: _NONE)
    starts: np.ndarray = field(default_factory=lambda: _NONE)
    selected: np.ndarray = field(default_factory=lambda: _NONE)

    @property
    def on_axes(self) -> bool:
        return self.edges is not None

    def wrong(self) -> str:
        if self.edges is None and not self.names and len(self.values):
            return "say edges= for upright bars, one more than values, or names= for a lying one each"
        found = len(self.names) if self.edges is None else len(self.edges) - 1
        what = "names" if self.edges is None else "edges less one"
        if len(self.starts) not in (0, len(self.values) + 1):
            return f"{len(self.values)} values but {len(self.starts)} starts, not one more"
        return "" if found == len(self.values) else f"{len(self.values)} values but {found} {what}"

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (Entry(self.label, self.color, "bar"),) if self.label else ()


@dataclass(frozen=True, eq=False)
class Scatter(Mark):
    """Points at `x` and `y`, colored by `groups` (each the place of its name in `names`) or by `values`.

    `keys` are numbers that say which point is which, called `key_name`; `chosen` is the key of one with a
    ring. Where `pins`, keys are rows of the dataset: a click on a point pins and selects its row, and where
    any are `selected`, the others stand back; those with a key that is `outlined` have a line around them.
    A `symbol` is drawn instead of each group's own. A point whose value is not finite is drawn as unknown.
    """

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray = field(default_factory=lambda: _NONE)
    names: tuple[str, ...] = ()
    keys: np.ndarray = field(default_factory=lambda: _NONE)
    key_name: str = "point"
    chosen: int | None = None
    pins: bool = False
    color: Color = 0
    symbol: Literal["", "star"] = ""
    values: np.ndarray = field(default_factory=lambda: _NONE)
    ramp: Ramp = "warm"
    selected: np.ndarray = field(default_factory=lambda: _NONE)
    outlined: np.ndarray = field(default_factory=lambda: _NONE)

    def wrong(self) -> str:
        optional = {"groups": self.groups, "keys": self.keys, "values": self.values}
        return unequal(tuple(optional), x=self.x, y=self.y, **optional)

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest of the values that are finite."""
        finite = self.values[np.isfinite(self.values)]
        return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)

    def color_of(self, group: int) -> Color:
        return self.color + group if isinstance(self.color, int) else self.color

    def members(self, group: int) -> np.ndarray:
        """Which points belong to a group: (n,) of bool."""
        return self.groups == group if len(self.groups) else np.full(len(self.x), group == 0)

    def told(self, point: int) -> str:
        """What is said about one point."""
        key = int(self.keys[point]) if len(self.keys) else point
        group = int(self.groups[point]) if len(self.groups) else 0
        wrong = ", wrong" if key in self.outlined else ""
        if len(self.values):
            return f"{self.key_name} {key}: {self.values[point]:.4g}{wrong}"
        if wrong and self.names:
            return f"{self.key_name} {key}: {self.names[group]}{wrong}"
        return f"{self.key_name} {key}" + (f": {self.names[group]}" if self.names else "")

    @property
    def entries(self) -> tuple[Entry, ...]:
        named = enumerate(self.names)
        entries = (
            Entry(name, self.color_of(group), self.symbol or category_mark(group)) for group, name in named
        )
        return (*entries, *((Entry("wrong", "fault", "line"),) if len(self.outlined) else ()))


@dataclass(frozen=True, eq=False)
class Trail(Mark):
    """A way through a plane: a dot where it starts, a square where it ends; `values` are told on the way."""

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    label: str = ""
    color: Color = 0

    def wrong(self) -> str:
        return unequal(x=self.x, y=self.y, values=self.values)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (Entry(self.label, self.color, "line"),) if self.label else ()


@dataclass(frozen=True, eq=False)
class Contours(Mark):
    """Heights `z` (rows, columns) from 0 to 1 at `y` and `x`, in even bands; `told` is what to tell."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    told: np.ndarray
    bands: int = 17
    ramp: Ramp = "depth"

    def wrong(self) -> str:
        return not_of((len(self.y), len(self.x)), z=self.z, told=self.told)


@dataclass(frozen=True, eq=False)
class Tiles(Mark):
    """Pictures (tiles, height, width), in color (tiles, height, width, 3), shaded between `limits`.

    Tiles of one pixel are drawn as cells. `unit` is what one tile is called. Where `pins`, `keys` are the
    rows of the dataset that the tiles show: a click selects, and those `selected` have a frame. `told` is
    what to say of each. Numbers that are not finite are marked, and so are the tiles of units that are
    `dead`: 0 for every row looked at. Where there is `acts`, a click on a tile, or on a line of the only one,
    is told to the view by its number and so many more.
    """

    values: np.ndarray
    limits: tuple[float, float]
    ramp: Ramp = "sequential"
    unit: str = "tile"
    dead: np.ndarray = field(default_factory=lambda: _NONE)
    keys: np.ndarray = field(default_factory=lambda: _NONE)
    pins: bool = False
    selected: np.ndarray = field(default_factory=lambda: _NONE)
    told: tuple[str, ...] = ()
    acts: int | None = None

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        shape = self.values.shape
        if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
            return f"values must be (tiles, height, width) or (tiles, height, width, 3), got {shape}"
        others = {"keys": self.keys, "dead": self.dead}
        wrong = [f"{len(each)} {name}" for name, each in others.items() if len(each) not in (0, shape[0])]
        return f"{shape[0]} tiles but {wrong[0]}" if wrong else ""

    @property
    def odd(self) -> np.ndarray:
        """Where, in the flat array, there are numbers that are not finite; none in a picture in color."""
        return np.flatnonzero(~np.isfinite(self.values)) if not self.in_color else _NONE

    @property
    def entries(self) -> tuple[Entry, ...]:
        dead = (Entry("dead: 0 for every row looked at", "muted", "dead"),) if self.dead.any() else ()
        return (*dead, *((Entry("not finite", "fault", "square"),) if len(self.odd) else ()))

    @property
    def in_color(self) -> bool:
        return self.values.ndim == 4

    @property
    def album(self) -> bool:
        """Whether they are pictures of rows, which take all the room there is."""
        return self.pins and len(self.values) > 1


@dataclass(frozen=True, eq=False)
class Cells(Mark):
    """A table (rows, columns) of numbers as colors between `limits`; `numbers` writes them in, too.

    `texts`, one for each cell along the rows, are written in instead. Where `pins`, `keys` are the rows of
    the dataset that the rows show: a click selects, and those `selected` have a frame.
    """

    values: np.ndarray
    limits: tuple[float, float]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    ramp: Ramp = "sequential"
    numbers: bool = True
    texts: tuple[str, ...] = ()
    keys: np.ndarray = field(default_factory=lambda: _NONE)
    pins: bool = False
    selected: np.ndarray = field(default_factory=lambda: _NONE)

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        fits = len(self.texts) in (0, self.values.size) and len(self.keys) in (0, len(self.rows))
        wrong = not_of((len(self.rows), len(self.columns)), values=self.values)
        return wrong or ("" if fits else f"{len(self.texts)} texts, {len(self.keys)} keys: not one for each")


@dataclass(frozen=True, eq=False)
class Sentences(Mark):
    """Things said, one below the other, each with a `details` line; what is `wrong` stands out.

    Where one of `actions` says something, there is a button of it, whose click the page tells of.
    """

    texts: tuple[str, ...]
    details: tuple[str, ...]
    actions: tuple[str, ...]
    wrong_ones: tuple[bool, ...]

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        lengths = [len(each) for each in (self.details, self.actions, self.wrong_ones)]
        fits = all(length == len(self.texts) for length in lengths)
        return (
            ""
            if fits
            else f"{len(self.texts)} texts, but {', '.join(map(str, lengths))} of what goes with them"
        )


@dataclass(frozen=True)
class Plot:
    """Marks on the axes `x` and `y`; without axes both directions have one scale, as large as it fits.

    `title` may have something `aside`, and a `detail` below it. `share` is its part of the room.
    """

    marks: tuple[Mark, ...]
    title: str = ""
    aside: str = ""
    detail: str = ""
    x: Axis | None = None
    y: Axis | None = None
    share: float = 1.0

    @property
    def has_axes(self) -> bool:
        return bool(self.x or self.y) and any(mark.on_axes for mark in self.marks)


@dataclass(frozen=True)
class Chart:
    """What a view draws: plots in a "column" on one x axis, in a "row", or in a "flow" from first to last.

    `note` stands in its middle, `caption` below it. `subject` is what a knob of the view says already, and
    only a picture by itself must say, too. `summary` is for those who hear the page, `step` is the step
    that it shows.
    """

    plots: tuple[Plot, ...] = ()
    arrange: Arrangement = "column"
    caption: str = ""
    note: str = ""
    subject: str = ""
    summary: str = ""
    step: int | None = None

    def __post_init__(self) -> None:
        if self.arrange not in get_args(Arrangement):
            raise ValueError(f"Chart: arrange is one of {get_args(Arrangement)}, got {self.arrange!r}")

    @property
    def legend(self) -> tuple[Entry, ...]:
        """What the marks say about themselves, each once."""
        marks = (mark for plot in self.plots for mark in plot.marks)
        return tuple(dict.fromkeys(entry for mark in marks for entry in mark.entries))

    @property
    def told(self) -> str:
        """What a picture says below itself."""
        return ": ".join(filter(None, (self.subject, self.caption)))


@cache
def _names_of_arrays(kind: type[Mark]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if str(each.type).startswith("np.ndarray"))
