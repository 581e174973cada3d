"""What a training is set up with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.nn import Network, Training
from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.optimize import Optimizer

_PASSED_ON = ("loss_weights", "penalties", "frozen", "augment", "validate_every", "metrics", "seed", "shards")


@dataclass(frozen=True, eq=False)
class TrainingSetup:
    """All that decides how a training goes, beside its network and its data, as `train` was told.

    `train` says what each is. `validation`, `class_weight` and `sample_weight` speak of rows of the data, so
    they are read with them, and `training` takes what they came to.
    """

    loss: Any
    optimizer: Optimizer
    batch_size: int = 32
    seed: int = 0
    validation: Any = "validation"
    validate_every: int | None = None
    metrics: Any = None
    loss_weights: Mapping[str, float] | None = None
    class_weight: Mapping[Any, float] | str | None = None
    sample_weight: Any = None
    penalties: Any = None
    frozen: Sequence[str] = ()
    augment: Any = None
    shards: int = 1

    def training(
        self,
        network: Network,
        batches: BatchSource,
        row_weights: np.ndarray | None,
        validation: tuple[Any, Any] | None,
    ) -> Training:
        """A Training on `batches`, whose rows weigh `row_weights`, with the `validation` rows held out."""
        own = {name: getattr(self, name) for name in _PASSED_ON}
        own |= {"row_weights": row_weights, "validation": validation}
        return Training(network, batches, self.loss, self.optimizer, **own)
