"""The directions of a plot, the lines of its legend, and the names of colors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Color = int | Literal["muted", "text", "ground", "fault"]
"""The color of a category, or of the text, of what stands back from it, lies behind all, or is wrong."""
Ramp = Literal["gray", "sequential", "diverging", "depth", "warm"]


@dataclass(frozen=True)
class Axis:
    """One direction of a plot; `log` has each power of ten take as much room as the next."""

    limits: tuple[float, float]
    label: str = ""
    percent: bool = False
    log: bool = False

    def __post_init__(self) -> None:
        low, high = self.limits
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"Axis: limits must be two finite numbers, the lower first, got {self.limits}")
        if self.log and low <= 0:
            raise ValueError(f"Axis: a logarithmic axis begins above 0, got {self.limits}")

    @property
    def of_steps(self) -> bool:
        """Whether steps of the session go along it, as its label says: moments are marked on it."""
        return self.label == "step"


@dataclass(frozen=True)
class Entry:
    """A line of a legend. `mark` is "line", "bar", or what points are drawn as."""

    label: str
    color: Color
    mark: str
    faint: bool = False
