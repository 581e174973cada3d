"""Targets that are only partly known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.accuracy import note_hits
from cortex_lab.nn.contract.layer import Shape, Slots
from cortex_lab.nn.contract.loss import Loss, resolve_loss
from cortex_lab.nn.losses.regression import _Elementwise


@dataclass(frozen=True)
class CensorLoss(Loss):
    """An elementwise loss whose targets may be NaN, "unknown": such elements add neither loss nor gradient.

    `loss` is the loss of the known elements, or its name: a squared, absolute, Huber or binary one. A row's
    loss is the mean over its known elements, and the mean of rows is that over all known elements. For
    classes no censor is needed: a negative class id is unknown everywhere.
    """

    loss: Any = "mean_squared_error"
    replays = True

    def __post_init__(self) -> None:
        loss = resolve_loss(self.loss)
        if not isinstance(loss, _Elementwise):
            raise ValueError(
                f"{type(loss).__name__} is not a loss of single elements, so a censor cannot leave some out; "
                "use one such as mean_squared_error, or negative class ids for unknown classes"
            )
        object.__setattr__(self, "loss", loss)

    @property
    def predicts(self) -> str:
        return self.loss.predicts

    @property
    def reads(self) -> str:
        return self.loss.reads

    @property
    def link(self) -> str | None:  # type: ignore[override]
        return self.loss.link

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        self.loss.check_output(name, shape, activation)

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        targets = np.asarray(targets, dtype=np.float64)
        unknown = np.isnan(targets)
        checked = self.loss.check_targets(np.where(unknown, 0, targets), shape)
        return np.where(unknown.reshape(checked.shape), np.nan, checked)

    def known(self, targets: np.ndarray) -> Any:
        return ~np.isnan(targets)

    def evaluate(self, ops: Ops, at: Slots) -> None:
        loss = self.loss
        ops.elementwise_loss(loss.function, at.y, at.target, at.weights, at.rows, at.dy, loss.parameter)
        note_hits(self, ops, at)
