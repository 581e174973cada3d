"""Sparse snapshots under a memory budget, and the way from one of them to any step."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.habits import Answering
from cortex_lab.study.events import Event
from cortex_lab.study.process import Process, StepsWhole

SHARE = 0.0025
"""How much of the time of stepping snapshots may take."""
FAR = 8
"""How many times that share is so much that the interval doubles twice at once."""


_ARRAY, _NUMBER = sys.getsizeof(np.empty(0)) + 16, sys.getsizeof(0.0)


class History(Answering):
    """Snapshots of a Process, thinned out so that they fit in `budget` bytes.

    The first snapshot always stays. A snapshot is due every `interval` steps. When the budget is full, every
    second one goes and the interval doubles, so the replay from the nearest one stays short and even; it also
    doubles while snapshots take a larger share of the time than `SHARE`.
    """

    answers = dict.fromkeys(
        ("history", "epoch", "keys", "items", "frame", "losses"),
        "these are snapshots; session.trace.frame() has what was recorded, session.trace['loss'] a column",
    )

    def __getitem__(self, key: object) -> Any:
        raise TypeError(f"these are snapshots, without {key!r}; session.trace[{key!r}] is what was recorded")

    def __init__(self, budget: int, interval: int = 4) -> None:
        self.budget = checks.whole("snapshot_budget", budget, least=0)
        interval = checks.whole("interval", interval, least=1)
        # The interval and the snapshots: one thing, so that both change at one instant, and back again.
        self.kept: tuple[int, dict[int, Mapping[str, Any]]] = (interval, {})
        self._spent = 0.0
        self._stepping = 0.0

    @property
    def interval(self) -> int:
        """Steps between two snapshots."""
        return self.kept[0]

    @interval.setter
    def interval(self, interval: int) -> None:
        self.kept = (interval, self._snapshots)

    @property
    def _snapshots(self) -> dict[int, Mapping[str, Any]]:
        return self.kept[1]

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
        interval, kept = self.kept
        if kept and (len(kept) + 1) * size > self.budget:
            kept = {**kept, step: snapshot}
            first = next(iter(kept))
            while len(kept) > 1 and len(kept) * size > self.budget:
                interval *= 2
                kept = {each: kept[each] for each in kept if each == first or each % interval == 0}
            self.kept = (interval, kept)
        else:
            kept[step] = snapshot

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
        step, steps = checks.whole("step", step), self.steps
        position = bisect_right(steps, step)
        if position == 0:
            first = f"the first snapshot is of step {steps[0]}" if steps else "no snapshot has been taken"
            raise LookupError(f"step {step} cannot be reached: {first}")
        found = steps[position - 1]
        return found, self._snapshots[found]

    def extend(self, other: History, after: int) -> None:
        """Add the snapshots that `other` has of steps later than `after`."""
        checks.instance("other", other, History, "a History, such as session.history")
        after = checks.whole("after", after)
        for step, snapshot in other._snapshots.items():
            if step > after:
                self.add(step, snapshot)

    def forget_before(self, step: int) -> None:
        """Drop what only steps before `step` need; those can no longer be reached."""
        start = self.nearest(step)[0]
        self._keep(lambda kept: kept >= start)

    def forget_after(self, step: int) -> None:
        """Drop the snapshots of later steps."""
        step = checks.whole("step", step, least=0)
        self._keep(lambda kept: kept <= step)

    def _keep(self, wanted: Callable[[int], bool]) -> None:
        interval, kept = self.kept
        self.kept = (interval, {each: kept[each] for each in kept if wanted(each)})


def replay(process: Process, snapshot: Mapping[str, Any], events: Iterable[Event], step: int) -> None:
    """Bring `process` from a snapshot to the moment `step` was complete, its edits made again on the way."""
    process.restore(snapshot)
    deque(replaying(process, events, step), maxlen=0)


def replaying(process: Process, events: Iterable[Event], step: int) -> Iterator[int]:
    """Bring `process` from the end of a step to that of `step`; yields each step on the way."""
    pending = deque(event for event in events if event.step >= process.step_number)
    while process.step_number < step:
        number = process.step_number
        _repeat(process, pending, number, None)
        if pending and pending[0].step == number:
            for phase in process.walk():
                _repeat(process, pending, number, phase)
        elif isinstance(process, StepsWhole):
            process.whole_step()
        else:
            deque(process.walk(), maxlen=0)
        yield number + 1
    _repeat(process, pending, step, None)


def _repeat(process: Process, pending: deque[Event], step: int, phase: str | None) -> None:
    while pending and pending[0].step == step and pending[0].phase == phase:
        event = pending.popleft()
        process.edit(event.name, event.value)


def _nbytes(value: object) -> int:
    """Bytes of arrays and of what holds them, which of a small model are more than its numbers."""
    if isinstance(value, Mapping):
        return sys.getsizeof(value) + sum(_nbytes(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sys.getsizeof(value) + sum(_nbytes(part) for part in value)
    # Anything else is shared with the process, or a number.
    return value.nbytes + _ARRAY if hasattr(value, "nbytes") else _NUMBER
