"""What a network gives and gets in passes that change nothing."""

from __future__ import annotations

import numpy as np

from cortex_lab.nn.contract.layer import Layer, Slots
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.scaling import Normalization, Rescaling
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.training import Training


def constant_loss(network: Network, loss: Loss, name: str, target: np.ndarray) -> float:
    """The loss on output `name` of the best constant answer to `target`; NaN where there is no such thing."""
    shape, ops = network.graph.shape(name), network.ops
    if loss.predicts == "features":
        return float("nan")
    if loss.of_classes:
        known = target[target >= 0]
        shares = np.bincount(known, minlength=shape[-1]) / max(len(known), 1)
        candidates = [np.log(shares + 1e-9) if loss.link == "softmax" else shares]
    else:
        # A column of which nothing is known may have any answer.
        target = np.where(np.isnan(target).all(axis=0), 0, target)
        mean = np.nanmean(target, axis=0)
        candidates = [mean, np.nanmedian(target, axis=0)]
        if loss.link == "softmax":
            candidates = [np.log(mean + 1e-9)]
        elif loss.link == "sigmoid":
            candidates = [np.log(mean + 1e-9) - np.log(1 - mean + 1e-9)]
        elif loss.predicts == "yes or no":
            candidates = [mean]
    found = []
    for value in candidates:
        count = len(target)
        at = Slots(
            y=ops.asarray(np.broadcast_to(value, (count, *shape)).copy()), dy=None, found=None,
            target=ops.asarray(target, "int64" if loss.of_classes else None),
            weights=ops.asarray(np.full(count, 1 / count)), rows=ops.zeros((count,)),
        )  # fmt: skip
        loss.evaluate(ops, at)
        found.append(known_mean(ops.to_numpy(at.rows)))
    return min(found)


def known_mean(values: np.ndarray) -> float:
    """The mean of those that are numbers; NaN if none is."""
    known = values[~np.isnan(values)].astype(np.float64)
    return float(known.mean()) if len(known) else float("nan")


def outputs(training: Training) -> dict[str, np.ndarray]:
    """What each layer gives in training, for some batches of what comes next."""
    copy, found, rows = training.clone(), {}, 0
    copy.loader.trust()
    for step in range(copy.step_number, copy.step_number + 64):
        bound = copy.rehearse("loss", step).bound
        for name in copy.network.graph.nodes:
            values = copy.network.ops.to_numpy(bound.buffers[name])
            found.setdefault(name, []).append(values.copy())
        rows += bound.rows
        if rows >= 256:
            break
    return {name: np.concatenate(parts) for name, parts in found.items()}


def gradients(training: Training) -> dict[str, np.ndarray]:
    """The gradient of each layer's output in the next step, from the end to the beginning."""
    copy = training.clone()
    copy.loader.trust()
    buffers = copy.rehearse(copy.phases[-2]).bound.buffers
    found = {}
    for name in (*reversed(copy.network.graph.nodes), *copy.network.graph.inputs):
        if f"gradient:{name}" in buffers:
            found[name] = copy.network.ops.to_numpy(buffers[f"gradient:{name}"]).astype(float)
    return found


def gradient_sizes(training: Training) -> dict[str, float]:
    """The norm of each layer's gradient, without the layers at the end that only bring outputs to a scale.

    What the loss says of those is in the targets' own units, however large.
    """
    graph = training.network.graph
    last = {name for output in graph.outputs for name in ends_of_scale(graph, output)}
    return {name: float(np.linalg.norm(values)) for name, values in gradients(training).items()
            if name in graph.nodes and name not in last}  # fmt: skip


def ends_of_scale(graph: Graph, output: str) -> list[str]:
    """The layers at the end of an output that only scale and move it, the last one first."""
    names, name = [], output
    while name in graph.nodes and (graph.nodes[name].layer.is_view or _scales(graph.nodes[name].layer)):
        names.append(name)
        name = graph.nodes[name].inputs[0]
    while names and graph.nodes[names[-1]].layer.is_view:
        names.pop()
    return names


def before_the_scale(graph: Graph, output: str, targets: np.ndarray) -> np.ndarray:
    """What the layers before those of `ends_of_scale` have to give for targets (rows, numbers)."""
    for name in ends_of_scale(graph, output):
        layer = graph.nodes[name].layer
        if isinstance(layer, Rescaling):
            targets = (targets - layer.offset) / (layer.scale or 1.0)
        elif isinstance(layer, Normalization):
            state = layer.state(graph.shape(name))
            center, spread = (np.ravel(state[key].initializer.values) for key in ("center", "spread"))
            size = targets.shape[1] // len(center)
            targets = targets * np.tile(np.sqrt(spread), size) + np.tile(center, size)
    return targets


def _scales(layer: Layer) -> bool:
    return isinstance(layer, (Rescaling, Normalization))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else 0.0
