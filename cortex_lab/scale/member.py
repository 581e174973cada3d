"""What a process of a cluster does: the gradients of some shards of each batch, whenever it is asked."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.nn.contract.batches import Batch, BatchSource, full_batch_size
from cortex_lab.nn.examine.record import LoadedBatch
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.sharding import ShardedExecutor, Span
from cortex_lab.nn.train.augment import Augmenter
from cortex_lab.nn.train.hyperparameters import Hyperparameters
from cortex_lab.nn.train.judging import RowsToJudge
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.nn.train.phases import StepPhases, phase_names
from cortex_lab.nn.train.training import Training


class Member:
    """A network, its losses and its data, which compute parts of steps; between two of them nothing is kept.

    `given` is what `description` says of a training.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._network = network = Network(given["graph"], ops=given["ops"])
        self._objective = TotalLoss(network, given["losses"], given["loss_weights"], given["like_pictures"])
        self._objective.shares = given["shares"]
        self._augmenter = Augmenter(network, given["augment"] or None)
        self._seed, self._shards = given["seed"], given["shards"]
        self._executor: Any = None
        self._hyperparameters = Hyperparameters(network.graph)
        self._seen: dict[int, Bound] = {}
        self._under_way: LoadedBatch | None = None
        self.rows: RowsToJudge
        """Those beside the training that are judged here, once they are told."""

    def stand(self, settings: Mapping[str, Any], own: Span) -> None:
        """Do as the training is set now, and from now on compute the shards of `own`."""
        self._batches = settings["batches"]
        frozen, rows = settings["frozen"], full_batch_size(self._batches)
        losses, network = self._objective.losses, self._network
        plan = Plan.training_step(network.graph, losses, frozen)
        arrays = {name: network.arrays(name) for name in network.graph.nodes}
        self._executor = ShardedExecutor(plan, network.ops, arrays, rows, self._shards)
        self._executor.compute(own)
        self._executor.seed.fill(self._seed)
        self._hyperparameters = Hyperparameters(network.graph)
        self._hyperparameters.restore(settings["hyperparameters"])
        self._seen = {}
        names = phase_names(plan, bool(self._augmenter))
        nothing = _NoUpdate()
        self._phases = StepPhases(names, network, self._objective, nothing, self._augment, nothing.finish)

    def take(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Have the parameters and all else that lasts be as they are told; what was told beside them."""
        lasting = [self._network.params, self._network.state, *self._objective.state.values()]
        for into, values in zip(lasting, arrays, strict=False):
            self._network.ops.copy(values, out=into)
        return arrays[len(lasting) :]

    def compute(self, step: int, weights: list[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
        """What the own shards of a step find: words and arrays as `Team` reads them."""
        batch = self._batches.fetch(step)
        rows, executor = len(batch.rows), self._executor
        first, stop = executor.rows_of(rows)
        if first == stop:
            return {"spans": [], "found": {}, "rows": [0, 0], "outputs": []}, []
        loaded = self._load(step, batch, rows, slice(first, stop), weights)
        ops = self._network.ops

        def run() -> None:
            for call, _ in self._phases.whole(loaded):
                call()

        ops.flushed(partial(ops.alike, run))
        sums = executor.sums(rows)
        found = {name: [_numbers(part.found) for part in at.parts] for name, at in loaded.slots.items()}
        outputs = [name for name in found if self._asks_for_output(name, found[name])]
        words = {"spans": sums, "found": found, "rows": [first, stop], "outputs": outputs}
        arrays = [executor.found[span[0]] for span in sums]
        arrays += [at.rows[first:stop] for at in loaded.slots.values()]
        return words, arrays + [loaded.slots[name].y[first:stop] for name in outputs]

    def judge(self, some_unknown: bool) -> list[np.ndarray]:
        """What is found of each piece of `rows`, (pieces, 3), and the outputs that are wanted."""
        objective, before = self._objective, self._objective.some_unknown
        objective.some_unknown = some_unknown
        try:
            found, outputs = self._network.ops.alike(lambda: objective.judge(self.rows))
        finally:
            objective.some_unknown = before
        return [np.array(found, float), *outputs.values()]

    def _load(self, step: int, batch: Batch, rows: int, own: slice, weights: list[np.ndarray]) -> LoadedBatch:
        """Put the own rows of a batch to where they lie in the whole of it."""
        network, objective = self._network, self._objective
        bound = self._executor.bind(rows)
        if rows not in self._seen:
            self._seen[rows] = bound
            for each in (bound, *bound.parts.values()):
                self._hyperparameters.put_into(each)
        slots = objective.slots(bound, self._executor.plan)
        part = _rows_of(self._batches, batch, own)
        mine = Bound(
            own.stop - own.start, {name: bound.buffers[name][own] for name in network.graph.inputs}, {}
        )
        places = self._augmenter.places(mine)
        targets = {name: at.target[own] for name, at in slots.items()}
        if getattr(part, "unread", False):
            part.put(places, targets, network.pictures)
        else:
            inputs = part.inputs if isinstance(part.inputs, Mapping) else {next(iter(places)): part.inputs}
            for name, into in places.items():
                into[...] = network.seen(name, inputs[name])
            for name, values in objective.by_output(part.targets).items():
                targets[name][...] = np.asarray(values).reshape(targets[name].shape)
        for at, values in zip(slots.values(), weights, strict=True):
            at.weights[own] = values[own]
        self._executor.step.fill(step)
        self._changing = np.asarray(part.rows), mine, step // self._batches.steps_per_epoch
        return LoadedBatch(step, part, bound, slots)

    def _augment(self) -> None:
        rows, mine, epoch = self._changing
        self._augmenter.apply(rows, mine, self._seed, epoch)

    def _asks_for_output(self, name: str, found: list[Any]) -> bool:
        """Whether what the loss says of its shards is not all that is asked of its output."""
        if self._objective.state:
            return True
        first = name == self._objective._first and self._objective.classifies
        return first and any(each is None or each[1] != each[1] for each in found)


class _NoUpdate:
    """Of a step that somebody else completes."""

    def finish_gradient(self) -> list[Any]:
        return []

    def finish(self, settling: Any) -> None:
        pass


def description(training: Training) -> dict[str, Any]:
    """All that does not change of what a step is computed from, beside the data."""
    network, objective = training.network, training.objective
    return {
        "graph": network.graph,
        "ops": network.ops.name,
        "losses": dict(objective.losses),
        "loss_weights": dict(objective.weights),
        "like_pictures": objective.like_pictures,
        "shares": objective.shares,
        "augment": dict(training.augmenter.by_input),
        "seed": training.seed,
        "shards": training.shards,
    }


def settings_of(training: Training) -> dict[str, Any]:
    """What edits may change of it."""
    return {
        "batches": training.batches,
        "frozen": training.frozen.nodes,
        "hyperparameters": dict(training.hyperparameters),
    }


def identity_of(batches: BatchSource) -> dict[str, int]:
    """Numbers to tell data apart by: of all rows where the source knows them, else of the first batch."""
    if hasattr(batches, "identity"):
        return batches.identity()
    batch, checksum = batches.fetch(0), 0
    for part in (batch.inputs, batch.targets):
        for array in part.values() if isinstance(part, Mapping) else [part]:
            checksum = zlib.crc32(np.ascontiguousarray(array), checksum)
    return {"batch_size": batches.batch_size, "checksum": checksum}


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """The result of `act()` and the seconds that it took."""
    began = time.perf_counter()
    return act(), time.perf_counter() - began


def _rows_of(source: BatchSource, batch: Batch, own: slice) -> Any:
    """Some rows of a batch; of a source that can, the others are not even read."""
    if hasattr(source, "at") and getattr(batch, "unread", False):
        return source.at(batch.rows[own])
    return _Part(_cut(batch.inputs, own), _cut(batch.targets, own), np.asarray(batch.rows)[own])


class _Part:
    def __init__(self, inputs: Any, targets: Any, rows: np.ndarray) -> None:
        self.inputs, self.targets, self.rows, self.weights = inputs, targets, rows, None


def _cut(values: Any, own: slice) -> Any:
    if isinstance(values, Mapping):
        return {name: array[own] for name, array in values.items()}
    return None if values is None else values[own]


def _numbers(found: np.ndarray | Sequence[float] | None) -> list[float] | None:
    return None if found is None else [float(each) for each in found]
