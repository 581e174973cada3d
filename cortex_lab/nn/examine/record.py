"""What is known of a training's step while it is under way, and afterwards until the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from cortex_lab.nn.contract.batches import Batch
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.run.executor import Bound


class LoadedBatch(NamedTuple):
    """The batch of step number `step` in the buffers of a network; `slots` are what each loss sees of it."""

    step: int
    batch: Batch
    bound: Bound
    slots: Mapping[str, Slots]


@dataclass(slots=True)
class StepRecord:
    """The step under way, or the last one while none is.

    `step` is its number, counted from 0, so as many were completed before it; -1 before the first. `changes`
    are what its update shall add to some parameters, by name, as said by hand. `params_before` are the
    parameters before the last update, where somebody wants to know them; `finite` says whether that was, as
    an array () where it is of a device.

    `known` is its batch, of whose losses all is known; `again`, where its gradient was found elsewhere,
    computes what else there is to look at.
    """

    step: int = -1
    under_way: bool = False
    known: LoadedBatch | None = None
    again: Callable[[], LoadedBatch] | None = None
    changes: dict[str, np.ndarray] = field(default_factory=dict)
    params_before: Any = None
    finite: Any = True

    @property
    def loaded(self) -> LoadedBatch | None:
        """The batch with all that was computed of it; None before the first."""
        if self.again is not None:
            again, self.again = self.again, None
            self.known = again()
        return self.known

    @property
    def batch(self) -> Any:
        """The batch; None before the first."""
        return self.known and self.known.batch

    @property
    def bound(self) -> Bound | None:
        """The buffers that it is in; None before the first."""
        return self.loaded and self.loaded.bound

    def change(self, name: str, values: np.ndarray) -> None:
        """Have the update add these to a parameter."""
        self.changes = {**self.changes, name: values}

    def stand_after(self, steps: int) -> None:
        """As many steps are completed, none is under way, and nothing is to be changed by hand."""
        self.step, self.under_way, self.changes = steps - 1, False, {}
