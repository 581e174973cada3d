"""The first phase of a training step: the batch, checked, into the network's buffers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.ground import checks
from cortex_lab.nn.contract.batches import Batch, BatchSource
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.contract.loss import WrongRows
from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.executor import Bound, Executor
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.pictures import note_scale, refuse_other_scale
from cortex_lab.nn.run.tables import refuse_other_rows
from cortex_lab.nn.train.augment import Augmenter
from cortex_lab.nn.train.hyperparameters import Hyperparameters
from cortex_lab.nn.train.mixing import Mixing
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.nn.train.resident import Resident


class BatchLoader:
    """Puts inputs, targets and weights of the batches of `source` where the steps of a training find them.

    `row_weights` are (rows of the data,) or None, `seed` keys what layers draw. Batches of steps before
    `checked_until` are checked: every row comes by once in an epoch, and checking it the first time is
    checking it for good. `bounds` are the executor's buffers by number of rows, as far as they were used.
    """

    def __init__(
        self,
        network: Network,
        objective: TotalLoss,
        source: BatchSource,
        executor: Executor,
        augmenter: Augmenter,
        row_weights: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.executor = executor
        self.augmenter = augmenter
        self._mixing = None
        if any(each.mixes for each in augmenter.by_input.values()):
            self._mixing = Mixing(network, objective.losses, augmenter, objective.like_pictures)
            self._mixing.check_source(source)
            objective.mixed = self._mixing.mixed
        self.row_weights = row_weights
        self.seed = seed
        self.checked_until = self._all_served_at(0)
        self.hyperparameters = Hyperparameters(network.graph)
        self.bounds: dict[int, Bound] = {}
        # Where batches of a number of rows go, found out once: each step comes by here.
        self._places: dict[int, tuple[Bound, Mapping[str, Slots], dict[str, Any], dict[str, Any]]] = {}
        self._network, self._objective = network, objective
        self._draws = any(node.layer.random for node in network.graph.nodes.values())
        executor.seed.fill(seed)
        self._can_put = network.ops.xp is np
        # On a device: the data, found out once for each source; and what weights were last filled with.
        self._resident: tuple[BatchSource, Resident | None] | None = None
        self._filled: dict[int, float] = {}

    def load_into(self, executor: Executor) -> None:
        """From now on, load into the buffers of this one."""
        self.bounds, self._places, self._filled = {}, {}, {}
        executor.seed.fill(self.seed)
        self.hyperparameters.forget_bounds()
        # Last, as it says that all of this was done.
        self.executor = executor

    def load(self, step: int) -> LoadedBatch:
        """Put the batch of step number `step` into its buffers.

        A batch is arrays; one that is `unread`, as from `data.Batches`, copies them here itself with `put`.
        """
        batch = self.source.fetch(step)
        unchecked = step < self.checked_until
        unread = not unchecked and getattr(batch, "unread", False)
        if unread and self._can_put:
            bound, slots, inputs, targets = self._places_of(len(batch))  # type: ignore[arg-type]
            batch.put(inputs, targets, self._network.pictures)  # type: ignore[attr-defined]
        elif unread and (resident := self._on_device()) is not None:
            bound, slots, inputs, targets = self._places_of(len(batch))  # type: ignore[arg-type]
            resident.put(np.asarray(batch.rows), inputs, targets, self._network.pictures)
        else:
            bound, slots = self._load_arrays(batch, unchecked)
        self._load_weights(bound.rows, self._weights_of(batch), slots)
        if self._draws:
            self.executor.step.fill(step)
        return LoadedBatch(step, batch, bound, slots)

    def augment(self, loaded: LoadedBatch) -> None:
        """Change the rows of a batch that was loaded, where it was asked for."""
        epoch, rows = loaded.step // self.source.steps_per_epoch, np.asarray(loaded.batch.rows)
        self.augmenter.apply(rows, loaded.bound, self.seed, epoch)
        if self._mixing is None:
            return
        name, ops = next(iter(self.augmenter.by_input)), self._network.ops
        values = ops.to_numpy(loaded.bound.buffers[name])
        mixture, others = self._mixing.inputs(values, rows, self.source, self.seed, epoch)
        if values is not loaded.bound.buffers[name]:
            ops.copy(ops.asarray(values, ops.dtype), out=loaded.bound.buffers[name])
        targets = self._objective.by_output(others.targets)
        checked = {each: self._checked_targets(each, targets[each], others) for each in loaded.slots}
        self._mixing.targets(mixture, loaded.slots, checked)
        own, theirs = self._weights_of(loaded.batch), self._weights_of(others)
        if own is not None and theirs is not None:
            own = np.array(own, np.float64)
            mixture.of_targets(own, theirs)
            self._load_weights(loaded.bound.rows, own, loaded.slots)

    def augmented(self, rows: np.ndarray, epoch: int) -> dict[str, np.ndarray]:
        """The inputs that are changed, by name, of `rows` of the data as they are trained on in an epoch."""
        given = self._named(self.source.at(rows).inputs)  # type: ignore[attr-defined]
        found = {}
        for name in self.augmenter.by_input:
            seen = np.asarray(self._network.seen(name, given[name]))
            values = found[name] = self.augmenter.changed(name, seen, rows, self.seed, epoch)
            if self._mixing is not None:
                self._mixing.inputs(values, rows, self.source, self.seed, epoch)
        return found

    def exclude(self, rows: ArrayLike, step: int) -> None:
        """From step number `step` on, serve these rows no more."""
        self.source = self.source.excluding(rows)  # type: ignore[attr-defined]
        # The others move up, so some of them come by for the first time in the next epoch only.
        epoch = self.source.steps_per_epoch
        self.checked_until = max(self.checked_until, self._all_served_at(step // epoch * epoch + 1))

    def relabel(self, labels: object, step: int) -> None:
        """From step number `step` on, some rows have other labels."""
        self._change("relabeling", labels)
        epoch = self.source.steps_per_epoch
        # Looked at anew when they come by.
        self.checked_until = max(self.checked_until, (step // epoch + 2) * epoch)

    def reweight(self, weights: object) -> None:
        """From the next batch on, some rows count more or less, beside what they were given to count."""
        self._change("reweighting", weights)

    def _change(self, how: str, value: object) -> None:
        change = getattr(self.source, how, None)
        if change is None:
            raise ValueError(
                f"{type(self.source).__name__} has no {how!r}: batches of one's own are changed by whoever "
                "made them"
            )
        self.source = change(value)

    def begin_at(self, step: int) -> None:
        """Check the rows from step number `step` on, of which none has come by."""
        self.checked_until = self._all_served_at(step)

    def _all_served_at(self, step: int) -> int:
        """From which step on every row has come by since this one; never, where rows are drawn."""
        epoch = self.source.steps_per_epoch
        served_once = getattr(self.source, "served_once", True)
        return -(-step // epoch) * epoch + epoch if served_once else sys.maxsize

    def trust(self) -> None:
        """Check no more rows."""
        self.checked_until = 0

    def read(self, source: BatchSource) -> None:
        """Serve the batches of another source, of rows that count alike and are not checked."""
        self.source, self.row_weights = source, None
        self.trust()

    def _on_device(self) -> Resident | None:
        """The data on the device; None where batches are to be copied to it, or are changed on the way."""
        if self._resident is None or self._resident[0] is not self.source:
            found = None if self.augmenter else Resident.of(self.source, self._network.ops)
            self._resident = self.source, found
        return self._resident[1]

    def _bind(self, rows: int) -> Bound:
        bound = self.executor.bind(rows)
        if rows not in self.bounds:
            self.bounds[rows] = bound
            for each in (bound, *bound.parts.values()):
                self.hyperparameters.put_into(each)
        return bound

    def _places_of(self, rows: int) -> tuple[Bound, Mapping[str, Slots], dict[str, Any], dict[str, Any]]:
        found = self._places.get(rows)
        if found is None:
            bound = self._bind(rows)
            slots = self._objective.slots(bound, self.executor.plan)
            targets = {name: at.target for name, at in slots.items()}
            found = self._places[rows] = bound, slots, self.augmenter.places(bound), targets
        return found

    def _load_arrays(self, batch: Batch, check: bool) -> tuple[Bound, Mapping[str, Slots]]:
        """Load a batch that is made of arrays, checked before the first of them is loaded."""
        inputs, objective, network = self._named(batch.inputs), self._objective, self._network
        bound = self._bind(len(next(iter(inputs.values()))))
        if check:
            refuse_other_rows(inputs, batch.targets)
            inputs = network.checked_inputs(inputs, batch.rows)
            refuse_other_scale(network, inputs)
            note_scale(network, inputs)
        places = self.augmenter.places(bound)
        for name, values in inputs.items():
            if check:
                _check_finite(name, values, batch.rows)
            self._put(network.seen(name, values), places[name])
        targets = objective.by_output(batch.targets)
        if check:
            checks.as_many_rows(inputs, targets, "a batch")
        slots = objective.slots(bound, self.executor.plan)
        for name, at in slots.items():
            values = self._checked_targets(name, targets[name], batch) if check else targets[name]
            self._put(values.reshape(at.target.shape), at.target)
        return bound, slots

    def _named(self, inputs: object) -> Mapping[str, Any]:
        """The inputs of a batch by name."""
        if isinstance(inputs, np.ndarray) or not isinstance(inputs, Mapping):
            return {next(iter(self._network.graph.inputs)): inputs}
        return inputs

    def _checked_targets(self, name: str, targets: object, batch: Batch) -> np.ndarray:
        try:
            return self._objective.check_targets(name, targets)
        except WrongRows as error:
            raise error.at(batch.rows) from None

    def _load_weights(self, rows: int, weights: np.ndarray | None, slots: Mapping[str, Slots]) -> None:
        objective = self._objective
        for name, at in slots.items():
            share = objective.weights[name]
            known = objective.known_shares(name, at.target) if objective.some_unknown else None
            if weights is None and known is None:
                if self._can_put or self._filled.get(id(at.weights)) != share / rows:
                    at.weights.fill(share / rows)
                    self._filled[id(at.weights)] = share / rows
            else:
                self._filled.pop(id(at.weights), None)
                self._put(_parts_of_one(weights, known) * share, at.weights)

    def _weights_of(self, batch: Batch) -> np.ndarray | None:
        """How much each row of the batch counts; None for all alike."""
        weights = batch.weights
        if self.row_weights is not None:
            own = self.row_weights[batch.rows]
            weights = own if weights is None else weights * own
        return weights

    def _put(self, values: np.ndarray, into: np.ndarray) -> None:
        into[...] = values if isinstance(into, np.ndarray) else self._network.ops.asarray(values, into.dtype)


def _parts_of_one(weights: Any, known: np.ndarray | None) -> np.ndarray:
    """How much each row counts in the mean: by its weight and by the share of its target that is known."""
    if known is not None:
        weights = known if weights is None else weights * known
    total = weights.sum()
    # A batch in which nothing counts teaches nothing; it is no reason to stop.
    return weights / total if total > 0 else np.zeros(len(weights))


def _check_finite(name: str, values: np.ndarray, rows: ArrayLike) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        raise ValueError(
            f"input {name!r} holds missing or infinite numbers in {len(bad)} rows of this batch, "
            f"in the data rows {np.asarray(rows)[bad][:5].tolist()}; fill or drop them first"
        )
