"""Units of a layer that are dead or saturated, and how they are drawn anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.nn.examine.measures import function_of

SATURATED_VALUE = 0.98
"""How far from the middle, where the bounds are 1, an output is at its bounds."""

NARROW = 2
"""Units of a hidden layer through which hardly anything goes."""


def bottlenecks(network: Any, output: str) -> list[str]:
    """The hidden layers before `output` that are narrower than it, or of a single unit."""
    graph = network.graph
    widest = min(NARROW, max(graph.shape(output)[-1] - 1, 1))
    return [
        name for name, node in graph.nodes.items()
        if node.out_shape[-1] <= widest and name not in graph.outputs and name in graph.ancestors(output)
    ]  # fmt: skip


def dead_share(network: Any, outputs: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """Of a rectified layer, which units gave 0 for every row; None for others."""
    if function_of(network, name) != "relu" or name not in outputs:
        return None
    y = outputs[name].reshape(-1, outputs[name].shape[-1])
    return np.all(y <= 0, axis=0)


def saturated_share(network: Any, outputs: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """Of a bounded hidden layer, for each unit the share of rows at its bounds; None for others."""
    function = function_of(network, name)
    recurrent = f"{name}/recurrent_kernel" in network.parameters and hasattr(
        network.graph.nodes[name].layer, "gates"
    )
    if function not in ("tanh", "sigmoid") or name in network.graph.outputs or name not in outputs:
        return None
    if recurrent and getattr(network.graph.nodes[name].layer, "gates", 1) > 1:
        return None
    y = outputs[name].reshape(-1, outputs[name].shape[-1])
    return (np.abs(y if function == "tanh" else 2 * y - 1) > SATURATED_VALUE).mean(axis=0)


def revival(network: Any, name: str, units: np.ndarray) -> tuple[tuple[tuple[str, Any], ...], str]:
    """The edit that draws the weights into `units` of `name` anew, and how to type it."""
    owner = kernel_owner(network, name)
    if owner is None or not len(units):
        return (), "Begin with a bias of 0 and the usual weights."
    edit = f"revived_unit['{owner}']", units.tolist()
    return (edit,), f'Revive them: session.edit("{edit[0]}", {edit[1]})'


def kernel_owner(network: Any, name: str) -> str | None:
    """The layer whose kernel makes the units of `name`, which may be an activation of its own."""
    units = network.graph.nodes[name].out_shape[-1]
    while name in network.graph.nodes:
        kernel = network.parameters.get(f"{name}/kernel")
        if kernel is not None:
            return (
                name
                if kernel.shape[-1] == units and f"{name}/recurrent_kernel" not in network.parameters
                else None
            )
        node = network.graph.nodes[name]
        if len(node.inputs) != 1 or node.out_shape[-1] != units:
            return None
        name = node.inputs[0]
    return None
