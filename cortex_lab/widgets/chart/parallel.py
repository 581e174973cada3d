"""Lines across upright axes, each axis with a scale of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cortex_lab.widgets.chart.lengths import not_of
from cortex_lab.widgets.chart.marks import Mark

_NONE = np.empty(0, np.int32)
Ticks = tuple[tuple[float, str], ...]


@dataclass(frozen=True, eq=False)
class Parallel(Mark):
    """A line for each row of `places` (lines, axes): where it crosses each axis, from 0, its foot, to 1.

    `ticks` say for each axis what stands at which of its places. `levels` 0 to 1 color the lines, those not
    finite stand back; NaN among the places leaves a gap. `told` is what to say of each line. Later lines lie
    over earlier ones.
    """

    names: tuple[str, ...]
    ticks: tuple[Ticks, ...]
    places: np.ndarray
    told: tuple[str, ...]
    levels: np.ndarray = field(default_factory=lambda: _NONE)

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        wrong = not_of((len(self.told), len(self.names)), places=self.places)
        if wrong or len(self.ticks) != len(self.names):
            return wrong or f"{len(self.names)} names but {len(self.ticks)} ticks"
        odd = len(self.levels) not in (0, len(self.told))
        return f"{len(self.told)} lines but {len(self.levels)} levels" if odd else ""

    def level_of(self, line: int) -> float:
        """0 to 1, or NaN."""
        return float(self.levels[line]) if len(self.levels) else 0.0
