"""What a training can measure, computed when asked for.

A measure is about the step just completed, or, asked right before an update, about the step under way. Those
of a layer are written with its name in brackets: "grad_norm['conv2d_1']".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.nn.train.metrics import resolve_metric

if TYPE_CHECKING:
    from cortex_lab.nn.train.training import Training

_RECTIFIED = ("relu", "leaky_relu", "relu6")
_BOUNDED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
SATURATED = 0.02
"""How near its bounds, as a share of its range, a bounded activation counts as saturated."""


def loss(training: Training) -> float:
    """The weighted mean of the batch's losses."""
    return training.objective.total(training.loss_slots or _slots(training))


def loss_of(training: Training, output: str) -> float:
    """The loss of one of several outputs, before its weight in the total."""
    return training.objective.of_output(_slots(training), output)


def accuracy(training: Training) -> float:
    """The share of the batch's rows that were classified right."""
    return training.objective.accuracy(training.loss_slots or _slots(training))


def learning_rate(training: Training) -> float:
    """The learning rate of the step's update."""
    rate = training.optimizer.learning_rate
    if isinstance(rate, float):
        return rate
    updates = training.optimizer_state["updates"]
    return training.optimizer.rate(updates if training.under_way else max(updates - 1, 0))


def epoch(training: Training) -> float:
    """Passes over the training rows."""
    return (training.step_number + training.under_way) / training.batches.steps_per_epoch


def grad_norm(training: Training, node: str | None = None) -> float:
    """The Euclidean norm of the gradient, of all parameters or of a layer's."""
    return training.network.ops.norm(training.network.gradient[_part(training, node)])


def weight_norm(training: Training, node: str | None = None) -> float:
    """The Euclidean norm of all parameters or of a layer's."""
    return training.network.ops.norm(training.network.params[_part(training, node)])


def update_ratio(training: Training, node: str | None = None) -> float:
    """The norm of the update over the norm of what it changes; 0.001 is a usual value."""
    ops, part = training.network.ops, _part(training, node)
    params = training.network.params[part]
    if training.under_way:
        change = np.concatenate([np.ravel(array) for array in training.pending_update().values()])[part]
        return float(np.linalg.norm(change)) / max(ops.norm(params), 1e-30)
    if training.params_before is None:
        raise LookupError(
            "how much the last update changed was not kept; from now on it is, with "
            "session.record(Probe('update_ratio'))"
        )
    before = training.params_before[part]
    return ops.norm(params - before) / max(ops.norm(before), 1e-30)


def dead_units(training: Training, node: str) -> float:
    """The share of a rectified layer's units (its last axis) that were zero for the whole batch."""
    y = _output(training, node)
    return float((y.reshape(-1, y.shape[-1]) <= 0).all(axis=0).mean())


def saturated_units(training: Training, node: str) -> float:
    """The share of a bounded layer's outputs within 2 percent of a bound."""
    low, high = _BOUNDED[function_of(training.network, node) or ""]
    y, margin = _output(training, node), SATURATED * (high - low)
    return float(((y < low + margin) | (y > high - margin)).mean())


def penalty(training: Training) -> float:
    """What the penalties add to the loss, with the weights as they are."""
    return training.bound_penalties.value(training.network.ops) if training.bound_penalties else 0.0


def validation_loss(training: Training) -> float:
    """The loss of the validation rows, with the weights as they are."""
    return _validated(training)["loss"]


def validation_accuracy(training: Training) -> float:
    """The accuracy on the validation rows."""
    return _validated(training)["accuracy"]


def validation_metric(training: Training, key: str) -> float:
    """One of the training's metrics, of the validation rows."""
    value = _validated(training)[key]
    if isinstance(value, Exception):
        raise value
    return value


MEASURES: dict[str, Callable[..., float]] = {
    "loss": loss,
    "accuracy": accuracy,
    "learning_rate": learning_rate,
    "epoch": epoch,
    "grad_norm": grad_norm,
    "weight_norm": weight_norm,
    "update_ratio": update_ratio,
    "dead_units": dead_units,
    "saturated_units": saturated_units,
    "penalty": penalty,
    "validation_loss": validation_loss,
    "validation_accuracy": validation_accuracy,
}


