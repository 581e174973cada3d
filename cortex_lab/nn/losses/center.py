"""Features that gather around a center for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Parameter, Shape, Slots, positive
from cortex_lab.nn.contract.loss import Loss, check_class_ids


@dataclass(frozen=True)
class CenterLoss(Loss):
    """Half the squared distance of a row's features from the center of its class (Wen et al. 2016).

    Meant for a hidden layer beside a classifying loss at the end: make the layer an output, and give this
    loss a small weight. Outputs (rows, features), class ids (rows,); negative ids mean "unknown".

    The centers, `classes` of them, start at 0 and are state, not parameters: after each update they move
    towards the batch's features, a center with n rows by `rate` * n / (1 + n) of the way to their mean.
    """

    classes: int
    rate: float = 0.5
    replays = True

    def __post_init__(self) -> None:
        positive("classes", self.classes)
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, got {self.rate!r}")

    @property
    def predicts(self) -> str:
        return "features"

    @property
    def reads(self) -> str:
        return "classes"

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        if len(shape) != 1:
            raise ValueError(
                f"output {name!r} has rows of shape {shape}; center_loss wants (features,): add a Flatten"
            )

    def target_shape(self, shape: Shape) -> Shape:
        return ()

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        return check_class_ids(targets, (), self.classes)

    def known(self, targets: Any) -> Any:
        return targets >= 0

    def state(self, shape: Shape) -> dict[str, Parameter]:
        return {"centers": Parameter((self.classes, *shape), "zeros")}

    def evaluate(self, ops: Ops, at: Slots) -> None:
        ops.center_loss(at.y, at.target, at.centers, at.weights, at.rows, at.dy)

    def settle(self, ops: Ops, at: Slots) -> None:
        ops.move_centers(at.y, at.target, at.centers, self.rate)
