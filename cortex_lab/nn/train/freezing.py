"""Layers that rest while others learn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.patterns import matching
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.network import Network


class Frozen:
    """The nodes of a network that patterns such as "conv2d_*" name: their parameters do not change.

    Neither through gradients, momentum, weight decay and penalties, nor does the optimizer's memory of them;
    a frozen BatchNormalization uses its moving statistics and leaves them as they are. Nodes that share
    parameters are frozen together. ValueError for a pattern that matches no node.

    Parameters that no loss leads to rest with them (`rest_unless`): nothing says what they should become.

    `patterns` are those given, `nodes` the names of all that is frozen, `parts` where the parameters that
    rest lie in the flat vector.
    """

    def __init__(self, network: Network, patterns: Any = ()) -> None:
        wanted = "names of nodes, or patterns such as 'conv2d_*'"
        given = [patterns] if isinstance(patterns, str) else [] if patterns is None else patterns
        given = checks.listed("frozen", given, wanted)
        # NumPy's strings and arrays of them are as good, and a script can hold these.
        self.patterns = tuple(str(each) if isinstance(each, str) else each for each in given)
        self.nodes = _named(network.graph, self.patterns)
        self.parts = _parts(network, self.nodes)
        self._network = network
        self._kept: dict[tuple[str, int], Any] = {}

    def rest_unless(self, reached: Collection[str]) -> None:
        """Have the parameters of all nodes rest that share theirs with none in `reached`, a plan's."""
        nodes = self._network.graph.nodes
        learning = {node.shares or name for name, node in nodes.items() if name in reached}
        self.parts = _parts(self._network, self.nodes | (nodes.keys() - learning))

    def rest_gradient(self) -> None:
        """Set the gradient of what rests to 0; after the backward pass."""
        for part in self.parts:
            self._network.gradient[part] = 0

    @contextmanager
    def at_rest(self, state: dict[str, Any]) -> Iterator[None]:
        """Whatever an update changes of the parameters that rest, and in `state` of them, is put back."""
        ops, params = self._network.ops, self._network.params
        vectors = {"params": params}
        vectors |= {n: value for n, value in state.items() if np.shape(value) == params.shape}
        for name, vector in vectors.items():
            for number, part in enumerate(self.parts):
                if (name, number) not in self._kept:
                    self._kept[name, number] = ops.zeros((part.stop - part.start,), vector.dtype)
                ops.copy(vector[part], out=self._kept[name, number])
        yield
        for name, vector in vectors.items():
            for number, part in enumerate(self.parts):
                ops.copy(self._kept[name, number], out=vector[part])


def _named(graph: Graph, patterns: Iterable[Any]) -> frozenset[str]:
    owners: set[str] = set()
    owner_of = {name: node.shares or name for name, node in graph.nodes.items()}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"frozen takes names of nodes or patterns such as 'conv2d_*', got {pattern!r}")
        found = matching(owner_of, pattern)
        if not found:
            raise ValueError(f"no node matches {pattern!r}, to be frozen; there are {', '.join(owner_of)}")
        owners.update(owner_of[name] for name in found)
    return frozenset(name for name, owner in owner_of.items() if owner in owners)


def _parts(network: Network, nodes: Collection[str]) -> list[slice]:
    parts: list[slice] = []
    start = 0
    for name, array in network.parameters.items():
        stop = start + array.size
        if name.split("/")[0] in nodes:
            if parts and parts[-1].stop == start:
                parts[-1] = slice(parts[-1].start, stop)
            else:
                parts.append(slice(start, stop))
        start = stop
    return parts
