"""Numbers that layers read at every step, such as the rate of a Dropout, and what they were edited to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.executor import Bound


class Hyperparameters:
    """Those of a graph by "node.name": as `described`, and as `edited` where that was asked for."""

    def __init__(self, graph: Graph) -> None:
        self.described = _described(graph)
        self.edited: dict[str, float] = {}
        self._nodes = graph.nodes
        self._bounds: list[Bound] = []

    def check(self, name: str, value: float) -> None:
        """KeyError for what no layer reads at every step, or what the layer says to a value it refuses."""
        if name not in self.described:
            known = ", ".join(self.described) or "none"
            raise KeyError(f"no layer reads {name!r} at every step; there are {known}")
        node, _, field = name.rpartition(".")
        # Made anew to have it checked as the layer checks its own.
        dataclasses.replace(_within(self._nodes[node].layer), **{field: value})

    def edit(self, name: str, value: float) -> None:
        """Have the layer read `value` from the next step on; errors as of `check`."""
        self.check(name, value)
        self.edited[name] = value
        self._put()

    def restore(self, edited: Mapping[str, float]) -> None:
        """Have the layers read these, and all others as they are described."""
        self.edited = dict(edited)
        self._put()

    def put_into(self, bound: Bound) -> None:
        """Have the layers find them in `bound`, from now on."""
        self._bounds.append(bound)
        self._put()

    def forget_bounds(self) -> None:
        """Nothing that was bound is used any more."""
        self._bounds.clear()

    def _put(self) -> None:
        for name, described in self.described.items():
            node, _, field = name.rpartition(".")
            value = self.edited.get(name, described)
            for bound in self._bounds:
                if getattr(bound.slots[node], field) != value:
                    # First what has to be done whenever they differ.
                    bound.forget_calls()
                    setattr(bound.slots[node], field, value)


def _described(graph: Graph) -> dict[str, float]:
    """Numbers of the layers' descriptions that they read from their slots."""
    found = {}
    for name, node in graph.nodes.items():
        fields = {field.name for field in dataclasses.fields(_within(node.layer))}
        for key, value in node.layer.constants(*node.in_shapes).items():
            if key in fields and isinstance(value, float):
                found[f"{name}.{key}"] = value
    return found


def _within(layer: Layer) -> Any:
    """What a layer around another one does at each step, if it is one; else the layer."""
    return _within(layer.layer) if hasattr(layer, "layer") else layer
