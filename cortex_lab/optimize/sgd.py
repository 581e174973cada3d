"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.optimize.optimizer import Optimizer, fraction


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with momentum: v = momentum * v + g; params -= learning_rate * v.

    With `nesterov`, params -= learning_rate * (g + momentum * v) (Sutskever et al. 2013, as Keras and PyTorch
    write it).
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        self.check_rate()
        fraction("momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")

    def init(self, ops: Any, params: Any) -> dict[str, Any]:
        return {"velocity": ops.zeros(params.shape)} if self.momentum else {}

    def update(self, ops: Any, params: Any, gradient: Any, state: dict[str, Any]) -> None:
        velocity = state.get("velocity")
        ops.update_sgd(params, gradient, velocity, self.learning_rate, self.momentum, self.nesterov)
