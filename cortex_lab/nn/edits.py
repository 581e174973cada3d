"""What a person can change in a training, by name; every change can be made again at its step."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.nn.initializers import fans, for_activation, resolve

if TYPE_CHECKING:
    from cortex_lab.nn.training import Training

_NAME = re.compile(r"(\w+)(?:\[(['\"])(.+)\2\])?")


def learning_rate(training: Training, value: Any) -> None:
    """A number, or a schedule."""
    training.optimizer = training.optimizer.replace(learning_rate=value if callable(value) else float(value))


def optimizer(training: Training, name: str, value: Any) -> None:
    """Another of the optimizer's hyper-parameters, such as "momentum"."""
    known = [field.name for field in dataclasses.fields(training.optimizer)]  # type: ignore[arg-type]
    if name not in known:
        raise KeyError(f"{type(training.optimizer).__name__} has no {name!r}; it has {', '.join(known)}")
    training.optimizer = training.optimizer.replace(**{name: value})


def frozen(training: Training, value: Any) -> None:
    """Names of nodes or patterns such as "conv2d_*": these rest from the next step on, all others learn."""
    if training.under_way:
        raise ValueError("layers are frozen and thawed between two steps; finish this one: session.step()")
    training.freeze(value)


def excluded_rows(training: Training, value: Any) -> None:
    """Positions in the data that are no longer trained on, in addition to those excluded before."""
    training.batches = training.batches.excluding(value)  # type: ignore[attr-defined]


def dropout_rate(training: Training, value: Any) -> None:
    """The rate of every layer that drops or disturbs values."""
    names = [name for name in _hyperparameters(training) if name.endswith(".rate")]
    if not names:
        raise KeyError("the network has no layer with a rate, such as Dropout")
    for name in names:
        hyperparameter(training, name, value)


def hyperparameter(training: Training, name: str, value: Any) -> None:
    """A number that a layer reads at every step: "dropout_1.rate"."""
    check_hyperparameter(training, name, value)
    training.hyperparameters[name] = value
    set_hyperparameters(training)


def check_hyperparameter(training: Training, name: str, value: Any) -> None:
    """KeyError for what no layer reads at every step, or what the layer says to a value that it refuses."""
    known = _hyperparameters(training)
    if name not in known:
        raise KeyError(f"no layer reads {name!r} at every step; there are {', '.join(known) or 'none'}")
    node, field = name.split(".")
    # Made anew to have it checked as the layer checks its own.
    dataclasses.replace(training.network.graph.nodes[node].layer, **{field: value})  # type: ignore[type-var]


def weights(training: Training, name: str, value: Any) -> None:
    """A parameter, "dense_1/kernel", set to an array of its shape, or to one number."""
    _assign(training, training.network.parameters, name, value)


def state(training: Training, name: str, value: Any) -> None:
    """What persists untrained, such as "batch_normalization_1/moving_mean"."""
    _assign(training, training.network.states, name, value)


def gradient(training: Training, name: str, value: Any) -> None:
    """The gradient of a parameter, for the update of the step under way."""
    if not training.under_way:
        raise ValueError(
            "between two steps there is no gradient to edit; stop inside one with session.step(to=...)"
        )
    _assign(training, training.network.gradients, name, value)


def pending_update(training: Training, name: str, value: Any) -> None:
    """What the update of the step under way will add to a parameter, whatever the optimizer finds."""
    if not training.under_way:
        raise ValueError("between two steps no update is pending; stop before one with session.step(to=...)")
    found = _fitting(training, training.network.parameters, name, value)
    training.changes = {**training.changes, name: found}


def revived_unit(training: Training, name: str, value: Any) -> None:
    """Units of a layer, by their numbers, given fresh incoming weights and a bias of 0.

    The weights are drawn as they first were, keyed by (seed, step): the same draw whenever it is repeated.
    """
    parameters = training.network.parameters
    kernel = parameters.get(f"{name}/kernel")
    if kernel is None:
        with_kernel = [each.split("/")[0] for each in parameters if each.endswith("/kernel")]
        raise KeyError(f"{name!r} has no kernel to draw anew; these have: {', '.join(with_kernel)}")
    units = np.atleast_1d(np.asarray(value, dtype=np.int64))
    if ((units < 0) | (units >= kernel.shape[-1])).any():
        raise ValueError(f"{name!r} has the units 0 to {kernel.shape[-1] - 1}, got {units.tolist()}")
    node = training.network.graph.nodes[name]
    spec = node.layer.parameters(*node.in_shapes)["kernel"]
    initializer = spec.initializer or for_activation(training.network.graph.next_activation(name))
    random = np.random.Generator(np.random.Philox(key=[training.seed, training.step_number]))
    drawn = resolve(initializer).draw(spec.shape, spec.fan or fans(spec.shape), random)
    ops = training.network.ops
    kernel[..., units] = ops.asarray(np.asarray(drawn)[..., units])
    if f"{name}/bias" in parameters:
        parameters[f"{name}/bias"][units] = 0


EDITS: dict[str, Callable[..., None]] = {
    "learning_rate": learning_rate,
    "optimizer": optimizer,
    "excluded_rows": excluded_rows,
    "frozen": frozen,
    "dropout_rate": dropout_rate,
    "hyperparameter": hyperparameter,
    "weights": weights,
    "state": state,
    "gradient": gradient,
    "pending_update": pending_update,
    "revived_unit": revived_unit,
}
_OF_THE_WHOLE = ("learning_rate", "excluded_rows", "frozen", "dropout_rate")


def edit(training: Training, name: str, value: Any) -> None:
    """Change what `name` says; KeyError that lists what can be edited."""
    found = _NAME.fullmatch(name)
    change = EDITS.get(found[1]) if found else None
    if found is None or change is None or (found[3] is None) != (found[1] in _OF_THE_WHOLE):
        known = ", ".join(each if each in _OF_THE_WHOLE else f"{each}['...']" for each in EDITS)
        raise KeyError(f"a training has no {name!r} to edit; there are {known}")
    change(training, value) if found[3] is None else change(training, found[3], value)
    training.scores = None


def set_hyperparameters(training: Training) -> None:
    """Put the edited hyper-parameters where the layers read them, the others as described."""
    for name, described in _hyperparameters(training).items():
        node, field = name.split(".")
        for bound in training.bounds.values():
            setattr(bound.slots[node], field, training.hyperparameters.get(name, described))


def _hyperparameters(training: Training) -> dict[str, float]:
    """Numbers of the layers' descriptions that they read from their slots, as described."""
    found = {}
    for name, node in training.network.graph.nodes.items():
        fields = {field.name for field in dataclasses.fields(node.layer)}  # type: ignore[arg-type]
        for key, value in node.layer.constants(*node.in_shapes).items():
            if key in fields and isinstance(value, float):
                found[f"{name}.{key}"] = value
    return found


def _assign(training: Training, arrays: Any, name: str, value: Any) -> None:
    arrays_value = _fitting(training, arrays, name, value)
    arrays[name][...] = training.network.ops.asarray(arrays_value)


def _fitting(training: Training, arrays: Any, name: str, value: Any) -> np.ndarray:
    if name not in arrays:
        raise KeyError(f"the network has no {name!r}; it has {', '.join(arrays) or 'nothing of the kind'}")
    value = np.asarray(value, dtype=training.network.ops.dtype)
    if value.shape not in ((), arrays[name].shape):
        raise ValueError(f"{name!r} has the shape {arrays[name].shape}, got {value.shape}")
    return np.broadcast_to(value, arrays[name].shape).copy()
