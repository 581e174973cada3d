"""What a network says of each row, and how far that is from the row's target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.gradients import gradient_from
from cortex_lab.nn.train.metrics import _linked
from cortex_lab.nn.train.objective import TotalLoss


@dataclass(frozen=True)
class OutputByRow:
    """One output for each row: what it `says`, and by the target how right it is.

    loss: (rows,) before its weight in the total, NaN where nothing is known.
    says: "classes", "yes or no", "values" or "features".
    prediction: class ids (rows, ...), or values (rows, ...).
    probability: (rows, ...) of what is predicted; None of values.
    margin: (rows, ...) how far the target's probability is above that of the most probable other; NaN where
    it is unknown; None of values.
    correct: (rows, ...) 1 and 0, NaN where unknown; None of values.
    error: (rows, ...) values predicted less those that were to be; None of classes.
    """

    loss: np.ndarray
    says: str
    prediction: np.ndarray
    probability: np.ndarray | None = None
    margin: np.ndarray | None = None
    correct: np.ndarray | None = None
    error: np.ndarray | None = None


def by_row(
    objective: TotalLoss, inputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, OutputByRow]]:
    """Each row's loss, without row weights, and what each output that has a loss says; of checked rows."""
    rows, to_numpy = len(next(iter(inputs.values()))), objective.network.ops.to_numpy
    total = np.zeros(rows)
    losses = {name: np.zeros(rows) for name in objective.losses}
    outputs: dict[str, np.ndarray] = {}

    def fill(part: slice, bound: Bound) -> None:
        slots = objective._loaded(bound, targets, part)
        objective.evaluate(slots)
        total[part] = objective.losses_of_rows(slots)
        for name, at in slots.items():
            losses[name][part] = to_numpy(at.rows)
            y = to_numpy(at.y)
            outputs.setdefault(name, np.empty((rows, *y.shape[1:])))[part] = y

    objective.network.evaluate_batches(inputs, fill)
    found = {}
    for name, loss in objective.losses.items():
        known = objective.known_shares(name, targets[name])
        if known is not None:
            losses[name][known == 0] = np.nan
        found[name] = _of_output(loss, outputs[name], targets[name], losses[name])
    return total, found


def gradients_by_row(
    objective: TotalLoss, inputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], wrt: str
) -> np.ndarray:
    """The gradient of each row's loss with respect to a parameter or a node: (rows, *shape of wrt).

    The network is as it predicts: nothing is dropped, statistics are those learned, and penalties, which are
    the same for every row, are left out. Of rows whose target is unknown it is 0. KeyError for a name that
    there is not, ValueError where no loss depends on it.
    """
    network = objective.network
    known = [*network.graph.inputs, *network.graph.nodes, *network.parameters]
    if wrt not in known:
        raise KeyError(f"there is no {wrt!r} to take a gradient by; there are {', '.join(known)}")
    rows, ops = len(next(iter(inputs.values()))), network.ops
    seeds = {name: np.zeros((rows, *network.graph.shape(name))) for name in objective.losses}

    def fill(part: slice, bound: Bound) -> None:
        for name, at in objective._loaded(bound, targets, part).items():
            into = Slots(**{**vars(at), "dy": ops.zeros(at.y.shape), "weights": ops.zeros(at.rows.shape) + 1})
            objective.losses[name].evaluate(ops, into)
            seeds[name][part] = objective.weights[name] * ops.to_numpy(into.dy)

    network.evaluate_batches(inputs, fill)
    found, refused = [], None
    for name, seed in seeds.items():
        shares = objective.known_shares(name, targets[name])
        if shares is not None:
            seed[shares == 0] = 0
        try:
            found.append(gradient_from(network, name, wrt, inputs, seed))
        except ValueError as error:
            refused = error
    if not found:
        assert refused is not None
        raise refused
    return np.sum(found, axis=0)


def _of_output(loss: Loss, y: np.ndarray, targets: np.ndarray, losses: np.ndarray) -> OutputByRow:
    if loss.predicts == "features":
        return OutputByRow(losses, "features", y)
    with np.errstate(invalid="ignore", over="ignore"):
        y = _linked(loss, y)
        if loss.predicts == "classes":
            return _of_classes(y, targets if loss.of_classes else targets.argmax(axis=-1), losses)
        known = targets[~np.isnan(targets)]
        if loss.predicts == "yes or no" and np.isin(known, (0, 1)).all():
            return _of_two(y, targets.reshape(y.shape), losses)
        return OutputByRow(losses, "values", y, error=y - targets.reshape(y.shape))


def _of_classes(y: np.ndarray, ids: np.ndarray, losses: np.ndarray) -> OutputByRow:
    known, broken = ids >= 0, ~np.isfinite(y).all(axis=-1)
    prediction = np.where(broken, -1, y.argmax(axis=-1))
    asked = np.maximum(ids, 0)[..., np.newaxis]
    own = np.take_along_axis(y, asked, -1)[..., 0]
    others = y.copy()
    np.put_along_axis(others, asked, -np.inf, -1)
    other = others.max(axis=-1) if y.shape[-1] > 1 else 0.0
    return OutputByRow(
        losses, "classes", prediction, y.max(axis=-1), np.where(known, own - other, np.nan),
        np.where(known, prediction == ids, np.nan),
    )  # fmt: skip


def _of_two(y: np.ndarray, targets: np.ndarray, losses: np.ndarray) -> OutputByRow:
    known, broken = ~np.isnan(targets), ~np.isfinite(y)
    yes = y > 0.5
    prediction = np.where(broken, -1, yes)
    return OutputByRow(
        losses, "yes or no", prediction, np.where(yes, y, 1 - y),
        np.where(known, np.where(targets > 0.5, 2 * y - 1, 1 - 2 * y), np.nan),
        np.where(known, prediction == targets, np.nan),
    )  # fmt: skip
