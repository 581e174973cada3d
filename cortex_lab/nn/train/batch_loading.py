"""The first phase of a training step: the batch, checked, into the network's buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.ground.float32 import refuse_missing
from cortex_lab.nn.contract.loss import WrongRows
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.train import edits
from cortex_lab.nn.train.labels import refuse_misread

if TYPE_CHECKING:
    from cortex_lab.nn.train.training import Training


def fetch(training: Training) -> Bound:
    """Put the inputs, targets and weights of the next batch where the step will find them.

    A batch is arrays; one that is `unread`, as from `data.Batches`, copies them here itself with `put`.
    """
    batch = training.batch = training.batches.fetch(training.step_number)
    # Every row comes by once in an epoch; checking it the first time is checking it for good.
    first_time = training.step_number < training.checked_until
    if not first_time and training.network.ops.xp is np and getattr(batch, "unread", False):
        bound = _bind(training, len(batch))
        slots = training.loss_slots = training.objective.slots(bound, training.plan)
        inputs = training.augmenter.places(bound)
        batch.put(inputs, [at.target for at in slots.values()], training.network.pictures)
    else:
        bound = _load_arrays(training, batch, first_time)
    _load_weights(training, bound.rows, batch)
    for name in training.random_nodes:
        bound.slots[name].seed, bound.slots[name].step = training.seed, training.step_number
    training.changes = {}
    return bound


def _bind(training: Training, rows: int) -> Bound:
    bound = training.bound = training.executor.bind(rows)
    if rows not in training.bounds:
        training.bounds[rows] = bound
        edits.set_hyperparameters(training)
    return bound


def _load_arrays(training: Training, batch: Any, check: bool) -> Bound:
    """Load a batch that is made of arrays, checked before the first of them is loaded."""
    inputs, objective = named_inputs(training, batch), training.objective
    network = training.network
    bound = _bind(training, len(next(iter(inputs.values()))))
    if check:
        inputs = network.checked_inputs(inputs)
    places = training.augmenter.places(bound)
    for name, values in inputs.items():
        if check:
            _check_finite(name, values, batch.rows)
        _load(training, network.seen(name, values), places[name])
    targets = objective.by_output(batch.targets)
    slots = training.loss_slots = objective.slots(bound, training.plan)
    for name, at in slots.items():
        values = _checked_targets(training, name, targets[name], batch) if check else targets[name]
        _load(training, values.reshape(at.target.shape), at.target)
    return bound


def _checked_targets(training: Training, name: str, targets: Any, batch: Any) -> np.ndarray:
    try:
        return training.objective.check_targets(name, targets)
    except WrongRows as error:
        raise error.at(batch.rows) from None


def checked_rows(
    training: Training, inputs: Any, targets: Any, role: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows beside those trained on, by name; ValueError that names their `role` for what does not fit."""
    named = training.network.checked_inputs(inputs)
    for name, values in named.items():
        refuse_missing(values, f"input {name!r} of {role}")
    try:
        checked = named, training.objective.check_all_targets(targets)
    except WrongRows as error:
        raise WrongRows(f"{role}: {error.text}", error.rows) from None
    refuse_misread(training.objective, targets)
    return checked


def named_inputs(training: Training, batch: Any) -> Mapping[str, Any]:
    """The inputs of a batch by name."""
    inputs = batch.inputs
    if isinstance(inputs, np.ndarray) or not isinstance(inputs, Mapping):
        return {next(iter(training.network.graph.inputs)): inputs}
    return inputs


def _load_weights(training: Training, rows: int, batch: Any) -> None:
    weights, objective = _weights_of(training, batch), training.objective
    for name, at in (training.loss_slots or {}).items():
        share = objective.weights[name]
        known = objective.known_rows(name, at.target) if objective.some_unknown else None
        if weights is None and known is None:
            at.weights.fill(share / rows)
        else:
            _load(training, _parts_of_one(weights, known) * share, at.weights)


def _weights_of(training: Training, batch: Any) -> np.ndarray | None:
    """How much each row of the batch counts; None for all alike."""
    weights = batch.weights
    if training.row_weights is not None:
        own = training.row_weights[batch.rows]
        weights = own if weights is None else weights * own
    return weights


def _parts_of_one(weights: Any, known: np.ndarray | None) -> np.ndarray:
    """How much each row counts in the mean: by its weight if its target is known, else not at all."""
    if known is not None:
        weights = np.where(known, 1.0 if weights is None else weights, 0)
    total = weights.sum()
    # A batch in which nothing counts teaches nothing; it is no reason to stop.
    return weights / total if total > 0 else np.zeros(len(weights))


def _load(training: Training, values: np.ndarray, into: Any) -> None:
    into[...] = values if isinstance(into, np.ndarray) else training.network.ops.asarray(values, into.dtype)


def _check_finite(name: str, values: np.ndarray, rows: Any) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        raise ValueError(
            f"input {name!r} holds missing or infinite numbers in {len(bad)} rows of this batch, "
            f"in the data rows {np.asarray(rows)[bad][:5].tolist()}; fill or drop them first"
        )
