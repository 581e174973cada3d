"""A plane of cells on axes, each shaded by its value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cortex_lab.widgets.chart.axis import Entry, Ramp
from cortex_lab.widgets.chart.lengths import not_of
from cortex_lab.widgets.chart.marks import Mark
from cortex_lab.widgets.chart.palette import category_mark

_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class HeatMap(Mark):
    """Cells (rows, columns) between the edges `y` and `x`, both rising, shaded between `limits`.

    A value that is not finite leaves a gap. With `groups` (rows, columns), places in `names`, a cell has the
    color of its group, the fuller the higher its value. `unit` is what is told of a value.
    """

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    limits: tuple[float, float] = (0.0, 1.0)
    ramp: Ramp = "sequential"
    unit: str = ""
    groups: np.ndarray = field(default_factory=lambda: _NONE)
    names: tuple[str, ...] = ()

    def wrong(self) -> str:
        shape = (len(self.y) - 1, len(self.x) - 1)
        wrong = not_of(shape, values=self.values)
        return wrong or (not_of(shape, groups=self.groups) if len(self.groups) else "")

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(Entry(name, group, category_mark(group)) for group, name in enumerate(self.names))

    @property
    def levels(self) -> np.ndarray:
        """The values from 0 to 1 within the limits; NaN where they are not finite."""
        low, high = self.limits
        found = np.clip((self.values - low) / ((high - low) or 1.0), 0.0, 1.0)
        return np.where(np.isfinite(self.values), found, np.nan)
