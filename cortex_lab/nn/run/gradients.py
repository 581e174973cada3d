"""The gradient of what a network gives with respect to anything before it, as the network predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.activation import Activation
from cortex_lab.nn.layers.noise import _Noise
from cortex_lab.nn.run.executor import Bound, Executor
from cortex_lab.nn.run.pictures import refuse_other_scale
from cortex_lab.nn.run.plan import Plan

MOST_ROWS = 256
_OF_TRAINING = ("rate", "dropout", "recurrent_dropout", "stddev", "stateful")
"""Settings that make a layer another in training, and are then not 0."""


def gradient_of(
    network: Any, output: str | None, wrt: str, rows: Any, unit: Any = None, per_row: bool = True
) -> np.ndarray:
    """See `Network.gradient_of`."""
    if rows is None or not isinstance(output, (str, type(None))):
        raise checks.WrongArgument("rows go by name: network.gradient_of(rows=x, wrt='input')")
    output, wrt = _checked_names(network, output, wrt)
    inputs = network.checked_inputs(rows)
    refuse_other_scale(network, inputs)
    count = len(next(iter(inputs.values())))
    seed = _seed(network.graph, output, unit, count)
    gradients = gradient_from(network, output, wrt, inputs, seed, per_row)
    return gradients if per_row else gradients.sum(axis=0)


def gradient_from(
    network: Any, output: str, wrt: str, inputs: Mapping[str, Any], seed: np.ndarray, per_row: bool = True
) -> np.ndarray:
    """The gradient of sum(seed * output) with respect to `wrt`; `seed` is (rows, *shape of output).

    `inputs` are checked rows by input name. Of a parameter without `per_row`, several rows are one.
    """
    graph = as_predicting(network.graph)
    count = len(seed)
    of_parameter = wrt in network.parameters
    plan = Plan.training_step(graph, (output,), resting(graph, wrt), input_gradients=True)
    known = [name for name in (*graph.inputs, *graph.nodes) if name in plan.gradients_wanted]
    if (wrt.split("/")[0] if of_parameter else wrt) not in known:
        raise ValueError(
            f"{output!r} has no gradient with respect to {wrt!r}: it does not depend on it, or these are "
            f"ids; there are {', '.join(known) or 'none'}"
        )
    found = {name: network.ops.zeros(array.shape) for name, array in network.gradients.items()}
    arrays = {name: with_gradients(network, name, found) for name in graph.nodes}
    capacity = 1 if of_parameter and per_row else min(count, MOST_ROWS)
    executor = Executor(plan, network.ops, arrays, capacity)
    parts: list[np.ndarray] = []

    def run() -> None:
        for start in range(0, count, executor.capacity):
            part = slice(start, min(start + executor.capacity, count))
            bound = _run(network, executor, inputs, output, seed[part], part)
            array = found[wrt][None] if of_parameter else bound.buffers[f"gradient:{wrt}"]
            parts.append(np.array(network.ops.to_numpy(array)))

    network.turns.reading(run)
    return np.concatenate(parts)


def _run(
    network: Any, executor: Executor, inputs: Mapping[str, Any], output: str, seed: np.ndarray, part: slice
) -> Bound:
    bound, ops = executor.bind(part.stop - part.start), network.ops
    for name, values in inputs.items():
        seen = network.seen(name, values[part])
        bound.buffers[name][...] = ops.asarray(seen, bound.buffers[name].dtype)
    forward = [run for phase, run in bound.steps if run is not None and phase.startswith("forward:")]
    backward = [run for phase, run in bound.steps if run is not None and not phase.startswith("forward:")]
    ops.flushed(lambda: [run() for run in forward])
    into = executor.plan.gradient_buffer(output, "loss")
    bound.buffers[into][...] = ops.asarray(seed, bound.buffers[into].dtype)
    ops.flushed(lambda: [run() for run in backward])
    return bound


def as_predicting(graph: Graph) -> Graph:
    """The graph in which nothing is drawn at random, as outside training."""
    nodes = {name: replace(node, layer=_calm(node.layer)) for name, node in graph.nodes.items()}
    return replace(graph, nodes=nodes)


def _calm(layer: Layer) -> Layer:
    if isinstance(layer, _Noise):
        return Activation("linear")
    settings = {each.name: getattr(layer, each.name) for each in fields(layer)}
    inner = {name: _calm(value) for name, value in settings.items() if isinstance(value, Layer)}
    still = {name: type(settings[name])(0) for name in _OF_TRAINING if settings.get(name)}
    return replace(layer, **inner, **still) if inner or still else layer


def resting(graph: Graph, wrt: str) -> list[str]:
    """The nodes with statistics, which are taken as they are."""
    resting = [node.name for node in graph.nodes.values() if node.layer.state(*node.in_shapes)]
    if "/" in wrt and wrt.split("/")[0] in resting:
        raise ValueError(
            f"the gradient with respect to {wrt!r} is that of a training step, with the statistics of its "
            "batch: session.step(to=...), then session.gradients"
        )
    return resting


def with_gradients(network: Any, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a node sees of the parameters, with room of its own for what is found of them."""
    owner = network.graph.nodes[name].shares or name
    arrays = network.arrays(name)
    return arrays | {f"d_{key}": found[f"{owner}/{key}"] for key in arrays if f"{owner}/{key}" in found}


def _checked_names(network: Any, output: Any, wrt: Any) -> tuple[str, str]:
    graph = network.graph
    if output is None and len(graph.outputs) > 1:
        raise ValueError(f"of which output, {', '.join(map(repr, graph.outputs))}? Name it, or any node")
    output = graph.outputs[0] if output is None else output
    checks.choice("output", output, graph.nodes)
    if wrt == "input" and "input" not in graph.inputs and len(graph.inputs) == 1:
        wrt = next(iter(graph.inputs))
    checks.choice("wrt", wrt, [*graph.inputs, *graph.nodes, *network.parameters])
    shared = [name for name in graph.nodes if graph.nodes[name].shares == str(wrt).split("/")[0]]
    if wrt in network.parameters and shared:
        raise ValueError(f"{wrt!r} is used by {', '.join(shared)} as well; session.gradients adds them up")
    return output, wrt


def _seed(graph: Graph, output: str, unit: Any, count: int) -> np.ndarray:
    """What the gradient of the output is: 1 for what is asked of, in each row."""
    shape = graph.shape(output)
    if unit is None:
        return np.ones((count, *shape))
    units = np.asarray(unit)
    if units.dtype.kind not in "iu" or units.shape not in ((), (count,)) or not shape:
        raise checks.refused("unit", f"the number of a unit, or one for each of {count} rows", unit)
    if units.min() < -shape[-1] or units.max() >= shape[-1]:
        raise ValueError(f"unit must be from 0 to {shape[-1] - 1}, of {output!r}, got {checks.shown(unit)}")
    seed = np.zeros((count, *shape))
    seed[np.arange(count), ..., np.broadcast_to(units, count)] = 1
    return seed
