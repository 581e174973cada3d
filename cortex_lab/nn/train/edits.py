"""What a person can change in a training, by name; every change can be made again at its step."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable
from typing import Any, Protocol

from cortex_lab.ground import checks
from cortex_lab.ground.habits import renamed
from cortex_lab.nn.examine.record import StepRecord
from cortex_lab.nn.train.batch_loading import BatchLoader
from cortex_lab.nn.train.reviving import Learning, revive
from cortex_lab.nn.train.update import Update

_NAME = re.compile(r"(\w+)(?:\[((['\"]).*\3)\])?", re.DOTALL)


class Editable(Learning, Protocol):
    """What is edited: a training, whose parts make the changes."""

    @property
    def update(self) -> Update: ...

    @property
    def loader(self) -> BatchLoader: ...

    @property
    def record(self) -> StepRecord: ...

    def freeze(self, frozen: object) -> None: ...


def learning_rate(training: Editable, value: object) -> None:
    """A number, or a schedule."""
    training.update.set(learning_rate=value)


def optimizer(training: Editable, name: str, value: object) -> None:
    """Another of the optimizer's hyper-parameters, such as "momentum"."""
    known = [field.name for field in dataclasses.fields(training.optimizer)]  # type: ignore[arg-type]
    if name not in known:
        raise KeyError(f"{type(training.optimizer).__name__} has no {name!r}; it has {', '.join(known)}")
    training.update.set(**{name: value})


def frozen(training: Editable, value: object) -> None:
    """Names of nodes or patterns such as "conv2d_*": these rest from the next step on, all others learn."""
    if training.record.under_way:
        raise ValueError("layers are frozen and thawed between two steps; finish this one: session.step()")
    training.freeze(value)


def excluded_rows(training: Editable, value: Any) -> None:
    """Positions in the data that are no longer trained on, in addition to those excluded before."""
    training.loader.exclude(value, training.step_number)


def labels(training: Editable, value: object) -> None:
    """Other labels for some rows, {row: label}, from the next batch on; by output name of several."""
    training.loader.relabel(value, training.step_number)


def row_weights(training: Editable, value: object) -> None:
    """How much some rows count, {row: weight}, where others count 1, from the next batch on."""
    training.loader.reweight(value)


def dropout_rate(training: Editable, value: Any) -> None:
    """The rate of every layer that drops or disturbs values."""
    known = training.loader.hyperparameters
    names = [name for name in known.described if name.endswith(".rate")]
    if not names:
        raise KeyError("the network has no layer with a rate, such as Dropout")
    for name in names:
        known.edit(name, value)


def hyperparameter(training: Editable, name: str, value: Any) -> None:
    """A number that a layer reads at every step: "dropout_1.rate"."""
    training.loader.hyperparameters.edit(name, value)


def weights(training: Editable, name: str, value: object) -> None:
    """A parameter, "dense_1/kernel", set to an array of its shape, or to one number."""
    training.network.parameters[name] = value


def state(training: Editable, name: str, value: object) -> None:
    """What persists untrained, such as "batch_normalization_1/moving_mean"."""
    training.network.states[name] = value


def gradient(training: Editable, name: str, value: object) -> None:
    """The gradient of a parameter, for the update of the step under way."""
    if not training.record.under_way:
        raise ValueError(
            "between two steps there is no gradient to edit; stop inside one with session.step(to=...)"
        )
    training.network.gradients[name] = value


def pending_update(training: Editable, name: str, value: object) -> None:
    """What the update of the step under way will add to a parameter, whatever the optimizer finds."""
    if not training.record.under_way:
        raise ValueError("between two steps no update is pending; stop before one with session.step(to=...)")
    training.record.change(name, training.network.parameters.fitting(name, value))


def optimizer_state(training: Editable, name: str, value: object) -> None:
    """What the optimizer remembers: an array like `params`, such as "mean", or the number of "updates"."""
    training.update.remember(name, value)


def revived_unit(training: Editable, name: str, value: Any) -> None:
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
    "labels": labels,
    "row_weights": row_weights,
    "frozen": frozen,
    "dropout_rate": dropout_rate,
    "hyperparameter": hyperparameter,
    "weights": weights,
    "state": state,
    "gradient": gradient,
    "pending_update": pending_update,
    "optimizer_state": optimizer_state,
    "revived_unit": revived_unit,
}
_OF_THE_WHOLE = ("learning_rate", "excluded_rows", "labels", "row_weights", "frozen", "dropout_rate")


def edit(training: Editable, name: str, value: object) -> None:
    """Change what `name` says; KeyError that lists what can be edited."""
    found = _NAME.fullmatch(checks.text("name", name, "learning_rate"))
    change = EDITS.get(found[1]) if found else None
    if found is None or change is None or (found[2] is None) != (found[1] in _OF_THE_WHOLE):
        known = ", ".join(each if each in _OF_THE_WHOLE else f"{each}['...']" for each in EDITS)
        raise KeyError(f"a training has no {name!r} to edit; there are {known}{renamed(name, EDITS)}")
    with training.network.turns.lock:
        training.network.turns.await_readers()
        change(training, value) if found[2] is None else change(training, _unquoted(found[2]), value)


def _unquoted(quoted: str) -> str:
    """What stands in quotes; by Python's rules, as in keys, unless it was not written by them."""
    try:
        return ast.literal_eval(quoted)
    except (SyntaxError, ValueError):
        return quoted[1:-1]
