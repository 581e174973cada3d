"""Sparse snapshots under a memory budget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np


class History:
    """Snapshots of a Process, thinned out so that they fit in `budget` bytes.

    The first snapshot always stays. A snapshot is due every `interval` steps; when the budget is full,
    every second one goes and the interval doubles, so the replay from the nearest one stays short and even.
    """

    def __init__(self, budget: int, interval: int = 16) -> None:
        if budget < 0:
            raise ValueError(f"a snapshot budget is a number of bytes, at least 0, got {budget}")
        self.budget = budget
        self.interval = interval
        self._snapshots: dict[int, Mapping[str, Any]] = {}

    @property
    def steps(self) -> list[int]:
        """The steps that have a snapshot, rising."""
        return list(self._snapshots)

    @property
    def nbytes(self) -> int:
        return sum(_nbytes(snapshot) for snapshot in self._snapshots.values())

    def due(self, step: int) -> bool:
        return step % self.interval == 0 and step not in self._snapshots

    def add(self, step: int, snapshot: Mapping[str, Any]) -> None:
        """Keep the snapshot of a step later than all those kept."""
        self._snapshots[step] = snapshot
        while len(self._snapshots) > 1 and len(self._snapshots) * _nbytes(snapshot) > self.budget:
            self.interval *= 2
            first = next(iter(self._snapshots))
            self._snapshots = {
                kept: self._snapshots[kept]
                for kept in self._snapshots
                if kept == first or kept % self.interval == 0
            }

    def nearest(self, step: int) -> tuple[int, Mapping[str, Any]]:
        """The latest (step, snapshot) at or before `step`; LookupError if there is none."""
        steps = self.steps
        position = bisect_right(steps, step)
        if position == 0:
            first = f"the first snapshot is of step {steps[0]}" if steps else "no snapshot has been taken"
            raise LookupError(f"step {step} cannot be reached: {first}")
        found = steps[position - 1]
        return found, self._snapshots[found]

    def forget_after(self, step: int) -> None:
        """Drop the snapshots of later steps."""
        self._snapshots = {kept: self._snapshots[kept] for kept in self._snapshots if kept <= step}


def _nbytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(_nbytes(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_nbytes(part) for part in value)
    return getattr(value, "nbytes", 8)
