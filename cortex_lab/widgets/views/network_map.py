"""The graph of a network, with what each node is, gives and learns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.buttons import Acts
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.laid_out import LaidOut, by_powers, laid_out, room_for, shape_text
from cortex_lab.widgets.chart.layer_stats import LayersSeen, LayerStats
from cortex_lab.widgets.chart.marks import Chart, Plot
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.nodes import OfOneNode
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import View

TIME = "time"
SHADES = ("activation std", "gradient norm", "weight norm", "update ratio", "parameters", TIME)
MOST_ROWS = 64


@dataclass(frozen=True, eq=False)
class Mapped:
    """Inputs and nodes, where they stand, what is known of the nodes, and their seconds, if asked."""

    laid: LaidOut
    seen: LayersSeen
    times: dict[str, tuple[float, float]]


class NetworkMap(OfOneNode, View[Mapped]):
    """The nodes of the network from left to right: name and shape; shaded by a measure, on a scale of powers.

    `shade` says by which. The bar below a node is its share of dead units, a red border says that something
    is out of bounds, as in `LayerTable`. A click on a node shows it in all views. Shaded by "time", a copy of
    the network is timed, node by node, on rows of the data; nothing is timed otherwise.
    """

    title = "Network"
    size = (9.6, 2.8)
    height = 160
    place = "wide"
    rank = 34
    opened = False

    def __init__(self, session: Session, shade: str = SHADES[0]) -> None:
        super().__init__(session)
        self.shade = shade
        self._stats = LayerStats(session)
        self._passes: RowPasses | None = None
        self._laid: tuple[Any, LaidOut] | None = None
        if LayerStats.fits(session):
            self.height, self.size = room_for(self._lay().layout)  # type: ignore[misc]

    @classmethod
    def fits(cls, session: Session) -> bool:
        return LayerStats.fits(session)

    @property
    def shade(self) -> str:
        """What the nodes are shaded by."""
        return self._shade

    @shade.setter
    def shade(self, column: str) -> None:
        self._shade = checks.choice("shade", column, SHADES)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return (Knob("shade", "choice", self._shade, SHADES, label="shade by"), *self.node_knob)

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._shade, self._node, exact

    def _lay(self) -> LaidOut:
        graph = network_of(self.session).graph
        if self._laid is None or self._laid[0] is not graph:
            self._laid = graph, laid_out(graph)
        return self._laid[1]

    def collect(self, exact: bool) -> tuple[LayersSeen, Weights | None]:
        seen = self._stats.collect(exact)
        if self._shade != TIME:
            return seen, None
        if self._passes is None:
            rows_of(self.session)
            self._passes = RowPasses(self.session)
        return seen, self._passes.weights()

    def prepare(self, collected: tuple[LayersSeen, Weights | None]) -> Mapped:
        seen, weights = collected
        times = {} if weights is None or self._passes is None else self._timed(self._passes, weights)
        return Mapped(self._lay(), seen, times)

    def _timed(self, passes: RowPasses, weights: Weights) -> dict[str, tuple[float, float]]:
        known = rows_of(self.session)
        return passes.times(weights, *known.take(known.shown[:MOST_ROWS]))

    def chart(self, data: Mapped) -> Chart:
        seen, names, layout = data.seen, data.laid.names, data.laid.layout
        wrong = seen.wrong_ones.any(axis=1)
        frame = seen.frame.reindex(list(names))
        frame[TIME] = [sum(data.times.get(name, (np.nan,))) for name in names]
        lines = frame.to_dict("index")
        said = [self._said(name, {**lines[name], "times": data.times.get(name)}) for name in names]
        details, told = zip(*said, strict=True)
        # Of what is in blocks, the block is told under the pointer.
        short = tuple(name.rpartition(".")[2] for name in names)
        mark = NodeMap(
            short, details, told, *layout.places.T, *layout.ways.T, layout.columns, layout.lanes,
            values=by_powers(frame[self._shade].to_numpy(float)), dead=frame["dead share"].to_numpy(float),
            wrong_ones=wrong.reindex(list(names), fill_value=False).to_numpy(bool),
            chosen=names.index(self._node) if self._node in names else None,
        )  # fmt: skip
        count = int(seen.frame["parameters"].sum())
        caption = f"{len(seen.frame)} layers, {count:,} parameters; shaded by {self._shade}"
        if data.times:
            whole = 1000 * sum(map(sum, data.times.values()))
            caption += f" of {MOST_ROWS} rows at most, forward and backward: {whole:.3g} ms in all"
        if not seen.fresh:
            caption += "; gradients and activations are those of a step: take one"
        troubles = seen.troubles
        if troubles:
            caption += f"; out of bounds: {', '.join(troubles[:3])}" + ", ..." * (len(troubles) > 3)
        summary = f"{self.title} at step {seen.step}: {caption}"
        return Chart((Plot((mark,)),), caption=caption, summary=summary, step=seen.step)

    def _said(self, name: str, line: dict[Any, Any]) -> tuple[str, str]:
        """What stands in a node, and all that is told of it."""
        graph = network_of(self.session).graph
        if name not in graph.nodes:
            shape = shape_text(graph.shape(name))
            return shape, f"{name}: input {shape}"
        node = graph.nodes[name]
        said = [
            f"{name}: {line['kind']}",
            f"{' + '.join(map(shape_text, node.in_shapes))} to {shape_text(node.out_shape)}",
        ]
        said += [f"{int(line['parameters']):,} parameters" + (", at rest" if line["frozen"] else "")]
        for column in ("weight norm", "gradient norm", "update ratio", "activation mean", "activation std"):
            if np.isfinite(line[column]):
                said.append(f"{column} {line[column]:.3g}".replace("-", "−"))
        if np.isfinite(line["dead share"]):
            said.append(f"{line['dead share']:.0%} of its units dead")
        if line["times"]:
            forward, backward = (1000 * each for each in line["times"])
            said.append(f"{forward:.3g} ms forward, {backward:.3g} ms backward")
        if line["not finite"] > 0:
            said.append(f"{int(line['not finite']):,} values not finite")
        return str(line["shape"]), "\n".join(said)

    def table(self, data: Mapped) -> pd.DataFrame:
        frame = data.seen.frame.copy()
        if data.times:
            for place, column in enumerate(("forward ms", "backward ms")):
                frame[column] = [1000 * data.times.get(name, (0.0, 0.0))[place] for name in frame.index]
        graph = network_of(self.session).graph
        frame.insert(1, "reads", [", ".join(dict.fromkeys(graph.nodes[name].inputs)) for name in frame.index])
        return frame

    def act(self, number: int) -> Acts:
        """A click on a node: it is shown in all views."""
        names = self._lay().names
        inside = 0 <= number < len(names) and names[number] in self.nodes
        return self.choosing(names[number]) if inside else Acts()
