"""Training a network, as a Process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from cortex_lab.compute.cpu.denormals import switches
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.contract.penalties import Penalties
from cortex_lab.nn.examine import measures
from cortex_lab.nn.examine.fault import Fault, find_fault, is_whole
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.pictures import targets_are_pictures
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.train import edits
from cortex_lab.nn.train.augment import Augmenter
from cortex_lab.nn.train.batch_loading import checked_rows, fetch
from cortex_lab.nn.train.copies import copied, put_back
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.objective import Objective
from cortex_lab.nn.train.phases import Program, Whole, in_one_go, is_known, optimize, program_of
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Probe, every

Tap = Callable[[str, int, Mapping[str, Any]], None]


class BatchSource(Protocol):
    """Where batches come from: a pure function of the step, so that any step can be run again.

    A batch has `inputs` (an array or a dict of them by input name), `targets` (likewise, by output name),
    `rows` (where in the data they lie) and `weights` ((rows,) or None). Inputs are seen as `Network.seen`
    says. A source may have `targets_are`, the name of the input whose numbers are the targets, too: if its
    bytes are pictures, a loss of values sees the targets in the same way; no others are ever divided. It may
    have `check_unchanged()`, which raises an error if arrays that it serves were changed.
    """

    batch_size: int
    steps_per_epoch: int

    def fetch(self, step: int) -> Any: ...


class Training:
    """One way to train one network: fetch, augment, forward, loss, backward, update.

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
    loss_weights
        By output name, the weight of its loss in the total; 1 where it says nothing.
    row_weights
        (rows of the data,): how much each row counts, by its position as in `batch.rows`; None for all alike.
        The weights of a batch are scaled to sum to 1.
    penalties
        `Penalties`, or what makes them: {"*/kernel": L2(1e-4)}. "penalty" measures what they add; "loss" is
        without it.
    frozen
        Names of nodes, or patterns such as "conv2d_*", whose parameters do not change; see `Frozen`.
    augment
        An `Augmentation` of the inputs that are pictures, or a dict of them by input name; see `Augmenter`.
    validation
        (inputs, targets) to measure "validation_loss" and "validation_accuracy" on, or None.
    metrics
        What else to measure on those rows, as "validation_<name>"; see `Metrics`.
    validate_every
        Steps between two validations; None is once per epoch.
    seed
        Keys what layers draw at random.

    See `measures.MEASURES` for what it measures and `edits.EDITS` for what can be edited.
    """

    def __init__(
        self,
        network: Network,
        batches: BatchSource,
        loss: Any,
        optimizer: Optimizer,
        *,
        loss_weights: Mapping[str, float] | None = None,
        row_weights: np.ndarray | None = None,
        penalties: Penalties | Mapping[str, Any] | None = None,
        frozen: Iterable[str] | str = (),
        augment: Any = None,
        validation: tuple[Any, Any] | None = None,
        validate_every: int | None = None,
        metrics: Any = None,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.batches = batches
        self.optimizer = optimizer
        self.objective = Objective(network, loss, loss_weights)
        self.objective.like_pictures = targets_are_pictures(network.graph, batches)
        self.row_weights = row_weights
        self.penalties = Penalties(penalties) if isinstance(penalties, Mapping) else penalties
        self.bound_penalties = self.penalties.bind(network) if self.penalties else None
        self.seed = seed
        self.step_number = 0
        self.tap: Tap | None = None
        self.batch: Any = None
        self.hyperparameters: dict[str, float] = {}
        self.under_way = False
        self.tainted = False
        self.reached: str | None = None
        plan = Plan.training_step(network.graph, self.objective.losses)
        if not plan.gradients_wanted:
            raise ValueError("nothing would learn: no layer with parameters leads to an output with a loss")
        self.freeze(frozen)
        # As it began, whatever is edited later; for a file, what it was set up with.
        self.set_up: dict[str, Any] = {"optimizer": optimizer, "frozen": self.frozen.patterns}
        self.augmenter = Augmenter(network, augment)
        shapes = {name: array.shape for name, array in network.parameters.items()}
        self.optimizer_state = optimizer.init(network.ops, network.params, shapes)
        self.bound: Bound | None = None
        self.checked_until = batches.steps_per_epoch
        self.loss_slots: dict[str, Slots] | None = None
        self.changes: dict[str, np.ndarray] = {}
        self.params_before: Any = None
        self.scores: tuple[tuple[int, ...], dict[str, Any]] | None = None
        self.validation = validation and self.checked_rows(*validation, "validation")
        self.validate_every = validate_every or batches.steps_per_epoch
        self.metrics = self._checked_metrics(metrics)
        self.random_nodes = [name for name, node in network.graph.nodes.items() if node.layer.random]
        self.phases = (
            "fetch",
            *(["augment"] if self.augmenter else []),
            *dict.fromkeys(step.phase for step in plan.steps if step.action == "forward"),
            "loss",
            *dict.fromkeys(step.phase for step in plan.steps if step.action in ("accumulate", "backward")),
            "update",
        )
        self._measures = measures.table(self)

    @property
    def keys(self) -> tuple[str, ...]:
        """What can be measured."""
        return tuple(self._measures)

    @property
    def directions(self) -> dict[str, bool | None]:
        """Whether more of a metric is better, None where only its author knows."""
        return {f"validation_{key}": rising for key, rising in self.metrics.directions.items()}

    @property
    def losses(self) -> dict[str, Loss]:
        """The losses by output name."""
        return self.objective.losses

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Everything cheap at every step, validation on its schedule."""
        schedule = every(self.validate_every)
        cheap = ("loss", "accuracy", "learning_rate", "epoch", *(f"loss[{name!r}]" for name in self.losses))
        return (
            *(Probe(key) for key in cheap if key in self.keys),
            *(Probe(key, schedule) for key in self.keys if key.startswith("validation")),
        )

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return {name: self.network.ops.to_numpy(array) for name, array in self.network.parameters.items()}

    @property
    def editable(self) -> dict[str, np.ndarray]:
        """The weights, and inside a step the gradients: what may be changed in place while stepping rests."""
        if self.network.ops.xp is not np:
            return {}
        arrays = {f"weights[{name!r}]": array for name, array in self.network.parameters.items()}
        if self.under_way:
            arrays |= {f"gradient[{name!r}]": array for name, array in self.network.gradients.items()}
        return arrays

    def digest(self, array: np.ndarray) -> int:
        """What an editable array holds, in 64 bits."""
        return self.network.ops.checksum(array.reshape(-1).view(np.uint32))

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """Activations, gradients and parameters by name, of the batch last fetched."""
        to_numpy, network = self.network.ops.to_numpy, self.network
        bound = self.bound or self.executor.bind(self.executor.capacity)
        arrays = {**bound.buffers, **network.parameters, **network.states}
        arrays |= {f"gradient:{name}": array for name, array in network.gradients.items()}
        for name, slots in self.objective.slots(bound, self.plan).items():
            arrays |= {f"loss:{name}": slots.rows, f"target:{name}": slots.target}
        return {name: to_numpy(array) for name, array in arrays.items()}

    def walk(self) -> Iterator[str]:
        """Perform one training step, phase by phase; parameters and state change in "update" only."""
        self.under_way = True
        bound = fetch(self)
        self.augmenter.show(bound)
        if self.tap is not None:
            self.tap("fetch", self.step_number, self.buffers)
        yield "fetch"
        program = self._program(bound)
        flush, restore = switches()
        for phase, runs in program:
            before = flush()
            try:
                for run in runs:
                    run()
            finally:
                restore(before)
            if self.tap is not None:
                self.tap(phase, self.step_number, self.buffers)
            yield phase

    def whole_step(self) -> None:
        """What `walk` does, to its end, for those who look at nothing on the way.

        `reached` is the last phase that was completed, for the case of an error.
        """
        self.reached = None
        if self.tap is not None:
            for phase in self.walk():
                self.reached = phase
            return
        self.under_way = True
        bound = fetch(self)
        self.reached = "fetch"
        flush, restore = switches()
        before = flush()
        try:
            for call, over in self._whole(bound):
                call()
                self.reached = over
        finally:
            restore(before)

    def checked_rows(
        self, inputs: Any, targets: Any, role: str = "the data to score"
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Rows to score: inputs and targets by name; ValueError for what does not fit, or is not finite."""
        return checked_rows(self, inputs, targets, role)

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed, or right before its update for the one under way.

        Validation is run when it is asked for.
        """
        return self.measurer(key)()

    def measurer(self, key: str) -> Callable[[], float]:
        """The function that measures `key`; KeyError for what cannot be measured."""
        if key not in self._measures:
            raise KeyError(f"training does not measure {key!r}; it measures {', '.join(self.keys)}")
        return self._measures[key]

    def advice(self, key: str) -> str | None:
        """What to do to have `key` measured, where it could be; None where nothing can be said."""
        return measures.advice(self, key)

    stands = staticmethod(measures.stands)

    def expect(self, keys: Iterable[str]) -> None:
        """Told what is going to be measured at every step, so that it can be."""
        if self.params_before is None and any(key.startswith("update_ratio") for key in keys):
            self.params_before = self.network.params.copy()

    def fault(self) -> Fault | None:
        """What is not a finite number, if the update about to be made would put it into the weights."""
        return find_fault(self)

    def is_whole(self) -> bool:
        """Whether the weights are finite, and the optimizer remembers no NaN."""
        return is_whole(self)

    def pending_update(self) -> dict[str, np.ndarray]:
        """By parameter, the change that the update about to be made will add."""
        # Made and taken back: limits work on the parameters themselves.
        network, found, start = self.network, {}, 0
        with network.turns:
            before = network.params.copy()
            optimize(self, copied(self.optimizer_state))
            change = network.ops.to_numpy(network.params - before)
            network.ops.copy(before, out=network.params)
        for name, array in network.parameters.items():
            own = change[start : start + array.size].reshape(array.shape)
            found[name] = self.changes.get(name, own)
            start += array.size
        return found

    def snapshot(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "params": self.network.params.copy(),
            "state": self.network.state.copy(),
            "loss_state": copied(self.objective.state),
            "optimizer": self.optimizer,
            "optimizer_state": copied(self.optimizer_state),
            "batches": self.batches,
            "hyperparameters": dict(self.hyperparameters),
            "frozen": self.frozen.patterns,
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        copy = self.network.ops.copy
        with self.network.turns:
            copy(snapshot["params"], out=self.network.params)
            copy(snapshot["state"], out=self.network.state)
            put_back(copy, snapshot["loss_state"], self.objective.state)
        put_back(copy, snapshot["optimizer_state"], self.optimizer_state)
        self.optimizer = snapshot["optimizer"]
        self.batches = snapshot["batches"]
        self.hyperparameters = dict(snapshot["hyperparameters"])
        self.step_number = snapshot["step"]
        if snapshot["frozen"] != self.frozen.patterns:
            self.freeze(snapshot["frozen"])
        if self.bound is None:
            epoch = self.batches.steps_per_epoch
            self.checked_until = -(-self.step_number // epoch) * epoch + epoch
        self.under_way = False
        self.changes = {}
        edits.set_hyperparameters(self)

    def clone(self) -> Training:
        """A training of its own in the same state, on a copy of the network and the same data."""
        other = Training(
            self.network.copy(),
            self.batches,
            self.losses,
            self.optimizer,
            loss_weights=self.objective.weights,
            row_weights=self.row_weights,
            penalties=self.penalties,
            frozen=self.frozen.patterns,
            augment=self.augmenter.by_input or None,
            validation=self.validation,
            validate_every=self.validate_every,
            metrics=self.metrics.given,
            seed=self.seed,
        )
        other.restore(self.snapshot())
        other.set_up = self.set_up
        other.checked_until = self.checked_until
        other.objective.some_unknown = self.objective.some_unknown
        return other

    def freeze(self, frozen: Iterable[str] | str) -> None:
        """From the next step on, let the nodes named so rest, and all others learn; between two steps."""
        resting = Frozen(self.network, frozen)
        plan = Plan.training_step(self.network.graph, self.objective.losses, resting.nodes)
        if not plan.gradients_wanted:
            raise ValueError(f"nothing would learn: frozen={list(resting.patterns)} leaves nothing free")
        resting.rest_unless(plan.gradients_wanted)
        self.frozen, self.plan = resting, plan
        self.executor = self.network.executor(plan, self.batches.batch_size)
        # What was bound stays readable until the next step binds anew.
        self.bounds: dict[int, Bound] = {}
        self._programs: dict[int, Program] = {}
        self._wholes: dict[int, Whole] = {}

    def edit(self, name: str, value: Any) -> None:
        """Change something by hand: "learning_rate", "excluded_rows", "weights['dense_1/kernel']", ...

        `edits.EDITS` lists what there is; KeyError names it. A failed edit changes nothing.
        """
        edits.edit(self, name, value)

    def _program(self, bound: Bound) -> Program:
        if bound.rows not in self._programs:
            self._programs[bound.rows] = program_of(self, bound)
        return self._programs[bound.rows]

    def _whole(self, bound: Bound) -> Whole:
        whole = self._wholes.get(bound.rows)
        if whole is None:
            program = self._program(bound)
            whole = in_one_go(program)
            if is_known(program):
                self._wholes[bound.rows] = whole
        return whole

    def _checked_metrics(self, given: Any) -> Metrics:
        metrics = Metrics(given, self.objective)
        if metrics.keys and not self.validation:
            raise ValueError(
                "metrics are measured on validation rows, and there are none; give some with validation=..., "
                "or split the data set: data.split(validation=0.2)"
            )
        if self.validation:
            metrics.check(self.validation[1])
        return metrics
