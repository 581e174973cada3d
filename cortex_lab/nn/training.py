"""Training a network, as a Process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from cortex_lab.nn.executor import Bound
from cortex_lab.nn.layer import Slots
from cortex_lab.nn.loss import Loss, resolve_loss
from cortex_lab.nn.network import Network
from cortex_lab.nn.plan import Plan
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Probe, every

Tap = Callable[[str, int, Mapping[str, Any]], None]


class BatchSource(Protocol):
    """Where batches come from: a pure function of the step, so that any step can be run again.

    A batch has `inputs` (an array or a dict of them by input name), `targets` (likewise, by output name),
    `rows` (where in the data they lie) and `weights` ((rows,) or None).
    """

    batch_size: int
    steps_per_epoch: int

    def fetch(self, step: int) -> Any: ...


class Training:
    """One way to train one network: fetch, forward, loss, backward, update.

    Parameters
    ----------
    network
        Its parameters are what learns; they are changed in place.
    batches
        A `BatchSource`, such as `Dataset.batches(...)`.
    loss
        A loss or its name; for several outputs, a dict by output name.
    optimizer
        An `Optimizer`.
    validation
        (inputs, targets) to measure "validation_loss" and "validation_accuracy" on, or None.
    validate_every
        Steps between two validations; None is once per epoch.
    seed
        Keys what layers draw at random.
    """

    def __init__(
        self,
        network: Network,
        batches: BatchSource,
        loss: Any,
        optimizer: Optimizer,
        *,
        validation: tuple[Any, Any] | None = None,
        validate_every: int | None = None,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.batches = batches
        self.optimizer = optimizer
        self.losses = _losses_by_output(loss, network)
        self.seed = seed
        self.step_number = 0
        self.tap: Tap | None = None
        self.batch: Any = None
        plan = Plan.training_step(network.graph, self.losses)
        if not plan.gradients_wanted:
            raise ValueError("nothing would learn: no layer with parameters leads to an output with a loss")
        self.optimizer_state = optimizer.init(network.ops, network.params)
        self._executor = network.executor(plan, batches.batch_size)
        self._bound: Bound | None = None
        self._loss_slots: dict[int, dict[str, Slots]] = {}
        self._validation = validation and self._checked_validation(*validation)
        self._validate_every = validate_every or batches.steps_per_epoch
        self._random_nodes = [name for name, node in network.graph.nodes.items() if node.layer.random]
        self.phases = (
            "fetch",
            *dict.fromkeys(step.phase for step in plan.steps if step.action == "forward"),
            "loss",
            *dict.fromkeys(step.phase for step in plan.steps if step.action in ("accumulate", "backward")),
            "update",
        )

    @property
    def keys(self) -> tuple[str, ...]:
        keys = ["loss", "learning_rate", "epoch", "grad_norm"]
        if len(self.losses) > 1:
            keys += [f"loss[{name!r}]" for name in self.losses]
        if self._classifies:
            keys.insert(1, "accuracy")
        if self._validation:
            keys += ["validation_loss", "validation_accuracy"] if self._classifies else ["validation_loss"]
        return tuple(keys)

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Everything cheap at every step, validation on its schedule."""
        schedule = every(self._validate_every)
        return tuple(
            Probe(key, schedule if key.startswith("validation") else None)
            for key in self.keys
            if key != "grad_norm"
        )

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """Activations, gradients and parameters by name, of the batch last fetched."""
        to_numpy, network = self.network.ops.to_numpy, self.network
        bound = self._bound or self._executor.bind(self._executor.capacity)
        arrays = {**bound.buffers, **network.parameters, **network.states}
        arrays |= {f"gradient:{name}": array for name, array in network.gradients.items()}
        for name, slots in self._slots_of(bound).items():
            arrays |= {f"loss:{name}": slots.rows, f"target:{name}": slots.target}
        return {name: to_numpy(array) for name, array in arrays.items()}

    def walk(self) -> Iterator[str]:
        """Perform one training step, phase by phase; parameters and state change in "update" only."""
        bound = self._bound = self._fetch()
        yield self._passed("fetch")
        loss_slots = self._slots_of(bound)
        running = None
        for phase, run in bound.steps:
            if phase != running and running is not None:
                yield self._passed(running)
            if loss_slots and phase.startswith("backward"):
                self._evaluate_losses(loss_slots)
                loss_slots = {}
                yield self._passed("loss")
            running = phase
            if run is not None:
                run()
        yield self._passed(running or "loss")
        self._update(bound)
        yield self._passed("update")

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed; validation is run when it is asked for."""
        if key == "loss":
            return sum(self._total(slots) for slots in self._slots_of(self._last()).values())
        if key == "accuracy":
            name = next(iter(self.losses))
            slots = self._slots_of(self._last())[name]
            return _accuracy(self.network.ops, slots.y, slots.target)
        if key == "learning_rate":
            return float(self.optimizer.learning_rate)
        if key == "epoch":
            return self.step_number / self.batches.steps_per_epoch
        if key == "grad_norm":
            return self.network.ops.norm(self.network.gradient)
        if key in ("validation_loss", "validation_accuracy") and self._validation:
            return self._validate()[key]
        if key.startswith("loss[") and key in self.keys:
            return self._total(self._slots_of(self._last())[key[6:-2]])
        raise KeyError(f"training does not measure {key!r}; it measures {', '.join(self.keys)}")

    def snapshot(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "params": self.network.params.copy(),
            "state": self.network.state.copy(),
            "optimizer": self.optimizer,
            "optimizer_state": {
                k: v.copy() if hasattr(v, "copy") else v for k, v in self.optimizer_state.items()
            },
            "batches": self.batches,
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        copy = self.network.ops.copy
        copy(snapshot["params"], out=self.network.params)
        copy(snapshot["state"], out=self.network.state)
        for key, value in snapshot["optimizer_state"].items():
            if hasattr(value, "copy"):
                copy(value, out=self.optimizer_state[key])
            else:
                self.optimizer_state[key] = value
        self.optimizer = snapshot["optimizer"]
        self.batches = snapshot["batches"]
        self.step_number = snapshot["step"]

    def edit(self, name: str, value: Any) -> None:
        """Change "learning_rate", or "excluded_rows" (positions in the data that are no longer trained on)."""
        if name == "learning_rate":
            self.optimizer = self.optimizer.replace(learning_rate=float(value))
        elif name == "excluded_rows":
            self.batches = self.batches.excluding(value)  # type: ignore[attr-defined]
        else:
            raise KeyError(f"a training has no {name!r} to edit; it has 'learning_rate' and 'excluded_rows'")

    @property
    def _classifies(self) -> bool:
        return next(iter(self.losses.values())).of_classes

    def _last(self) -> Bound:
        if self._bound is None:
            raise LookupError("no step has been taken yet")
        return self._bound

    def _passed(self, phase: str) -> str:
        if self.tap is not None:
            self.tap(phase, self.step_number, self.buffers)
        return phase

    def _fetch(self) -> Bound:
        batch = self.batch = self.batches.fetch(self.step_number)
        inputs = (
            batch.inputs
            if isinstance(batch.inputs, Mapping)
            else {next(iter(self.network.graph.inputs)): batch.inputs}
        )
        rows = len(next(iter(inputs.values())))
        bound = self._executor.bind(rows)
        # Every row comes by once in the first epoch; checking it then is checking it for good.
        first_time = self.step_number < self.batches.steps_per_epoch
        if first_time:
            inputs = self.network.checked_inputs(inputs)
        for name, values in inputs.items():
            if first_time:
                _check_finite(name, values, batch.rows)
            self._load(values, bound.buffers[name])
        for name, slots in self._slots_of(bound).items():
            targets = batch.targets[name] if isinstance(batch.targets, Mapping) else batch.targets
            if first_time:
                targets = self._checked_targets(name, targets)
            self._load(np.reshape(targets, slots.target.shape), slots.target)
            slots.weights[...] = 1 / rows if batch.weights is None else batch.weights / batch.weights.sum()
        for name in self._random_nodes:
            bound.slots[name].seed, bound.slots[name].step = self.seed, self.step_number
        return bound

    def _load(self, values: np.ndarray, into: Any) -> None:
        into[...] = values if isinstance(into, np.ndarray) else self.network.ops.asarray(values, into.dtype)

    def _checked_targets(self, name: str, targets: Any) -> np.ndarray:
        if targets is None:
            raise ValueError(f"the loss on output {name!r} needs targets, and the batches have none")
        return self.losses[name].check_targets(targets, self.network.graph.shape(name))

    def _checked_validation(
        self, inputs: Any, targets: Any
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        named = targets if isinstance(targets, Mapping) else dict.fromkeys(self.losses, targets)
        return (
            self.network.checked_inputs(inputs),
            {name: self._checked_targets(name, named[name]) for name in self.losses},
        )

    def _slots_of(self, bound: Bound) -> dict[str, Slots]:
        if bound.rows not in self._loss_slots:
            ops, graph, plan = self.network.ops, self.network.graph, self._executor.plan
            slots = {}
            for name, loss in self.losses.items():
                shape = (bound.rows, *loss.target_shape(graph.shape(name)))
                gradient = plan.gradient_buffer(name, "loss")
                slots[name] = Slots(
                    y=bound.buffers[name],
                    dy=bound.buffers[gradient] if gradient else None,
                    target=ops.zeros(shape, "int64" if loss.of_classes else None),
                    weights=ops.zeros((bound.rows,)),
                    rows=ops.zeros((bound.rows,)),
                )
            self._loss_slots[bound.rows] = slots
        return self._loss_slots[bound.rows]

    def _evaluate_losses(self, slots: Mapping[str, Slots]) -> None:
        for name, loss in self.losses.items():
            loss.evaluate(self.network.ops, slots[name])

    def _update(self, bound: Bound) -> None:
        network = self.network
        network.gather_gradients()
        self.optimizer.update(network.ops, network.params, network.gradient, self.optimizer_state)
        for name, node in network.graph.nodes.items():
            if network.states:
                node.layer.settle(network.ops, bound.slots[name])
        self.step_number += 1

    def _total(self, slots: Slots) -> float:
        return float((slots.rows * slots.weights).sum())

    def _validate(self) -> dict[str, float]:
        inputs, targets = self._validation  # type: ignore[misc]
        ops, rows = self.network.ops, len(next(iter(inputs.values())))
        total, correct = 0.0, 0.0
        for part, bound in self.network.evaluate_batches(inputs):
            count = part.stop - part.start
            for position, (name, loss) in enumerate(self.losses.items()):
                y, target = bound.buffers[name], targets[name][part]
                slots = Slots(
                    y=y, dy=None, rows=ops.zeros((count,)), weights=ops.zeros((count,)),
                    target=ops.asarray(target, "int64" if loss.of_classes else None),
                )  # fmt: skip
                loss.evaluate(ops, slots)
                total += float(slots.rows.sum())
                if position == 0 and loss.of_classes:
                    correct += _accuracy(ops, y, slots.target) * count
        found = {"validation_loss": total / rows}
        return {**found, "validation_accuracy": correct / rows} if self._classifies else found


def _losses_by_output(loss: Any, network: Network) -> dict[str, Loss]:
    graph = network.graph
    if not isinstance(loss, Mapping):
        if len(graph.outputs) > 1:
            raise ValueError(
                f"the network has the outputs {list(graph.outputs)}; give a loss for each: loss={{name: ...}}"
            )
        loss = {graph.outputs[0]: loss}
    losses = {}
    for name, each in loss.items():
        if name not in graph.outputs:
            raise ValueError(f"a loss is on {name!r}, but the outputs are {', '.join(graph.outputs)}")
        losses[name] = resolve_loss(each)
        node = graph.nodes[name]
        activation = node.layer.activation or getattr(node.layer, "function", None)
        losses[name].check_output(name, node.out_shape, activation)
    return losses


def _accuracy(ops: Any, y: Any, classes: Any) -> float:
    known = classes >= 0
    hits = (y.argmax(axis=-1) == classes) & known
    return float(hits.sum() / max(int(known.sum()), 1))


def _check_finite(name: str, values: np.ndarray, rows: Any) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        raise ValueError(
            f"input {name!r} holds missing or infinite numbers in {len(bad)} rows of this batch, "
            f"in the data rows {np.asarray(rows)[bad][:5].tolist()}; fill or drop them first"
        )
