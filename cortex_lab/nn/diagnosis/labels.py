"""Whether targets have to do with inputs, by models that know nothing of the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis import noise
from cortex_lab.nn.diagnosis.data import class_ids, is_an_input, labels_of
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.simple import (
    Simple,
    answers,
    best_model,
    features,
    nearest_rows,
    simple,
)
from cortex_lab.nn.diagnosis.study import Study, tail

# Measured ranges: healthy | faulty.
SURE = 3.0  # standard errors above chance: 4 and more | -1.9 to 2.3
FEWEST_ROWS = 100
BETTER = 0.93  # validation loss over that of a constant answer, below which the network itself shows signal
SOON = 0.8  # the same of batches of the first epoch, before they are learned: they are few
LARGEST_SHIFT = 3
LIKE = 0.7  # difference of neighbors' class ids over random ones': values 0.1 to 0.5 | classes 0.8 to 1.1


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if not study.sound:
        return
    for name, target in study.rows.targets.items():
        if study.objective.losses[name].predicts == "values":
            yield from ((finding, True) for finding in _classes_as_values(study, name, target))
    for name, target in study.rows.targets.items():
        told = simple(study, name) if len(study.rows) >= FEWEST_ROWS else None
        if told is not None and told.z < SURE and not _network_knows(study):
            yield _nothing_to_learn(study, name, told), True
        elif (labels := labels_of(study, name, target)) is not None:
            yield from noise.find(study, name, labels)


def _network_knows(study: Study) -> bool:
    """Whether the network itself says something of rows before it has learned them."""
    theirs = study.validation
    if theirs is not None and len(theirs) and study.validation_loss < BETTER * study.baseline_of(theirs):
        return True
    epoch = study.now.batches.steps_per_epoch
    losses = study.case.losses
    if losses is not None and len(losses) >= epoch >= 8 and tail(losses[:epoch]) < SOON * study.baseline:
        return True
    # Ids and steps may mean something only in their order, which neither neighbors nor sums see.
    in_order = any(len(shape) == 2 for shape in study.network.graph.inputs.values()) or any(
        layer.input_dtype == "int32" for layer in (node.layer for node in study.network.graph.nodes.values())
    )
    return in_order and study.validation is None and study.learned


def _nothing_to_learn(study: Study, name: str, told: Simple) -> Finding:
    shift = _shifted(study, name)
    if shift is not None:
        by, score = shift
        return Finding(
            "target_shift", name, told.z, SURE,
            f"The targets of {name!r} belong to other rows: they have nothing to do with their own "
            "(simple models "
            f"are {told.z:.1f} standard errors above chance), and fit the rows {abs(by)} "
            f"{'before' if by > 0 else 'after'} them ({score:.0f}).",
            remedy=f"Move them back: y = np.roll(y, {-by}, axis=0), and drop the rows at the end.",
        )  # fmt: skip
    return Finding(
        "no_signal", name, told.z, SURE,
        f"The targets of {name!r} have nothing to do with the inputs: neighbors and a linear model answer "
        "as well "
        f"as chance does ({told.score:.2f}, chance {told.chance:.2f}, {told.z:.1f} standard errors), so "
        "whatever is "
        "learned is learned by heart.",
        remedy="See whether rows were shuffled apart: both must be shuffled, sorted and joined together.",
    )  # fmt: skip


def _shifted(study: Study, name: str) -> tuple[int, float] | None:
    """By how many rows the targets are off, and how sure that is; None if it is not that."""
    y, x = answers(study, name, study.rows), features(study)
    assert y is not None
    place = {int(row): position for position, row in enumerate(study.rows.rows[: len(x)])}
    best: tuple[int, float] | None = None
    for by in (each for size in range(1, LARGEST_SHIFT + 1) for each in (size, -size)):
        pairs = [(at, place[row + by]) for row, at in place.items() if row + by in place]
        if len(pairs) < FEWEST_ROWS // 2:
            continue
        ours, theirs = np.array(pairs).T
        told = best_model(x[ours], y[theirs])
        if told is not None and told.z > 2 * SURE and (best is None or told.z > best[1]):
            best = by, told.z
    return best


def _classes_as_values(study: Study, name: str, target: np.ndarray) -> Iterator[Finding]:
    count = class_ids(target)
    bounded = study.network.graph.nodes[name].layer.activation == "sigmoid"
    if not count or (count == 2 and bounded) or is_an_input(study, target):
        return
    x = features(study)
    y = target.reshape(len(target))[: len(x)]
    nearest = y[nearest_rows(x, 1)[:, 0]]
    differ = np.flatnonzero(nearest != y)
    pairs = np.abs(y[:, None] - y)
    usual = pairs[pairs > 0].mean()
    if count > 2 and len(differ) >= 20 and np.abs(nearest - y)[differ].mean() < LIKE * usual:
        return  # Near rows have near numbers: these are values.
    yield Finding(
        "values_on_classes", name, count, 2,
        f"The targets of {name!r} are the {count} class ids 0 to {count - 1}, and a loss of values takes "
        "them for "
        "amounts: between 0 and 2 it would answer 1.",
        remedy=f'End the network in Dense({count}), with loss="softmax_cross_entropy".'
        if count > 2 else 'Use loss="sigmoid_cross_entropy".',
    )  # fmt: skip
