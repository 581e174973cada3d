"""Adam and its family."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.optimize.optimizer import Optimizer, Rate


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015): steps scaled by running means of the gradient and of its square."""

    decays_itself: ClassVar[bool] = True
    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction("beta_1", self.beta_1)
        checks.fraction("beta_2", self.beta_2)
        checks.number("epsilon", self.epsilon, over=0)

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("mean", "square")

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        finite = state.get("finite")
        said = ops.update_adam(
            params, gradient, state["mean"], state["square"], rate,
            self.beta_1, self.beta_2, self.epsilon, state["updates"], self.weight_decay, finite,
        )  # fmt: skip
        return said if finite is None else finite


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): `Adam` with another default."""

    weight_decay: float = field(default=0.01, kw_only=True)


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's look-ahead (Dozat 2016), its momentum warmed up at the pace `momentum_decay`.

    The momentum of update t is beta_1 * (1 - 0.96**(t * momentum_decay) / 2).
    """

    decays_itself: ClassVar[bool] = False

    learning_rate: Rate = 0.002
    momentum_decay: float = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("momentum_decay", self.momentum_decay, least=0)

    def memory(self, ops: Ops, params: np.ndarray) -> dict[str, Any]:
        momenta = {"momentum": 0.0, "next_momentum": 0.0, "momentum_product": 1.0}
        return {**super().memory(ops, params), **momenta}

    def advance(self, state: dict[str, Any]) -> None:
        super().advance(state)
        step = state["updates"]
        state["momentum"], state["next_momentum"] = self._momentum(step), self._momentum(step + 1)
        state["momentum_product"] *= state["momentum"]

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        finite = state.get("finite")
        said = ops.update_nadam(
            params, gradient, state["mean"], state["square"], rate, self.beta_1, self.beta_2, self.epsilon,
            state["updates"], state["momentum"], state["next_momentum"], state["momentum_product"], finite,
        )  # fmt: skip
        return said if finite is None else finite

    def _momentum(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))
