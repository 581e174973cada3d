"""What follows a convolution outside training, done while its outputs are still in registers and caches."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer, Slots
from cortex_lab.nn.graph.graph import Graph, PlacedNode
from cortex_lab.nn.layers.activation import Activation, ReLU
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.merging import Add
from cortex_lab.nn.layers.normalization import BatchNormalization


@dataclass(frozen=True)
class Chain:
    """A convolution, its normalization, an addition and ReLU: f(scale * convolution + shift + addend).

    `nodes` in order, of which only the last has an output; `inputs` are the convolution's and what is added.
    """

    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    normalization: PlacedNode | None = None
    relu: bool = False

    def forward(self, ops: Ops, at: Slots) -> None:
        """`at` has the convolution's arrays, those of the normalization in `at.normal`, and `addend`."""
        scale, shift = None, getattr(at, "bias", None)
        if self.normalization is not None:
            given: Any = self.normalization.layer
            normal = at.normal
            gamma, beta = normal.get("gamma"), normal.get("beta")
            mean, variance = normal["moving_mean"], normal["moving_variance"]
            ops.scale_and_shift(gamma, beta, mean, variance, shift, at.scale, at.shift, given.epsilon)
            scale, shift = at.scale, at.shift
        name = "relu" if self.relu else "linear"
        ops.convolve_and(at.x, at.kernel, scale, shift, at.addend, name, at.y, *at.geometry)


def chains(graph: Graph, kept: Collection[str]) -> dict[str, Chain]:
    """All chains of more than one node, by their last; the outputs of nodes in `kept` are not swallowed."""
    found: dict[str, Chain] = {}
    taken: set[str] = set()
    for node in graph.nodes.values():
        # Of these very types: a subclass may do something else.
        if type(node.layer) is Conv2D and node.layer.activation in (None, "linear"):
            chain = _chain_from(graph, node, kept, taken)
            taken.update(chain.nodes)
            if len(chain.nodes) > 1:
                found[chain.nodes[-1]] = chain
    return found


def _chain_from(graph: Graph, node: PlacedNode, kept: Collection[str], taken: set[str]) -> Chain:
    nodes, inputs = [node.name], list(node.inputs)
    normalization, relu = None, False
    ahead = _only_reader(graph, nodes[-1], kept)
    if ahead and _is_per_channel(ahead):
        normalization = ahead
        nodes.append(ahead.name)
        ahead = _only_reader(graph, nodes[-1], kept)
    if ahead and _adds_two_alike(ahead) and ahead.name not in taken:
        inputs += [source for source in ahead.inputs if source != nodes[-1]]
        nodes.append(ahead.name)
        ahead = _only_reader(graph, nodes[-1], kept)
    if ahead and _is_relu(ahead.layer):
        relu = True
        nodes.append(ahead.name)
    return Chain(tuple(nodes), tuple(inputs), normalization, relu)


def _only_reader(graph: Graph, name: str, kept: Collection[str]) -> PlacedNode | None:
    readers = graph.consumers[name]
    if name in kept or len(readers) != 1:
        return None
    reader = graph.nodes[readers[0]]
    return reader if reader.inputs.count(name) == 1 else None


def _is_per_channel(node: PlacedNode) -> bool:
    layer = node.layer
    return type(layer) is BatchNormalization and layer._axes(node.out_shape) == (len(node.out_shape) - 1,)


def _adds_two_alike(node: PlacedNode) -> bool:
    return type(node.layer) is Add and len(node.inputs) == 2 and len(set(node.in_shapes)) == 1


def _is_relu(layer: Layer) -> bool:
    return type(layer) in (ReLU, Activation) and layer.function == "relu"
