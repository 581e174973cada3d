"""What a recurrent layer does step by step, and how far back its gradient reaches."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.study import Session
from cortex_lab.widgets.chart.buttons import Acts
from cortex_lab.widgets.chart.close_up import layer_picture
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Chart, Line, Mark, Plot
from cortex_lab.widgets.chart.one_row import OfOneRow
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import has_rows, rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import OfOneLayer, network_of
from cortex_lab.widgets.chart.through_time import (
    MOST_UNITS,
    ThroughTime,
    cell_of,
    recurrent_layers,
    through_time,
    ways_of,
)
from cortex_lab.widgets.chart.view import NothingToShow, View

ALL, ONE = "all units", "one unit"
NO_LAYER = "No layer of this network reads a sequence step by step.\nlayer_microscope shows those there are."


@dataclass(frozen=True, eq=False)
class Steps:
    """A layer over the steps of the row; `unit` is the one that stands for all, None for their mean."""

    step: int
    layer: str
    row: int
    unit: int | None
    found: ThroughTime


class Recurrence(OfOneLayer, OfOneRow, View[Steps]):
    """State, cell and gates of a recurrent layer at each step of the pinned row, and its gradient by lag.

    The gradient is that of the last state with respect to the layer's input so many steps before it, as the
    Frobenius norm; where it falls fast, the layer cannot learn from what is long past (Bengio et al. 1994).
    Beside it is that of the row's loss. Both are exactly 0 at steps that a mask leaves out, and for what a
    stateful layer carries in from the batch before, where back-propagation is truncated; that is said, not
    drawn as a small number. Gates are means over the units, or those of one: a click on a unit chooses it.
    """

    title = "Recurrence"
    size = (9.6, 3.0)
    height = 230
    place = "wide"
    rank = 39
    opened = False
    layers_are = "recurrent layer"

    def __init__(self, session: Session, layer: str | None = None, pinned: int | None = None) -> None:
        super().__init__(session)
        if pinned is not None:
            checks.whole("pinned", pinned, least=0)
        network = getattr(session, "network", None)
        self.layers = recurrent_layers(network) if network is not None else []
        self._layer = self.layers[0] if self.layers else None
        self._of, self._unit, self._way = ALL, 0, "forward"
        if self.fits(session):
            self._passes = RowPasses(session)
            self.pin(pinned)
        if layer is not None:
            self.layer = layer

    @classmethod
    def fits(cls, session: Session) -> bool:
        trains = isinstance(session.process, Training) and has_rows(session)
        return trains and bool(recurrent_layers(network_of(session)))

    # What may be set --------------------------------------------------------------------------------

    @property
    def of(self) -> str:
        """Whose gates are drawn: the mean of "all units", or those of "one unit"."""
        return self._of

    @of.setter
    def of(self, name: str) -> None:
        self._of = checks.choice("of", name, (ALL, ONE))

    @property
    def unit(self) -> int:
        """Number of the one unit; of a layer with fewer, its last is shown."""
        return self._unit

    @unit.setter
    def unit(self, number: int) -> None:
        self._unit = checks.whole("unit", number, least=0, most=self._widest - 1)

    @property
    def way(self) -> str:
        """Which way of a Bidirectional is shown; all others read forward."""
        return self._way

    @way.setter
    def way(self, name: str) -> None:
        self._way = checks.choice("way", name, self._ways)

    @property
    def _ways(self) -> tuple[str, ...]:
        nodes = network_of(self.session).graph.nodes
        return max((ways_of(nodes[each]) for each in self.layers), key=len)

    @property
    def _widest(self) -> int:
        nodes = network_of(self.session).graph.nodes
        return max(cell_of(nodes[each], "forward").units for each in self.layers)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if not self.pinned_knob or self._layer is None:
            return ()
        found = [
            Knob("layer", "choice", self._layer, tuple(self.layers), label="layer"),
            Knob("of", "choice", self._of, (ALL, ONE), label="gates of"),
            Knob("unit", "count", self._unit, limits=(0, self._widest - 1), label="unit"),
            *self.pinned_knob,
        ]
        if len(self._ways) > 1:
            found.append(Knob("way", "choice", self._way, self._ways, label="way"))
        return tuple(found)

    def state(self, exact: bool) -> Hashable:
        chosen = self._pinned, self._of, self._unit, self._way
        return standing(self.session, exact), self._layer, chosen

    # What is collected, and drawn -------------------------------------------------------------------

    def collect(self, exact: bool) -> tuple[int, Weights]:
        network_of(self.session)
        if self._rows is None:
            rows_of(self.session)
            raise NothingToShow(NO_LAYER)
        return self.session.step_number, self._passes.weights()

    def prepare(self, collected: tuple[int, Weights]) -> Steps:
        assert self._rows is not None and self._layer is not None and self._pinned is not None
        step, weights = collected
        network, layer = network_of(self.session), self._layer
        ways = ways_of(network.graph.nodes[layer])
        way = self._way if self._way in ways else ways[0]
        rows = self.pinned_row()
        found = through_time(network, self._passes, weights, rows, layer, way)
        unit = min(self._unit, found.states["state"].shape[1] - 1) if self._of == ONE else None
        return Steps(step, layer, self._pinned, unit, found)

    def chart(self, data: Steps) -> Chart:
        found = data.found
        plots = [layer_picture(name, values, 0) for name, values in found.states.items()]
        if found.gates:
            plots.append(self._gates(data))
        if found.by_lag is not None or found.of_loss is not None:
            plots.append(_by_lag(found))
        caption = f"row {data.row}, {len(found.counts)} steps"
        left_out = int((~found.counts).sum())
        caption += f", {left_out} of them left out by a mask" if left_out else ""
        caption += "; the state is carried on, its gradient is not: exactly 0" if found.carries else ""
        units = found.states["state"].shape[1]
        if units > MOST_UNITS and found.by_lag is not None:
            caption += f"; by lag, of the first {MOST_UNITS} of {units} units"
        lost = sum(int(np.count_nonzero(~np.isfinite(each))) for each in found.states.values())
        caption += f"; {lost:,} values not finite" if lost else ""
        summary = f"{self.title}, {data.layer} at step {data.step}: {caption}"
        return Chart(
            tuple(plots), "row", caption=caption, subject=data.layer, summary=summary, step=data.step
        )

    def _gates(self, data: Steps) -> Plot:
        steps = np.arange(len(data.found.counts))
        lines: list[Mark] = []
        for color, (name, values) in enumerate(data.found.gates.items()):
            drawn = values.mean(axis=1) if data.unit is None else values[:, data.unit]
            drawn = np.where(data.found.counts, drawn, np.nan)
            lines.append(Line(steps, drawn, name, color, dots=len(steps) <= 30))
        values = np.concatenate([mark.y for mark in lines if isinstance(mark, Line)])
        finite = values[np.isfinite(values)]
        low, high = float(finite.min(initial=0.0)), float(finite.max(initial=1.0))
        of = "mean of all units" if data.unit is None else f"unit {data.unit}"
        across = Axis((0.0, float(max(1, len(steps) - 1))), "time step")
        return Plot(tuple(lines), "gates", detail=of, x=across, y=Axis((1.1 * low, high)), share=1.2)

    def table(self, data: Steps) -> pd.DataFrame:
        """A line for each step: whether it counts, states and gates, and the gradients by its lag."""
        found = data.found
        frame = pd.DataFrame({"counts": found.counts})
        for name, values in {**found.states, **found.gates}.items():
            frame[name] = values.mean(axis=1) if data.unit is None else values[:, data.unit]
        frame["lag"] = found.lags
        for name, values in (("gradient of the last state", found.by_lag), ("of the loss", found.of_loss)):
            if values is not None:
                frame[name] = values[found.lags]
        return frame.rename_axis("time step")

    def act(self, number: int) -> Acts:
        """A click on a unit: its gates are drawn."""
        unit = min(max(0, number), self._widest - 1)
        return Acts(turns=((self.name, "unit", unit), (self.name, "of", ONE)))


def _by_lag(found: ThroughTime) -> Plot:
    drawn = {"of the last state": found.by_lag, "of the loss": found.of_loss}
    known = {name: values for name, values in drawn.items() if values is not None}
    together = np.concatenate([*known.values()])
    positive = together[np.isfinite(together) & (together > 0)]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    # Below it there is room for what is exactly 0, which no logarithm has.
    floor, top = low / 4, high * 2
    lags = len(next(iter(known.values())))
    lines: list[Mark] = []
    zero = np.zeros(lags + found.carries, bool)
    for color, (name, values) in enumerate(known.items()):
        line = np.where(values > 0, values, np.nan)
        lines.append(Line(np.arange(lags), line, name, (5, 4)[color], dots=lags <= 40))
        zero[:lags] |= values == 0
    zero[lags:] = True
    count = int(zero.sum())
    if count:
        at = np.where(zero, floor, np.nan)
        lines.append(Line(np.arange(len(zero)), at, "exactly 0", "muted", dots=True))
    across = Axis((0.0, float(max(1, len(zero) - 1))), "steps before the last")
    detail = f"exactly 0 at {count}" if count else "nowhere exactly 0"
    up = Axis((floor, top), log=True)
    return Plot(tuple(lines), "gradient by lag", "log", detail=detail, x=across, y=up, share=1.2)
