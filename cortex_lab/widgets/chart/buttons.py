"""Buttons among the plots of a chart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cortex_lab.widgets.chart.marks import Mark


@dataclass(frozen=True, eq=False)
class Buttons(Mark):
    """A button for each of `names`, one below the other, with `told` to say what it does.

    The page tells of a click by the number of the button; the view says in `act(number)` what is to be done.
    """

    names: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        fits = len(self.told) == len(self.names)
        return "" if fits else f"{len(self.names)} names, but {len(self.told)} of what they do"


@dataclass(frozen=True)
class Acts:
    """What a click asks for: `edits` of the session, and knobs of views to turn: (view, knob, value)."""

    edits: tuple[tuple[str, Any], ...] = field(default=())
    turns: tuple[tuple[str, str, Any], ...] = field(default=())
