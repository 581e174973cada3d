"""A plan bound to memory: the only place where activations and their gradients are allocated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.graph.graph import PlacedNode
from cortex_lab.nn.run.memory import not_enough
from cortex_lab.nn.run.plan import Plan, PlannedBuffer, assign_offsets, edge, passes_gradient
from cortex_lab.nn.run.replaying import Replayed

Step = tuple[str, Callable[[], None] | None]
LINE = 64
"""Bytes of a cache line: vectors that lie across two cost a load more."""


@dataclass(eq=False)
class Bound:
    """A plan bound to arrays for one number of rows."""

    rows: int
    buffers: dict[str, Any]
    slots: dict[str, Slots]
    steps: list[Step] = field(default_factory=list)
    parts: dict[int, Bound] = field(default_factory=dict)
    """Of a batch in shards, those that are computed here, each bound to its rows of the same memory."""
    first: int = 0
    """Of a part, where in the batch its rows begin."""
    version: int = 0
    """Grows when calls that were found out are not to be made again."""

    def forget_calls(self) -> None:
        """Have the layers' calls found out anew: a number that they were made with has changed."""
        for _, run in self.steps:
            if isinstance(run, Replayed):
                run.forget()
        self.version += 1


class Executor:
    """Runs a plan on a backend, with all memory allocated once for up to `capacity` rows.

    Batches of fewer rows use the front of each buffer. The views of a row count are made when it is first
    seen and kept, so a step allocates nothing. `seed` and `step`, arrays () that stay where they are, key
    what layers draw: who runs a training step writes them before it.
    """

    def __init__(self, plan: Plan, ops: Ops, arrays: Mapping[str, Mapping[str, Any]], capacity: int) -> None:
        self.plan = plan
        self.ops = ops
        self.capacity = capacity
        self._arrays = arrays
        # Only one node works at a time, so all share the room of the hungriest.
        sizes = (_scratch_places(node, capacity, ops.dtype)[1] for node in plan.graph.nodes.values())
        try:
            self._memory, self._offsets, self._fixed = _allocate(plan, ops, capacity)
            self._scratch = ops.zeros((max(sizes),))
        except MemoryError as error:
            raise not_enough(plan, ops, capacity) from error
        self.seed, self.step = ops.zeros((), "uint64"), ops.zeros((), "int64")
        self._bound: dict[int, Bound] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers together."""
        return sum(a.nbytes for a in (*self._memory.values(), *self._fixed.values(), self._scratch))

    def bind(self, rows: int) -> Bound:
        """The plan over the first `rows` rows of every buffer."""
        if not 1 <= rows <= self.capacity:
            raise ValueError(f"a batch needs between 1 and {self.capacity} rows here, got {rows}")
        if rows not in self._bound:
            self._bound[rows] = self._bind(rows)
        return self._bound[rows]

    def _bind(self, rows: int) -> Bound:
        buffers = {name: self._view(buffer, rows) for name, buffer in self.plan.buffers.items()}
        bound = Bound(rows, buffers, {})
        for stream, name in enumerate(self.plan.graph.nodes):
            if name in self.plan.chains:
                bound.slots[name] = self._slots_of_chain(name, buffers)
            elif name in buffers:
                bound.slots[name] = self._slots(name, buffers, stream, self._arrays[name])
        for planned in self.plan.steps:
            if planned.action != "loss":
                bound.steps.append((planned.phase, self._callable(planned.action, planned.node, bound)))
        return bound

    def _slots(
        self, name: str, buffers: Mapping[str, Any], stream: int, arrays: Mapping[str, Any]
    ) -> Slots:
        plan, node = self.plan, self.plan.graph.nodes[name]
        xs = [buffers[source] for source in node.inputs]
        dxs = [
            buffers.get(plan.gradient_buffer(source, edge(name, position)) or "")
            for position, source in enumerate(node.inputs)
        ]
        slots = Slots(
            x=xs[0], xs=xs, y=buffers[name], dx=dxs[0], dxs=dxs, dy=buffers.get(f"gradient:{name}"),
            training=plan.training, frozen=name in plan.frozen,
            seed=self.seed, step=self.step, stream=stream,
        )  # fmt: skip
        named = {
            **arrays,
            **node.layer.constants(*node.in_shapes),
            **self._scratch_of(name, len(xs[0])),
        }
        own = f"{name}/"
        named.update((key.removeprefix(own), array) for key, array in buffers.items() if key.startswith(own))
        for key, value in named.items():
            if hasattr(slots, key):
                raise ValueError(
                    f"node {name!r}: an array cannot be called {key!r}, layers see something else there"
                )
            setattr(slots, key, value)
        return slots

    def _slots_of_chain(self, name: str, buffers: Mapping[str, Any]) -> Slots:
        chain, nodes = self.plan.chains[name], self.plan.graph.nodes
        first = nodes[chain.nodes[0]]
        source, *addends = (buffers[each] for each in chain.inputs)
        given = {**self._arrays[first.name], **first.layer.constants(*first.in_shapes)}
        slots = Slots(x=source, addend=addends[0] if addends else None, y=buffers[name], **given)
        if chain.normalization is not None:
            slots.normal = self._arrays[chain.normalization.name]
            slots.scale, slots.shift = (self.ops.zeros(first.out_shape[-1:]) for _ in range(2))
        return slots

    def _callable(self, action: str, name: str, bound: Bound) -> Callable[[], None] | None:
        if action == "accumulate":
            return self._accumulation(name, bound.buffers)
        if name in self.plan.chains:
            return Replayed(self.plan.chains[name].forward, self.ops, bound.slots[name])
        node, slots = self.plan.graph.nodes[name], bound.slots[name]
        layer = node.layer
        if layer.is_view or (action == "backward" and passes_gradient(node)):
            return None
        method = layer.forward if action == "forward" else layer.backward
        return (Replayed if layer.replays and not slots.frozen else partial)(method, self.ops, slots)

    def _accumulation(self, name: str, buffers: Mapping[str, Any]) -> Callable[[], None]:
        shares = [array for key, array in buffers.items() if key.startswith(f"gradient:{name}>")]
        total, add = buffers[f"gradient:{name}"], self.ops.add

        def accumulate() -> None:
            add(shares[0], shares[1], out=total)
            for share in shares[2:]:
                add(total, share, out=total)

        return accumulate

    def _view(self, buffer: PlannedBuffer, rows: int, first: int = 0) -> Any:
        owner = self.plan.buffers[buffer.alias] if buffer.alias else buffer
        if owner.name in self._fixed:
            return self._fixed[owner.name]
        dtype = owner.dtype or ""
        start = self._offsets[dtype][owner.name] * self.capacity + first * math.prod(owner.shape)
        flat = self._memory[dtype][start : start + rows * math.prod(owner.shape)]
        return flat.reshape(rows, *buffer.shape)

    def _scratch_of(self, name: str, rows: int) -> dict[str, Any]:
        places, _ = _scratch_places(self.plan.graph.nodes[name], rows, self.ops.dtype)
        return {
            key: self._scratch[start:stop].view(dtype)[: math.prod(shape)].reshape(shape)
            for key, (start, stop, dtype, shape) in places.items()
        }


def _allocate(
    plan: Plan, ops: Ops, capacity: int
) -> tuple[dict[str, Any], dict[str, dict[str, int]], dict[str, Any]]:
    fixed = {b.name: ops.zeros(b.shape, b.dtype) for b in plan.buffers.values() if not b.per_row}
    owners = [b for b in plan.buffers.values() if b.per_row and b.alias is None]
    memory, offsets = {}, {}
    for dtype in {b.dtype or "" for b in owners}:
        wanted = [(b.name, math.prod(b.shape), b.first, b.last) for b in owners if (b.dtype or "") == dtype]
        offsets[dtype], size = assign_offsets(wanted)
        memory[dtype] = _from_a_line_on(ops.zeros((size * capacity + LINE,), dtype or None))
    return memory, offsets, fixed


def _from_a_line_on(memory: np.ndarray) -> Any:
    """`memory` without its first elements, from where a line of the processor's cache begins."""
    address = getattr(getattr(memory, "ctypes", None), "data", 0)
    start = -address % LINE // memory.itemsize
    return memory[start : start + memory.size - LINE]


def _scratch_places(
    node: PlacedNode, rows: int, unit: np.dtype
) -> tuple[dict[str, tuple[int, int, np.dtype, tuple[int, ...]]], int]:
    """Where in memory of dtype `unit` a node's scratch buffers lie, with dtypes and shapes; and their end."""
    places, end = {}, 0
    for key, buffer in node.layer.scratch(*node.in_shapes).items():
        shape = (rows, *buffer.shape) if buffer.per_row else buffer.shape
        dtype = np.dtype(buffer.dtype or unit)
        # A number of eight bytes lies where eight divides its address.
        step = max(1, dtype.itemsize // unit.itemsize)
        start = -(-end // step) * step
        end = start + -(-math.prod(shape) * dtype.itemsize // unit.itemsize)
        places[key] = start, end, dtype, shape
    return places, end
