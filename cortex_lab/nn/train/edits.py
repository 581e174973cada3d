"""What a person can change in a training, by name; every change can be made again at its step."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.train.reviving import revive

if TYPE_CHECKING:
    from cortex_lab.nn.train.training import Training

_NAME = re.compile(r"(\w+)(?:\[((['\"]).*\3)\])?", re.DOTALL)


def learning_rate(training: Training, value: Any) -> None:
    """A number, or a schedule."""
    training.optimizer = training.optimizer.replace(learning_rate=value)


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
    # The others move up, so some of them come by for the first time in the next epoch only.
    epoch = training.batches.steps_per_epoch
    training.checked_until = max(training.checked_until, (training.step_number // epoch + 2) * epoch)


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
    node, _, field = name.rpartition(".")
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
    """Units of a layer, by their numbers, given fresh incoming weights and the bias they began with.

    A unit is a channel of the layer's output; of an activation it is one of the layer before. The draws are
    keyed by (seed, step, parameter): the same whenever the edit is repeated. What the optimizer remembers of
    these weights is forgotten.
    """
    revive(training, name, value)


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
    found = _NAME.fullmatch(checks.text("name", name, "learning_rate"))
    change = EDITS.get(found[1]) if found else None
    if found is None or change is None or (found[2] is None) != (found[1] in _OF_THE_WHOLE):
        known = ", ".join(each if each in _OF_THE_WHOLE else f"{each}['...']" for each in EDITS)
        raise KeyError(f"a training has no {name!r} to edit; there are {known}")
    with training.network.turns:
        change(training, value) if found[2] is None else change(training, _unquoted(found[2]), value)


def _unquoted(quoted: str) -> str:
    """What stands in quotes; by Python's rules, as in keys, unless it was not written by them."""
    try:
        return ast.literal_eval(quoted)
    except (SyntaxError, ValueError):
        return quoted[1:-1]


def set_hyperparameters(training: Training) -> None:
    """Put the edited hyper-parameters where the layers read them, the others as described."""
    for name, described in _hyperparameters(training).items():
        node, _, field = name.rpartition(".")
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
    value = checks.numbers("value", value, f"a number or an array of them for {name!r}")
    value = value.astype(training.network.ops.dtype)
    if value.shape not in ((), arrays[name].shape):
        raise ValueError(f"{name!r} has the shape {arrays[name].shape}, got {value.shape}")
    return np.broadcast_to(value, arrays[name].shape).copy()
