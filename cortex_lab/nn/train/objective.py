"""What a training minimizes: a weighted loss on each of some outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.accuracy import has_accuracy, hits_of, holds_shares
from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.nn.contract.initializers import fans, resolve
from cortex_lab.nn.contract.layer import Parameter, Slots
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.run.executor import Bound
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.pictures import as_picture
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.replaying import Replayed
from cortex_lab.nn.run.sharding import additions
from cortex_lab.nn.train.judging import Judge, Judged, RowsToJudge
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.mixing import mixed_accuracy, mixture_slots
from cortex_lab.nn.train.output_losses import checked_weights, losses_by_output
from cortex_lab.study.missing import MISSING


class TotalLoss:
    """Losses by output name, each with its weight in the total, bound to a network's buffers.

    `like_pictures` says that targets are an input whose bytes are pictures: a loss of values then sees them
    as the network sees that input. `some_unknown` says whether something in a checked target was unknown.
    `state` is what the losses remember between steps, by "output/name"; most remember nothing. Accuracy is
    that of the first output whose loss says something of its targets; where those are `shares` of yes and no
    there is none. `mixed` are the losses of targets that are mixed while training, by output name.
    """

    shares = False
    mixed: Mapping[str, Loss] = MappingProxyType({})

    def __init__(
        self,
        network: Network,
        loss: object,
        loss_weights: Mapping[str, float] | None = None,
        like_pictures: bool = False,
    ) -> None:
        self.network = network
        self.losses = losses_by_output(loss, network)
        self.weights = checked_weights(loss_weights, self.losses)
        shapes = {name: network.graph.shape(name) for name in self.losses}
        self.state = {
            f"{name}/{key}": _drawn(spec, network.ops)
            for name, loss in self.losses.items()
            for key, spec in loss.state(shapes[name]).items()
        }
        self.like_pictures = like_pictures
        self.some_unknown = False
        answering = (name for name, loss in self.losses.items() if loss.predicts != "features")
        self._first = next(answering, next(iter(self.losses)))
        self._count = network.ops.xp.count_nonzero
        self._hits = network.ops.count_hits
        in_memory = network.ops.xp is np  # To ask of a GPU would be to wait for it.
        self._noting = [name for name, loss in self.losses.items() if loss.replays and in_memory]
        self._slots: dict[int, tuple[Bound, dict[str, Slots]]] = {}
        # Those of rows beside the training, for as long as the memory that they look at is there.
        self._evaluated: WeakKeyDictionary[Bound, dict[str, Slots]] = WeakKeyDictionary()

    @property
    def classifies(self) -> bool:
        """Whether accuracy has a meaning."""
        name = self._first
        return not self.shares and has_accuracy(self.losses[name], self.network.graph.shape(name))

    def note_shares(self, batches: BatchSource) -> None:
        """Find out whether the targets that `batches` serve are shares."""
        name = self._first
        if self.losses[name].predicts != "yes or no" or not self.classifies:
            return
        kept = getattr(batches, "targets", None)
        kept = kept.get(name) if isinstance(kept, Mapping) else kept
        if not isinstance(kept, np.ndarray):
            kept = self.by_output(batches.fetch(0).targets)[name]
        self.shares = self.like_pictures or (kept is not None and holds_shares(kept))

    @property
    def reads_values(self) -> bool:
        """Whether a loss reads its targets as values, and not as the picture that an input is."""
        return not self.like_pictures and any(loss.predicts == "values" for loss in self.losses.values())

    def check_targets(self, name: str, targets: Any) -> np.ndarray:
        if targets is None:
            raise ValueError(f"the loss on output {name!r} needs targets, and the batches have none")
        checked = self.losses[name].check_targets(targets, self.network.graph.shape(name))
        if not self.some_unknown:
            known = self.losses[name].known(checked)
            self.some_unknown = known is not None and not known.all()
        return checked

    def check_all_targets(self, targets: object) -> dict[str, np.ndarray]:
        """Targets by output name, checked."""
        return {name: self.check_targets(name, part) for name, part in self.by_output(targets).items()}

    def known_shares(self, name: str, targets: np.ndarray) -> np.ndarray | None:
        """How much of each row is known in the checked targets of output `name`, 0 to 1; None for all of it.

        A row counts by its share, so that the mean of rows is that of all known elements.
        """
        known = self.losses[name].known(targets) if self.some_unknown else None
        if known is None or known.all():
            return None
        return self.network.ops.to_numpy(known.reshape(len(known), -1)).mean(axis=1)

    def by_output(self, targets: object) -> dict[str, Any]:
        """Targets by output name; one array stands for all outputs. KeyError for an output without any."""
        if isinstance(targets, np.ndarray) or not isinstance(targets, Mapping):
            return {name: self._seen(name, targets) for name in self.losses}
        missing = [name for name in self.losses if name not in targets]
        if missing:
            raise KeyError(f"there are no targets for the output {missing[0]!r}, only for {list(targets)}")
        return {name: self._seen(name, targets[name]) for name in self.losses}

    def _seen(self, name: str, targets: object) -> Any:
        return as_picture(targets) if self.like_pictures and not self.losses[name].of_classes else targets

    def slots(self, bound: Bound, plan: Plan | None = None) -> dict[str, Slots]:
        """What each loss sees of the batch in `bound`, made once; with `plan`, gradients as well."""
        if plan is None:
            found = self._evaluated.get(bound)
            if found is None:
                found = self._evaluated[bound] = self._bind(bound, None)
            return found
        made = self._slots.get(bound.rows)
        if made is None or made[0] is not bound:
            made = self._slots[bound.rows] = bound, self._bind(bound, plan)
        return made[1]

    def evaluate(self, slots: Mapping[str, Slots]) -> None:
        """Fill each row's loss, and the gradient of the total with respect to each output."""
        for name, loss in self.losses.items():
            _evaluate(loss, self.network.ops, slots[name])
        self.check(slots)

    def evaluations(self, slots: Mapping[str, Slots]) -> list[Callable[[], None]]:
        """What `evaluate` does before its check, as calls to be made at each step."""
        ops, found = self.network.ops, []
        for name, loss in {**self.losses, **self.mixed}.items():
            at = slots[name].mixture if name in self.mixed else slots[name]
            for part in at.parts or [at]:
                plain = partial(_evaluate, loss, ops, part)
                found.append(Replayed(loss.evaluate, ops, part) if loss.replays else plain)
            if at.parts:
                found.append(partial(_gather, slots[name], at.parts))
        return found

    def check(self, slots: Mapping[str, Slots]) -> None:
        """ValueError if a target is a class that does not exist, for which no kernel stopped."""
        for name in self._noting:
            if any(at.found[1] < 0 for at in slots[name].parts or [slots[name]]):
                self.losses[name].check_targets(slots[name].target, self.network.graph.shape(name))

    def take_found(self, slots: Mapping[str, Slots], found: Mapping[str, list[Any]]) -> None:
        """Take over what the losses found of each shard elsewhere, by output: (sum, hits), or None."""
        for name, of_shards in found.items():
            at = slots[name].mixture if name in self.mixed else slots[name]
            for part, each in zip(at.parts, of_shards, strict=True):
                if part.found is not None and each is not None:
                    part.found[...] = each
                else:
                    part.found = None if each is None else np.array(each, float)
            _gather(slots[name], at.parts)

    def settle(self, slots: Mapping[str, Slots]) -> None:
        for name, loss in self.losses.items():
            loss.settle(self.network.ops, slots[name])

    def total(self, slots: Mapping[str, Slots]) -> float:
        """The loss of the batch: the weighted sum of its outputs' losses; NaN if no row counts."""
        self.check(slots)
        total = _summed(slots)
        return total if total or any(at.weights.any() for at in slots.values()) else MISSING

    def of_output(self, slots: Mapping[str, Slots], name: str) -> float:
        """The loss of one output, before its weight in the total; NaN if no row counts."""
        at = slots[name]
        loss = float(at.rows @ at.weights) / self.weights[name]
        return loss if loss or at.weights.any() else MISSING

    def accuracy(self, slots: Mapping[str, Slots]) -> float:
        """The share of what is known that the outputs are right about; NaN if nothing is known."""
        loss, at, target = self.losses[self._first], slots[self._first], slots[self._first].target
        # What is unknown is negative, or NaN, and so never hit.
        self.check(slots)
        if hasattr(at, "mixture"):
            return mixed_accuracy(loss, self.network.ops, at.mixture)
        if loss.of_classes:
            hits = int(self._hits(at.y, target) if (found := _found(at)) is None else found[1])
        else:
            hits = hits_of(loss, self.network.ops, at)
        known = self._known_answers(target)
        return hits / known if known else MISSING

    def score(
        self,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        metrics: Metrics | None = None,
    ) -> dict[str, float]:
        """`means` of rows outside the training, and the metrics."""
        scores, outputs = self.means(inputs, targets, metrics.outputs if metrics else ())
        return scores | (metrics.measure(outputs, targets) if metrics else {})

    def means(
        self,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        wanted: Iterable[str] = (),
        judge: Judge | None = None,
    ) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Mean "loss" of checked rows whose targets are known, "accuracy" if it has a meaning; and outputs.

        The outputs are those of the names `wanted`, of all rows. NaN where nothing is known. `judge` does as
        the method of that name, elsewhere.
        """
        known = {name: self.known_shares(name, targets[name]) for name in self.losses}
        # The mean over all rows, with these weights, is that over what is known.
        weights = {name: self.weights[name] * _to_the_known(some) for name, some in known.items()}
        two = self.losses[self._first].predicts == "yes or no"
        classifies = self.classifies and not (two and holds_shares(targets[self._first]))
        rows = RowsToJudge(inputs, targets, weights, classifies, tuple(wanted))
        found, outputs = (judge or self.judge)(rows)
        total, correct, answered = 0.0, 0.0, 0.0
        for loss, right, of in found:
            total, correct, answered = total + loss, correct + right, answered + of
        scores = {"loss": total / len(rows) if any(map(np.any, weights.values())) else MISSING}
        if self.classifies:
            scores["accuracy"] = correct / answered if answered else MISSING
        return scores, outputs

    def judge(self, rows: RowsToJudge) -> Judged:
        """What `means` adds up, of each piece of the rows, and their outputs."""
        ops, shape = self.network.ops, self.network.graph.shape
        outputs = {name: np.empty((len(rows), *shape(name)), ops.dtype) for name in rows.wanted}
        found: list[tuple[float, float, float]] = []

        def add(part: slice, bound: Bound) -> None:
            slots = self._loaded(bound, rows.targets, part)
            for name, at in slots.items():
                of_rows = rows.weights[name]
                at.weights[...] = of_rows if np.ndim(of_rows) == 0 else ops.asarray(of_rows[part])
            self.evaluate(slots)
            target = slots[self._first].target
            share = self._known_answers(target) * bound.rows / target.size if rows.classifies else 0.0
            found.append((_summed(slots), self.accuracy(slots) * share if share else 0.0, share))
            for name, gathered in outputs.items():
                gathered[part] = ops.to_numpy(slots[name].y)

        self.network.evaluate_batches(rows.inputs, add)
        return found, outputs

    def row_losses(self, inputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]) -> np.ndarray:
        """Each row's loss, (rows,) float64, without row weights; NaN where nothing is known of the row."""
        found = np.zeros(len(next(iter(inputs.values()))))

        def fill(part: slice, bound: Bound) -> None:
            slots = self._loaded(bound, targets, part)
            for at in slots.values():
                at.weights[...] = 0
            self.evaluate(slots)
            found[part] = self.losses_of_rows(slots)

        self.network.evaluate_batches(inputs, fill)
        return found

    def losses_of_rows(self, slots: Mapping[str, Slots]) -> np.ndarray:
        """Each row's part in `total`, before row weights, as in `row_losses`."""
        found: Any = 0.0
        unknown: Any = True
        for name, at in slots.items():
            found = found + self.weights[name] * self.network.ops.to_numpy(at.rows).astype(float)
            known = self.known_shares(name, at.target)
            unknown = unknown & (False if known is None else known == 0)
        return np.where(unknown, np.nan, found)

    def _known_answers(self, target: np.ndarray) -> int:
        # Of one column per class, all are known: they sum to 1.
        if self.losses[self._first].predicts == "classes" and not self.losses[self._first].of_classes:
            return target.size // target.shape[-1]
        return int(self._count(target >= 0)) if self.some_unknown else target.size

    def _loaded(self, bound: Bound, targets: Mapping[str, np.ndarray], part: slice) -> dict[str, Slots]:
        """What each loss sees of rows outside the training, with their targets."""
        slots, asarray = self.slots(bound), self.network.ops.asarray
        for name, at in slots.items():
            at.target[...] = asarray(targets[name][part], at.target.dtype).reshape(at.target.shape)
        return slots

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
                found=ops.zeros((2,), "float64") + np.nan if loss.replays else None,
                parts=[],
                **{key.split("/")[1]: a for key, a in self.state.items() if key.split("/")[0] == name},
            )
            if plan and name in self.mixed:
                slots[name].mixture = mixture_slots(self.mixed[name], ops, slots[name], graph.shape(name))
            slots[name].parts = _parts(slots[name], bound, name, gradient)
            if hasattr(slots[name], "mixture"):
                slots[name].mixture.parts = [part.mixture for part in slots[name].parts]
        return slots


