"""Passes over rows of the data beside a training: all that the layers gave, and the gradients of the loss."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import forks
from cortex_lab.nn import Network
from cortex_lab.nn.run.executor import Executor
from cortex_lab.nn.run.gradients import as_predicting, gradient_from, resting, with_gradients
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.study import Session
from cortex_lab.widgets.chart.rows import Named
from cortex_lab.widgets.chart.subjects import network_of

MOST_VALUES = 2**23
"""Numbers that the buffers of one pass hold, so that pictures in large networks go in pieces."""

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

    def _passed(self, inputs: Named, targets: Named, wanted: tuple[str, ...]) -> Passed:
        assert self._twin is not None
        network, objective, plan, arrays = self._twin
        rows = len(next(iter(inputs.values())))
        per_row = sum(math.prod(each.shape) for each in plan.buffers.values() if each.per_row)
        most = max(1, min(rows, MOST_VALUES // max(1, per_row)))
        if self._executor is None or self._executor.capacity < most:
            self._executor = Executor(plan, network.ops, arrays, most)
        executor, parts = self._executor, []
        for start in range(0, rows, most):
            part = slice(start, min(start + most, rows))
            bound = executor.bind(part.stop - part.start)
            for name, values in inputs.items():
                place = bound.buffers[name]
                place[...] = network.ops.asarray(network.seen(name, values[part]), place.dtype)
            ahead = [run for phase, run in bound.steps if run is not None and phase.startswith("forward:")]
            back = [run for phase, run in bound.steps if run is not None and not phase.startswith("forward:")]
            network.ops.flushed(lambda ahead=ahead: [run() for run in ahead])
            if targets:
                slots = objective.slots(bound, plan)
                for name, at in slots.items():
                    target = network.ops.asarray(targets[name][part], at.target.dtype)
                    at.target[...] = target.reshape(at.target.shape)
                    known = objective.known_shares(name, targets[name][part])
                    at.weights[...] = objective.weights[name]
                    if known is not None:
                        at.weights[...] = network.ops.asarray(objective.weights[name] * (known > 0))
                objective.evaluate(slots)
                network.ops.flushed(lambda back=back: [run() for run in back])
            parts.append({name: np.array(network.ops.to_numpy(bound.buffers[name])) for name in wanted})
        wanted = tuple(name for name in wanted if targets or not name.startswith("gradient:"))
        return Passed({name: np.concatenate([each[name] for each in parts]) for name in wanted})

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
