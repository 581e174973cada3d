"""Lion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.optimize.optimizer import Optimizer, Rate


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (Chen et al. 2023, algorithm 2): every parameter moves by the learning rate, up or down.

    Its rate wants to be 3 to 10 times smaller than Adam's, and its weight decay as much larger.
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.0001
    beta_1: float = 0.9
    beta_2: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.fraction("beta_1", self.beta_1)
        checks.fraction("beta_2", self.beta_2)

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("mean",)

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> Any:
        finite = state.get("finite")
        said = ops.update_lion(params, gradient, state["mean"], rate, self.beta_1, self.beta_2, finite)
        return said if finite is None else finite
