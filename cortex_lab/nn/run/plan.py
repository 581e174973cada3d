"""A graph as ordered steps over named buffers with lifetimes; data only, nothing is allocated here.

Names of buffers: a node's output goes by the node's name, what it keeps for its backward pass by
`node/name`, the loss gradient with respect to its output by `gradient:node`. Where several nodes read an
output, each writes its share to `gradient:node>reader`, and the shares are summed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from cortex_lab.nn.contract.layer import Shape
from cortex_lab.nn.graph.graph import Graph, PlacedNode
from cortex_lab.nn.run.fusion import Chain, chains


@dataclass(frozen=True)
class PlannedBuffer:
    """An array of the plan, alive from step `first` to step `last` inclusive.

    `shape` is per row unless `per_row` is False. `alias` names the buffer whose memory it is.
    """

    name: str
    shape: Shape
    first: int
    last: int
    dtype: str | None = None
    per_row: bool = True
    alias: str | None = None


@dataclass(frozen=True)
class PlannedStep:
    """One thing to do: `action` is "forward", "loss", "accumulate" or "backward"."""

    phase: str
    action: str
    node: str


@dataclass(frozen=True)
class Plan:
    """Steps in order and the buffers they work on; a step of `chains` does all nodes of the chain."""

    graph: Graph
    training: bool
    steps: tuple[PlannedStep, ...]
    buffers: dict[str, PlannedBuffer]
    gradients_wanted: frozenset[str] = field(default_factory=frozenset)
    frozen: frozenset[str] = field(default_factory=frozenset)
    chains: dict[str, Chain] = field(default_factory=dict)

    @classmethod
    def inference(cls, graph: Graph, keep: Collection[str] = ()) -> Plan:
        """Forward steps only; every buffer dies after its last reader, but for outputs and `keep`."""
        kept = {*graph.outputs, *keep}
        fused = chains(graph, kept)
        swallowed = {name for chain in fused.values() for name in chain.nodes[:-1]}
        steps = tuple(_forward(name) for name in graph.nodes if name not in swallowed)
        end = len(steps)
        book, done = _Book(), set()
        for name, shape in graph.inputs.items():
            book.add(PlannedBuffer(name, shape, -1, -1, _input_dtype(graph, name)))
        for at, step in enumerate(steps):
            node, chain = graph.nodes[step.node], fused.get(step.node)
            for source in chain.inputs if chain else node.inputs:
                book.extend(source, at)
            alias = None if chain else _memory_taken_over(graph, node, kept, book, done)
            book.add(PlannedBuffer(node.name, node.out_shape, at, at, alias=alias))
            done.update(chain.nodes if chain else (node.name,))
        for name in kept:
            book.extend(name, end)
        return cls(graph, False, steps, book.buffers, chains=fused)

    @classmethod
    def training_step(
        cls, graph: Graph, losses: Iterable[str], frozen: Collection[str] = (), input_gradients: bool = False
    ) -> Plan:
        """Forward, loss and backward steps. Every buffer keeps its memory through the step, so all can be
        read at any stop.

        `losses` names the outputs that have one; `frozen` the nodes whose parameters do not learn.
        """
        losses = tuple(losses)
        wanted = _gradients_wanted(graph, losses, frozen, input_gradients)
        forward = [_forward(name) for name in graph.nodes]
        loss = [PlannedStep("loss", "loss", name) for name in losses]
        backward = []
        for name in reversed(graph.nodes):
            if name in wanted:
                if len(_gradient_sources(graph, name, losses, wanted)) > 1:
                    backward.append(PlannedStep(f"backward:{name}", "accumulate", name))
                backward.append(PlannedStep(f"backward:{name}", "backward", name))
        inputs = [name for name in graph.inputs if len(_gradient_sources(graph, name, losses, wanted)) > 1]
        backward += [PlannedStep(f"backward:{name}", "accumulate", name) for name in inputs if name in wanted]
        steps = (*forward, *loss, *backward)
        end = len(steps)

        book = _Book()
        for name, shape in graph.inputs.items():
            book.add(PlannedBuffer(name, shape, -1, end, _input_dtype(graph, name)))
        for node in graph.nodes.values():
            alias = node.inputs[0] if node.layer.is_view else None
            book.add(PlannedBuffer(node.name, node.out_shape, -1, end, alias=alias))
            for key, kept in node.layer.saved(*node.in_shapes).items():
                book.add(PlannedBuffer(f"{node.name}/{key}", kept.shape, -1, end, kept.dtype, kept.per_row))
        # From the outputs back, so that the gradient a view passes on exists before its input's aliases it.
        for name in (*reversed(graph.nodes), *graph.inputs):
            if name in wanted:
                _add_gradients(book, graph, name, losses, wanted, end)
        return cls(graph, True, steps, book.buffers, frozenset(wanted), frozenset(frozen))

    def gradient_buffer(self, name: str, reader: str) -> str | None:
        """Name of the buffer into which `reader` (an `edge`, or "loss") writes the gradient of `name`."""
        shared = f"gradient:{name}>{reader}"
        if shared in self.buffers:
            return shared
        return f"gradient:{name}" if f"gradient:{name}" in self.buffers else None


def assign_offsets(buffers: Iterable[tuple[str, int, int, int]]) -> tuple[dict[str, int], int]:
    """Places in one arena for (name, size, first, last), so that no two that live at once overlap.

    Largest first, each at the lowest free place. Returns the offsets and the size of the arena.
    """
    placed: list[tuple[int, int, int, int]] = []
    offsets: dict[str, int] = {}
    for name, size, first, last in sorted(buffers, key=lambda b: (-b[1], b[2])):
        offset = 0
        for start, stop, other_first, other_last in sorted(placed):
            lives_together = first <= other_last and other_first <= last
            if lives_together and offset < stop and start < offset + size:
                offset = stop
        placed.append((offset, offset + size, first, last))
        offsets[name] = offset
    return offsets, max((stop for _, stop, _, _ in placed), default=0)


class _Book:
    """The buffers of a plan while it is being made; an alias lives in its owner's memory."""

    def __init__(self) -> None:
        self.buffers: dict[str, PlannedBuffer] = {}

    def add(self, buffer: PlannedBuffer) -> None:
        if buffer.alias is not None:
            buffer = replace(buffer, alias=self.owner(buffer.alias))
            self.extend(buffer.alias or "", buffer.last)
        self.buffers[buffer.name] = buffer

    def owner(self, name: str) -> str:
        return self.buffers[name].alias or name

    def extend(self, name: str, last: int) -> None:
        for each in {name, self.owner(name)}:
            self.buffers[each] = replace(self.buffers[each], last=max(last, self.buffers[each].last))


