"""Sparse snapshots under a memory budget, and the way from one of them to any step."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study.events import Event
from cortex_lab.study.process import Process

SHARE = 0.0025
"""How much of the time of stepping snapshots may take."""
FAR = 8
"""How many times that share is so much that the interval doubles twice at once."""


class History:
    """Snapshots of a Process, thinned out so that they fit in `budget` bytes.

    The first snapshot always stays. A snapshot is due every `interval` steps. When the budget is full, every
    second one goes and the interval doubles, so the replay from the nearest one stays short and even; it also
    doubles while snapshots take a larger share of the time than `SHARE`.
    """

    def __init__(self, budget: int, interval: int = 4) -> None:
        self.budget = checks.whole("snapshot_budget", budget, least=0)
        self.interval = checks.whole("interval", interval, least=1)
        self._snapshots: dict[int, Mapping[str, Any]] = {}
        self._spent = 0.0
        self._stepping = 0.0

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
        size = _nbytes(snapshot)
        self._snapshots[step] = snapshot
        while len(self._snapshots) > 1 and len(self._snapshots) * size > self.budget:
            self.interval *= 2
            first = next(iter(self._snapshots))
            self._snapshots = {
                kept: self._snapshots[kept]
                for kept in self._snapshots
                if kept == first or kept % self.interval == 0
            }

    def took(self, seconds: float, stepping: float) -> None:
        """Keep fewer from now on if the last snapshot took too long, and so did all of them together.

        `stepping` are the seconds of stepping since the one before. A snapshot that was slow, or the first
        few, prove nothing.
        """
        self._spent += seconds
        self._stepping += stepping
        if seconds > SHARE * stepping and self._spent > SHARE * self._stepping:
            self.interval *= 4 if seconds > FAR * SHARE * stepping else 2

    def nearest(self, step: int) -> tuple[int, Mapping[str, Any]]:
        """The latest (step, snapshot) at or before `step`; LookupError if there is none."""
        steps = self.steps
        position = bisect_right(steps, step)
        if position == 0:
            first = f"the first snapshot is of step {steps[0]}" if steps else "no snapshot has been taken"
            raise LookupError(f"step {step} cannot be reached: {first}")
        found = steps[position - 1]
        return found, self._snapshots[found]

    def extend(self, other: History, after: int) -> None:
        """Add the snapshots that `other` has of steps later than `after`."""
        for step, snapshot in other._snapshots.items():
            if step > after:
                self.add(step, snapshot)

    def forget_before(self, step: int) -> None:
        """Drop what only steps before `step` need; those can no longer be reached."""
        start = self.nearest(step)[0]
        self._snapshots = {kept: self._snapshots[kept] for kept in self._snapshots if kept >= start}

    def forget_after(self, step: int) -> None:
        """Drop the snapshots of later steps."""
        self._snapshots = {kept: self._snapshots[kept] for kept in self._snapshots if kept <= step}


def replay(process: Process, snapshot: Mapping[str, Any], events: Iterable[Event], step: int) -> None:
    """Bring `process` from a snapshot to the moment `step` was complete, its edits made again on the way."""
    process.restore(snapshot)
    pending = deque(event for event in events if event.step >= process.step_number)
    while process.step_number < step:
        number = process.step_number
        _repeat(process, pending, number, None)
        if pending and pending[0].step == number:
            for phase in process.walk():
                _repeat(process, pending, number, phase)
        elif hasattr(process, "whole_step"):
            process.whole_step()
        else:
            deque(process.walk(), maxlen=0)
    _repeat(process, pending, step, None)


def _repeat(process: Process, pending: deque[Event], step: int, phase: str | None) -> None:
    while pending and pending[0].step == step and pending[0].phase == phase:
        event = pending.popleft()
        process.edit(event.name, event.value)


def _nbytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(_nbytes(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_nbytes(part) for part in value)
    return getattr(value, "nbytes", 8)
