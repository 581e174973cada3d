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
| `Diagram`  | nodes and the edges between them, from left to right                            |

Three renderers draw every chart: `canvas` (for the page), `plotly` and `matplotlib`. A new mark is a class
here and a function in each of them; a test fails where one is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from functools import cache
from typing import ClassVar, Literal, get_args

import numpy as np

from cortex_lab.widgets.chart.palette import category_mark

Color = int | Literal["muted", "text", "ground"]
"""The color of a category, or of the text, of what stands back from it, of what lies behind everything."""
Arrangement = Literal["column", "row", "flow"]
Ramp = Literal["gray", "sequential", "diverging", "depth"]

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True)
class Axis:
    """One direction of a plot."""

    limits: tuple[float, float]
    label: str = ""
    percent: bool = False

    def __post_init__(self) -> None:
        low, high = self.limits
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"Axis: limits must be two finite numbers, the lower first, got {self.limits}")


@dataclass(frozen=True)
class Entry:
    """A line of a legend. `mark` is "line", "bar", or what points are drawn as."""

    label: str
    color: Color
    mark: str
    faint: bool = False


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

    Among named bars `strong` is the place of one that stands out, for the reason `told`.
    """

    values: np.ndarray
    edges: np.ndarray | None = None
    names: tuple[str, ...] = ()
    label: str = ""
    color: Color = 0
    strong: int | None = None
    told: str = ""

    @property
    def on_axes(self) -> bool:
        return self.edges is not None

    def wrong(self) -> str:
        if self.edges is None and not self.names and len(self.values):
            return "say edges= for upright bars, one more than values, or names= for a lying one each"
        found = len(self.names) if self.edges is None else len(self.edges) - 1
        what = "names" if self.edges is None else "edges less one"
        return "" if found == len(self.values) else f"{len(self.values)} values but {found} {what}"

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (Entry(self.label, self.color, "bar"),) if self.label else ()


@dataclass(frozen=True, eq=False)
class Scatter(Mark):
    """Points at `x` and `y`, colored by `groups`: for each the place of its name among `names`.

    `keys` are numbers that say which point is which, called `key_name`; `chosen` is the key of one with a
    ring. Where `pins`, keys are rows of the dataset, and a click on a point pins its row. A `symbol` is
    drawn instead of each group's own.
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

    def wrong(self) -> str:
        return _unequal(x=self.x, y=self.y, groups=self.groups, keys=self.keys)

    def color_of(self, group: int) -> Color:
        return self.color + group if isinstance(self.color, int) else self.color

    def members(self, group: int) -> np.ndarray:
        """Which points belong to a group: (n,) of bool."""
        return self.groups == group if len(self.groups) else np.full(len(self.x), group == 0)

    def told(self, point: int) -> str:
        """What is said about one point."""
        key = int(self.keys[point]) if len(self.keys) else point
        group = int(self.groups[point]) if len(self.groups) else 0
        return f"{self.key_name} {key}" + (f": {self.names[group]}" if self.names else "")

    @property
    def entries(self) -> tuple[Entry, ...]:
        named = enumerate(self.names)
        return tuple(
            Entry(name, self.color_of(group), self.symbol or category_mark(group)) for group, name in named
        )


@dataclass(frozen=True, eq=False)
class Trail(Mark):
    """A way through a plane: a dot where it starts, a square where it ends; `values` are told on the way."""

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    label: str = ""
    color: Color = 0

    def wrong(self) -> str:
        return _unequal(x=self.x, y=self.y, values=self.values)

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
        return _not_of((len(self.y), len(self.x)), z=self.z, told=self.told)


@dataclass(frozen=True, eq=False)
class Tiles(Mark):
    """Pictures (tiles, height, width), or one in color (1, height, width, 3), shaded between `limits`.

    Tiles of one pixel are drawn as cells. `unit` is what one tile is called.
    """

    values: np.ndarray
    limits: tuple[float, float]
    ramp: Ramp = "sequential"
    unit: str = "tile"

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        shape = self.values.shape
        fits = len(shape) == 3 or (len(shape) == 4 and shape[0] == 1 and shape[3] == 3)
        return "" if fits else f"values must be (tiles, height, width) or (1, height, width, 3), got {shape}"

    @property
    def in_color(self) -> bool:
        return self.values.ndim == 4


@dataclass(frozen=True, eq=False)
class Cells(Mark):
    """A table (rows, columns) of numbers as colors between `limits`; `numbers` writes them in, too."""

    values: np.ndarray
    limits: tuple[float, float]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    ramp: Ramp = "sequential"
    numbers: bool = True

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        return _not_of((len(self.rows), len(self.columns)), values=self.values)


@dataclass(frozen=True, eq=False)
class Diagram(Mark):
    """Nodes by name, with `details` below the names, and edges from node to node; `values` 0 to 1 shade them.

    Nodes stand in columns: each to the right of all that lead to it.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    details: tuple[str, ...] = ()
    values: np.ndarray | None = None

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        strange = [edge for edge in self.edges if not all(0 <= end < len(self.names) for end in edge)]
        return f"there are {len(self.names)} nodes, so no edge {strange[0]}" if strange else ""

    def places(self) -> np.ndarray:
        """Where the middle of each node is, (nodes, 2): x to the right and y downwards, between 0 and 1."""
        column = np.zeros(len(self.names), np.intp)
        for _ in self.names:
            for start, end in self.edges:
                column[end] = max(column[end], column[start] + 1)
            if column.max(initial=0) >= len(self.names):
                raise ValueError("a graph to be drawn must not lead in circles")
        places = np.zeros((len(self.names), 2), np.float32)
        for place in range(column.max(initial=0) + 1):
            mine = np.flatnonzero(column == place)
            places[mine, 0] = (place + 0.5) / (column.max() + 1)
            places[mine, 1] = (np.arange(len(mine)) + 0.5) / len(mine)
        return places


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


def failed_panel(error: Exception, step: int | None = None) -> Chart:
    """What stands in place of a view that failed."""
    told = f"This panel failed: {type(error).__name__}: {error}"
    return Chart(note=told, summary=told, step=step)


@cache
def _names_of_arrays(kind: type[Mark]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if str(each.type).startswith("np.ndarray"))


def _unequal(**arrays: np.ndarray) -> str:
    lengths = {name: len(values) for name, values in arrays.items()}
    told = " and ".join(f"{name} of {length}" for name, length in lengths.items())
    expected = lengths["x"]
    optional = ("groups", "keys")
    fits = all(length == expected or (not length and name in optional) for name, length in lengths.items())
    return "" if fits else f"lengths differ: {told}"


def _not_of(shape: tuple[int, int], **arrays: np.ndarray) -> str:
    strange = [f"{name} is {values.shape}" for name, values in arrays.items() if values.shape != shape]
    return f"{strange[0]}, expected {shape}" if strange else ""
