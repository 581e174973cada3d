"""One node of a network, which several views stand for together."""

from __future__ import annotations

from typing import Any

from cortex_lab.study import Session
from cortex_lab.widgets.chart.buttons import Acts
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.subjects import checked_layer, network_of
from cortex_lab.widgets.chart.through_time import recurrent_layers


class OfOneNode:
    """Of a view that shows one `node`, or lets it stand out: a knob that all such views of a bench share."""

    session: Session
    name: Any
    _node: str | None = None

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes, in the order in which they run; none without a network."""
        return [*getattr(getattr(self.session, "network", None), "layers", ())]

    @property
    def node(self) -> str | None:
        """The node that stands out; the first, as long as nobody chose one."""
        return self._node if self._node is not None else next(iter(self.nodes), None)

    @node.setter
    def node(self, name: str) -> None:
        network_of(self.session)
        self._node = checked_layer(name, self.nodes, "node")

    @property
    def node_knob(self) -> tuple[Knob, ...]:
        nodes = tuple(self.nodes)
        return (Knob("node", "choice", self.node, nodes, label="layer", shared=True),) if nodes else ()

    def choosing(self, name: str) -> Acts:
        """The turns that have all views show a node."""
        turns = [(self.name, "node", name)]
        parameters = getattr(network_of(self.session), "parameters", {})
        if any(each.rpartition("/")[0] == name for each in parameters):
            turns.append(("weight_histogram", "layer", name))
        if name in recurrent_layers(network_of(self.session)):
            turns.append(("recurrence", "layer", name))
        return Acts(turns=tuple(turns))
