"""Classes and columns of the data a training is given: what they weigh, and that each keeps its place."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from cortex_lab.ground.float32 import check_float32, refuse_masked
from cortex_lab.nn.contract.loss import SIGNED, TooFewClasses, resolve_loss, row_weights
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
    """ValueError for targets that a loss of classes cannot read, of all rows to train on.

    In arrays also for class ids that look like labels from a negative number on. A negative id is unknown:
    where ids count up from it, as many as there are classes, one of them would silently never be learned.
    """
    of_classes = [name for name, loss in objective.losses.items() if loss.of_classes]
    if given.source is not None or not of_classes or given.learned is None:
        return
    targets = objective.by_output(given.learned)
    for name in of_classes:
        # What has too many classes in some rows can be trained on without them; a step names them.
        with suppress(TooFewClasses):
            objective.losses[name].check_targets(targets[name], objective.network.graph.shape(name))
        if given.dataset is None:
            _refuse_signed(objective, name, targets[name])


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
