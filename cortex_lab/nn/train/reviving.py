"""Units of a layer that begin anew: what leads into them is drawn again, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.initializers import fans, for_activation, resolve
from cortex_lab.nn.graph.graph import Graph, PlacedNode
from cortex_lab.nn.layers.reshaping import Permute
from cortex_lab.nn.run.network import Network
from cortex_lab.optimize import Optimizer


class Learning(Protocol):
    """What is reviving units: a training."""

    @property
    def network(self) -> Network: ...

    @property
    def seed(self) -> int: ...

    @property
    def step_number(self) -> int: ...

    @property
    def optimizer(self) -> Optimizer: ...

    @property
    def optimizer_state(self) -> dict[str, Any]: ...


def revive(training: Learning, name: str, units: ArrayLike) -> None:
    """Draw what leads into `units` of node `name` as it first was, and forget what the optimizer knew of it.

    Biases begin as they do where nothing else is said, at 0 mostly.

    Where the node has no weights into units, as an activation, they are those of the layer that feeds it;
    what lies between, as the scale of a normalization, begins anew too. Draws are keyed by (seed, step,
    parameter). KeyError for a node without units, ValueError for units it does not have.
    """
    graph = training.network.graph
    way = _way_to_units(graph, name)
    chosen = _checked_units(name, units, graph.nodes[name].out_shape[-1])
    for node in way:
        for key, unit_of in node.layer.unit_of(*node.in_shapes).items():
            _begin_anew(training, graph.nodes[node.shares or node.name], key, np.isin(unit_of, chosen))


def _way_to_units(graph: Graph, name: str) -> list[PlacedNode]:
    """From node `name` back to the one whose weights lead into its units."""
    way, node = [], graph.nodes.get(name)
    while node is not None and _keeps_units(node):
        way.append(node)
        node = graph.nodes.get(node.inputs[0])
    if node is not None and node.layer.unit_of(*node.in_shapes):
        return [*way, node]
    having = [n.name for n in graph.nodes.values() if not _keeps_units(n) and n.layer.unit_of(*n.in_shapes)]
    fed = f", fed by {node.name!r}, a {type(node.layer).__name__}," if way and node is not None else ""
    raise KeyError(f"{name!r}{fed} has no units to draw anew; these have: {', '.join(having) or 'none'}")


def _keeps_units(node: PlacedNode) -> bool:
    """Whether each channel of the output is made of that channel of the one input."""
    layer = node.layer
    passes_on = (layer.in_place or layer.carries_activation) and not isinstance(layer, Permute)
    return passes_on and len(node.inputs) == 1 and node.in_shapes[0][-1:] == node.out_shape[-1:]


def _checked_units(name: str, units: ArrayLike, width: int) -> np.ndarray:
    found = np.atleast_1d(np.asarray(units))
    if found.size and found.dtype.kind not in "iu":
        raise ValueError(f"units of {name!r} are given by their numbers, such as [0, 3], got {units!r}")
    if ((found < 0) | (found >= width)).any():
        raise ValueError(f"{name!r} has the units 0 to {width - 1}, got {found.tolist()}")
    return found


def _begin_anew(training: Learning, node: PlacedNode, key: str, chosen: np.ndarray) -> None:
    network, name = training.network, f"{node.name}/{key}"
    spec = _as_usual(node.layer).parameters(*node.in_shapes)[key]
    initializer = spec.initializer or for_activation(network.graph.next_activation(node.name))
    # Past 0, so that no draw is one of those that the network began with.
    place = 1 + list(network.parameters).index(name)
    key_and_place = {"key": [training.seed, training.step_number], "counter": [0, 0, 0, place]}
    random = np.random.Generator(np.random.Philox(**key_and_place))
    drawn = resolve(initializer).draw(spec.shape, spec.fan or fans(spec.shape), random)
    _replace(network.ops, network.parameters[name], chosen, drawn)
    start = sum(array.size for array in list(network.parameters.values())[: place - 1])
    for each in training.optimizer.arrays:
        if each in training.optimizer_state:
            part = training.optimizer_state[each][start : start + network.parameters[name].size]
            _replace(network.ops, part.reshape(spec.shape), chosen, 0.0)


def _as_usual(layer: Any) -> Any:
    """The layer with the bias that it has unless another is asked for, which may be what killed a unit."""
    if hasattr(layer, "layer"):
        return dataclasses.replace(layer, layer=_as_usual(layer.layer))
    usual = {each.name: each.default for each in dataclasses.fields(layer) if each.name == "bias_initializer"}
    return dataclasses.replace(layer, **usual)


def _replace(ops: Ops, array: np.ndarray, chosen: np.ndarray, values: np.ndarray | float) -> None:
    array[...] = ops.xp.where(ops.asarray(chosen, "bool"), ops.asarray(values, array.dtype), array)
