"""What a training step is made of after its fetch: phases of calls without arguments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from cortex_lab.compute.work import Work, join
from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.replaying import Replayed

Calls = list[Callable[[], Any]]
Phases = list[tuple[str, Calls]]
Whole = list[tuple[Callable[[], Any], str]]


def phase_names(plan: Plan, augments: bool) -> tuple[str, ...]:
    """The phases of a step of `plan`, in order."""
    return (
        "fetch",
        *(["augment"] if augments else []),
        *dict.fromkeys(step.phase for step in plan.steps if step.action == "forward"),
        "loss",
        *dict.fromkeys(step.phase for step in plan.steps if step.action in ("accumulate", "backward")),
        "update",
    )


class Program:
    """What a step does after its fetch; `make` says it for a batch, once for each number of rows."""

    def __init__(self, make: Callable[[LoadedBatch], Phases]) -> None:
        self._make = make
        self._phases: dict[int, Phases] = {}
        self._whole: dict[int, Whole] = {}

    def phases(self, loaded: LoadedBatch) -> Phases:
        """The calls of a step that is looked at after each phase."""
        rows = loaded.bound.rows
        if rows not in self._phases:
            self._phases[rows] = self._make(loaded)
        return self._phases[rows]

    def whole(self, loaded: LoadedBatch) -> Whole:
        """Those of a step that is not looked at on its way, each with the last phase that is over after it."""
        found = self._whole.get(loaded.bound.rows)
        if found is None:
            phases = self.phases(loaded)
            found = _in_one_go(phases)
            if _is_known(phases):
                self._whole[loaded.bound.rows] = found
        return found


def _is_known(program: Phases) -> bool:
    """Whether the calls of all layers have been found out."""
    return all(run.calls is not None for _, runs in program for run in runs if isinstance(run, Replayed))


def _in_one_go(program: Phases) -> Whole:
    """Each call with the last phase that is over after it; kernels are one with neighbors, across layers."""
    calls: list[tuple[str, Callable[[], Any]]] = []
    for phase, runs in program:
        for run in runs:
            own = run.calls if isinstance(run, Replayed) and run.calls is not None else [run]
            calls += [(phase, call) for call in own]
    phases = ["fetch", *(phase for phase, _ in program)]
    found, done = [], 0
    for is_work, group in groupby(calls, lambda call: isinstance(call[1], Work)):
        some: list[Any] = [call for _, call in group]
        for call in [join(some)] if is_work else some:
            done += len(some) if is_work else 1
            over = phases.index(calls[done][0]) - 1 if done < len(calls) else len(phases) - 1
            found.append((call, phases[over]))
    return found
