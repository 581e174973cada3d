"""A network as plain data: named nodes, edges and inferred shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Layer, Shape, layer_from_dict
from cortex_lab.nn.graph.description import Entry, Node, flatten
from cortex_lab.nn.graph.masks import with_masks


@dataclass(frozen=True)
class PlacedNode:
    """A node of a checked graph, with its name, inputs and row shapes settled."""

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    shares: str | None = None

    def as_node(self) -> Node:
        """The description this was placed from."""
        return Node(self.layer, self.name, self.inputs, self.shares)


class GraphError(ValueError):
    """A node of a description that cannot stand where it does.

    `graph` is what stands up to it, `node` the one that is wrong, which says what it reads.
    """

    graph: Graph
    node: Node

    @classmethod
    def at(cls, node: Node, graph: Graph, why: str) -> GraphError:
        """The error, with all it has to say; whoever catches it can draw how far the graph goes."""
        made = cls(why)
        made.graph, made.node = graph, node
        made.add_note("cl.widgets.GraphMap(layers, input_shape) draws the graph up to there.")
        return made


@dataclass(frozen=True)
class Graph:
    """Inputs by name with their row shapes, nodes in an order in which they can run, and outputs by name."""

    inputs: dict[str, Shape]
    nodes: dict[str, PlacedNode]
    outputs: tuple[str, ...]
    consumers: dict[str, tuple[str, ...]] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def build(
        cls,
        layers: Iterable[Entry],
        input_shape: Sequence[int] | Mapping[str, Sequence[int]],
        outputs: Sequence[str] | None = None,
    ) -> Graph:
        """Name the nodes, order them, infer every shape and check that all fits.

        Errors name the node, what it got and what it wanted. `outputs` None means the nodes nothing reads.
        """
        shapes = _input_shapes(input_shape, layers)
        placed: dict[str, PlacedNode] = {}
        known = dict(shapes)
        for node in with_masks(_order(flatten(layers, shapes), shapes), known):
            name = node.name or ""
            try:
                placed[name] = _place(node, tuple(known[source] for source in node.inputs or ()), placed)
            except ValueError as error:
                so_far = cls(shapes, placed, (), _consumers(shapes, placed))
                raise GraphError.at(node, so_far, str(error)) from None
            known[name] = placed[name].out_shape
        _check_inputs(shapes, placed)
        for place, node in enumerate(placed.values()):
            strange = [name for name in node.inputs if name not in shapes]
            if node.layer.input_dtype == "int32" and strange:
                before = dict(islice(placed.items(), place))
                raise GraphError.at(
                    node.as_node(),
                    cls(shapes, before, (), _consumers(shapes, before)),
                    f"{node.name!r} reads ids, which come straight from an input of the network, and "
                    f"here from {strange[0]!r}; put it first and the others behind it, or give the input the "
                    f"shape {placed[strange[0]].out_shape} at once",
                )
        consumers = _consumers(shapes, placed)
        if outputs is not None:
            outputs = checks.listed("outputs", outputs, "a list of names of nodes")
        ends = tuple(outputs) if outputs is not None else tuple(n for n in placed if not consumers[n])
        for name in ends:
            if name not in placed:
                raise ValueError(
                    f"the graph has no node {name!r} to be an output; it has {', '.join(placed)}"
                )
        return cls(shapes, placed, ends, consumers)

    def shape(self, name: str) -> Shape:
        """Row shape of the node or input called `name`."""
        return self.inputs[name] if name in self.inputs else self.nodes[name].out_shape

    def next_activation(self, name: str) -> str | None:
        """The activation that the output of `name` meets first, looking through normalizations and the like.

        Where ways part, all must meet the same one; None if they do not, or meet none.
        """
        own = self.nodes[name].layer.activation
        if own not in (None, "linear"):
            return own
        met: set[str | None] = set()
        seen, ahead = {name}, list(self.consumers[name])
        while ahead:
            reader = ahead.pop()
            if reader in seen:
                continue
            seen.add(reader)
            layer = self.nodes[reader].layer
            function = getattr(layer, "function", None)
            if layer.is_view or layer.carries_activation or function == "linear":
                ahead += self.consumers[reader]
            else:
                met.add(function)
        return met.pop() if len(met) == 1 else None

    def ancestors(self, name: str) -> list[str]:
        """`name` and every node it depends on, in the order they run."""
        if name not in self.nodes:
            raise KeyError(f"there is no node {name!r}; there are {', '.join(self.nodes)}")
        needed = {name}
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs, [node.shares] if node.shares else [])
        return [node for node in self.nodes if node in needed]

    def cut(self, at: str, then: Iterable[Entry] = ()) -> Graph:
        """The graph up to node `at`, with the entries `then` following it."""
        kept = self.ancestors(at)
        inputs = {name: shape for name, shape in self.inputs.items() if name in self._read_by(kept)}
        nodes: list[Entry] = [self.nodes[name].as_node() for name in kept if name != at]
        return Graph.build([*nodes, self.nodes[at].as_node(), *then], inputs)

    def _read_by(self, nodes: Iterable[str]) -> set[str]:
        return {source for name in nodes for source in self.nodes[name].inputs}

    def to_dict(self) -> dict[str, Any]:
        """The graph as JSON-able data."""
        nodes = []
        for node in self.nodes.values():
            entry = {"name": node.name, "layer": node.layer.to_dict(), "inputs": list(node.inputs)}
            nodes.append({**entry, "shares": node.shares} if node.shares else entry)
        inputs = {name: list(shape) for name, shape in self.inputs.items()}
        return {"inputs": inputs, "nodes": nodes, "outputs": list(self.outputs)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Graph:
        """The graph that `to_dict` described."""
        nodes = [
            Node(layer_from_dict(entry["layer"]), entry["name"], tuple(entry["inputs"]), entry.get("shares"))
            for entry in data["nodes"]
        ]
        return cls.build(nodes, data["inputs"], data["outputs"])


def _consumers(inputs: Iterable[str], nodes: Mapping[str, PlacedNode]) -> dict[str, tuple[str, ...]]:
    """By name of an input or a node: the nodes that read it."""
    consumers: dict[str, tuple[str, ...]] = {name: () for name in (*inputs, *nodes)}
    for node in nodes.values():
        for name in dict.fromkeys(node.inputs):
            consumers[name] += (node.name,)
    return consumers


def _input_shapes(input_shape: object, layers: object = ()) -> dict[str, Shape]:
    # A Dataset says it.
    input_shape = getattr(input_shape, "input_shape", input_shape)
    named = input_shape if isinstance(input_shape, Mapping) else {"input": input_shape}
    shapes = {}
    for name, shape in named.items():
        _refuse_unknown_steps(shape, layers)
        shape = checks.shape("input_shape", shape)
        if not all(length > 0 for length in shape):
            raise ValueError(f"input {name!r} needs rows of positive lengths, got {shape}")
        shapes[name] = shape
    if not shapes:
        raise ValueError("a graph needs at least one input")
    return shapes


def _refuse_unknown_steps(shape: object, layers: object) -> None:
    """ValueError for None in the place of the steps, or of what else the first layer wants a length of."""
    if not isinstance(shape, (tuple, list)) or [at for at, each in enumerate(shape) if each is None] != [0]:
        return
    first = layers[0] if isinstance(layers, (tuple, list)) and layers else None
    layer = getattr(first, "layer", first)
    try:
        fits = len(shape) > 1 and (not isinstance(layer, Layer) or bool(layer.out_shape(tuple(shape[1:]))))
    except ValueError:
        fits = False
    if not fits:
        known = f"({', '.join(map(str, (20, *shape[1:])))}{',' * (len(shape) == 1)})"
        raise checks.WrongArgument(
            f"input_shape is the shape of one row, got {tuple(shape)}: None stands for the steps of a row, "
            f"and their number is known here: input_shape={known} for 20; pad shorter rows, "
            "cl.data.RaggedArray(x).padded()[0]"
        )


def _check_inputs(inputs: Iterable[str], nodes: Mapping[str, PlacedNode]) -> None:
    for name in inputs:
        if not isinstance(name, str):
            raise TypeError(f"the name of an input is text, got {name!r}")
        if name in nodes or name.split("/")[0] in nodes or name.startswith(("gradient:", "loss:", "target:")):
            raise ValueError(
                f"an input cannot be called {name!r}, as an array of a node is; choose another name"
            )


def _order(nodes: list[Node], inputs: Mapping[str, Shape]) -> list[Node]:
    """Nodes so that each comes after what it reads, otherwise as they were given."""
    known = {node.name for node in nodes} | set(inputs)
    for node in nodes:
        for source in node.inputs or ():
            if source not in known:
                raise ValueError(f"node {node.name!r} reads {source!r}, which is neither a node nor an input")
    ready, waiting, ordered = set(inputs), list(nodes), []
    while waiting:
        # One pass takes all nodes that are given in an order in which they can run, as most are.
        taken = set()
        for node in waiting:
            if all(source in ready for source in node.inputs or ()):
                ordered.append(node)
                ready.add(node.name)
                taken.add(node.name)
        if not taken:
            names = ", ".join(repr(node.name) for node in waiting)
            raise ValueError(f"these nodes wait for each other in a cycle: {names}")
        waiting = [node for node in waiting if node.name not in taken]
    return ordered


def _place(node: Node, in_shapes: tuple[Shape, ...], placed: Mapping[str, PlacedNode]) -> PlacedNode:
    layer, name = node.layer, node.name or ""
    if not layer.several_inputs and len(in_shapes) != 1:
        raise ValueError(f"node {name!r} ({type(layer).__name__}) takes one input, got {len(in_shapes)}")
    try:
        out_shape = layer.out_shape(*in_shapes)
    except ValueError as error:
        sources = ", ".join(node.inputs or ())
        alone = "" if all(in_shapes) else "; a number alone becomes a row by keepdims=True or Reshape((1,))"
        raise ValueError(f"node {name!r}, reading {sources}: {error}{alone}") from None
    if node.shares is not None:
        owner = placed.get(node.shares)
        if owner is None:
            raise ValueError(
                f"node {name!r} shares the parameters of {node.shares!r}, which is not an earlier node"
            )
        ours, theirs = layer.parameters(*in_shapes), owner.layer.parameters(*owner.in_shapes)
        if {k: p.shape for k, p in ours.items()} != {k: p.shape for k, p in theirs.items()}:
            raise ValueError(
                f"node {name!r} cannot share the parameters of {node.shares!r}: their shapes differ"
            )
    owner_name = (placed[node.shares].shares or node.shares) if node.shares else None
    return PlacedNode(name, layer, node.inputs or (), in_shapes, out_shape, owner_name)
