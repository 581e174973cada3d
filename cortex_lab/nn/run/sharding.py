"""A batch in shards: each has a gradient of its own, and they are added in an order that never changes.

Shards are rows that are neighbors, as alike in number as can be. Two neighbors are added, then two such sums,
and so on: a tree, so that whoever has neighboring shards has one sum to tell, and the bits are those of the
tree whoever adds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from cortex_lab.compute import Ops, Stream
from cortex_lab.ground import checks
from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.executor import Bound, Executor
from cortex_lab.nn.run.memory import not_enough
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.run.replaying import Replayed

Span = tuple[int, int]


def shard_rows(rows: int, shards: int) -> list[Span]:
    """The rows (start, stop) of each shard of a batch; one with fewer rows than shards has fewer shards."""
    count = min(rows, shards)
    return [(rows * i // count, rows * (i + 1) // count) for i in range(count)]


def halves(span: Span) -> tuple[Span, Span]:
    """The two sums of shards that are added to the sum of all shards in `span`, of two or more."""
    start, stop = span
    middle = start + 2 ** ((stop - start - 1).bit_length() - 1)
    return (start, middle), (middle, stop)


def sums_within(span: Span, own: Span) -> Iterator[Span]:
    """The largest sums below the one of `span` that who has the shards of `own` can tell."""
    start, stop = max(span[0], own[0]), min(span[1], own[1])
    if start >= stop:
        return
    if (start, stop) == span:
        yield span
        return
    for half in halves(span):
        yield from sums_within(half, own)


def additions(span: Span) -> Iterator[Span]:
    """Pairs (into, other) of first shards, in order, that leave the sum of `span` at its first one."""
    if span[1] - span[0] > 1:
        first, second = halves(span)
        yield from additions(first)
        yield from additions(second)
        yield first[0], second[0]


def joined(ops: Ops, sums: Mapping[Span, Any], span: Span) -> Any:
    """The sum of all shards in `span`, added as who has all adds them; some of `sums` are overwritten."""
    if span in sums:
        return sums[span]
    first, second = (joined(ops, sums, half) for half in halves(span))
    ops.add(first, second, out=first)
    return first


def checked_shards(shards: object, batches: BatchSource) -> int:
    """The number of shards, if a batch has rows for all; ValueError otherwise."""
    found = checks.whole("shards", shards, least=1)
    if found > batches.batch_size:
        raise ValueError(
            f"shards={found} is more than the {batches.batch_size} rows of a batch, and each shard needs a "
            f"row at least: give shards={batches.batch_size} or fewer, or batches of {found} rows or more"
        )
    return found


def refuse_carried(graph: Graph) -> None:
    """ValueError for layers that carry something from row to row of two batches."""
    for node in graph.nodes.values():
        if getattr(node.layer, "stateful", 0):
            raise ValueError(
                f"{node.name!r} is stateful: row i of a batch goes on from row i of the one before, whose "
                "state no shard has; leave out `stateful`, or shards"
            )


def executor_for(network: Network, plan: Plan, capacity: int, shards: int) -> Executor:
    """Memory for a training step of so many rows at most, in one piece or in shards."""
    if shards == 1:
        return network.executor(plan, capacity)
    arrays = {name: network.arrays(name) for name in network.graph.nodes}
    return ShardedExecutor(plan, network.ops, arrays, capacity, shards)


class ShardedExecutor(Executor):
    """Runs a training step's plan shard by shard, in memory for the whole batch, of which each has its rows.

    What a shard finds for all of its rows together lies in `found[shard]`: the gradients of all parameters,
    node by node, then what layers keep of the batch, such as its mean, weighted by the shard's rows. `own`
    are the shards that are computed here. If these are all, the sums go to where they are otherwise computed,
    phase by phase; else each of `sums_within` is left at its first shard.
    """

    def __init__(
        self, plan: Plan, ops: Ops, arrays: Mapping[str, Mapping[str, Any]], capacity: int, shards: int
    ) -> None:
        refuse_carried(plan.graph)
        super().__init__(plan, ops, arrays, capacity)
        self.shards, self.own = shards, (0, shards)
        self._kept = [b.name for b in plan.buffers.values() if not b.per_row and b.alias is None]
        for name in self._kept:
            if self._fixed[name].dtype != ops.dtype:
                raise ValueError(
                    f"{name!r} is kept of a whole batch as {self._fixed[name].dtype}, and shards can share "
                    f"{ops.dtype} only"
                )
        self._gradients = {
            name: [key for key in own if key.startswith("d_") and key[2:] in own]
            for name, own in arrays.items()
        }
        # By node the place of its gradients, by buffer that of what is kept, in what a shard finds.
        self._places: dict[str, slice] = {}
        end = 0
        for name, keys in self._gradients.items():
            self._places[name] = slice(end, end := end + sum(arrays[name][key].size for key in keys))
        for name in self._kept:
            self._places[name] = slice(end, end := end + self._fixed[name].size)
        try:
            self.found = ops.zeros((shards, end))
        except MemoryError as error:
            raise not_enough(plan, ops, capacity, shards * end * ops.dtype.itemsize) from error
        self._fixed_of = [{n: ops.zeros(self._fixed[n].shape) for n in self._kept} for _ in range(shards)]
        self._arrays_of = [self._with_gradients_in(found) for found in self.found]

    def compute(self, own: Span) -> None:
        """From now on, compute these shards; what was bound before is bound anew."""
        self.own = own
        self._bound.clear()

    def rows_of(self, rows: int) -> Span:
        """Which rows of a batch of so many are computed here."""
        spans = shard_rows(rows, self.shards)[self.own[0] : self.own[1]]
        return (spans[0][0], spans[-1][1]) if spans else (0, 0)

    def sums(self, rows: int) -> list[Span]:
        """The sums that this one has to tell of a batch of so many rows, each at its first shard."""
        return list(sums_within((0, len(shard_rows(rows, self.shards))), self.own))

    def share_out(self, totals: Any) -> None:
        """Put the sum of all that the shards found to where the gradients and what is kept are looked for."""
        for name in (*self._gradients, *self._kept):
            self._share_out(self.ops, totals, name)

    def _bind(self, rows: int) -> Bound:
        whole = super()._bind(rows)
        spans = shard_rows(rows, self.shards)
        whole.parts = {
            shard: self._part(shard, span, rows)
            for shard, span in enumerate(spans)
            if self.own[0] <= shard < self.own[1]
        }
        whole.steps = []
        for at, planned in enumerate(step for step in self.plan.steps if step.action != "loss"):
            node, found = planned.node, list[Callable[[Any, Any], None]]()
            if planned.action == "forward":
                for kept in (each for each in self._kept if each.partition("/")[0] == node):
                    found.append(partial(self._weigh, kept=kept, spans=spans))
                    found.append(partial(self._sum, name=kept, rows=rows))
            elif planned.action == "backward" and self._gradients.get(node):
                found.append(partial(self._sum, name=node, rows=rows))
            whole.steps += [part.steps[at] for part in whole.parts.values()]
            whole.steps += [(planned.phase, Replayed(each, self.ops, Slots())) for each in found]
        return whole

    def _part(self, shard: int, span: Span, rows: int) -> Bound:
        first, stop = span
        buffers = {
            name: self._fixed_of[shard][buffer.alias or name]
            if (buffer.alias or name) in self._fixed
            else self._view(buffer, stop - first, first)
            for name, buffer in self.plan.buffers.items()
        }
        part = Bound(stop - first, buffers, {}, first=first)
        for number, name in enumerate(self.plan.graph.nodes):
            stream = Stream(number, first, stop - first, rows)
            part.slots[name] = self._slots(name, buffers, stream, self._arrays_of[shard][name])
        for planned in self.plan.steps:
            if planned.action != "loss":
                part.steps.append((planned.phase, self._callable(planned.action, planned.node, part)))
        return part

    def _with_gradients_in(self, found: Any) -> dict[str, dict[str, Any]]:
        """The arrays of all nodes, of which the gradients are in what a shard finds."""
        arrays = {}
        for name, own in self._arrays.items():
            arrays[name], start = dict(own), self._places[name].start
            for key in self._gradients[name]:
                size = own[key].size
                arrays[name][key] = found[start : start + size].reshape(own[key].shape)
                start += size
        return arrays

    def _share_out(self, ops: Any, totals: Any, name: str) -> None:
        start = self._places[name].start
        for into in self._targets(name):
            ops.copy(totals[start : start + into.size].reshape(into.shape), out=into)
            start += into.size

    def _targets(self, name: str) -> list[Any]:
        """Where the gradients of a node are looked for, or what is kept in a buffer."""
        if name in self._fixed:
            return [self._fixed[name]]
        return [self._arrays[name][key] for key in self._gradients[name]]

    def _weigh(self, ops: Any, _: Any, kept: str, spans: Sequence[Span]) -> None:
        """Each shard counts by its rows."""
        rows = spans[-1][1]
        for shard, (first, stop) in enumerate(spans):
            if self.own[0] <= shard < self.own[1]:
                array = self._fixed_of[shard][kept]
                into = self.found[shard][self._places[kept]].reshape(array.shape)
                ops.scale_shift(array, (stop - first) / rows, 0.0, out=into)

    def _sum(self, ops: Any, _: Any, name: str, rows: int) -> None:
        """Add up what was found for a node, or of what it keeps."""
        place, sums = self._places[name], self.sums(rows)
        for span in sums:
            for into, other in additions(span):
                ops.add(self.found[into][place], self.found[other][place], out=self.found[into][place])
        if sums == [(0, len(shard_rows(rows, self.shards)))]:
            self._share_out(ops, self.found[0], name)
