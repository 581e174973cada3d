"""Cross-entropy of one class out of several."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.accuracy import note_hits
from cortex_lab.nn.contract.layer import Shape, Slots
from cortex_lab.nn.contract.loss import Loss, WrongRows


class _Categorical(Loss):
    label_smoothing: float
    one_hot: bool

    def __post_init__(self) -> None:
        checks.fraction("label_smoothing", self.label_smoothing)

    @property
    def predicts(self) -> str:
        return "classes"

    @property
    def of_classes(self) -> bool:
        return not self.one_hot

    @property
    def reads(self) -> str:
        return "one column per class" if self.one_hot else "classes"

    def target_shape(self, shape: Shape) -> Shape:
        return shape if self.one_hot else shape[:-1]

    def of_mixtures(self) -> Loss:
        return replace(self, one_hot=True)  # type: ignore[type-var]

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        if not shape or shape[-1] < 2:
            raise ValueError(
                f"output {name!r} has rows of shape {shape}; this loss wants (classes,), at least 2"
            )

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        targets = super().check_targets(targets, shape)
        if self.one_hot:
            flat = targets.reshape(len(targets), -1, shape[-1])
            wrong = ((flat < 0).any(axis=2) | (np.abs(flat.sum(axis=2) - 1) > 1e-4)).any(axis=1)
            if wrong.any():
                raise WrongRows(
                    "targets with one column per class must be 0 or more and sum to 1; "
                    "first rows that do not: {rows}",
                    np.flatnonzero(wrong),
                )
        return targets


@dataclass(frozen=True)
class SoftmaxCrossEntropy(_Categorical):
    """-log softmax(outputs)[class], for raw outputs (rows, classes) and class ids (rows,).

    Softmax and logarithm are taken together, which stays exact where a softmax layer would round to 0 or 1.
    Negative class ids mean "unknown": they add nothing, and losses and accuracies are means over what is
    known. Outputs (rows, steps, classes) take class ids (rows, steps): a row's loss is the mean over its
    known steps, and the mean of rows that over all known steps. `one_hot` targets have one column per class
    (or any distribution over them). `label_smoothing` spreads that share of the target over all classes
    (Szegedy et al. 2016).
    """

    label_smoothing: float = 0.0
    one_hot: bool = False
    link = "softmax"
    replays = True

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        super().check_output(name, shape, activation)
        if activation == "softmax":
            raise ValueError(
                f"output {name!r} already applies softmax, and softmax_cross_entropy would apply it again; "
                "end the network without it, or use categorical_cross_entropy"
            )

    def evaluate(self, ops: Ops, at: Slots) -> tuple[Any, Any] | None:
        if at.y.ndim == 2 and not self.one_hot and not self.label_smoothing:
            found = getattr(at, "found", None)
            return ops.softmax_cross_entropy(at.y, at.target, at.weights, at.rows, at.dy, found)
        ops.cross_entropy(at.y, at.target, at.weights, at.rows, at.dy, self.label_smoothing, True)
        note_hits(self, ops, at)
        return None


@dataclass(frozen=True)
class CategoricalCrossEntropy(_Categorical):
    """-log p[class], for outputs p that are probabilities (rows, classes), such as a softmax layer's.

    Targets and options are those of `SoftmaxCrossEntropy`, which is the better choice where the network can
    end without softmax: here p is kept 1e-7 away from 0, and one outside 0 to 1 makes its row NaN.
    """

    label_smoothing: float = 0.0
    one_hot: bool = False
    replays = True

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        super().check_output(name, shape, activation)
        if activation not in (None, "softmax", "sigmoid", "hard_sigmoid"):
            raise ValueError(
                f"output {name!r} ends in {activation}, which gives no probabilities; end it in softmax, "
                "or leave the activation out and use softmax_cross_entropy"
            )

    def evaluate(self, ops: Ops, at: Slots) -> None:
        ops.cross_entropy(at.y, at.target, at.weights, at.rows, at.dy, self.label_smoothing, False)
        note_hits(self, ops, at)