def _summed(slots: Mapping[str, Slots]) -> float:
    """The weighted sum of the rows' losses, of all outputs."""
    total = 0.0
    for at in slots.values():
        total += float(at.rows.dot(at.weights) if (found := _found(at)) is None else found[0])
    return total


def _found(at: Slots) -> Any:
    """What a loss said of the whole batch, in main memory; None if nothing, or if its sum is NaN."""
    found = at.found.get() if hasattr(at.found, "get") else at.found
    return None if found is None or found[0] != found[0] else found


def _parts(at: Slots, bound: Bound, name: str, gradient: str | None) -> list[Slots]:
    """What a loss sees of each shard: its rows of all that has rows, and what it found of its own."""
    found = []
    for each in bound.parts.values():
        rows = slice(each.first, each.first + each.rows)
        own = {key: getattr(at, key)[rows] for key in ("target", "weights", "rows")}
        own |= {"y": each.buffers[name], "dy": each.buffers[gradient] if gradient else None, "parts": []}
        own["found"] = None if at.found is None else at.found.copy()
        part = Slots(**{**vars(at), **own})
        if hasattr(at, "mixture"):
            part.mixture = Slots(**{**vars(part), "target": at.mixture.target[rows]})
            del part.mixture.mixture
        found.append(part)
    return found