def stands(key: str) -> bool | None:
    """Whether a key is of the weights as they are; None if it cannot be told after an edit."""
    name = key.partition("[")[0]
    if name in ("weight_norm", "penalty") or name.startswith("validation_"):
        return True
    return None if name in ("learning_rate", "epoch", "update_ratio") else False


def table(training: Training) -> dict[str, Callable[[], float]]:
    """By key, what `training` can be asked for: what concerns the whole first, then each layer."""
    network, objective = training.network, training.objective
    plain = ["loss", "accuracy"] if objective.classifies else ["loss"]
    plain += ["learning_rate", "epoch", "grad_norm", "weight_norm", "update_ratio"]
    plain += ["penalty"] if training.penalties else []
    if training.validation:
        plain += ["validation_loss", "validation_accuracy"] if objective.classifies else ["validation_loss"]
    found = {key: partial(MEASURES[key], training) for key in plain}
    found |= {f"validation_{key}": partial(validation_metric, training, key) for key in training.metrics.keys}
    if len(objective.losses) > 1:
        found |= {f"loss[{name!r}]": partial(loss_of, training, name) for name in objective.losses}
    for name in network.graph.nodes:
        function = function_of(network, name)
        of_layer = ["grad_norm", "weight_norm", "update_ratio"] if _has_parameters(training, name) else []
        of_layer += ["dead_units"] if function in _RECTIFIED else []
        of_layer += ["saturated_units"] if function in _BOUNDED else []
        found |= {f"{each}[{name!r}]": partial(MEASURES[each], training, name) for each in of_layer}
    return found


def advice(training: Training, key: str) -> str | None:
    """What to do to have `key` measured, which is not; None where nothing can be said."""
    name = key.removeprefix("validation_").partition("[")[0]
    if name != "accuracy" and not key.startswith("validation_"):
        return None
    losses = training.losses
    if name == "accuracy" and all(loss.predicts == "values" for loss in losses.values()):
        return "Values have no accuracy; ask for another metric: train(..., metrics=['r2'])"
    asked = [] if training.validation else ["validation=(inputs, targets)"]
    if name != "loss" and not (name == "accuracy" and training.objective.classifies):
        try:
            resolve_metric(name)
        except ValueError as error:
            return str(error)
        metric = f"[{name!r}]" if len(losses) == 1 else f"{{{next(iter(losses))!r}: [{name!r}]}}"
        asked.append(f"metrics={metric}")
    remedy = f"train(..., {', '.join(asked)})"
    return f"It is measured on validation rows, as 'validation_{name}', if asked for: {remedy}"


def function_of(network: Any, node: str) -> str | None:
    """The activation that a node ends in, if any."""
    layer = network.graph.nodes[node].layer
    return layer.activation or getattr(layer, "function", None)


def _slots(training: Training) -> Any:
    if training.loss_slots is None:
        raise LookupError("no step has been taken yet")
    return training.loss_slots


def _output(training: Training, node: str) -> Any:
    if training.bound is None:
        raise LookupError("no step has been taken yet")
    return training.bound.buffers[node]


def _has_parameters(training: Training, node: str) -> bool:
    return any(name.startswith(f"{node}/") for name in training.network.parameters)


def _part(training: Training, node: str | None) -> slice:
    """Where a node's own parameters lie in the flat vector."""
    if node is None:
        return slice(None)
    first, last, start = 0, 0, 0
    for name, array in training.network.parameters.items():
        if name.split("/")[0] == node:
            first, last = (first if last else start), start + array.size
        start += array.size
    return slice(first, last)


def _validated(training: Training) -> dict[str, Any]:
    if not training.validation:
        raise KeyError("there are no validation rows; give some with validation=(inputs, targets)")
    network, objective, metrics = training.network, training.objective, training.metrics
    inputs, targets = training.validation
    # Loss, accuracy and metrics are asked for one after the other, mostly with the same weights.
    with network.turns.reading():
        vectors = (network.params, network.state, *objective.state.values())
        read = tuple(training.digest(vector) for vector in vectors)
        kept = training.scores
        if kept is not None and kept[0] == read:
            return kept[1]
        scores, outputs = objective.means(inputs, targets, metrics.outputs)
    found = {**scores, **metrics.attempt(outputs, targets)}
    training.scores = read, found
    return found
