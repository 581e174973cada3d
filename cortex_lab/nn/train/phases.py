"""What a training step is made of after its fetch: phases of calls without arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.compute.work import Work, join
from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.replaying import Replayed
from cortex_lab.nn.train.copies import copied

if TYPE_CHECKING:
    from cortex_lab.nn.train.training import Training

Calls = list[Callable[[], Any]]
Program = list[tuple[str, Calls]]
Whole = list[tuple[Callable[[], Any], str]]


def program_of(training: Training, bound: Bound) -> Program:
    """The phases of a step on `bound`, in order, each with its calls."""
    network, objective = training.network, training.objective
    slots = objective.slots(bound, training.plan)
    calls: dict[str, Calls] = {phase: [] for phase in training.phases[1:]}
    if training.augmenter:
        calls["augment"].append(partial(training.augmenter.apply, training, bound))
    calls["loss"].append(partial(objective.evaluate, slots))
    for phase, run in bound.steps:
        if run is not None:
            calls[phase].append(run)
    # Before the update, so that the whole gradient can be looked at while the update is pending.
    last = calls[training.phases[-2]]
    if network.shares_parameters:
        last.append(network.gather_gradients)
    if training.bound_penalties:
        last.append(partial(training.bound_penalties.add_gradient, network.ops))
    if training.frozen.parts:
        last.append(training.frozen.rest_gradient)
    calls["update"].append(partial(update, training, settling_of(network, bound), slots))
    return list(calls.items())


def is_known(program: Program) -> bool:
    """Whether the calls of all layers have been found out."""
    return all(run.calls is not None for _, runs in program for run in runs if isinstance(run, Replayed))


def in_one_go(program: Program) -> Whole:
    """The calls of a step that is not looked at on its way, each with the last phase that is over after it.

    Kernels are made one call with their neighbors, across layers.
    """
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


def update(training: Training, settling: Calls, slots: Mapping[str, Any]) -> None:
    """The only phase that changes what a step leaves behind."""
    network, ops = training.network, training.network.ops
    with network.turns:
        if training.params_before is not None:
            ops.copy(network.params, out=training.params_before)
        training.tainted = not _change(training, training.optimizer_state, settling, slots)
        training.step_number += 1
        training.under_way = False


@contextmanager
def foreseen(training: Training) -> Iterator[None]:
    """Inside, weights and states are what the update about to be made would leave."""
    network, bound = training.network, training.bound
    assert bound is not None
    arrays = [network.params, network.state, *training.objective.state.values()]
    with network.turns:
        before = [array.copy() for array in arrays]
        try:
            slots = training.objective.slots(bound, training.plan)
            with np.errstate(all="ignore"):
                _change(training, copied(training.optimizer_state), settling_of(network, bound), slots)
            yield
        finally:
            for array, values in zip(arrays, before, strict=True):
                network.ops.copy(values, out=array)


def settling_of(network: Network, bound: Bound) -> Calls:
    """What folds a step into what its layers remember, such as moving averages."""
    return [
        partial(node.layer.settle, network.ops, bound.slots[name])
        for name, node in network.graph.nodes.items()
        if type(node.layer).settle is not Layer.settle
    ]


def _change(training: Training, state: dict[str, Any], settling: Calls, slots: Mapping[str, Any]) -> bool:
    """Make the update; whether the gradient was finite and all is that it leaves."""
    network, ops, objective = training.network, training.network.ops, training.objective
    parameters, changes = network.parameters, training.changes
    by_hand = {name: parameters[name] + ops.asarray(change) for name, change in changes.items()}
    finite = optimize(training, state)
    for name, values in by_hand.items():
        parameters[name][...] = values
    for settle in settling:
        settle()
    if objective.state:
        objective.settle(slots)
    if finite and (by_hand or settling or objective.state):
        # The optimizer has looked at the parameters that it left.
        finite = all(map(ops.all_finite, [*by_hand.values(), network.state, *objective.state.values()]))
    return finite


def optimize(training: Training, state: dict[str, Any]) -> bool:
    """One update of the parameters; whether the gradient was finite, and they still are."""
    if not training.frozen.parts:
        return _move(training, state)
    with training.frozen.at_rest(state):
        return _move(training, state)


def _move(training: Training, state: dict[str, Any]) -> bool:
    network, ops = training.network, training.network.ops
    finite = training.optimizer.update(ops, network.params, network.gradient, state)
    if training.bound_penalties:
        training.bound_penalties.constrain(ops)
    return finite
