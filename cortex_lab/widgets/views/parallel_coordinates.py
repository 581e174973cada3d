"""Each trial of a search as a line across its parameters, to what it came to."""

from __future__ import annotations

import numpy as np

from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.parallel import Parallel
from cortex_lab.widgets.chart.searched import OfSearch, Spread, Trials
from cortex_lab.widgets.chart.view import View

MOST_TRIALS = 300


class ParallelCoordinates(OfSearch, View[Trials]):
    """Each trial as a line across its parameters, colored by its value, the best last and on top.

    The last axis is what is searched for. A line has a gap where its trial was not asked for a parameter;
    those that were pruned stand back. Of more than 300 trials the best are shown.
    """

    title = "Parallel coordinates"
    size = (9.6, 3.6)
    height = 300
    place = "wide"

    def chart(self, data: Trials) -> Chart:
        worst_first = data.frame.sort_values("value", ascending=data.rising, kind="stable")
        shown = worst_first.iloc[-MOST_TRIALS:]
        names = [*data.parameters, data.metric]
        spreads = [Spread.of(shown["value" if name == data.metric else name], name) for name in names]
        ranks = np.linspace(0, 1, len(shown)) if len(shown) > 1 else np.ones(1)
        pruned = (shown["state"] != "complete").to_numpy()
        told = tuple(
            f"trial {number}: {data.metric} {value:.4g}, {state}"
            + "".join(f"\n{name} {shown.at[number, name]}" for name in data.parameters)
            for number, value, state in zip(shown.index, shown["value"], shown["state"], strict=True)
        )
        places = np.stack([spread.shares for spread in spreads], axis=1)
        lines = Parallel(
            tuple(names), tuple(each.ticks for each in spreads), places, told, np.where(pruned, np.nan, ranks)
        )
        left = len(worst_first) - len(shown)
        caption = data.said + f"; the worst {left:,} are not shown" * bool(left)
        summary = f"{self.title} of a search: {caption}"
        return Chart((Plot((lines,)),), caption=caption, summary=summary)