def _gather(at: Slots, parts: list[Slots]) -> None:
    """Of the batch is found what was found of its shards together, NaN or None unless all found something."""
    found = [part.found for part in parts]
    at.found = None if any(each is None for each in found) else sums_of(found)


def sums_of(found: list[Any]) -> Any:
    """What was found of the shards together, added as `sharding` has it."""
    sums = [np.array(each, float) if not hasattr(each, "get") else each.copy() for each in found]
    for into, other in additions((0, len(sums))):
        sums[into] = sums[into] + sums[other]
    return sums[0]


def _evaluate(loss: Loss, ops: Ops, at: Slots) -> None:
    if loss.replays:
        loss.evaluate(ops, at)
        return
    # None while it is asked, too: a loss that this one is made of says what it found, and leaves it nowhere.
    at.found = None
    at.found = loss.evaluate(ops, at)


def _to_the_known(shares: np.ndarray | None) -> Any:
    """Weights of rows, 1 on average, by how much of each is known; 0 where nothing is."""
    if shares is None:
        return 1.0
    return shares / shares.mean() if shares.any() else np.zeros(len(shares))


def _drawn(spec: Parameter, ops: Ops) -> Any:
    initializer = resolve(spec.initializer or "zeros")
    random = np.random.Generator(np.random.Philox(key=0))
    return ops.asarray(initializer.draw(spec.shape, spec.fan or fans(spec.shape), random))
