"""The training as it would be without a cause that hides others: begun again with that put right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from cortex_lab.nn.diagnosis import work
from cortex_lab.nn.diagnosis.finding import Finding
from cortex_lab.nn.diagnosis.sample import Sample
from cortex_lab.nn.diagnosis.study import RUN_SECONDS, Study
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.training import Training

SCALED = ("input_scale", "target_scale")
LEFT_OUT = ("not_finite", "input_outlier", "target_outlier")
EDITED = (
    "initialization", "dead_units", "saturated_units", "weight_decay", "clipping", "dropout", "noise",
    "epsilon", "momentum_high", "frozen",
)  # fmt: skip
"""Kinds whose edits put right what they name."""
FEWEST = 8  # rows without which nothing is learned


def without(study: Study, causes: Iterable[Finding]) -> Study | None:
    """The study of a training in which `causes` are put right, as many steps long; None if none can be."""
    new = [cause for cause in causes if cause not in study.put_right]
    scaled = [cause for cause in new if cause.kind in SCALED]
    ours = [cause for cause in new if cause.where != "validation"]
    left_out = [cause for cause in ours if cause.kind in LEFT_OUT and cause.rows]
    larger = [cause for cause in new if "batch_size" in cause.options]
    edited = [cause for cause in new if cause.kind in EDITED and cause.edits]
    penalized = [cause for cause in new if cause.kind == "penalty"]
    right, rows = [*scaled, *left_out, *larger, *edited, *penalized], study.rows
    if not right or rows.error or study.too_long:
        return None
    start = study.start.clone()
    if scaled or left_out or larger:
        size = larger[0].options["batch_size"] if larger else study.now.batches.batch_size
        source = _source(study, scaled, left_out, size)
        if source.length < FEWEST:
            return None
        start.loader.read(source)
        start = start.clone()
    for name, value in (edit for cause in edited for edit in cause.edits):
        start.edit(name, value)
    if penalized:
        start.update.drop_penalties()
    now, losses = _gone_on(study, start, study.steps)
    case = replace(study.case, now=now, start=start, fault=None, losses=losses, at=None)
    made = Study(case)
    made.skipped, made.put_right = study.skipped, (*study.put_right, *right)
    if scaled or not study.validation:
        # Validation rows are as they were, so they are no longer to be compared.
        made.validation = None
    return made


def anew(study: Study) -> Study | None:
    """The study of a training from fresh weights, by an optimizer that knows nothing; what rests is kept.

    For a session that goes on from an earlier one, of which nothing but the weights is left.
    """
    if study.too_long or not study.sound:
        return None
    start = study.start.clone()
    network, frozen = start.network, start.frozen.nodes
    drawn = Network(network.graph, seed=network.seed, ops=network.ops)
    names = [name for name in network.parameters if name.split("/")[0] not in frozen]
    for name in names:
        start.edit(f"weights[{name!r}]", network.ops.to_numpy(drawn.parameters[name]))
    for name in network.states:
        if name.split("/")[0] not in frozen:
            start.edit(f"state[{name!r}]", network.ops.to_numpy(drawn.states[name]))
    shapes = {name: array.shape for name, array in network.parameters.items()}
    state = start.optimizer.init(network.ops, network.params, shapes)
    start.restore(start.snapshot() | {"optimizer_state": state})
    now, losses = _gone_on(study, start, study.now.step_number)
    edits = {start.step_number: tuple(f"weights[{name!r}]" for name in names)}
    case = replace(study.case, now=now, start=start, fault=None, losses=losses, edits=edits, at=None)
    return Study(replace(case, origin=start.step_number))


def _gone_on(study: Study, start: Training, steps: int) -> tuple[Training, np.ndarray]:
    """A copy after as many steps as there should be time for, and their losses."""
    training, losses = start.clone(), []
    training.loader.trust()
    clock, most = study.case.clock, int(2 * RUN_SECONDS / max(study.case.step_seconds, 1e-9))
    until = clock() + 2 * work.PATIENCE * RUN_SECONDS
    for _ in range(min(steps, max(most, study.steps_to_try))):
        training.whole_step()
        losses.append(training.measure("loss"))
        if not np.isfinite(losses[-1]) or clock() > until:
            break
    return training, np.array(losses)


class _Rows:
    """Sampled rows as a source of batches."""

    def __init__(self, inputs: Any, targets: Any, rows: np.ndarray, batch_size: int) -> None:
        self.inputs, self.targets, self.rows = inputs, targets, rows
        self.length, self.batch_size = len(rows), min(batch_size, max(len(rows), 1))
        self.steps_per_epoch = max(self.length // self.batch_size, 1)

    def fetch(self, step: int) -> Any:
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.Generator(np.random.Philox(key=[epoch, 3])).permutation(self.length)
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        inputs, targets = (
            {name: part[chosen] for name, part in each.items()} for each in (self.inputs, self.targets)
        )
        return SimpleNamespace(inputs=inputs, targets=targets, rows=self.rows[chosen], weights=None)


def _source(study: Study, scaled: list[Finding], left_out: list[Finding], batch_size: int) -> _Rows:
    rows: Sample = study.rows
    stay = ~np.isin(rows.rows, [row for cause in left_out for row in cause.rows])
    inputs, targets = (
        {name: part[stay] for name, part in each.items()} for each in (rows.inputs, rows.targets)
    )
    for cause in scaled:
        parts = inputs if cause.kind == "input_scale" else targets
        parts[cause.where] = standardized(parts[cause.where])
    return _Rows(inputs, targets, rows.rows[stay], batch_size)


def standardized(values: np.ndarray) -> np.ndarray:
    """Columns, or channels, of mean 0 and standard deviation 1."""
    axes = tuple(range(max(values.ndim - 1, 1)))
    x = values.astype(np.float64) - values.mean(axis=axes, dtype=np.float64)
    spread = x.std(axis=axes)
    return (x / np.where(spread > 0, spread, 1)).astype(np.float32)
