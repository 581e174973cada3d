"""A network, drawn in layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cortex_lab.widgets.chart.axis import Entry
from cortex_lab.widgets.chart.marks import Mark

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class NodeMap(Mark):
    """Nodes by name, each with a word of `details` in it and what is `told` of it, where `layered` says.

    `across` and `down` are their middles, `way_x` and `way_y` the edges, between 0 and 1, with NaN after each
    piece; `columns` and `lanes` say how much room a node has. `values` 0 to 1 shade them, NaN none; a bar
    below each is as long as its share of `dead` units; those that are `wrong_ones` have a border,
    which the legend calls `wrong_is`. `chosen` has a frame. A click on a node is told to the view by its
    number.
    """

    names: tuple[str, ...]
    details: tuple[str, ...]
    told: tuple[str, ...]
    across: np.ndarray
    down: np.ndarray
    way_x: np.ndarray
    way_y: np.ndarray
    columns: int
    lanes: int
    values: np.ndarray = field(default_factory=lambda: _NONE)
    dead: np.ndarray = field(default_factory=lambda: _NONE)
    wrong_ones: np.ndarray = field(default_factory=lambda: _NONE)
    chosen: int | None = None
    wrong_is: str = "out of bounds"

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        count = len(self.names)
        optional = {name: len(getattr(self, name)) for name in ("values", "dead", "wrong_ones")}
        lengths = {name: len(getattr(self, name)) for name in ("details", "told", "across", "down")}
        odd = [name for name, length in lengths.items() if length != count]
        odd += [name for name, length in optional.items() if length not in (0, count)]
        return f"{count} names but {({**lengths, **optional})[odd[0]]} {odd[0]}" if odd else ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        dead = (Entry("dead units", "muted", "bar"),) if np.nansum(self.dead) > 0 else ()
        return (*dead, *((Entry(self.wrong_is, "fault", "square"),) if self.wrong_ones.any() else ()))
