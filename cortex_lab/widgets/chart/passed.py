"""Passes over rows of the data beside a training: all that the layers gave, and the gradients of the loss."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import forks
from cortex_lab.nn import Network
from cortex_lab.nn.run.executor import Bound, Executor
from cortex_lab.nn.run.gradients import as_predicting, gradient_from, resting, with_gradients
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.study import Session
from cortex_lab.widgets.chart.rows import Named
from cortex_lab.widgets.chart.subjects import network_of

MOST_VALUES = 2**23
"""Numbers that the buffers of one pass hold, so that pictures in large networks go in pieces."""

TIMED = 3
"""Passes that are timed, of which the fastest counts."""

Weights = tuple[Any, Any, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Passed:
    """What rows left in the buffers that were asked for, by name, (rows, ...) each."""

    buffers: dict[str, np.ndarray]

    def get(self, name: str) -> np.ndarray | None:
        return self.buffers.get(name)


class RowPasses:
    """Runs a copy of a session's network over rows, forward and backward, as it predicts: nothing is drawn.

    `weights` copies them, at a safe point; all else then keeps nobody waiting. Buffers go by the names that
    `session.buffers` has: "dense_1", "lstm_1/gates", and "gradient:dense_1", of each row's own loss.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._twin: tuple[Network, TotalLoss, Plan, dict[str, Any]] | None = None
        self._executor: Executor | None = None
        self._turn = forks.freed(threading.Lock())

    @property
    def network(self) -> Network:
        """The network of the session, of which a copy runs."""
        return network_of(self.session)

    def weights(self) -> Weights:
        """Copies of the weights as they are; to be called between two steps."""
        network, training = network_of(self.session), self.session.process
        state = {name: values.copy() for name, values in training.objective.state.items()}  # type: ignore[attr-defined]
        return network.params.copy(), network.state.copy(), state

    def run(self, weights: Weights, inputs: Named, targets: Named, wanted: tuple[str, ...]) -> Passed:
        """The buffers `wanted` of these rows. There are no gradients of rows without targets."""
        with self._turn:
            network, objective, plan, _ = self._with(weights)
            inputs = network.checked_inputs(inputs)
            checked = objective.check_all_targets(targets) if targets else {}
            return self._passed(inputs, checked, tuple(name for name in wanted if name in plan.buffers))

    def gradient(self, weights: Weights, inputs: Named, node: str, wrt: str, seed: np.ndarray) -> np.ndarray:
        """The gradient of sum(seed * output of `node`) with respect to `wrt`, for each row."""
        with self._turn:
            network = self._with(weights)[0]
            return gradient_from(network, node, wrt, network.checked_inputs(inputs), seed)

    def activations(self, weights: Weights, inputs: Named, node: str) -> np.ndarray:
        """What `node` gives for each row."""
        with self._turn:
            network = self._with(weights)[0]
            return network.activations(network.checked_inputs(inputs), [node])[node]

    def times(self, weights: Weights, inputs: Named, targets: Named) -> dict[str, tuple[float, float]]:
        """Seconds that each node takes forward and backward for these rows, the least of some passes."""
        with self._turn:
            network, objective, *_ = self._with(weights)
            inputs = network.checked_inputs(inputs)
            checked = objective.check_all_targets(targets) if targets else {}
            # The first makes the buffers, and finds out what calls there are.
            self._passed(inputs, checked, ())
            assert self._executor is not None
            part = slice(0, min(self._executor.capacity, len(next(iter(inputs.values())))))
            found: dict[str, tuple[float, float]] = {}
            for _ in range(TIMED):
                bound = self._loaded(inputs, part)
                ahead = self._call(bound, forward=True)
                if checked:
                    self._seed(bound, checked, part)
                back = self._call(bound, forward=False) if checked else {}
                for name in ahead:
                    best = found.get(name, (np.inf, np.inf))
                    found[name] = min(best[0], ahead[name]), min(best[1], back.get(name, 0.0))
            return found

    def _passed(self, inputs: Named, targets: Named, wanted: tuple[str, ...]) -> Passed:
        assert self._twin is not None
        network, _, plan, arrays = self._twin
        rows = len(next(iter(inputs.values())))
        per_row = sum(math.prod(each.shape) for each in plan.buffers.values() if each.per_row)
        most = max(1, min(rows, MOST_VALUES // max(1, per_row)))
        if self._executor is None or self._executor.capacity < most:
            self._executor = Executor(plan, network.ops, arrays, most)
        parts = []
        for start in range(0, rows, most):
            part = slice(start, min(start + most, rows))
            bound = self._loaded(inputs, part)
            self._call(bound, forward=True)
            if targets:
                self._seed(bound, targets, part)
                self._call(bound, forward=False)
            parts.append({name: np.array(network.ops.to_numpy(bound.buffers[name])) for name in wanted})
        wanted = tuple(name for name in wanted if targets or not name.startswith("gradient:"))
        return Passed({name: np.concatenate([each[name] for each in parts]) for name in wanted})

    def _loaded(self, inputs: Named, part: slice) -> Bound:
        """The buffers for these rows, with the inputs in them."""
        assert self._twin is not None and self._executor is not None
        network, bound = self._twin[0], self._executor.bind(part.stop - part.start)
        for name, values in inputs.items():
            place = bound.buffers[name]
            place[...] = network.ops.asarray(network.seen(name, values[part]), place.dtype)
        return bound

    def _seed(self, bound: Bound, targets: Named, part: slice) -> None:
        """The gradient of each row's own loss with respect to the outputs."""
        assert self._twin is not None
        network, objective, plan, _ = self._twin
        slots = objective.slots(bound, plan)
        for name, at in slots.items():
            target = network.ops.asarray(targets[name][part], at.target.dtype)
            at.target[...] = target.reshape(at.target.shape)
            known = objective.known_shares(name, targets[name][part])
            at.weights[...] = objective.weights[name]
            if known is not None:
                at.weights[...] = network.ops.asarray(objective.weights[name] * (known > 0))
        objective.evaluate(slots)

    def _call(self, bound: Bound, forward: bool) -> dict[str, float]:
        """Run all of one direction; the seconds that each node took."""
        assert self._twin is not None
        seconds: dict[str, float] = {}

        def run() -> None:
            for phase, call in bound.steps:
                if call is not None and phase.startswith("forward:") == forward:
                    began = time.perf_counter()
                    call()
                    name = phase.partition(":")[2]
                    seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began

        self._twin[0].ops.flushed(run)
        return seconds

    def _with(self, weights: Weights) -> tuple[Network, TotalLoss, Plan, dict[str, Any]]:
        training: Any = self.session.process
        if self._twin is None:
            network, ours = network_of(self.session).copy(), training.objective
            objective = TotalLoss(network, ours.losses, ours.weights, ours.like_pictures)
            objective.some_unknown = ours.some_unknown
            graph = as_predicting(network.graph)
            plan = Plan.training_step(graph, objective.losses, resting(graph, ""), input_gradients=True)
            room = {name: network.ops.zeros(array.shape) for name, array in network.gradients.items()}
            arrays = {name: with_gradients(network, name, room) for name in graph.nodes}
            self._twin = network, objective, plan, arrays
        network, objective, *_ = self._twin
        params, state, losses = weights
        network.ops.copy(params, out=network.params)
        network.ops.copy(state, out=network.state)
        for name, values in losses.items():
            network.ops.copy(values, out=objective.state[name])
        return self._twin
