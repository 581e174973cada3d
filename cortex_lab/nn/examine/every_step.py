"""What recurrent layers gave at every step of their sequence, where they hand on only the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.executor import Executor
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan


class EveryStep:
    """Runs a network up to each of its recurrent layers, and has it give all steps: see `of`.

    `layers` are the names of those that hand on only their last step, or a state. The weights are the
    network's own, as they are when it is asked.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._telling = {
            name: telling
            for name, node in network.graph.nodes.items()
            if (telling := _telling(node.layer)) is not None
        }
        self._executors: dict[str, Executor] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._telling)

    def of(self, name: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """(rows, steps, units): what layer `name` gives at each step of these rows, in the input's order."""
        network, rows = self.network, len(next(iter(inputs.values())))
        executor = self._executors.get(name)
        if executor is None or executor.capacity < rows:
            executor = self._executors[name] = self._executor(name, rows)

        def run() -> np.ndarray:
            bound = executor.bind(rows)
            for each in executor.plan.graph.inputs:
                place = bound.buffers[each]
                place[...] = network.ops.asarray(network.seen(each, inputs[each]), place.dtype)
            network.ops.flushed(lambda: [step() for _, step in bound.steps if step is not None])
            return np.array(network.ops.to_numpy(bound.buffers[name]))

        found = network.turns.reading(run)
        backwards = getattr(self._telling[name], "go_backwards", False)
        return found[:, ::-1] if backwards else found

    def _executor(self, name: str, rows: int) -> Executor:
        graph = self.network.graph
        nodes = [graph.nodes[each].as_node() for each in graph.ancestors(name)]
        nodes = [replace(node, layer=self._telling[name]) if node.name == name else node for node in nodes]
        read = {source for node in nodes for source in node.inputs or ()}
        inputs = {each: shape for each, shape in graph.inputs.items() if each in read}
        plan = Plan.inference(Graph.build(nodes, inputs, [name]), (name,))
        return self.network.executor(plan, rows)


def _telling(layer: Any) -> Layer | None:
    """The same layer giving all of its steps; None if it does so already, or has none."""
    inner = getattr(layer, "layer", None)
    if getattr(inner, "return_sequences", True) is False:
        return replace(layer, layer=replace(inner, return_sequences=True))
    silent = getattr(layer, "return_sequences", None) is False or getattr(layer, "return_state", False)
    return replace(layer, return_sequences=True, return_state=False) if silent else None
