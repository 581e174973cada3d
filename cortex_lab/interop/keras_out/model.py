"""A graph of ours as a functional model of Keras: its description, and the arrays of each layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.interop.keras_layers import LayerSettings, Made, Untranslatable, translated
from cortex_lab.interop.keras_out import layers, windows
from cortex_lab.interop.keras_out.ordering import in_keras_order
from cortex_lab.interop.keras_out.settings import WRITTEN, Piece, Pieces, pieces_of
from cortex_lab.interop.keras_weights import keras_snake_case
from cortex_lab.interop.model import Era
from cortex_lab.nn import Graph
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.layer import Shape
from cortex_lab.nn.graph.graph import PlacedNode

assert layers and windows and WRITTEN
RECURRENT = (ours.SimpleRNN, ours.LSTM, ours.GRU)


@dataclass(frozen=True)
class _Tensor:
    """Output number `output` of call number `call` of a layer."""

    layer: str
    call: int
    output: int
    shape: Shape
    dtype: str

    def described(self) -> dict[str, Any]:
        history = [self.layer, self.call, self.output]
        config = {"shape": [None, *self.shape], "dtype": self.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}


@dataclass
class KerasModel:
    """The description of a model, and by the group that holds them the arrays of its layers."""

    description: dict[str, Any]
    arrays: dict[str, list[np.ndarray]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """By group of a layer, what the layer is called."""


def keras_model(graph: Graph, arrays: Mapping[str, np.ndarray], dtype: str, ids: Sequence[str]) -> KerasModel:
    """What `graph` with these `arrays` is in Keras; ValueError naming the node that is nothing there."""
    return _Writer(graph, arrays, dtype, ids).model()


class _Writer:
    def __init__(
        self, graph: Graph, arrays: Mapping[str, np.ndarray], dtype: str, ids: Sequence[str]
    ) -> None:
        self.graph, self.arrays, self.dtype, self.ids = graph, arrays, dtype, ids
        self.entries: dict[str, dict[str, Any]] = {}
        self.tensors: dict[str, _Tensor] = {}
        self.weights: dict[str, dict[str, list[np.ndarray]]] = {}
        self.made = KerasModel({})

    def model(self) -> KerasModel:
        for name, shape in self.graph.inputs.items():
            dtype = "int32" if name in self.ids else self.dtype
            config = {"batch_shape": [None, *shape], "dtype": dtype, "name": self.called(name)}
            self.entry("InputLayer", self.called(name), config)["inbound_nodes"] = []
            self.tensors[name] = _Tensor(self.called(name), 0, 0, shape, dtype)
        for node in self.graph.nodes.values():
            try:
                self.tensors[node.name] = self.node(node)
            except Untranslatable as error:
                raise Untranslatable(f"layer {node.name!r} {error}") from None
        inputs, outputs = self._ends(self.graph.inputs), self._ends(self.graph.outputs)
        ends = [(name, call) for name, call, _ in outputs]
        order = in_keras_order(self.entries, [name for name, *_ in inputs], ends)
        self.lay_down(order)
        config = {
            "name": "model",
            "trainable": True,
            "layers": [self.entries[name] for name in order],
            # One alone is not in a list, so that the model takes or gives it alone.
            "input_layers": inputs if len(inputs) > 1 else inputs[0],
            "output_layers": outputs if len(outputs) > 1 else outputs[0],
        }
        self.made.description = {
            "module": "keras.src.models.functional", "class_name": "Functional", "config": config,
            "registered_name": "Functional", "build_config": {"input_shape": None},
        }  # fmt: skip
        return self.made

    def _ends(self, names: Iterable[str]) -> list[Any]:
        """Inputs or outputs as Keras lists them."""
        tensors = [self.tensors[name] for name in names]
        if any(each.dtype == "bool" for each in tensors):
            raise Untranslatable("a mask is an output of the network, and Keras' are no numbers")
        return [[each.layer, each.call, each.output] for each in tensors]

    def lay_down(self, order: Iterable[str]) -> None:
        """Put the weights where Keras looks for them: by class, and counted in its order."""
        counts: Counter[str] = Counter()
        for name in order:
            entry = self.entries[name]
            if entry["module"].startswith("keras.src.ops"):
                continue
            kind = keras_snake_case(entry["class_name"])
            group = f"layers/{kind}_{counts[kind]}" if counts[kind] else f"layers/{kind}"
            counts[kind] += 1
            self.made.names[f"{group}/vars"] = name
            for part, arrays in self.weights.get(name, {}).items():
                self.made.arrays[f"{group}/{part}/vars" if part else f"{group}/vars"] = arrays

    # Nodes ------------------------------------------------------------------------------------------------

    def node(self, node: PlacedNode) -> _Tensor:
        read = [self.tensors[name] for name in node.inputs]
        if isinstance(node.layer, ours.Mask):
            return self.mask(node, read[0])
        pieces = pieces_of(node.layer, node.in_shapes)
        named = dict(pieces.named)
        recurrent = isinstance(node.layer, (*RECURRENT, ours.Bidirectional))
        if recurrent and len(read) > 1 + getattr(node.layer, "initial_state", False):
            named["mask"] = self.as_mask(read.pop(), node)
        if any(each.dtype == "bool" for each in read):
            raise Untranslatable("reads a mask as numbers, which cannot be written")
        for place, piece in enumerate(pieces.before):
            read[0] = self.alone(piece, f"{node.name}.before{place + 1}", read[0])
        if getattr(node.layer, "initial_state", False):
            named["initial_state"] = self.parts(read.pop(), node)
        made = self.understood(pieces, node)
        last = not pieces.behind and not getattr(node.layer, "return_state", False)
        given = [read] if pieces.listed else read
        if pieces.kind in ("Attention", "MultiHeadAttention") and len(read) == 1:
            # Alone, a sequence looks at itself.
            given = [read * 2] if pieces.listed else read * 2
        # What a layer with its own state or another behind it gives is looked at there.
        shape = node.out_shape if last else self._inner_shape(node, made)
        found = self.call(node, pieces, made, node.name if last else f"{node.name}.all", given, named, shape)
        if getattr(node.layer, "return_state", False):
            return self.with_states(node, found)
        for place, piece in enumerate(pieces.behind):
            own = node.name if place == len(pieces.behind) - 1 else f"{node.name}.behind{place + 1}"
            found = self.alone(piece, own, found)
        return found

    def _inner_shape(self, node: PlacedNode, made: Made) -> Shape:
        if getattr(node.layer, "return_state", False):
            steps = (node.in_shapes[0][0],) if node.layer.return_sequences else ()  # type: ignore[attr-defined]
            return (*steps, node.layer.units)  # type: ignore[attr-defined]
        return made.layer.out_shape(*node.in_shapes)

    def understood(self, pieces: Pieces, node: PlacedNode) -> Made:
        """What reading makes of the layer: so what is written is what is read."""
        if pieces.kind.startswith("ops."):
            return Made(node.layer)
        shapes = list(node.in_shapes)
        for piece in pieces.before:
            shapes[0] = _read_back(piece, shapes[0]).out_shape(shapes[0])
        settings = {"name": node.name, **pieces.settings}
        if getattr(node.layer, "initial_state", False):
            settings["initial_state"] = True
        return translated(LayerSettings(pieces.kind, settings, Era(), tuple(shapes)))

    def call(
        self, node: PlacedNode, pieces: Pieces, made: Made, name: str, given: Any, named: Any, shape: Shape
    ) -> _Tensor:
        """A layer with the weights of `node`, or one more call of the layer whose weights it shares."""
        owner = None if node.shares is None else self.graph.nodes[node.shares]
        if owner is not None and made.arrays:
            self.same(node, owner)
            name = self.tensors[owner.name].layer if not pieces.behind else f"{owner.name}.all"
            entry = self.entries[self.called(name)]
        else:
            entry = self.entry(pieces.kind, self.called(name), dict(pieces.settings))
            self.put(node, made, entry)
        entry["inbound_nodes"].append(_call(given, named))
        return _Tensor(self.called(name), len(entry["inbound_nodes"]) - 1, 0, shape, self.dtype)

    def same(self, node: PlacedNode, owner: PlacedNode) -> None:
        if node.layer != owner.layer:
            raise Untranslatable(f"shares the weights of {owner.name!r}, and is another layer")
        for key in node.layer.state(*node.in_shapes):
            if not np.array_equal(self.arrays[f"{node.name}/{key}"], self.arrays[f"{owner.name}/{key}"]):
                raise Untranslatable(f"shares the weights of {owner.name!r}, and has another {key!r}")

    def put(self, node: PlacedNode, made: Made, entry: dict[str, Any]) -> None:
        """Note the weights of a layer, in Keras' order, by the part of it that holds them."""
        if made.settle is not None or not made.arrays:
            return
        owner = node.shares or node.name
        found = [
            self.arrays.get(f"{node.name}/{each}", self.arrays.get(f"{owner}/{each}")) for each in made.arrays
        ]
        if any(value is None for value in found):
            raise Untranslatable("has weights that Keras does not")
        values, share = [np.asarray(each) for each in found], len(found) // len(made.groups)
        self.weights[entry["name"]] = {
            part: values[place * share : (place + 1) * share] for place, part in enumerate(made.groups)
        }

    def alone(self, piece: Piece, name: str, read: _Tensor) -> _Tensor:
        """A layer without weights that does a part of a node's work."""
        entry = self.entry(piece[0], self.called(name), dict(piece[1]))
        entry["inbound_nodes"].append(_call([read], {}))
        return _Tensor(entry["name"], 0, 0, _read_back(piece, read.shape).out_shape(read.shape), read.dtype)

    def entry(self, kind: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
        operation = kind.startswith("ops.")
        kind = kind.removeprefix("ops.")
        own: dict[str, Any] = {"name": name}
        if not operation and kind != "InputLayer":
            # These two take nothing that they do not know by name.
            known = not kind.startswith("SpatialDropout")
            own |= {"dtype": self.dtype, **({"trainable": True} if known else {})}
        found = {
            "module": "keras.src.ops.numpy" if operation else "keras.layers", "class_name": kind,
            "config": {**own, **config}, "registered_name": kind if operation else None, "name": name,
            "inbound_nodes": [],
        }  # fmt: skip
        if name in self.entries:
            raise Untranslatable(f"would be called {name!r}, as another is; give it another name")
        self.entries[name] = found
        return found

    @staticmethod
    def called(name: str) -> str:
        return name.replace("/", ".") or "input"

    # States and masks ---------------------------------------------------------------------------------------

    def mask(self, node: PlacedNode, read: _Tensor) -> _Tensor:
        """Keras' operations that say which steps count."""
        value = int(node.layer.value) if read.dtype == "int32" else float(node.layer.value)  # type: ignore[attr-defined]
        last = len(read.shape) == 1
        first = f"{node.name}.unlike"
        entry = self.entry("ops.NotEqual", self.called(node.name if last else first), {})
        entry["inbound_nodes"].append(_call([read, value], {}))
        found = _Tensor(entry["name"], 0, 0, read.shape, "bool")
        if last:
            return found
        entry = self.entry("ops.Any", self.called(node.name), {"axis": -1, "keepdims": False})
        entry["inbound_nodes"].append(_call([found], {}))
        return _Tensor(entry["name"], 0, 0, read.shape[:1], "bool")

    def as_mask(self, read: _Tensor, node: PlacedNode) -> _Tensor:
        """What says which steps count, where that is numbers."""
        if read.dtype == "bool":
            return read
        entry = self.entry("ops.NotEqual", self.called(f"{node.name}.mask"), {})
        entry["inbound_nodes"].append(_call([read, 0.0], {}))
        return _Tensor(entry["name"], 0, 0, read.shape, "bool")

    def parts(self, state: _Tensor, node: PlacedNode) -> list[_Tensor]:
        """A state of several parts, side by side here, as Keras has it."""
        units, count = node.layer.units, len(node.layer.states)  # type: ignore[attr-defined]
        if count == 1:
            return [state]
        rows = self.alone(("Reshape", {"target_shape": [count, units]}), f"{node.name}.given", state)
        found = []
        for place in range(count):
            cropping = [place, count - 1 - place]
            row = self.alone(("Cropping1D", {"cropping": cropping}), f"{node.name}.given{place + 1}", rows)
            found.append(self.alone(("Flatten", {}), f"{node.name}.state{place + 1}", row))
        return found

    def with_states(self, node: PlacedNode, first: _Tensor) -> _Tensor:
        """What Keras gives apart, in one array as here."""
        layer: Any = node.layer
        states = [
            _Tensor(first.layer, first.call, k + 1, (layer.units,), self.dtype)
            for k in range(len(layer.states))
        ]
        parts = states
        if layer.return_sequences:
            row = ("Reshape", {"target_shape": [1, layer.units]})
            rows = [self.alone(row, f"{node.name}.end{k + 1}", each) for k, each in enumerate(states)]
            parts = [first, *rows]
        if len(parts) == 1:
            return self.alone(("Activation", {"activation": "linear"}), node.name, parts[0])
        axis = 1 if layer.return_sequences else -1
        entry = self.entry("Concatenate", self.called(node.name), {"axis": axis})
        entry["inbound_nodes"].append(_call([parts], {}))
        return _Tensor(entry["name"], 0, 0, node.out_shape, self.dtype)


def _read_back(piece: Piece, shape: Shape) -> Any:
    return translated(LayerSettings(piece[0], {"name": "", **piece[1]}, Era(), (shape,))).layer


def _call(given: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    return {"args": _described(given), "kwargs": _described(dict(named))}


def _described(value: Any) -> Any:
    if isinstance(value, _Tensor):
        return value.described()
    if isinstance(value, dict):
        return {key: _described(each) for key, each in value.items()}
    return [_described(each) for each in value] if isinstance(value, list) else value
