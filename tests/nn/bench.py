"""Run one layer, or one network, forward and backward, for the contract tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import get_ops
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from tests.nn.cases import Case


@dataclass
class Passed:
    """What came out: output, and gradients of sum(direction * output)."""

    y: np.ndarray
    input_gradients: list[np.ndarray | None]
    gradients: dict[str, np.ndarray]


class LayerBench:
    """One layer as a network of its own on a backend."""

    def __init__(self, case: Case, backend: str = "reference", capacity: int = 5) -> None:
        self.case = case
        self.network = _network(case, backend)
        plan = Plan.training_step(self.network.graph, ["layer"], input_gradients=case.differentiable_input)
        self.executor = self.network.executor(plan, capacity)

    def run(self, xs: list[np.ndarray], direction: np.ndarray | None = None, poison: bool = False) -> Passed:
        """Forward on `xs`, and backward from `direction` (default: ones)."""
        ops, network = self.network.ops, self.network
        bound = self.executor.bind(len(xs[0]))
        if poison:
            for array in [*bound.buffers.values(), network.gradient, self.executor._scratch]:
                array[...] = np.nan if array.dtype.kind == "f" else -77
        for i, x in enumerate(xs):
            bound.buffers[f"in{i}"][...] = ops.asarray(x)
        forward = [run for phase, run in bound.steps if phase.startswith("forward")]
        backward = [run for phase, run in bound.steps if phase.startswith("backward")]
        for run in forward:
            run and run()
        y = ops.to_numpy(bound.buffers["layer"]).copy()
        if "gradient:layer" in bound.buffers:
            bound.buffers["gradient:layer"][...] = 1 if direction is None else ops.asarray(direction)
        for run in backward:
            run and run()
        gradients = {name: ops.to_numpy(g).copy() for name, g in network.gradients.items()}
        dxs = [bound.buffers.get(f"gradient:in{i}") for i in range(len(xs))]
        return Passed(y, [None if dx is None else ops.to_numpy(dx).copy() for dx in dxs], gradients)

    def parameters(self) -> dict[str, Any]:
        return {name.split("/")[1]: array for name, array in self.network.parameters.items()}

    def states(self) -> dict[str, Any]:
        return {name.split("/")[1]: array for name, array in self.network.states.items()}


class InferenceBench:
    """One layer outside training, with a state of its own, as a forward pass sees it between steps.

    With `over_inputs`, the layer reads copies that nothing else needs, so that it may work in their place.
    """

    def __init__(self, case: Case, backend: str = "reference", over_inputs: bool = False) -> None:
        self.network = _network(case, backend, over_inputs)
        if case.inference is not None:
            shift = np.random.default_rng(8).uniform(0.1, 0.9, size=self.network.state.shape)
            self.network.state[...] = self.network.state + self.network.ops.asarray(shift)
        self.executor = self.network.executor(Plan.inference(self.network.graph), 5)

    def run(self, xs: list[np.ndarray]) -> np.ndarray:
        """Output for `xs`, in memory that held nonsense before."""
        bound = self.executor.bind(len(xs[0]))
        for array in [*bound.buffers.values(), self.executor._scratch]:
            array[...] = np.nan if array.dtype.kind == "f" else -77
        for i, x in enumerate(xs):
            bound.buffers[f"in{i}"][...] = self.network.ops.asarray(x)
        for _, run in bound.steps:
            run and run()
        return self.network.ops.to_numpy(bound.buffers["layer"]).copy()

    @property
    def in_place(self) -> bool:
        """Whether the output took over the memory of what the layer reads."""
        return self.executor.plan.buffers["layer"].alias is not None

    parameters, states = LayerBench.parameters, LayerBench.states


def _network(case: Case, backend: str, copies: bool = False) -> Network:
    names = [f"in{i}" for i in range(len(case.shapes))]
    shapes = dict(zip(names, case.shapes, strict=True))
    nodes = [Node(Dropout(0.0), f"copy{i}", name) for i, name in enumerate(names)] if copies else []
    layer = Node(case.layer, "layer", [node.name or "" for node in nodes] or names)
    network = Network([*nodes, layer], shapes, seed=1, ops=get_ops(backend))
    # Biases and the like start at constants; give everything a value of its own.
    shift = np.random.default_rng(7).normal(scale=0.3, size=network.params.shape)
    network.params[...] = network.params + network.ops.asarray(shift)
    return network
