"""What a training minimizes: a weighted loss on each of some outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.nn.executor import Bound
from cortex_lab.nn.initializers import fans, resolve
from cortex_lab.nn.layer import Parameter, Slots
from cortex_lab.nn.loss import Loss, resolve_loss
from cortex_lab.nn.metrics import Metrics
from cortex_lab.nn.network import Network
from cortex_lab.nn.plan import Plan
from cortex_lab.optimize.numbers import plain_number


class Objective:
    """Losses by output name, each with its weight in the total, bound to a network's buffers.

    `some_unknown` says whether a checked target had an unknown class. `state` is what the losses remember
    between steps, by "output/name"; most remember nothing.
    """

    def __init__(self, network: Network, loss: Any, loss_weights: Mapping[str, float] | None = None) -> None:
        self.network = network
        self.losses = _losses_by_output(loss, network)
        self.weights = _checked_weights(loss_weights, self.losses)
        shapes = {name: network.graph.shape(name) for name in self.losses}
        self.state = {
            f"{name}/{key}": _drawn(spec, network.ops)
            for name, loss in self.losses.items()
            for key, spec in loss.state(shapes[name]).items()
        }
        self.some_unknown = False
        self._first = next(iter(self.losses))
        self._count = network.ops.xp.count_nonzero
        self._hits = network.ops.count_hits
        self._slots: dict[int, tuple[Bound, dict[str, Slots]]] = {}

    @property
    def classifies(self) -> bool:
        """Whether the first output has class ids for targets, so that accuracy has a meaning."""
        return bool(next(iter(self.losses.values())).of_classes)

    def check_targets(self, name: str, targets: Any) -> np.ndarray:
        if targets is None:
            raise ValueError(f"the loss on output {name!r} needs targets, and the batches have none")
        checked = self.losses[name].check_targets(targets, self.network.graph.shape(name))
        if self.losses[name].of_classes and not self.some_unknown:
            self.some_unknown = bool((checked < 0).any())
        return checked

    def check_all_targets(self, targets: Any) -> dict[str, np.ndarray]:
        """Targets by output name, checked."""
        return {name: self.check_targets(name, part) for name, part in self.by_output(targets).items()}

    def by_output(self, targets: Any) -> dict[str, Any]:
        """Targets by output name; one array stands for all outputs. KeyError for an output without any."""
        if isinstance(targets, np.ndarray) or not isinstance(targets, Mapping):
            return dict.fromkeys(self.losses, targets)
        missing = [name for name in self.losses if name not in targets]
        if missing:
            raise KeyError(f"there are no targets for the output {missing[0]!r}, only for {list(targets)}")
        return {name: targets[name] for name in self.losses}

    def slots(self, bound: Bound, plan: Plan | None = None) -> dict[str, Slots]:
        """What each loss sees of the batch in `bound`, made once; with `plan`, gradients as well."""
        if plan is None:
            return self._bind(bound, None)
        made = self._slots.get(bound.rows)
        if made is None or made[0] is not bound:
            made = self._slots[bound.rows] = bound, self._bind(bound, plan)
        return made[1]

    def evaluate(self, slots: Mapping[str, Slots]) -> None:
        """Fill each row's loss, and the gradient of the total with respect to each output."""
        for name, loss in self.losses.items():
            slots[name].found = loss.evaluate(self.network.ops, slots[name])

    def settle(self, slots: Mapping[str, Slots]) -> None:
        for name, loss in self.losses.items():
            loss.settle(self.network.ops, slots[name])

    def total(self, slots: Mapping[str, Slots]) -> float:
        """The loss of the batch: the weighted sum of its outputs' losses."""
        total = 0.0
        for at in slots.values():
            total += float(at.found[0] if at.found else at.rows.dot(at.weights))
        return total

    def of_output(self, slots: Mapping[str, Slots], name: str) -> float:
        """The loss of one output, before its weight in the total."""
        return float(slots[name].rows @ slots[name].weights) / self.weights[name]

    def accuracy(self, slots: Mapping[str, Slots]) -> float:
        """The share of the known classes of the first output that the highest output names."""
        at, target = slots[self._first], slots[self._first].target
        # Unknown classes are negative, and so never the highest output.
        hits = int(at.found[1] if at.found else self._hits(at.y, target))
        return hits / (max(int(self._count(target >= 0)), 1) if self.some_unknown else target.size)

    def score(
        self,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        metrics: Metrics | None = None,
    ) -> dict[str, float]:
        """Mean "loss" over rows outside the training, "accuracy" if there are classes, and the metrics."""
        ops, rows = self.network.ops, len(next(iter(inputs.values())))
        total, correct = 0.0, 0.0
        shapes = {name: self.network.graph.shape(name) for name in (metrics.outputs if metrics else ())}
        outputs = {name: np.empty((rows, *shape), ops.dtype) for name, shape in shapes.items()}
        for part, bound in self.network.evaluate_batches(inputs):
            slots = self.slots(bound)
            for name, at in slots.items():
                at.target[...] = ops.asarray(targets[name][part], at.target.dtype).reshape(at.target.shape)
                at.weights[...] = self.weights[name]
            self.evaluate(slots)
            total += self.total(slots)
            correct += self.accuracy(slots) * bound.rows if self.classifies else 0.0
            for name, gathered in outputs.items():
                gathered[part] = ops.to_numpy(slots[name].y)
        scores = {"loss": total / rows, **({"accuracy": correct / rows} if self.classifies else {})}
        return scores | (metrics.measure(outputs, targets) if metrics else {})

    def row_losses(self, inputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]) -> np.ndarray:
        """Each row's loss, (rows,) float64, without row weights."""
        ops = self.network.ops
        found = np.zeros(len(next(iter(inputs.values()))))
        for part, bound in self.network.evaluate_batches(inputs):
            slots = self.slots(bound)
            for name, at in slots.items():
                at.target[...] = ops.asarray(targets[name][part], at.target.dtype).reshape(at.target.shape)
            self.evaluate(slots)
            found[part] = sum(self.weights[name] * ops.to_numpy(at.rows) for name, at in slots.items())
        return found

    def _bind(self, bound: Bound, plan: Plan | None) -> dict[str, Slots]:
        ops, graph = self.network.ops, self.network.graph
        slots = {}
        for name, loss in self.losses.items():
            shape = (bound.rows, *loss.target_shape(graph.shape(name)))
            gradient = plan.gradient_buffer(name, "loss") if plan else None
            slots[name] = Slots(
                y=bound.buffers[name],
                dy=bound.buffers[gradient] if gradient else None,
                target=ops.zeros(shape, "int64" if loss.of_classes else None),
                weights=ops.zeros((bound.rows,)),
                rows=ops.zeros((bound.rows,)),
                found=None,
                **{key.split("/")[1]: a for key, a in self.state.items() if key.split("/")[0] == name},
            )
        return slots


