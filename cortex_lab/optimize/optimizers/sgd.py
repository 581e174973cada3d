"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cortex_lab.ground import checks
from cortex_lab.optimize.optimizer import Optimizer, Rate


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with momentum: v = momentum * v + g; params -= learning_rate * v.

    With `nesterov`, params -= learning_rate * (g + momentum * v) (Sutskever et al. 2013, as PyTorch writes
    it).
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction("momentum", self.momentum)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def apply(self, ops: Any, params: Any, gradient: Any, state: dict[str, Any], rate: float) -> Any:
        velocity, finite = state["velocity"] if self.momentum else None, state.get("finite")
        said = ops.update_sgd(params, gradient, velocity, rate, self.momentum, self.nesterov, finite)
        return said if finite is None else finite
