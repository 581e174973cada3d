"""What the trials of a search came to, over each of their parameters."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from cortex_lab.ground import checks
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Chart, Plot, Scatter
from cortex_lab.widgets.chart.searched import OfSearch, Searched, Spread, Trials, axis_of
from cortex_lab.widgets.chart.view import View

ALL = "all"
MOST_PLOTS = 4


class SearchSlices(OfSearch, View[Trials]):
    """The value of every trial over each parameter, a plot each, later trials in another color.

    `parameter` says which one, or "all" of the first four. A trial that was not asked for a parameter is not
    in its plot.
    """

    title = "Slices"
    size = (9.6, 3.2)
    height = 260
    place = "wide"

    def __init__(self, search: Searched, parameter: str = ALL) -> None:
        super().__init__(search)
        self._parameter = ALL
        self.parameter = parameter

    @property
    def parameter(self) -> str:
        """Which parameter is shown; "all" for the first four."""
        return self._parameter

    @parameter.setter
    def parameter(self, name: str) -> None:
        self._parameter = checks.choice("parameter", name, (ALL, *self.search.parameters))

    @property
    def knobs(self) -> tuple[Knob, ...]:
        choices = (ALL, *self.search.parameters)
        return (Knob("parameter", "choice", self._parameter, choices, label="over"),)

    def state(self, exact: bool) -> Hashable:
        return super().state(exact), self._parameter

    def chart(self, data: Trials) -> Chart:
        wanted = data.parameters[:MOST_PLOTS] if self._parameter == ALL else [self._parameter]
        values = data.frame["value"].to_numpy(float)
        up = axis_of(values, data.metric)
        plots: list[Plot] = []
        for name in wanted:
            spread = Spread.of(data.frame[name], name)
            asked = data.frame[name].notna().to_numpy()
            numbers = data.frame.index.to_numpy()[asked]
            keys = {"keys": numbers, "key_name": "trial", "values": numbers.astype(float)}
            points = Scatter(spread.values[asked], values[asked], **keys)
            # All stand for the same; that is said once.
            plots.append(Plot((points,), name, x=spread.around, y=replace(up, label=up.label * (not plots))))
        left = len(data.parameters) - len(wanted) if self._parameter == ALL else 0
        caption = data.said + f"; {left} more parameters" * bool(left)
        if not plots:
            caption += "; make(trial) asked for no parameter"
        return Chart(tuple(plots), "row", caption=caption, summary=f"{self.title} of a search: {caption}")
