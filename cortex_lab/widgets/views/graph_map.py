"""The graph of layers that are not trained yet, up to one that does not fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Graph, GraphError, Network
from cortex_lab.nn.graph.description import Entry
from cortex_lab.nn.graph.graph import PlacedNode
from cortex_lab.study import Session
from cortex_lab.widgets.chart.laid_out import LaidOut, by_powers, laid_out, room_for, shape_text
from cortex_lab.widgets.chart.marks import Chart, Plot, Sentences
from cortex_lab.widgets.chart.node_map import NodeMap
from cortex_lab.widgets.chart.view import View

SENTENCE = 70
"""Height in pixels of what is said below the map."""


@dataclass(frozen=True, eq=False)
class DrawnGraph:
    """A graph, where it stands, and what is wrong with the node after it, if one is."""

    graph: Graph
    laid: LaidOut
    error: GraphError | None


class GraphMap(View[DrawnGraph]):
    """Layers before they are trained, from left to right; up to one whose shapes do not fit, which says why.

        GraphMap([Conv2D(8, 3), Dense(10), LSTM(4)], (28, 28, 1))

    `layers`, `input_shape` and `outputs` are what a `Network` takes; a `Network`, a `Graph` and the
    `GraphError` that one of them raised are drawn, too. Nodes are shaded by their parameters, on a scale of
    powers. What is wrong with a description beside its shapes, such as two nodes of one name, is raised.
    """

    title = "Graph"

    def __init__(
        self,
        layers: Graph | Network | GraphError | Iterable[Entry],
        input_shape: Sequence[int] | Mapping[str, Sequence[int]] | int | None = None,
        outputs: Sequence[str] | None = None,
    ) -> None:
        self.error: GraphError | None = layers if isinstance(layers, GraphError) else None
        if isinstance(layers, (Network, GraphError)):
            self.graph = layers.graph
        elif isinstance(layers, Graph):
            self.graph = layers
        elif input_shape is None:
            raise checks.refused("input_shape", "the shape of one input row: dataset.input_shape", None)
        else:
            try:
                self.graph = Graph.build(layers, input_shape, outputs)
            except GraphError as error:
                self.graph, self.error = error.graph, error
        self._laid = laid_out(self.graph, self.error.node if self.error is not None else None)
        self.height, (width, height) = room_for(self._laid.layout)
        if self.error is not None:
            self.height, height = self.height + SENTENCE, height + 0.5
        self.size = (width, height)  # type: ignore[misc]

    @classmethod
    def fits(cls, session: Session) -> bool:
        """No bench shows it: what is trained has a map of its network."""
        return False

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "It is drawn of layers not trained yet.\nOf this one there is session.views.network_map()."

    def look(self) -> DrawnGraph:
        return DrawnGraph(self.graph, self._laid, self.error)

    def chart(self, data: DrawnGraph) -> Chart:
        graph, names, layout = data.graph, data.laid.names, data.laid.layout
        counts = {name: _count(node) for name, node in graph.nodes.items()}
        said = [_said(graph, name, data.error) for name in names]
        details, told = zip(*said, strict=True)
        wrong = np.array([data.error is not None and name == data.error.node.name for name in names])
        mark = NodeMap(
            tuple(name.rpartition(".")[2] for name in names), details, told,
            *layout.places.T, *layout.ways.T, layout.columns, layout.lanes,
            values=by_powers(np.array([counts.get(name, 0) for name in names], float)),
            wrong_ones=wrong, wrong_is="does not fit",
        )  # fmt: skip
        plots = [Plot((mark,), share=layout.lanes)]
        caption = f"{len(counts)} layers, {sum(counts.values()):,} parameters; shaded by parameters"
        if data.error is not None:
            caption = f"as far as it goes: {caption}"
            plots.append(Plot((Sentences((str(data.error),), ("",), ("",), (True,)),), share=1))
        summary = f"{self.title}, {caption}" + (f"; {data.error}" if data.error is not None else "")
        return Chart(tuple(plots), "column", caption=caption, summary=summary)

    def table(self, data: DrawnGraph) -> pd.DataFrame:
        """A line for each layer, the one that does not fit last, with what is `wrong` with it."""
        rows = [
            (node.name, type(node.layer).__name__, ", ".join(dict.fromkeys(node.inputs)),
             shape_text(node.out_shape), _count(node), "")
            for node in data.graph.nodes.values()
        ]  # fmt: skip
        if data.error is not None:
            node = data.error.node
            reads = ", ".join(dict.fromkeys(node.inputs or ()))
            rows.append((node.name or "", type(node.layer).__name__, reads, "", 0, str(data.error)))
        columns = ["layer", "kind", "reads", "shape", "parameters", "wrong"]
        return pd.DataFrame(rows, columns=columns).set_index("layer")

    def __repr__(self) -> str:
        wrong = f", but not {self.error.node.name!r}" if self.error is not None else ""
        return f"<GraphMap of {len(self.graph.nodes)} layers{wrong}>"


def _count(node: PlacedNode) -> int:
    """The parameters of a node; none of one that shares those of another."""
    if node.shares:
        return 0
    return sum(math.prod(each.shape) for each in node.layer.parameters(*node.in_shapes).values())


def _said(graph: Graph, name: str, error: GraphError | None) -> tuple[str, str]:
    """What stands in a node, and all that is told of it."""
    if name in graph.inputs:
        shape = shape_text(graph.inputs[name])
        return shape, f"{name}: input {shape}"
    if name not in graph.nodes:
        assert error is not None
        return "does not fit", str(error)
    node = graph.nodes[name]
    shape = shape_text(node.out_shape)
    told = f"{name}: {type(node.layer).__name__}\n{' + '.join(map(shape_text, node.in_shapes))} to {shape}"
    return shape, f"{told}\n{_count(node):,} parameters"
