"""A view of one pinned row of the data."""

from __future__ import annotations

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.rows import KnownRows, Named, rows_of


class OfOneRow:
    """Of a view that shows one row of the session's, a knob that it shares with others like it."""

    session: Session
    _rows: KnownRows | None = None
    _pinned: int | None = None

    def pin(self, row: int | None) -> KnownRows:
        """The rows there are, one of them pinned: None is the first of those that are shown."""
        self._rows = rows_of(self.session)
        self.pinned = int(self._rows.shown[0]) if row is None else row
        return self._rows

    @property
    def pinned(self) -> int | None:
        """Number of the row that is looked at."""
        return self._pinned

    @pinned.setter
    def pinned(self, row: int) -> None:
        known = self._rows or rows_of(self.session)
        self._pinned = known.checked(checks.whole("pinned", row))

    @property
    def pinned_knob(self) -> tuple[Knob, ...]:
        """For the pinned row; none where none is."""
        if self._rows is None or self._pinned is None:
            return ()
        limits = int(self._rows.numbers.min()), int(self._rows.numbers.max())
        told = {"label": "row", "tooltip": "The pinned row of the data", "shared": True}
        return (Knob("pinned", "count", self._pinned, limits=limits, **told),)

    def pinned_row(self) -> tuple[Named, Named]:
        """Inputs and targets of the pinned row, by the network's names of them."""
        assert self._rows is not None and self._pinned is not None
        return self._rows.take(np.array([self._pinned]))
