"""Every registered loss at a small and at a large size, and what PyTorch calls the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import cortex_lab as cl

CLASSES = 10
"""Of targets that are class ids, and centers of those that are features."""


@dataclass(frozen=True)
class Scored:
    """A loss with outputs (rows, width) at two sizes, and targets of one of three kinds.

    `peer(functional, y, target)` is the mean loss in PyTorch; None where it has nothing that does the same.
    """

    loss: Any
    targets: str
    peer: Callable[[Any, Any, Any], Any] | None
    small: tuple[int, int] = (32, 10)
    large: tuple[int, int] = (128, 4096)

    def at(self, size: str) -> tuple[int, int]:
        """Rows and width."""
        return self.small if size == "small" else self.large

    def draw(self, size: str) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and targets; outputs are between 0 and 1, and sum to 1 if the targets are classes."""
        random, shape = np.random.default_rng(0), self.at(size)
        y = random.uniform(0.05, 0.95, shape)
        if self.targets == "classes":
            return (y / y.sum(1, keepdims=True)).astype(np.float32), random.integers(0, CLASSES, shape[0])
        target = random.random(shape) if self.targets == "values" else random.integers(0, 2, shape)
        return y.astype(np.float32), target.astype(np.float32)


def _named(name: str) -> Callable[[Any, Any, Any], Any]:
    return lambda functional, y, target: getattr(functional, name)(y, target)


LOSS_TABLE: dict[str, Scored] = {
    "mean_squared_error": Scored(cl.MeanSquaredError(), "values", _named("mse_loss")),
    "mean_absolute_error": Scored(cl.MeanAbsoluteError(), "values", _named("l1_loss")),
    "huber": Scored(cl.Huber(), "values", _named("huber_loss")),
    "binary_cross_entropy": Scored(cl.BinaryCrossEntropy(), "yes or no", _named("binary_cross_entropy")),
    "sigmoid_cross_entropy": Scored(
        cl.SigmoidCrossEntropy(), "yes or no", _named("binary_cross_entropy_with_logits")
    ),
    "softmax_cross_entropy": Scored(
        cl.SoftmaxCrossEntropy(), "classes", _named("cross_entropy"), large=(512, 1000)
    ),
    "categorical_cross_entropy": Scored(
        cl.CategoricalCrossEntropy(),
        "classes",
        lambda functional, p, target: functional.nll_loss(p.clamp(1e-7, 1 - 1e-7).log(), target),
        large=(512, 1000),
    ),
    "censor_loss": Scored(cl.CensorLoss(), "values", None),
    "center_loss": Scored(cl.CenterLoss(CLASSES), "classes", None, large=(512, 1000)),
}
