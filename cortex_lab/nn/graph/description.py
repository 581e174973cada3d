"""How a network is written down: layers in a list, nodes by name, blocks that repeat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Layer, snake_case

_KEPT = re.compile("[/:>]")
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Node:
    """A named place in a graph: a layer and the names of what it reads.

    `inputs` None means the entry before it. `shares` names an earlier node whose parameters it uses.
    """

    layer: Layer
    name: str | None = None
    inputs: tuple[str, ...] | None = None
    shares: str | None = None

    def __post_init__(self) -> None:
        checks.instance("layer", self.layer, Layer, "a layer such as Dense(10)")
        if self.layer.name is not None:
            if self.name not in (None, self.layer.name):
                names = f"{self.layer.name!r} and {self.name!r}"
                raise ValueError(f"a node is called {names}; give it one name")
            object.__setattr__(self, "name", self.layer.name)
            object.__setattr__(self, "layer", replace(self.layer, name=None))
        _check_name("node", self.name)
        if self.shares is not None:
            checks.text("shares", self.shares, "dense_1")
        object.__setattr__(self, "inputs", _names(self.inputs))


@dataclass(frozen=True)
class Block:
    """A piece of a network to be used again: `repeat` copies in a row.

    Inside, names are the block's own and "input" is what the block reads; other names are looked up outside.
    Its nodes are called `block.node`, and the block's name stands for its last node.
    """

    layers: tuple[Layer | Node | Block, ...]
    name: str | None = None
    inputs: tuple[str, ...] | None = None
    repeat: int = 1

    def __post_init__(self) -> None:
        _check_name("block", self.name)
        layers = checks.listed("layers", self.layers, "a list of layers")
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "inputs", _names(self.inputs))
        checks.whole("repeat", self.repeat, least=1)
        if self.inputs is not None and len(self.inputs) != 1:
            raise ValueError(
                f"a block reads one thing, got {self.inputs}; inside it, nodes may read anything"
            )


Entry = Layer | Node | Block


def flatten(entries: Iterable[Entry], inputs: Iterable[str]) -> list[Node]:
    """All nodes of a description, each with its full name and the full names of what it reads."""
    inputs = list(inputs)
    nodes: list[Node] = []
    scope = {name: name for name in inputs}
    _flatten(checks.listed("layers", entries, "a list of layers"), "", inputs[0], scope, nodes)
    seen: set[str] = set(inputs)
    for node in nodes:
        if node.name in seen:
            raise ValueError(f"two nodes are called {node.name!r}; every node and input needs its own name")
        seen.add(node.name or "")
    return nodes


def _flatten(
    entries: list[Entry], prefix: str, previous: str, outer: Mapping[str, str], nodes: list[Node]
) -> str:
    """Append the nodes of `entries` to `nodes`; returns the full name of the last."""
    entries = [Node(entry) if isinstance(entry, Layer) else entry for entry in entries]
    repeated = [copy for entry in entries for copy in _copies(entry)]
    names = _choose_names(repeated, outer if not prefix else ())
    scope = {**outer, **{name: f"{prefix}{name}" for name in names}}
    for entry, name in zip(repeated, names, strict=True):
        if isinstance(entry, Block):
            source = scope.get(entry.inputs[0], entry.inputs[0]) if entry.inputs else previous
            inside = {**scope, "input": source}
            previous = _flatten(list(entry.layers), f"{prefix}{name}.", source, inside, nodes)
            scope[name] = previous
            continue
        node = cast(Node, entry)
        sources = (previous,) if node.inputs is None else tuple(scope.get(s, s) for s in node.inputs)
        shares = scope.get(node.shares, node.shares) if node.shares else None
        previous = f"{prefix}{name}"
        nodes.append(Node(node.layer, previous, sources, shares))
    if not repeated:
        raise ValueError("a network needs at least one layer, and so does a block")
    return previous


def _copies(entry: Entry) -> list[Entry]:
    if not isinstance(entry, Block) or entry.repeat == 1:
        return [entry]
    first = Block(entry.layers, entry.name and f"{entry.name}_1", entry.inputs)
    others = [Block(entry.layers, entry.name and f"{entry.name}_{i + 2}") for i in range(entry.repeat - 1)]
    return [first, *others]


def _choose_names(entries: list[Entry], inputs: Iterable[str]) -> list[str]:
    taken = {entry.name for entry in entries if isinstance(entry, (Node, Block)) and entry.name} | set(inputs)
    counts: Counter[str] = Counter()
    names = []
    for entry in entries:
        layer = entry.layer if isinstance(entry, Node) else entry
        if not isinstance(layer, (Layer, Block)):
            made = f"; say {layer.__name__}()" if isinstance(layer, type) else ""
            raise TypeError(f"a network is made of layers, got {checks.shown(layer)}{made}")
        name = entry.name
        while name is None:
            kind = "block" if isinstance(layer, Block) else snake_case(type(layer).__name__)
            counts[kind] += 1
            name = f"{kind}_{counts[kind]}"
            name = None if name in taken else name
        names.append(name)
    return names


def _check_name(what: str, name: object) -> None:
    """TypeError or ValueError for a name that could not stand in a file, a phase or the name of an array."""
    if name is None:
        return
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} is text, got {name!r}")
    if _KEPT.search(name):
        raise ValueError(
            f"a {what} cannot be called {name!r}: '/', ':' and '>' are kept for arrays and phases"
        )
    if name in ("", ".", "..") or _UNWRITABLE.search(name):
        raise ValueError(f"a {what} cannot be called {name!r}, which no file can hold; choose another name")


def _names(inputs: object) -> tuple[str, ...] | None:
    if inputs is None:
        return None
    wanted = "a name or several, such as ('a', 'b')"
    names = [inputs] if isinstance(inputs, str) else checks.listed("inputs", inputs, wanted)
    # An input may have any name, even an empty one.
    return tuple(name if type(name) is str else checks.text("a name in inputs", name) for name in names)
