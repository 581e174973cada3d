"""A session whose steps are computed by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cortex_lab.nn import Training
from cortex_lab.study import Session


class Clustered(Session):
    """What a session offers that can be computed elsewhere."""

    process: Training

    @property
    def team(self) -> Any:
        """The workers that compute its steps, a `cortex_lab.scale.Team`; None if this process does."""
        elsewhere = self.process.elsewhere
        return None if elsewhere is None else elsewhere.finder

    def use_cluster(
        self, client: Any, workers: Iterable[str] | None = None, shared_memory: bool = True
    ) -> None:
        """From the next step on, have the workers of a Dask cluster compute whole steps; None computes here.

        `client` is a `distributed.Client`. The bits are the same: nothing is logged, and rewinding, saving
        and scripts know nothing of it. `workers` are addresses of some; None is all, those that come later,
        too. Without `shared_memory` everything goes over TCP, within one machine, too. What is looked at, a
        step that is walked through phase by phase, branches of a fork and what a diagnosis tries are computed
        here. ValueError if the training has no shards, or something that workers cannot compute.
        """

        def use_it() -> None:
            before, team = self.team, None
            if client is not None:
                from cortex_lab.scale import Team

                team = Team(client, self.process, workers, shared_memory)
            self.process.find_gradients_by(team)
            if before is not None:
                before.close()

        self.at_rest(use_it)
