"""What is asked of the parts of a training by those who examine it; `train` has what answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import Loss


class Scoring(Protocol):
    """What is minimized: `train.objective.TotalLoss`."""

    @property
    def losses(self) -> Mapping[str, Loss]: ...

    @property
    def classifies(self) -> bool: ...

    def total(self, slots: Mapping[str, Slots]) -> float: ...

    def of_output(self, slots: Mapping[str, Slots], name: str) -> float: ...

    def accuracy(self, slots: Mapping[str, Slots]) -> float: ...


class Updating(Protocol):
    """How the parameters change: `train.update.Update`."""

    @property
    def penalizes(self) -> bool: ...

    def learning_rate(self, under_way: bool) -> float: ...

    def penalty(self) -> float: ...

    def pending(self, changes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]: ...


class Loading(Protocol):
    """Where the batches come from: `train.batch_loading.BatchLoader`."""

    @property
    def source(self) -> BatchSource: ...


class Validating(Protocol):
    """What other rows say: `train.validation.Validation`."""

    @property
    def keys(self) -> tuple[str, ...]: ...

    def __getitem__(self, key: str) -> float: ...
