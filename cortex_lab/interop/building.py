"""A `Model` as a graph of ours: every call of every layer becomes a node, called as the layer.

The nodes of a model inside stand where it is called, as "model.layer"; call number k of a layer that is
called again is "layer@k" and shares the weights of the first.
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from cortex_lab.interop.keras_config import INPUT
from cortex_lab.interop.keras_layers import LayerSettings, Made, Untranslatable, translated
from cortex_lab.interop.model import Call, Era, LayerEntry, Model, TensorRef
from cortex_lab.nn import Graph, Layer, Node
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.layer import Shape

MOST_NODES = 4_000
RECURRENT = ("SimpleRNN", "LSTM", "GRU")
_IGNORED = ("training", "mask")
Path = tuple[str, ...]
_KEPT_SIGNS = str.maketrans({"/": ".", ":": "_", ">": "_"})


@dataclass
class Leaf:
    """A layer with what it has become, and the nodes that do it, one for each call."""

    entry: LayerEntry
    made: Made
    shapes: tuple[Shape, ...]
    nodes: list[str] = field(default_factory=list)


@dataclass
class Built:
    """Nodes ready for a graph, and where each layer of the file went."""

    nodes: list[Node]
    inputs: dict[str, Shape]
    outputs: list[str]
    leaves: dict[Path, Leaf]

    def graph(self, settled: Mapping[str, Layer]) -> Graph:
        """The graph, with other layers at the nodes named in `settled`."""
        nodes = [
            Node(settled.get(node.name or "", node.layer), node.name, node.inputs, node.shares)
            for node in self.nodes
        ]
        with warnings.catch_warnings():
            # That masks end somewhere is so in Keras, too.
            warnings.simplefilter("ignore", UserWarning)
            return Graph.build(nodes, self.inputs, list(dict.fromkeys(self.outputs)))


def build(path: str | os.PathLike, model: Model, era: Era, input_shape: Any = None) -> Built:
    """All nodes of `model`; `Untranslatable` naming the layer that cannot be one."""
    builder = _Builder(path, era, input_shape)
    ends = builder.place(model, (), None)
    outputs = [builder.as_node(model, tensor, end) for tensor, end in zip(model.outputs, ends, strict=True)]
    return Built(builder.nodes, builder.inputs, outputs, builder.leaves)


class _Builder:
    def __init__(self, path: str | os.PathLike, era: Era, input_shape: Any) -> None:
        self.path, self.era, self.input_shape = path, era, input_shape
        self.nodes: list[Node] = []
        self.inputs: dict[str, Shape] = {}
        self.shapes: dict[str, Shape] = {}
        self.masks: dict[str, str] = {}
        self.awaited: dict[str, Callable[[], object]] = {}
        self.leaves: dict[Path, Leaf] = {}
        self.number = 0

    def place(self, model: Model, path: Path, given: Sequence[str] | None, run: int = 0) -> list[str]:
        """Add the nodes of call number `run` of `model`; returns its outputs. `given` None: the outermost."""
        values: dict[TensorRef, str] = {}
        entries = {entry.name: entry for entry in model.entries}
        if given is not None:
            if len(given) != len(model.inputs):
                raise self.wrong(path, f"takes {len(model.inputs)} inputs, and {len(given)} are read")
            values = dict(zip(model.inputs, given, strict=True))
        for entry, number in _in_order(model, lambda name, why: self.wrong((*path, name), why)):
            here, call = (*path, entry.name), entry.calls[number]
            self.number = run * len(entry.calls) + number
            if entry.kind == INPUT:
                if given is None:
                    values[TensorRef(entry.name)] = self.input(entry, here)
                elif TensorRef(entry.name) not in values:
                    raise self.wrong(here, "is an input that nobody gives")
                continue
            try:
                if entry.inside is not None:
                    read = [self.real(values[tensor]) for tensor in Call(call.args).tensors()]
                    found = self.place(entry.inside, here, read, self.number)
                else:
                    found = self.leaf(entry, here, call, values)
            except Untranslatable as error:
                raise error if getattr(error, "named", False) else self.wrong(here, str(error)) from None
            for output, node in enumerate(found):
                values[TensorRef(entry.name, number, output)] = node
        for tensor in model.outputs:
            if tensor not in values:
                raise self.wrong((*path, tensor.layer), f"has no output number {tensor.output}")
        assert entries
        return [values[tensor] for tensor in model.outputs]

    def input(self, entry: LayerEntry, path: Path) -> str:
        """An input of the network."""
        name, said = entry.name, entry.config.get("batch_shape", entry.config.get("batch_input_shape"))
        own = self.input_shape
        own = own.get(name) if isinstance(own, Mapping) else own
        shape = tuple(own) if own is not None else tuple((said or [None, None])[1:])
        if not all(
            isinstance(length, int) and not isinstance(length, bool) and length > 0 for length in shape
        ):
            raise self.wrong(path, f"has rows of shape {shape}; say input_shape=, with numbers alone")
        if own is not None and said is not None:
            fits = len(said) == len(shape) + 1 and all(
                wanted in (None, length) for wanted, length in zip(said[1:], shape, strict=True)
            )
            if not fits:
                raise self.wrong(path, f"has rows of shape {tuple(said[1:])}, which {shape} does not fit")
        self.inputs[name] = self.shapes[name] = shape
        return name

    def leaf(self, entry: LayerEntry, path: Path, call: Call, values: Mapping[TensorRef, str]) -> list[str]:
        """The nodes of the outputs of a call of a layer; all that it needs around it are nodes, too."""
        if entry.kind in ("ops.NotEqual", "ops.Any"):
            return [self.compare(entry, path, call, values)]
        inputs, more = self.read(entry, call, values)
        masks = {self.masks.get(name) for name in inputs}
        if "mask" in call.named:
            masks = {self.mask_of(each, values) for each in _flat(call.named["mask"])}
        if constant := self.with_constant(entry, path, call, inputs):
            return [constant]
        if entry.kind == "Masking":
            return [self.masking(entry, path, inputs[0])]
        if entry.kind == "CustomScaleLayer":
            return [self.scaled_sum(entry, path, inputs)]
        shapes = tuple(self.shapes[name] for name in inputs)
        given = LayerSettings(entry.kind, {**entry.config, **more}, self.era, shapes)
        leaf = self.leaves.get(path)
        try:
            made = translated(given) if leaf is None else leaf.made
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise Untranslatable(
                str(error) if isinstance(error, ValueError) else f"cannot be read: {error!r}"
            ) from None
        mask = next(iter(masks)) if len(masks) == 1 else None
        if (made.wants_mask or not made.ignores_mask) and len(masks) > 1:
            raise Untranslatable("reads inputs with different masks, which cannot be put together here")
        if mask is not None and not made.ignores_mask:
            raise Untranslatable(
                "sees a mask, by which it leaves steps out, and here it would not; "
                "save the model without masks (mask_zero, Masking)"
            )
        name = self.named(path, self.number)
        leaf = leaf or Leaf(entry, made, shapes)
        self.leaves[path] = leaf
        for place, before in enumerate(made.before):
            inputs = [self.add(before, f"{name}.before{place + 1}", inputs)]
        if more.get("initial_state"):
            inputs = [inputs[0], self.joined(inputs[1:], f"{name}.begin")]
        wired = [*inputs, self.real(mask)] if made.wants_mask and mask is not None else inputs
        shares = leaf.nodes[0] if leaf.nodes and made.arrays else None
        zeroed = mask is not None and made.zeros_masked
        if zeroed and made.states:
            raise Untranslatable("gives its states, and 0 at masked steps, which cannot be read")
        own = f"{name}.linear" if made.behind or zeroed else f"{name}.all" if made.states else name
        node = self.add(made.layer, own, wired, shares)
        leaf.nodes.append(node)
        for place, behind in enumerate(made.behind):
            last = place == len(made.behind) - 1
            node = self.add(behind, name if last else f"{name}.behind{place + 1}", [node])
        if zeroed:
            node = self.add(ours.Multiply(), name, [node, self.column(mask, f"{name}.kept")])
            self.masks[node] = cast(str, mask)
        if made.states:
            return self.apart(made, node, name, inputs[0], mask)
        self.pass_mask(made, node, inputs[0], mask)
        return [node]

    def joined(self, states: list[str], name: str) -> str:
        """The states that a recurrent layer begins with, side by side."""
        return states[0] if len(states) == 1 else self.add(ours.Concatenate(), name, states)

    def apart(self, made: Made, node: str, name: str, source: str, mask: str | None) -> list[str]:
        """The outputs of a recurrent layer that gives its state, too, which ours has in one array."""
        units, states = made.layer.units, made.states  # type: ignore[attr-defined]
        if not made.layer.return_sequences:  # type: ignore[attr-defined]
            steps, rows = 0, self.add(ours.Reshape((states, units)), f"{name}.rows", [node])
            self.add(ours.Cropping1D((0, states - 1)), f"{name}.first", [rows])
            self.add(ours.Flatten(), name, [f"{name}.first"])
        else:
            steps, rows = self.shapes[source][0], node
            self.add(ours.Cropping1D((0, states)), name, [rows])
            if mask is not None:
                self.masks[name] = mask

        def await_state(k: int) -> str:
            own = f"{name}#{k + 1}"

            def make() -> None:
                cropped = self.add(ours.Cropping1D((steps + k, states - 1 - k)), f"{name}.row{k + 1}", [rows])
                self.add(ours.Flatten(), own, [cropped])

            self.awaited[own] = make
            return own

        return [name, *(await_state(k) for k in range(states))]

    def pass_mask(self, made: Made, node: str, source: str, mask: str | None) -> None:
        if getattr(made.layer, "mask_zero", False):
            self.masks[node] = self.await_mask(f"{node}_mask", 0.0, source)
        elif mask is not None and made.layer.keeps_steps:
            self.masks[node] = mask

    # Masks, and arithmetic of Keras' own -------------------------------------------------------------------

    def compare(self, entry: LayerEntry, path: Path, call: Call, values: Mapping[TensorRef, str]) -> str:
        """What Keras 3 writes of a mask: x != value, and for rows of features whether any is."""
        first = next(Call(call.args[:1]).tensors(), None)
        if first is None:
            raise Untranslatable("compares nothing")
        source = values[first]
        if entry.kind == "ops.NotEqual":
            value = call.args[1] if len(call.args) > 1 else call.named.get("x2", 0)
            if not isinstance(value, (int, float)):
                raise Untranslatable("compares two tensors, which cortex_lab does not")
            return self.await_mask(self.named(path, 0), float(value), source)
        return source

    def await_mask(self, name: str, value: float, source: str) -> str:
        """The name of a mask that becomes a node once something reads it."""
        self.awaited[name] = lambda: self.add(ours.Mask(value), name, [source])
        return name

    def column(self, mask: str | None, name: str) -> str:
        """A mask (steps,) as (steps, 1), to multiply features by."""
        mask = self.real(cast(str, mask))
        return self.add(ours.Reshape((*self.shapes[mask], 1)), name, [mask])

    def real(self, name: str) -> str:
        """A node that is there."""
        if name in self.awaited and name not in self.shapes:
            self.awaited[name]()
        return name

    def mask_of(self, value: Any, values: Mapping[TensorRef, str]) -> str | None:
        return values[value] if isinstance(value, TensorRef) else None

    def masking(self, entry: LayerEntry, path: Path, source: str) -> str:
        """Steps whose every feature is a value become 0, and a mask says which."""
        value = entry.config.get("mask_value", 0.0)
        value = value.get("config", {}).get("value", 0.0) if isinstance(value, dict) else value
        name = self.named(path, self.number)
        mask = self.await_mask(f"{name}_mask", float(value), source)
        self.leaves.setdefault(path, Leaf(entry, Made(ours.Activation("linear")), (self.shapes[source],)))
        if value:
            node = self.add(ours.Multiply(), name, [source, self.column(mask, f"{name}_kept")])
        else:
            node = self.add(ours.Activation("linear"), name, [source])
        self.masks[node] = mask
        return node

    def scaled_sum(self, entry: LayerEntry, path: Path, inputs: list[str]) -> str:
        """x + scale * y, a class of InceptionResNetV2's own."""
        name, scale = self.named(path, self.number), entry.config.get("scale")
        if len(inputs) != 2 or not isinstance(scale, (int, float)):
            raise Untranslatable("adds other than two tensors, or has no scale")
        scaled = self.add(ours.Rescaling(float(scale)), f"{name}.scaled", inputs[1:])
        return self.add(ours.Add(), name, [inputs[0], scaled])

    def with_constant(self, entry: LayerEntry, path: Path, call: Call, inputs: list[str]) -> str | None:
        """The node of x + 3 and the like, which Keras 3 writes as operations; None of any other layer."""
        if len(inputs) != 1 or len(call.args) + len(call.named) < 2:
            return None
        operands = [*call.args, *(call.named[key] for key in ("x1", "x2") if key in call.named)]
        numbers = [each for each in operands if isinstance(each, (int, float)) and not isinstance(each, bool)]
        scales = {
            "Add": lambda c: (1.0, c), "Multiply": lambda c: (c, 0.0), "Subtract": lambda c: (1.0, -c),
            "TrueDivide": lambda c: (1.0 / c, 0.0), "Divide": lambda c: (1.0 / c, 0.0),
        }  # fmt: skip
        kind = entry.kind.removeprefix("ops.")
        if kind not in scales or len(numbers) != 1 or len(operands) != 2:
            return None
        if kind.endswith("Divide") and (not isinstance(operands[0], TensorRef) or not numbers[0]):
            return None
        scale, offset = scales[kind](float(numbers[0]))
        if kind == "Subtract" and not isinstance(operands[0], TensorRef):
            scale, offset = -1.0, float(numbers[0])
        return self.add(ours.Rescaling(scale, offset), self.named(path, self.number), inputs)

    # Nodes ------------------------------------------------------------------------------------------------

    def read(
        self, entry: LayerEntry, call: Call, values: Mapping[TensorRef, str]
    ) -> tuple[list[str], dict[str, Any]]:
        """The nodes a call reads, and what it says beside them that is a setting of ours."""
        named = {key: value for key, value in call.named.items() if key not in _IGNORED}
        if entry.kind.startswith("ops."):
            tensors = list(call.tensors())
            return [self.real(values[tensor]) for tensor in tensors], {}
        read = [self.real(values[tensor]) for tensor in Call(call.args).tensors()]
        more = {}
        for key in [key for key in ("use_causal_mask",) if key in named]:
            more[key] = named.pop(key)
        if entry.kind in RECURRENT:
            read += [self.real(values[each]) for each in Call((named.pop("initial_state", ()),)).tensors()]
            more["initial_state"] = len(read) > 1
        if entry.kind == "MultiHeadAttention":
            read += [
                self.real(values[named.pop(key)])
                for key in ("query", "value", "key")
                if isinstance(named.get(key), TensorRef)
            ]
            read = read[:1] if len(set(read)) == 1 else read
        for key, value in named.items():
            if value not in (None, False):
                raise Untranslatable(f"is called with {key}=, which cannot be read")
        if not read:
            raise Untranslatable("reads nothing")
        return read, more

    def add(self, layer: Layer, name: str, inputs: Sequence[str], shares: str | None = None) -> str:
        if len(self.nodes) >= MOST_NODES:
            raise Untranslatable(f"would be one of more than {MOST_NODES:,} nodes")
        shapes = [self.shapes[each] for each in inputs]
        if not layer.several_inputs and len(shapes) != 1:
            raise Untranslatable(f"reads {len(shapes)} tensors, and takes one")
        try:
            self.shapes[name] = layer.out_shape(*shapes)
        except (ValueError, TypeError) as error:
            raise Untranslatable(f"does not fit: {error}") from None
        self.nodes.append(Node(layer, name, tuple(inputs), shares))
        return name

    def named(self, path: Path, number: int) -> str:
        name = ".".join(path).translate(_KEPT_SIGNS) + (f"@{number}" if number else "")
        own, count = name, 1
        while own in self.shapes:
            count += 1
            own = f"{name}_{count}"
        return own

    def as_node(self, model: Model, tensor: TensorRef, name: str) -> str:
        """An output that is a node, for an input of the network cannot be one."""
        if name not in self.inputs:
            return self.real(name)
        return self.add(ours.Activation("linear"), self.named((f"{name}_out",), 0), [name])

    def wrong(self, path: Path, why: str) -> Untranslatable:
        error = Untranslatable(f"{self.path}: layer {'.'.join(path)!r} {why}")
        error.named = True  # type: ignore[attr-defined]
        return error


def _in_order(model: Model, wrong: Any) -> list[tuple[LayerEntry, int]]:
    """Every call of every layer after those that it reads; an error for those that wait for each other."""
    calls = {(entry.name, number): entry for entry in model.entries for number in range(len(entry.calls))}
    missing, readers = {}, defaultdict(list)
    for (name, number), entry in calls.items():
        sources = {(tensor.layer, tensor.call) for tensor in entry.calls[number].tensors()}
        missing[name, number] = len(sources)
        for source in sources:
            readers[source].append((name, number))
    ready, ordered = deque(place for place, count in missing.items() if not count), []
    while ready:
        place = ready.popleft()
        ordered.append((calls[place], place[1]))
        for reader in readers[place]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if len(ordered) < len(calls):
        waiting = next(place for place, count in missing.items() if count)
        raise wrong(waiting[0], "waits for itself: the layers of the file read each other in a cycle")
    return ordered


def _flat(value: Any) -> list[Any]:
    return [each for part in value for each in _flat(part)] if isinstance(value, (list, tuple)) else [value]
