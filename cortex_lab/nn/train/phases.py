"""What a training step is made of after its fetch: phases of calls without arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.replaying import Replayed
from cortex_lab.nn.train.elsewhere import Elsewhere
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.nn.train.update import Update

Calls = list[Callable[[], Any]]
Phases = list[tuple[str, Calls]]
Whole = list[tuple[Callable[[], Any], str]]

_UNKNOWN: tuple[int, Whole] = (-1, [])


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


class StepPhases:
    """What a step does after its fetch, found out once for each number of rows.

    `names` are those of its phases. `augment` is called in the phase of this name; `finish` in the last, with
    what settles the step in layers and losses.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        network: Network,
        objective: TotalLoss,
        update: Update,
        augment: Callable[[], None],
        finish: Callable[[Calls], None],
    ) -> None:
        self.names = names
        self._network, self._objective, self._update = network, objective, update
        self._augment, self._finish = augment, finish
        self.elsewhere: Elsewhere | None = None
        """Who finds the gradients of steps that are not looked at on their way, if not this process."""
        self._phases: dict[int, Phases] = {}
        self._whole: dict[int, tuple[int, Whole]] = {}

    def forget(self) -> None:
        """Find it all out anew: other nodes rest, and other memory is used."""
        self._phases, self._whole = {}, {}

    def phases(self, loaded: LoadedBatch) -> Phases:
        """The calls of a step that is looked at after each phase."""
        rows = loaded.bound.rows
        if rows not in self._phases:
            self._phases[rows] = self._made(loaded)
        return self._phases[rows]

    def whole(self, loaded: LoadedBatch) -> Whole:
        """Those of a step that is not looked at on its way, each with the last phase over after it."""
        if self.elsewhere is not None:
            return self._found_by(self.elsewhere, loaded)
        bound = loaded.bound
        version, found = self._whole.get(bound.rows, _UNKNOWN)
        if version != bound.version:
            phases = self.phases(loaded)
            found = _in_one_go(self._network.ops, phases)
            if _is_known(phases):
                self._whole[bound.rows] = bound.version, found
        return found

    def _found_by(self, elsewhere: Elsewhere, loaded: LoadedBatch) -> Whole:
        """The calls of a step whose gradient others find."""
        *_, before, last = self.names
        calls: Calls = [partial(elsewhere.find, loaded), *self._update.finish_gradient()]
        calls.append(partial(self._objective.check, loaded.slots))
        settling = settling_of(self._network, self._objective, loaded)
        return [*((call, before) for call in calls), (partial(self._finish, settling), last)]

    def _made(self, loaded: LoadedBatch) -> Phases:
        network, objective = self._network, self._objective
        calls: dict[str, Calls] = {phase: [] for phase in self.names[1:]}
        if "augment" in calls:
            calls["augment"].append(self._augment)
        calls["loss"] += objective.evaluations(loaded.slots)
        for phase, run in loaded.bound.steps:
            if run is not None:
                calls[phase].append(run)
        # Before the update, so that the whole gradient can be looked at while the update is pending.
        calls[self.names[-2]] += self._update.finish_gradient()
        # Here, so that the loss is one call with the layers around it: nothing that lasts has changed yet.
        calls["update"].append(partial(objective.check, loaded.slots))
        calls["update"].append(partial(self._finish, settling_of(network, objective, loaded)))
        return list(calls.items())


def settling_of(network: Network, objective: TotalLoss, loaded: LoadedBatch) -> Calls:
    """What folds a step into what layers and losses remember, such as moving averages."""
    calls: Calls = [
        partial(node.layer.settle, network.ops, loaded.bound.slots[name])
        for name, node in network.graph.nodes.items()
        if type(node.layer).settle is not Layer.settle
    ]
    return [*calls, partial(objective.settle, loaded.slots)] if objective.state else calls


def _is_known(phases: Phases) -> bool:
    """Whether the calls of all layers have been found out."""
    return all(run.calls is not None for _, runs in phases for run in runs if isinstance(run, Replayed))


def _in_one_go(ops: Ops, phases: Phases) -> Whole:
    """Each call with the last phase that is over after it; kernels are one with neighbors, across layers."""
    calls: list[tuple[str, Callable[[], Any]]] = []
    for phase, runs in phases:
        for run in runs:
            own = run.calls if isinstance(run, Replayed) and run.calls is not None else [run]
            calls += [(phase, call) for call in own]
    names = ["fetch", *(phase for phase, _ in phases)]
    found, done = [], 0
    for call, made in ops.join(call for _, call in calls):
        done += made
        over = names.index(calls[done][0]) - 1 if done < len(calls) else len(names) - 1
        found.append((call, names[over]))
    return found
