"""Rows that are not trained on, to see what the training is worth."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_missing
from cortex_lab.nn.contract.loss import WrongRows
from cortex_lab.nn.run.ids import NoSuchId
from cortex_lab.nn.run.tables import refuse_other_rows
from cortex_lab.nn.train.judging import Judge
from cortex_lab.nn.train.labels import refuse_misread
from cortex_lab.nn.train.metric_kinds import resolve_metric
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.objective import TotalLoss

_ALSO = {"acc": "accuracy"}
Rows = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]


def checked_rows(objective: TotalLoss, inputs: object, targets: object, role: str) -> Rows:
    """Rows beside those trained on, by name; ValueError that names their `role` for what does not fit."""
    refuse_other_rows(inputs, targets)
    try:
        named = objective.network.checked_inputs(inputs)
    except NoSuchId as error:
        raise error.among(role) from None
    for name, values in named.items():
        refuse_missing(values, f"input {name!r} of {role}")
    try:
        checked = named, objective.check_all_targets(targets)
    except WrongRows as error:
        raise WrongRows(f"{role}: {error.text}", error.rows) from None
    checks.as_many_rows(*checked, role)
    refuse_misread(objective, targets)
    return checked


class Validation:
    """Loss, accuracy and `metrics` of `rows`, (inputs, targets) by name, with the weights as they are.

    `rows` None says that there are none.
    """

    def __init__(self, objective: TotalLoss, rows: Rows | None, metrics: Metrics) -> None:
        if metrics.keys and not rows:
            raise ValueError(
                "metrics are measured on validation rows, and there are none; give some with validation=..., "
                "or split the data set: data.split(validation=0.2)"
            )
        if rows:
            metrics.check(rows[1])
        self.rows = rows
        self.metrics = metrics
        self.judge: Judge | None = None
        """Who judges the rows, where that is not done here."""
        self._objective = objective
        self._kept: tuple[tuple[int, ...], dict[str, Any]] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """What it says: "loss", "accuracy" if there are classes, then the metrics."""
        if not self.rows:
            return ()
        return ("loss", *(["accuracy"] if self._objective.classifies else []), *self.metrics.keys)

    def __getitem__(self, key: str) -> float:
        """The value of one of `keys`; the error of a metric that cannot be taken."""
        value = self._scores()[key]
        if isinstance(value, Exception):
            raise value
        return value

    def advice(self, key: str) -> str | None:
        """What to do to have `key` measured, which is not; None where nothing can be said."""
        own = re.sub("^(val|valid|validation)_", "", key)
        called = f"validation_{_ALSO.get(own, own)}"
        if called != key and called.removeprefix("validation_") in self.keys and key != "accuracy":
            return f"It is recorded of the validation rows, as {called!r}"
        if own != key:
            key = called
        name = key.removeprefix("validation_").partition("[")[0]
        if name != "accuracy" and not key.startswith("validation_"):
            return None
        losses = self._objective.losses
        if name == "accuracy" and all(loss.predicts == "values" for loss in losses.values()):
            return "Values have no accuracy; ask for another metric: train(..., metrics=['r2'])"
        asked = [] if self.rows else ["validation=(inputs, targets)"]
        if name != "loss" and not (name == "accuracy" and self._objective.classifies):
            try:
                resolve_metric(name)
            except ValueError as error:
                return str(error)
            metric = f"[{name!r}]" if len(losses) == 1 else f"{{{next(iter(losses))!r}: [{name!r}]}}"
            asked.append(f"metrics={metric}")
        remedy = f"train(..., {', '.join(asked)})"
        return f"It is measured on validation rows, as 'validation_{name}', if asked for: {remedy}"

    def _scores(self) -> dict[str, Any]:
        if not self.rows:
            raise KeyError("there are no validation rows; give some with validation=(inputs, targets)")
        objective, network = self._objective, self._objective.network
        inputs, targets = self.rows
        kept = self._kept

        def measure() -> tuple[tuple[int, ...], Any]:
            vectors = (network.params, network.state, *objective.state.values())
            read = tuple(network.digest(vector) for vector in vectors)
            if kept is not None and kept[0] == read:
                return read, None
            return read, objective.means(inputs, targets, self.metrics.outputs, self.judge)

        # Loss, accuracy and metrics are asked for one after the other, mostly with the same weights.
        read, measured = network.turns.reading(measure)
        if kept is not None and measured is None:
            return kept[1]
        scores, outputs = measured
        found = {**scores, **self.metrics.attempt(outputs, targets)}
        self._kept = read, found
        return found
