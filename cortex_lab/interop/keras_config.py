"""The JSON in which Keras describes a model, of every version from 1 to 3, as a `Model`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop.model import Call, Era, LayerEntry, Model, TensorRef

LONGEST = 2**23
"""Bytes of a description; the longest of keras.applications has a third of that."""
DEEPEST = 16
_REMEDY = "take a whole copy of it, or save it anew from Keras"
SEQUENTIAL, FUNCTIONAL = ("Sequential",), ("Functional", "Model")
INPUT = "InputLayer"
OPERATIONS = ("NotEqual", "Any", "TrueDivide", "Divide", "Mean", "Sum", "Max")
# Python that a file brings along.
CODE = (
    "Lambda",
    "__lambda__",
    "function",
    "__typespec__",
    "JaxLayer",
    "FlaxLayer",
    "TorchModuleWrapper",
    "TFSMLayer",
)


def parsed(text: str, path: str | os.PathLike, member: str) -> dict[str, Any]:
    """JSON that is an object; `DamagedFile` otherwise."""
    if len(text) > LONGEST:
        raise DamagedFile(path, f"has {len(text):,} letters of {member!r}", member, _REMEDY)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, f"cannot be read: {member!r} is no whole JSON ({error})", member) from None
    if not isinstance(found, dict):
        raise DamagedFile(path, f"cannot be read: {member!r} describes no model", member, _REMEDY)
    return found


def era_of(version: object, backend: object = None) -> Era:
    """What a file says of the version of Keras that wrote it, "2.1.6" or "2.4.0-tf"."""
    numbers = []
    for part in str(version).split("-")[0].split(".")[:3]:
        if not part.isdigit() or len(part) > 6:
            break
        numbers.append(int(part))
    return Era(tuple(numbers) or (3,), str(backend or ""))


def read_model(description: Mapping[str, Any], path: str | os.PathLike) -> Model:
    """The model that `description` is of; `DamagedFile` naming the layer where it is not one."""
    return _Reader(path).model(description, "the model", 0)


class _Reader:
    def __init__(self, path: str | os.PathLike) -> None:
        self.path = path

    def model(self, data: Mapping[str, Any], name: str, depth: int) -> Model:
        kind = data.get("class_name")
        if kind not in (*SEQUENTIAL, *FUNCTIONAL):
            why = (
                f"describes a {kind!r}, a class of somebody's own; Sequential and functional models are read"
            )
            raise self.wrong(name, why)
        if depth > DEEPEST:
            raise self.wrong(name, f"has models inside models more than {DEEPEST} deep")
        config = data.get("config")
        # Keras before 2.2.3 listed the layers of a Sequential, without a name.
        config = {"layers": config} if isinstance(config, list) else config
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list) or not config["layers"]:
            raise self.wrong(name, "has no list of layers")
        own = str(config.get("name") or data.get("name") or name)
        entries = [self.entry(each, depth, number) for number, each in enumerate(config["layers"])]
        twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
        if twice:
            raise self.wrong(twice[0], "is the name of two layers")
        model = Model(str(kind), own, entries, [], [], {**config, "build_config": data.get("build_config")})
        if kind in SEQUENTIAL:
            _chain(model)
        else:
            self.connect(model, config)
        return model

    def entry(self, data: object, depth: int, number: int) -> LayerEntry:
        where = f"layer {number}"
        if not isinstance(data, dict) or not isinstance(data.get("class_name"), str):
            raise self.wrong(where, "is no description of a layer")
        kind, config = data["class_name"], data.get("config")
        inside = None
        if kind in (*SEQUENTIAL, *FUNCTIONAL):
            inside = self.model(data, str(data.get("name") or where), depth + 1)
            config = config if isinstance(config, dict) else {"name": inside.name}
        if not isinstance(config, dict):
            raise self.wrong(str(data.get("name") or where), "has no settings")
        name = str(data.get("name") or config.get("name") or where.replace(" ", "_"))
        if kind in CODE or "__lambda__" in config:
            why = f"is a {kind}: Python out of a file, which is never run; write the layer in cortex_lab"
            raise self.wrong(name, why)
        if _holds_code(config):
            raise self.wrong(name, f"brings Python along in its settings ({kind}), which is never run")
        # A legacy file does not say that something is an operation.
        if str(data.get("module", "")).startswith("keras.src.ops") or kind in OPERATIONS:
            kind = f"ops.{kind}"
        entry = LayerEntry(kind, name, config, [], inside)
        nodes = data.get("inbound_nodes")
        if nodes is not None and not isinstance(nodes, list):
            raise self.wrong(name, "has no list of what it reads")
        entry.calls = [self.call(name, node) for node in nodes or ()]
        return entry

    # What a layer reads --------------------------------------------------------------------------------

    def call(self, name: str, node: Any) -> Call:
        try:
            if isinstance(node, dict):
                args = [_keras_tensors(each, 0) for each in node.get("args", ())]
                named = {
                    str(key): _keras_tensors(each, 0) for key, each in (node.get("kwargs") or {}).items()
                }
                return Call(tuple(args), {key: each for key, each in named.items() if each is not None})
            if node and isinstance(node[0], str):
                node = [node]
            read = [_tensor(each) for each in node]
            named = {}
            for each in node:
                if len(each) > 3:
                    named |= {str(key): _listed_tensors(value, 0) for key, value in each[3].items()}
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError):
            raise self.wrong(name, f"reads something that is no tensor: {str(node)[:80]}") from None
        first = read[0] if len(read) == 1 else read
        return Call((first,), {key: each for key, each in named.items() if each is not None})

    def connect(self, model: Model, config: Mapping[str, Any]) -> None:
        try:
            model.inputs = _ends(config["input_layers"])
            model.outputs = _ends(config["output_layers"])
        except (TypeError, ValueError, KeyError, IndexError, RecursionError):
            raise self.wrong(model.name, "does not say what its inputs and outputs are") from None
        entries = {entry.name: entry for entry in model.entries}
        tensors = [*model.inputs, *model.outputs]
        tensors += [tensor for entry in model.entries for call in entry.calls for tensor in call.tensors()]
        first: dict[str, int] = {}
        for tensor in tensors:
            if tensor.layer not in entries:
                raise self.wrong(model.name, f"reads {tensor.layer!r}, which is none of its layers")
            first[tensor.layer] = min(first.get(tensor.layer, tensor.call), tensor.call)
        for entry in model.entries:
            if entry.kind == INPUT:
                entry.calls = [Call(())]

        # The calls of a model inside are counted from 1 by some versions: one of its own comes before.
        def moved(tensor: TensorRef) -> TensorRef:
            entry, begin = (
                entries[tensor.layer],
                0 if entries[tensor.layer].inside is None else first[tensor.layer],
            )
            call = tensor.call - min(begin, 1)
            if not 0 <= call < len(entry.calls):
                raise self.wrong(
                    tensor.layer, f"has {len(entry.calls)} calls, and number {tensor.call} is read"
                )
            return TensorRef(tensor.layer, call, tensor.output)

        model.inputs, model.outputs = (
            [moved(each) for each in model.inputs],
            [moved(each) for each in model.outputs],
        )
        for entry in model.entries:
            entry.calls = [
                Call(_mapped(call.args, moved), _mapped(call.named, moved)) for call in entry.calls
            ]

    def wrong(self, name: str, why: str) -> DamagedFile:
        return DamagedFile(self.path, f"cannot be read: {name!r} {why}", name, _REMEDY)


def _chain(model: Model) -> None:
    """Have each layer of a Sequential read the one before it; it gets an input of its own if it has none."""
    if model.entries[0].kind != INPUT:
        shape = shape_said(model.entries[0])
        config = {} if shape is None else {"batch_shape": shape}
        names = {entry.name for entry in model.entries}
        name = "input" if "input" not in names else f"{model.name}_input"
        model.entries.insert(0, LayerEntry(INPUT, name, config))
    first, *others = model.entries
    first.calls = [Call(())]
    before = TensorRef(first.name)
    for entry in others:
        entry.calls = [Call((before,))]
        before = TensorRef(entry.name)
    model.inputs, model.outputs = [TensorRef(first.name)], [before]


def shape_said(entry: LayerEntry) -> list[Any] | None:
    """The shape of its input, with the batch, that the first layer of a model says."""
    if entry.inside is not None:
        return shape_said(entry.inside.entries[0])
    config = entry.config
    for key in ("batch_shape", "batch_input_shape"):
        if isinstance(config.get(key), list):
            return config[key]
    if isinstance(config.get("input_dim"), int) and entry.kind != "Embedding":
        return [None, config["input_dim"]]
    return None


def _holds_code(value: object) -> bool:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if each.get("class_name") in CODE and each.get("class_name") != "function":
                return True
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return False


def _keras_tensors(value: object, depth: int) -> Any:
    """Arguments as Keras 3 writes them."""
    if depth > DEEPEST:
        raise ValueError
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, output = value["config"]["keras_history"]
            return TensorRef(str(layer), _whole(call), _whole(output))
        return {key: _keras_tensors(each, depth + 1) for key, each in value.items()}
    return [_keras_tensors(each, depth + 1) for each in value] if isinstance(value, list) else value


def _listed_tensors(value: object, depth: int) -> Any:
    """Keyword arguments as Keras 2 writes them: [name, call, output] among plain data."""
    if depth > DEEPEST:
        raise ValueError
    if isinstance(value, list):
        if (
            len(value) >= 3
            and isinstance(value[0], str)
            and all(isinstance(each, int) for each in value[1:3])
        ):
            return _tensor(value)
        return [_listed_tensors(each, depth + 1) for each in value]
    return value


def _tensor(value: Any) -> TensorRef:
    if not isinstance(value[0], str) or value[0] == "_CONSTANT_VALUE":
        raise ValueError
    return TensorRef(value[0], _whole(value[1]), _whole(value[2]))


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError
    return value


def _ends(value: object) -> list[TensorRef]:
    """Inputs or outputs of a model: a list of triples, one of them alone, or any of that by name."""
    found = list(_triples(value, 0))
    if not found:
        raise ValueError
    return found


def _triples(value: Any, depth: int) -> Iterator[TensorRef]:
    if depth > DEEPEST:
        raise ValueError
    if isinstance(value, dict):
        value = list(value.values())
    if len(value) == 3 and isinstance(value[0], str):
        yield _tensor(value)
        return
    for each in value:
        yield from _triples(each, depth + 1)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, TensorRef):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(each, change) for each in value)
    return value
