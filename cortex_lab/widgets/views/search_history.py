"""What the trials of a search came to, one after the other."""

from __future__ import annotations

import numpy as np

from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Plot, Scatter
from cortex_lab.widgets.chart.scales import nice_ceiling
from cortex_lab.widgets.chart.searched import STATES, OfSearch, Trials, axis_of
from cortex_lab.widgets.chart.view import View


class SearchHistory(OfSearch, View[Trials]):
    """The value of every trial of a search by its number, and the best that was known at each.

        SearchHistory(search).save("search.html")

    Trials that were pruned count by their best value until then; those without a finite one are only counted.
    """

    title = "Trials"
    size = (6.4, 3.2)

    def chart(self, data: Trials) -> Chart:
        numbers, values = data.frame.index.to_numpy(), data.frame["value"].to_numpy(float)
        said = set(data.frame["state"])
        there = tuple(state for state in STATES if state in said)
        states = data.frame["state"].map({state: place for place, state in enumerate(there)}).to_numpy()
        done = (data.frame["state"] == "complete").to_numpy()
        best = (np.fmax if data.rising else np.fmin).accumulate(np.where(done, values, np.nan))
        last = float(max(10, nice_ceiling(float(numbers.max()) + 1)))
        marks = (
            Scatter(numbers, values, states, there, keys=numbers, key_name="trial", color=0),
            Line(numbers, best, "best so far", "text", dots=len(numbers) < 3, key="best"),
        )
        plot = Plot(marks, x=Axis((-0.5, last), "trial"), y=axis_of(values, data.metric))
        summary = f"{self.title} of a search: {data.said}"
        return Chart((plot,), caption=data.said, summary=summary)