def _forward(name: str) -> PlannedStep:
    return PlannedStep(f"forward:{name}", "forward", name)


def _input_dtype(graph: Graph, name: str) -> str | None:
    """The dtype in which all readers of the input `name` want it; ValueError if they want different ones."""
    wanted: dict[str | None, str] = {}
    for reader in graph.consumers[name]:
        wanted.setdefault(graph.nodes[reader].layer.input_dtype, reader)
    wanted.pop("any", None)
    if len(wanted) > 1:
        (one, first), (other, second) = wanted.items()
        raise ValueError(
            f"input {name!r} is read as {one or 'numbers'} by {first!r} and as {other or 'numbers'} by "
            f"{second!r}; make it two inputs"
        )
    return next(iter(wanted), None)


def _memory_taken_over(
    graph: Graph, node: PlacedNode, kept: set[str], book: _Book, done: set[str]
) -> str | None:
    """The input whose memory the output may use: a view's always, an in-place layer's if no one reads on."""
    source = node.inputs[0]
    if node.layer.is_view:
        return source
    if not node.layer.in_place or graph.shape(source) != node.out_shape:
        return None
    owner = book.owner(source)
    if any(book.owner(other) == owner for other in node.inputs[1:]):
        return None
    sharing = [name for name, b in book.buffers.items() if name == owner or b.alias == owner]
    needed = any(
        name in kept
        or name in graph.inputs
        or any(reader not in done for reader in graph.consumers[name] if reader != node.name)
        for name in sharing
    )
    return None if needed else source


def _gradients_wanted(
    graph: Graph, losses: tuple[str, ...], frozen: Collection[str], input_gradients: bool
) -> set[str]:
    """Outputs whose gradient is needed: on a path from something that learns to a loss."""
    differentiable = {name for name in graph.inputs if _input_dtype(graph, name) is None}
    learns: set[str] = differentiable if input_gradients else set()
    for node in graph.nodes.values():
        trained = bool(node.layer.parameters(*node.in_shapes)) and node.name not in frozen
        if trained or any(source in learns for source in node.inputs):
            learns.add(node.name)
    matters = set(losses)
    for node in reversed(graph.nodes.values()):
        if node.name in matters:
            matters.update(node.inputs)
    return learns & matters


def _gradient_sources(graph: Graph, name: str, losses: tuple[str, ...], wanted: set[str]) -> list[str]:
    readers = [
        edge(reader, position)
        for reader in graph.consumers[name]
        if reader in wanted
        for position, source in enumerate(graph.nodes[reader].inputs)
        if source == name
    ]
    return [*readers, "loss"] if name in losses else readers


def _add_gradients(
    book: _Book, graph: Graph, name: str, losses: tuple[str, ...], wanted: set[str], end: int
) -> None:
    sources = _gradient_sources(graph, name, losses, wanted)
    shape = graph.shape(name)
    if len(sources) == 1:
        book.add(
            PlannedBuffer(f"gradient:{name}", shape, -1, end, alias=_gradient_passed_on(graph, sources[0]))
        )
        return
    book.add(PlannedBuffer(f"gradient:{name}", shape, -1, end))
    for reader in sources:
        alias = _gradient_passed_on(graph, reader)
        book.add(PlannedBuffer(f"gradient:{name}>{reader}", shape, -1, end, alias=alias))


def edge(reader: str, position: int) -> str:
    """How the gradient a node passes to its input number `position` is labeled."""
    # No node has ">" in its name, and the loss is a reader too: so no two readers have one label.
    return f"{reader}>{position}" if position or reader == "loss" else reader


def _gradient_passed_on(graph: Graph, reader: str) -> str | None:
    """The gradient that `reader`, an `edge` or "loss", hands back as it is, if it does: they share memory."""
    if reader == "loss":
        return None
    name = reader.partition(">")[0]
    node = graph.nodes[name]
    return f"gradient:{name}" if node.layer.is_view or passes_gradient(node) else None


def passes_gradient(node: PlacedNode) -> bool:
    """Whether the gradient of each input is the output's as it is, so that nothing is to be computed."""
    alike = all(shape == node.out_shape for shape in node.in_shapes)
    return alike and node.layer.passes_gradient
