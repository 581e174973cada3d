"""Adagrad and Adadelta: step sizes from the gradients seen so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.optimize.optimizer import Optimizer, Rate


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011): each step divided by the root of the sum of all squared gradients.

    `initial` is what the sum starts from. The divisor is root + epsilon, or with `epsilon_in_root` the root
    of sum + epsilon, as in Keras.
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.01
    initial: float = 0.0
    epsilon: float = 1e-10
    epsilon_in_root: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.flag("epsilon_in_root", self.epsilon_in_root)
        checks.number("initial", self.initial, least=0)
        checks.number("epsilon", self.epsilon, over=0)

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("square",)

    def memory(self, ops: Ops, params: np.ndarray) -> dict[str, Any]:
        memory = super().memory(ops, params)
        memory["square"] += self.initial
        return memory

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        finite, in_root = state.get("finite"), self.epsilon_in_root
        said = ops.update_adagrad(params, gradient, state["square"], rate, self.epsilon, in_root, finite)
        return said if finite is None else finite


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): steps in the units of the parameters, from running means of squares.

    A step is the gradient times RMS(earlier steps) / RMS(gradients), so there is little to tune;
    `learning_rate` scales it, 1 being the paper's.
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 1.0
    rho: float = 0.95
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction("rho", self.rho)
        checks.number("epsilon", self.epsilon, over=0)

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("square", "step_square")

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        finite = state.get("finite")
        said = ops.update_adadelta(
            params, gradient, state["square"], state["step_square"], rate, self.rho, self.epsilon, finite
        )
        return said if finite is None else finite
