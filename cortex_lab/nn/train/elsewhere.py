"""Gradients of whole steps that others find, such as the workers of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.train.copies import copied
from cortex_lab.nn.train.judging import Judged, RowsToJudge


class GradientFinder(Protocol):
    """Finds the gradient of a step, with the bits that a training in shards finds itself."""

    def find(self, training: Any, loaded: LoadedBatch) -> None:
        """Put gradients, what layers keep of the batch, and what its losses found, to where they belong.

        Nothing that lasts is changed; whatever it raises, the step has not happened.
        """
        ...

    def judge(self, training: Any, rows: RowsToJudge) -> Judged:
        """What `training.objective.judge` says of the same, found by who finds gradients."""
        ...


class Elsewhere:
    """Has a `finder` find the gradients of a training's whole steps.

    A step that is looked at phase by phase is computed here; so is, once more and on a copy, one whose
    activations are asked for afterwards. As the bits are the same, nobody can tell.
    """

    def __init__(self, training: Any, finder: GradientFinder) -> None:
        self.finder = finder
        self._training = training
        self._twin: Any = None

    def find(self, loaded: LoadedBatch) -> None:
        """Find the gradient of the step whose batch was loaded."""
        training = self._training
        before = {
            "step": loaded.step,
            "params": training.network.params.copy(),
            "state": training.network.state.copy(),
            "loss_state": copied(training.objective.state),
            "optimizer": training.optimizer,
            "batches": training.batches,
            "hyperparameters": dict(training.hyperparameters),
            "frozen": training.frozen.patterns,
        }
        self.finder.find(training, loaded)
        training.record.again = partial(self._again, before)

    def _again(self, before: Mapping[str, Any]) -> LoadedBatch:
        """The step from `before`, computed here up to its update."""
        if self._twin is None:
            self._twin = self._training.clone()
        twin = self._twin
        twin.restore({**before, "optimizer_state": copied(twin.optimizer_state)})
        # The batch was looked at when it was loaded first.
        twin.loader.trust()
        twin.objective.some_unknown = self._training.objective.some_unknown
        return twin.rehearse(twin.phases[-2], before["step"])
