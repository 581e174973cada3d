"""Cross-entropy of yes-or-no targets, each output on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Shape, snake_case
from cortex_lab.nn.contract.loss import WrongRows
from cortex_lab.nn.losses.regression import _Elementwise

PROBABILITIES = ("sigmoid", "hard_sigmoid", "softmax")


class _Binary(_Elementwise):
    label_smoothing: float

    @property
    def predicts(self) -> str:
        return "yes or no"

    def __post_init__(self) -> None:
        checks.fraction("label_smoothing", self.label_smoothing)

    @property
    def parameter(self) -> float:
        return self.label_smoothing

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        targets = super().check_targets(targets, shape)
        outside = ~((targets >= 0) & (targets <= 1)).reshape(len(targets), -1).all(axis=1)
        if outside.any():
            marks = np.unique(targets[(targets < 0) | (targets > 1)]).tolist()
            own = f"CensorLoss({snake_case(type(self).__name__)!r})"
            unknown = f"; where that is unknown, leave those rows out, y[y >= 0], or give NaN and {own}"
            say, found = unknown if marks in ([-1], [-100]) else "", np.unique(targets)
            if len(found) == 2 and -100 not in found:
                # One of both is no mark: then there is one class.
                say = f"; of two classes, say which is yes: y == {found[1]:g}"
            raise WrongRows(
                f"{type(self).__name__} wants targets from 0 to 1, got {targets.min():g} to {targets.max():g}"
                f"; first such rows {{rows}}{say}",
                np.flatnonzero(outside),
            )
        return targets


@dataclass(frozen=True)
class BinaryCrossEntropy(_Binary):
    """-(t log p + (1 - t) log(1 - p)), the mean over a row's outputs p, which are probabilities.

    Targets t from 0 to 1, of the outputs' shape; `label_smoothing` pulls them toward 1/2 by that share. p is
    kept 1e-7 away from 0 and 1; one outside makes its row NaN. `SigmoidCrossEntropy` needs no such limit.
    """

    label_smoothing: float = 0.0
    function = "binary"

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        if activation is not None and activation not in PROBABILITIES:
            raise ValueError(
                f"output {name!r} ends in {activation}, which gives no probabilities; end it in sigmoid, "
                "or leave the activation out and use sigmoid_cross_entropy"
            )


@dataclass(frozen=True)
class SigmoidCrossEntropy(_Binary):
    """Binary cross-entropy of sigmoid(outputs), from the raw outputs: exact where a sigmoid would round to 0.

    Targets from 0 to 1, of the outputs' shape; `label_smoothing` pulls them toward 1/2 by that share.
    """

    label_smoothing: float = 0.0
    function = "sigmoid_binary"
    link = "sigmoid"

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        if activation in PROBABILITIES:
            raise ValueError(
                f"output {name!r} already applies {activation}, and sigmoid_cross_entropy would apply "
                "sigmoid to it; end the network without it, or use binary_cross_entropy"
            )
