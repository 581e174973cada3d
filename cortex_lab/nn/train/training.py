"""Training a network, as a Process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.batches import BatchSource, full_batch_size
from cortex_lab.nn.contract.penalties import Penalties
from cortex_lab.nn.examine.fault import Fault, find_fault, is_whole
from cortex_lab.nn.examine.measures import Measures
from cortex_lab.nn.examine.record import LoadedBatch, StepRecord
from cortex_lab.nn.run.arrays import Shown
from cortex_lab.nn.run.executor import Executor
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.pictures import note_scale, refuse_other_scale, targets_are_pictures
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.sharding import checked_shards, executor_for
from cortex_lab.nn.train import edits
from cortex_lab.nn.train.arguments import check_arguments
from cortex_lab.nn.train.augment import Augmenter
from cortex_lab.nn.train.batch_loading import BatchLoader
from cortex_lab.nn.train.copies import copied, put_back
from cortex_lab.nn.train.elsewhere import Elsewhere, GradientFinder
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.nn.train.measured import Measured
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.names import take_names
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.nn.train.phases import Calls, StepPhases, phase_names, settling_of
from cortex_lab.nn.train.update import Update
from cortex_lab.nn.train.validation import Validation, checked_rows
from cortex_lab.optimize import Optimizer

Tap = Callable[[str, int, Mapping[str, Any]], None]


class Training(Measured):
    """One way to train one network: fetch, augment, forward, loss, backward, update.

    It orders these phases. What is done in them is its parts': the `loader` puts batches into memory, the
    `objective` says what is minimized, the `update` moves the parameters, and the `record` is of the step
    under way, or of the last. Others ask it for changes, by `edit`, `freeze` and `restore`; nobody else
    writes its attributes.

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
        `Penalties`, or what makes them: {"*/kernel": L2(1e-4)}. "penalty" measures them, "loss" does not.
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
    shards
        Parts that each batch is cut into, whose gradients are computed alone and added in a fixed order: with
        equal `shards` the bits are the same for any number of workers. See `run.sharding`.

    See `examine.measures.MEASURES` for what it measures and `edits.EDITS` for what can be edited.
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
        shards: int = 1,
    ) -> None:
        given = network, batches, optimizer, row_weights, validation, validate_every, seed
        optimizer = check_arguments(*given)
        self.shards = checked_shards(shards, batches)
        self.network = network
        take_names(network, batches)
        pictures = targets_are_pictures(network.graph, batches)
        self.objective = TotalLoss(network, loss, loss_weights, pictures)
        self.objective.note_shares(batches)
        self.penalties = None if penalties is None else Penalties.of(penalties)
        self.seed, self.step_number = checks.seed("seed", seed), 0
        self.tap: Tap | None = None
        self.reached: str | None = None
        bound_penalties = self.penalties.bind(network) if self.penalties else None
        free = Plan.training_step(network.graph, self.objective.losses)
        if not free.gradients_wanted:
            raise ValueError("nothing would learn: no layer with parameters leads to an output with a loss")
        resting, executor = self._resting(frozen, batches)
        # As it began, whatever is edited later; for a file, what it was set up with.
        self.set_up: dict[str, Any] = {"optimizer": optimizer, "frozen": resting.patterns}
        augmenter = Augmenter(network, augment)
        self.update = Update.of(network, optimizer, resting, bound_penalties, self.objective.state)
        self.loader = BatchLoader(network, self.objective, batches, executor, augmenter, row_weights, seed)
        self.record = StepRecord()
        rows = validation and checked_rows(self.objective, *validation, "validation")
        self._validation = Validation(self.objective, rows, Metrics(metrics, self.objective))
        self.validate_every = checks.plain(validate_every) or batches.steps_per_epoch
        self.phases = phase_names(free, bool(augmenter))
        self._step_phases = StepPhases(
            self.phases, network, self.objective, self.update, self._augment, self._finish
        )
        self._measures = Measures(
            network, self.objective, self.record, self.update, self.loader, self._validation
        ).by_key
        if network.pictures:
            note_scale(network, network.checked_inputs(batches.fetch(0).inputs))
            if rows:
                refuse_other_scale(network, rows[0])

    # What its parts hold, to be read here.
    optimizer = property(attrgetter("update.optimizer"))
    optimizer_state = property(attrgetter("update.state"))
    frozen = property(attrgetter("update.frozen"))
    losses = property(attrgetter("objective.losses"))
    batches = property(attrgetter("loader.source"))
    row_weights = property(attrgetter("loader.row_weights"))
    augmenter = property(attrgetter("loader.augmenter"))
    executor = property(attrgetter("loader.executor"))
    plan = property(attrgetter("loader.executor.plan"))
    bounds = property(attrgetter("loader.bounds"))
    hyperparameters = property(attrgetter("loader.hyperparameters.edited"))
    under_way = property(attrgetter("record.under_way"))
    tainted = property(lambda self: not self.record.finite)  # Of a device, whoever asks waits for the update.
    batch = property(attrgetter("record.batch"))
    bound = property(attrgetter("record.bound"))
    validation = property(attrgetter("_validation.rows"))
    metrics = property(attrgetter("_validation.metrics"))
    elsewhere = property(attrgetter("_step_phases.elsewhere"))

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return Shown.of(self.network.ops, self.network.parameters)

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
        return self.network.digest(array)

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """Activations, gradients and parameters by name, of the batch last fetched."""
        network = self.network
        loaded = self.record.loaded
        bound = loaded.bound if loaded else self.executor.bind(self.executor.capacity)
        arrays = {**bound.buffers, **network.parameters, **network.states}
        arrays |= {f"gradient:{name}": array for name, array in network.gradients.items()}
        slots_of = loaded.slots if loaded else self.objective.slots(bound, self.plan)
        for name, slots in slots_of.items():
            arrays |= {f"loss:{name}": slots.rows, f"target:{name}": slots.target}
        return Shown.of(network.ops, arrays)

    def walk(self) -> Iterator[str]:
        """Perform one training step, phase by phase; parameters and state change in "update" only."""
        return self._walk(self.step_number)

    def rehearse(self, to: str, step: int | None = None) -> LoadedBatch:
        """Perform a step, the next unless its number is given, up to phase `to`, and leave it at that.

        Before its last phase nothing that lasts is changed; the batch is where it was put.
        """
        step = self.step_number if step is None else step
        next(phase for phase in self._walk(step) if phase == to)
        self.record.stand_after(self.step_number)
        assert self.record.known is not None
        return self.record.known

    def _walk(self, step: int) -> Iterator[str]:
        loaded = self._fetch(step)
        self.loader.augmenter.show(loaded.bound)
        if self.tap is not None:
            self.tap("fetch", step, self.buffers)
        yield "fetch"
        for phase, runs in self._step_phases.phases(loaded):
            self._perform(lambda runs=runs: [run() for run in runs])
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
        loaded = self._fetch(self.step_number)
        self.reached = "fetch"

        def whole() -> None:
            for call, over in self._step_phases.whole(loaded):
                call()
                self.reached = over

        self._perform(whole)

    def checked_rows(
        self, inputs: Any, targets: Any, role: str = "the data to score"
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Rows to score: inputs and targets by name; ValueError for what does not fit, or is not finite."""
        rows = checked_rows(self.objective, inputs, targets, role)
        refuse_other_scale(self.network, rows[0])
        return rows

    def fault(self) -> Fault | None:
        """What is not a finite number, if the update about to be made would put it into the weights."""
        loaded = self.record.loaded
        if loaded is None:
            return None
        settling = settling_of(self.network, self.objective, loaded)
        foreseen = partial(self.update.foreseen, self.record.changes, settling)
        return find_fault(self.network, loaded, self.objective.state, foreseen)

    def is_whole(self) -> bool:
        """Whether the weights are finite, and the optimizer remembers no NaN."""
        return is_whole(self.network, self.update.state)

    def pending_update(self) -> dict[str, np.ndarray]:
        """By parameter, the change that the update about to be made will add."""
        return self.update.pending(self.record.changes)

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
        with self.network.turns.lock:
            self.network.turns.await_readers()
            copy(snapshot["params"], out=self.network.params)
            copy(snapshot["state"], out=self.network.state)
            put_back(copy, snapshot["loss_state"], self.objective.state)
        self.update.restore(snapshot["optimizer"], snapshot["optimizer_state"])
        self.loader.source = snapshot["batches"]
        self.step_number = snapshot["step"]
        # Who freezes and is interrupted leaves a plan of other nodes.
        if snapshot["frozen"] != self.frozen.patterns or self.plan.frozen != self.frozen.nodes:
            self.freeze(snapshot["frozen"])
        if self.record.known is None:
            self.loader.begin_at(self.step_number)
        self.record.stand_after(self.step_number)
        self.loader.hyperparameters.restore(snapshot["hyperparameters"])

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
            shards=self.shards,
        )
        other.restore(self.snapshot())
        other.set_up = self.set_up
        other.loader.checked_until = self.loader.checked_until
        other.objective.some_unknown = self.objective.some_unknown
        return other

    def freeze(self, frozen: Iterable[str] | str) -> None:
        """From the next step on, let the nodes named so rest, and all others learn; between two steps."""
        # What was bound stays readable until the next step binds anew.
        self.update.frozen, executor = self._resting(frozen, self.batches)
        self._step_phases.forget()
        self.loader.load_into(executor)

    def find_gradients_by(self, finder: GradientFinder | None) -> None:
        """From the next step on, have others find gradients of whole steps and validate; None: here."""
        self._step_phases.elsewhere = None if finder is None else Elsewhere(self, finder)
        self._validation.judge = None if finder is None else partial(finder.judge, self)

    def edit(self, name: str, value: Any) -> None:
        """Change something by hand: "learning_rate", "excluded_rows", "weights['dense_1/kernel']", ...

        `edits.EDITS` lists what there is; KeyError names it. A failed edit changes nothing.
        """
        edits.edit(self, name, value)

    def was_set_up(self, **settings: Any) -> None:
        """What a file says that the training was once set up with."""
        self.set_up = self.set_up | settings

    def _resting(self, patterns: Iterable[str] | str, source: BatchSource) -> tuple[Frozen, Executor]:
        """What rests, and memory for steps in which it does."""
        resting = Frozen(self.network, patterns)
        plan = Plan.training_step(self.network.graph, self.objective.losses, resting.nodes)
        if not plan.gradients_wanted:
            raise ValueError(f"nothing would learn: frozen={list(resting.patterns)} leaves nothing free")
        resting.rest_unless(plan.gradients_wanted)
        return resting, executor_for(self.network, plan, full_batch_size(source), self.shards)

    def _perform(self, act: Callable[[], Any]) -> None:
        ops = self.network.ops
        ops.flushed(act if self.shards == 1 else partial(ops.alike, act))

    def _fetch(self, step: int) -> LoadedBatch:
        self.record.step, self.record.under_way, self.record.changes = step, True, {}
        self.record.again = None
        self.record.known = loaded = self.loader.load(step)
        return loaded

    def _augment(self) -> None:
        if self.record.loaded is not None:
            self.loader.augment(self.record.loaded)

    def _finish(self, settling: Calls) -> None:
        """The only phase that changes what a step leaves behind."""
        network, record = self.network, self.record
        with network.turns.lock:
            network.turns.await_readers()
            if record.params_before is not None:
                network.ops.copy(network.params, out=record.params_before)
            record.finite = self.update.make(record.changes, settling)
            self.step_number += 1
            record.under_way = False
