"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.optimize.optimizer import Optimizer, Rate


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): steps divided by a running root mean square of the gradient.

    `centered` divides by the running standard deviation instead (Graves 2013); `momentum` gives the steps
    momentum. The divisor is root + epsilon, or with `epsilon_in_root` the root of square + epsilon, as in
    Keras.
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-8
    centered: bool = False
    epsilon_in_root: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction("rho", self.rho)
        checks.fraction("momentum", self.momentum)
        checks.number("epsilon", self.epsilon, over=0)
        checks.flag("epsilon_in_root", self.epsilon_in_root)

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("square", *(("mean",) if self.centered else ()), *(("velocity",) if self.momentum else ()))

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        mean, finite = state["mean"] if self.centered else None, state.get("finite")
        velocity = state["velocity"] if self.momentum else None
        said = ops.update_rmsprop(
            params, gradient, state["square"], mean, velocity, rate, self.rho, self.momentum, self.epsilon,
            self.epsilon_in_root, finite,
        )  # fmt: skip
        return said if finite is None else finite
