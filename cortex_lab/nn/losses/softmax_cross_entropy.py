"""Cross-entropy between class labels and the softmax of the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.nn.layer import Shape, Slots
from cortex_lab.nn.loss import Loss


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """-log softmax(outputs)[class], for raw outputs (rows, classes) and class ids (rows,).

    Softmax and logarithm are taken together, which stays exact where a softmax layer would round to 0 or 1.
    Negative class ids mean "unknown": such rows add nothing.
    """

    of_classes = True

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        if len(shape) != 1 or shape[0] < 2:
            raise ValueError(
                f"output {name!r} has rows of shape {shape}; this loss wants (classes,), at least 2"
            )
        if activation == "softmax":
            raise ValueError(
                f"output {name!r} already applies softmax, and softmax_cross_entropy would apply it again; "
                "end the network without it"
            )

    def evaluate(self, ops: Any, at: Slots) -> None:
        ops.softmax_cross_entropy(at.y, at.target, at.weights, at.rows, at.dy)
