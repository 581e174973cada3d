"""Adam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.optimize.optimizer import Optimizer, at_least, fraction


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): steps scaled by running means of the gradient and of its square."""

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        self.check_rate()
        fraction("beta_1", self.beta_1)
        fraction("beta_2", self.beta_2)
        at_least("epsilon", self.epsilon, 0)

    def init(self, ops: Any, params: Any) -> dict[str, Any]:
        return {"mean": ops.zeros(params.shape), "square": ops.zeros(params.shape), "updates": 0}

    def update(self, ops: Any, params: Any, gradient: Any, state: dict[str, Any]) -> None:
        state["updates"] += 1
        ops.update_adam(
            params, gradient, state["mean"], state["square"], self.learning_rate,
            self.beta_1, self.beta_2, self.epsilon, state["updates"], 0.0,
        )  # fmt: skip
