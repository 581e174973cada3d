"""Classes and columns of the data a training is given: what they weigh, and that each keeps its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.ground.float32 import check_float32, refuse_masked
from cortex_lab.nn.contract.loss import SIGNED, WrongRows, resolve_loss, row_weights
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.objective import TotalLoss


def weights_of(given: Any, class_weight: Any, sample_weight: Any, classes: int | None) -> np.ndarray | None:
    """The weight of each row, by its position as batches name it."""
    if class_weight is None and sample_weight is None:
        return None
    if given.source is not None:
        raise ValueError("batches of your own bring their weights themselves, as batch.weights")
    targets = given.learned
    if isinstance(targets, Mapping):
        if class_weight is not None:
            raise ValueError(
                f"class_weight is for one target, and there are {', '.join(targets)}; weigh the rows with "
                "sample_weight, and the outputs with loss_weights"
            )
        targets = next(iter(targets.values()))
    if isinstance(class_weight, Mapping):
        class_weight = given.by_code(class_weight)
    if sample_weight is not None:
        sample_weight = given.learned_weights(sample_weight)
    weights = np.zeros(int(given.rows.max()) + 1)
    weights[given.rows] = row_weights(targets, class_weight, sample_weight, classes)
    return weights


def class_count(network: Network, loss: Any) -> int | None:
    """How many classes the first loss knows; None if it is none of classes."""
    if isinstance(loss, Mapping):
        output, loss = next(iter(loss.items()))
    else:
        output = network.graph.outputs[0]
    loss = resolve_loss(loss)
    if loss.reads == "classes" and output in network.graph.outputs:
        return int(getattr(loss, "classes", network.graph.shape(output)[-1]))
    return 2 if loss.reads == "yes or no" else None


def refuse_wrong_classes(objective: TotalLoss, given: Any) -> None:
    """ValueError for targets in memory that a loss cannot read, of all rows to train on, or if none is known.

    In arrays also for class ids that look like labels from a negative number on. A negative id is unknown:
    where ids count up from it, as many as there are classes, one of them would silently never be learned.
    """
    if given.source is not None or given.learned is None:
        return
    of_classes = [name for name, loss in objective.losses.items() if loss.of_classes]
    learned = objective.by_output(given.learned) if of_classes else {}
    known = {name: _some_known(objective, name, learned[name]) for name in of_classes}
    if given.dataset is None:
        for name in of_classes:
            _refuse_signed(objective, name, learned[name])
    for places, some in given.learned_in_pieces():
        for name, targets in objective.by_output(some).items():
            if name not in of_classes:
                found = _some_known(objective, name, targets, places)
                known[name] = known.get(name, False) or found
    for name in [name for name, some in known.items() if not some]:
        raise ValueError(
            f"every target of {name!r} is unknown, so there is nothing to learn from; give those of some rows"
        )


def _some_known(objective: TotalLoss, name: str, targets: np.ndarray, places: np.ndarray = None) -> bool:
    """Whether a target is known; ValueError for what the loss cannot read, which lies at `places`."""
    loss = objective.losses[name]
    try:
        if targets is None:
            return True
        known = loss.known(loss.check_targets(targets, objective.network.graph.shape(name)))
    except WrongRows as error:
        raise error if places is None else error.at(places) from None
    return known is None or bool(known.any())


def refuse_misread(objective: TotalLoss, targets: Any) -> None:
    """ValueError for targets of other rows that a training refuses: signed ids, or what float32 loses."""
    for name, values in objective.by_output(targets).items():
        refuse_masked(values, f"targets of {name!r}")
        _refuse_signed(objective, name, values)
        if not objective.losses[name].of_classes and objective.network.ops.dtype == np.float32:
            check_float32(np.asarray(values), f"targets of {name!r}")


def _refuse_signed(objective: TotalLoss, name: str, targets: Any) -> None:
    if not objective.losses[name].of_classes or np.size(targets) == 0 or np.min(targets) >= 0:
        return
    found, classes = np.unique(targets), objective.network.graph.shape(name)[-1]
    counted = len(found) == classes and (np.diff(found) == 1).all()
    if counted or found.tolist() == [-1, 1]:
        raise ValueError(
            f"the targets are {found[0]:g} to {found[-1]:g}, and a negative class id means that the class is "
            f"unknown: those rows would teach nothing. {SIGNED}"
        )