def _drawn(spec: Parameter, ops: Any) -> Any:
    initializer = resolve(spec.initializer or "zeros")
    random = np.random.Generator(np.random.Philox(key=0))
    return ops.asarray(initializer.draw(spec.shape, spec.fan or fans(spec.shape), random))


def _losses_by_output(loss: Any, network: Network) -> dict[str, Loss]:
    graph = network.graph
    if not isinstance(loss, Mapping):
        if len(graph.outputs) > 1:
            raise ValueError(
                f"the network has the outputs {list(graph.outputs)}; give a loss for each: loss={{name: ...}}"
            )
        loss = dict.fromkeys(graph.outputs, loss)
    losses = {}
    for name, each in loss.items():
        if name not in graph.outputs:
            raise ValueError(f"a loss is on {name!r}, but the outputs are {', '.join(graph.outputs)}")
        losses[name] = resolve_loss(each)
        node = graph.nodes[name]
        activation = node.layer.activation or getattr(node.layer, "function", None)
        losses[name].check_output(name, node.out_shape, activation)
    if not losses:
        raise ValueError(f"there is no loss; give one for {', '.join(graph.outputs)}")
    return losses


def _checked_weights(weights: Mapping[str, float] | None, losses: Mapping[str, Loss]) -> dict[str, float]:
    given = {name: plain_number(weight) for name, weight in (weights or {}).items()}
    for name, weight in given.items():
        if name not in losses:
            raise ValueError(f"loss_weights has {name!r}, but the losses are on {', '.join(losses)}")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < float("inf"):
            raise ValueError(f"the weight of the loss on {name!r} must be a number over 0, got {weight!r}")
    return {name: float(given.get(name, 1.0)) for name in losses}
