"""Arithmetic that is one of our layers, found by what it computes.

Exporters write a GELU, a softmax, a layer normalization or a table looked up by ids as a dozen operators,
each in its own way. A region is operators that lead from one tensor to another and nowhere else. ONNX' own
interpreter runs it in float64 on numbers of ours; what a layer of ours gives for the same numbers, it is.
What is not recognized is read operator by operator.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from cortex_lab.ground.forks import cached_property
from cortex_lab.interop.onnx_in.reader import BATCH, HeldTensor, OnnxReader
from cortex_lab.nn import Layer, Network
from cortex_lab.nn import layers as ours

_MOST = 40
"""Operators of a region."""
_MOST_NUMBERS = 2**24
_SIGNS = {"Erf", "Tanh", "Exp", "Log", "Sqrt", "Pow", "Reciprocal", "Equal"}
"""A region has one of these, or there is nothing to be recognized."""
_MOST_SIGNS = 4
"""No layer has more of these."""
_MOST_TRIED = 2_000
"""Regions that are run; what comes later in a longer graph is read operator by operator."""
_MOST_KEPT = 2**16
"""Numbers that a layer gave and that are kept for the next region."""
_OVER = {"ReduceMean", "ReduceSum", "ReduceMax"}
_INSIDE = _SIGNS | _OVER | {
    "Add", "Sub", "Mul", "Div", "Max", "Neg", "Abs", "Sigmoid", "Softplus", "Reshape", "Expand",
    "Cast", "Identity", "Unsqueeze", "Squeeze", "MatMul",
}  # fmt: skip
_TOGETHER = {"Add", "Sub", "Mul", "Div", "Max", "Pow", "Equal"}
_MADE_OF = _INSIDE | {"Shape", "Constant", "ConstantOfShape", "Concat", "Slice", "Gather"}
_SCALES = (1.5, 8.0, 100.0)
"""What a region is run on: numbers near 0, and far from it."""
_LOOKING_UP = {"Reshape", "Expand", "Cast", "Identity", "Unsqueeze", "Equal", "MatMul"}
_FUNCTIONS: tuple[Layer, ...] = (
    ours.GELU(), ours.GELU(True), ours.Swish(), ours.Mish(), ours.HardSwish(), ours.Softplus(),
    ours.Sigmoid(), ours.Tanh(), ours.Softsign(), ours.ELU(),
)  # fmt: skip


@dataclass(frozen=True)
class Region:
    """Operators by number, the tensor that they read, and that which they give."""

    operators: tuple[int, ...]
    source: str
    end: str


@dataclass(frozen=True)
class Recognized:
    """What a region is: a layer with its weights, reading axes in ONNX' order."""

    layer: Layer
    weights: dict[str, np.ndarray]


class Recognizer:
    """The regions of a graph by their first operator, the largest first."""

    def __init__(self, reader: OnnxReader) -> None:
        self.reader, self.nodes = reader, list(reader.file.graph.node)
        self.made = {name: number for number, node in enumerate(self.nodes) for name in node.output if name}
        self.readers: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for name in node.input:
                self.readers.setdefault(name, []).append(number)
        self.ends = {each.name for each in reader.file.graph.output}
        self.tried = 0

    @cached_property
    def known(self) -> set[str]:
        """Tensors that follow from the file, or from shapes alone."""
        found = {"", *self.reader.file.weights}
        for node in self.nodes:
            if node.op_type == "Shape" or all(name in found for name in node.input):
                found.update(node.output)
        return found

    @cached_property
    def by_first(self) -> dict[int, list[Region]]:
        found: dict[int, list[Region]] = {}
        if any(node.op_type in _SIGNS for node in self.nodes):
            for number in range(len(self.nodes)):
                for region in self._ending_with(number):
                    found.setdefault(region.operators[0], []).append(region)
        for regions in found.values():
            regions.sort(key=lambda region: -len(region.operators))
        return found

    def _held(self, number: int) -> list[str]:
        return [name for name in self.nodes[number].input if name not in self.known]

    def _ending_with(self, number: int) -> Iterator[Region]:
        """From the last operator backwards, the latest first: where one tensor is left, there is a region."""
        end = self.nodes[number]
        if end.op_type not in _INSIDE or len(end.output) != 1 or not self._held(number):
            return
        inside, left = {number}, set(self._held(number))
        signs = int(end.op_type in _SIGNS)
        while len(inside) <= _MOST and signs <= _MOST_SIGNS:
            if len(left) == 1 and len(inside) > 1 and signs:
                yield Region(tuple(sorted(inside)), next(iter(left)), end.output[0])
            name = max(left, key=lambda each: self.made.get(each, -1))
            latest = self.made.get(name, -1)
            if latest < 0 or self.nodes[latest].op_type not in _INSIDE or name in self.ends:
                return
            if not set(self.readers[name]) <= inside or len(self.nodes[latest].output) != 1:
                return
            if latest in inside:
                return
            inside.add(latest)
            signs += self.nodes[latest].op_type in _SIGNS
            left.remove(name)
            left.update(self._held(latest))

    def beginning_with(self, number: int) -> tuple[Region, Recognized] | None:
        """The largest region that begins with this operator and is a layer."""
        for region in self.by_first.get(number, ()):
            found = self.recognized(region)
            if found is not None:
                return region, found
        return None

    def put(self, region: Region, found: Recognized) -> HeldTensor:
        """The node of a region."""
        value = self.reader.values[region.source]
        assert isinstance(value, HeldTensor)
        if found.layer in _FUNCTIONS:
            return self.reader.add(found.layer, [value.node], value.order)
        node = value.node if value.whole else self.reader.plain(value)
        return self.reader.add(found.layer, [node], **found.weights)

    # What a region computes ---------------------------------------------------------------------------------

    def recognized(self, region: Region) -> Recognized | None:
        """The layer that a region is, if it is one."""
        value = self.reader.values.get(region.source)
        if not isinstance(value, HeldTensor) or value.order[0] != 0 or self.tried >= _MOST_TRIED:
            return None
        self.tried += 1
        kinds = {self.nodes[k].op_type for k in region.operators}
        try:
            if value.whole:
                return self._table(region, value) if "Equal" in kinds <= _LOOKING_UP else None
            if kinds & {"Equal", "MatMul"} or len(_SCALES) * math.prod(value.shape) > _MOST_NUMBERS:
                return None
            shape = tuple(n for n in value.dims[1:])
            x = _numbers(shape)
            y = self._run(region, x)
            if y.shape != x.shape or not np.isfinite(y).all():
                return None
            for layer in self._candidates(region, shape, bool(kinds & _OVER)):
                if _gives(layer, x, y):
                    return layer
        except (_NotRun, ValueError, ArithmeticError):
            return None
        return None

    def _candidates(self, region: Region, shape: tuple[int, ...], over: bool) -> Iterator[Recognized]:
        if not over:
            yield from (Recognized(layer, {}) for layer in _FUNCTIONS)
            return
        for axis in range(len(shape), 0, -1):
            yield Recognized(ours.Softmax(axis), {})
            yield Recognized(ours.LogSoftmax(axis), {})
            if shape[axis - 1] > 1:
                yield from self._normalizations(region, shape, axis)

    def _normalizations(self, region: Region, shape: tuple[int, ...], axis: int) -> Iterator[Recognized]:
        """Scale, shift and epsilon follow from what becomes of numbers of mean 0 and variance 1."""
        z = np.random.default_rng(1).normal(size=(2, *shape))
        z -= z.mean(axis, keepdims=True)
        z /= z.std(axis, keepdims=True)
        others = tuple(k for k in range(z.ndim) if k != axis)

        def slope(scale: float) -> np.ndarray:
            rise = (self._run(region, scale * z) - self._run(region, -scale * z)) / 2
            return (rise * z).sum(others) / (z * z).sum(others)

        small = 1e-3
        wide, narrow = slope(1.0), slope(small)
        at = int(np.abs(wide).argmax())
        if not narrow[at] or not np.isfinite(narrow).all():
            return
        ratio = (wide[at] / narrow[at]) ** 2
        epsilon = small**2 * (ratio - 1) / (1 - small**2 * ratio)
        if not 0 < epsilon < 1:
            return
        epsilon = float(f"{epsilon:.6g}")
        gamma = wide * math.sqrt(1 + epsilon)
        beta = ((self._run(region, z) + self._run(region, -z)) / 2).mean(others)
        yield Recognized(ours.LayerNormalization((axis,), epsilon), {"gamma": gamma, "beta": beta})
        yield Recognized(ours.RMSNormalization((axis,), epsilon), {"scale": gamma})

    def _table(self, region: Region, value: HeldTensor) -> Recognized | None:
        """Vectors looked up by ids, where ids are compared with 0 to n - 1."""
        equal = next(self.nodes[k] for k in region.operators if self.nodes[k].op_type == "Equal")
        against = [self.reader.file.weights[name] for name in equal.input if name in self.reader.file.weights]
        if len(against) != 1 or not np.array_equal(against[0].reshape(-1), np.arange(against[0].size)):
            return None
        count, length = against[0].size, math.prod(value.shape)
        rows = -(-count // length)
        if rows * length * count > _MOST_NUMBERS:
            return None
        kind = next(each for each in self.reader.file.graph.input if each.name == region.source)
        dtype = helper.tensor_dtype_to_np_dtype(kind.type.tensor_type.elem_type)
        ids = np.resize(np.arange(count), (rows, *value.shape)).astype(dtype)
        table = self._run(region, ids)
        if table.shape[:-1] != ids.shape:
            return None
        table = table.reshape(-1, table.shape[-1])[:count]
        turned = ids[::-1, ..., ::-1]
        if not np.array_equal(self._run(region, turned), table[turned]):
            return None
        return Recognized(ours.Embedding(*table.shape), {"embeddings": table})

    def _run(self, region: Region, x: np.ndarray) -> np.ndarray:
        """What the region gives for x, by ONNX' interpreter, in float64."""
        inside, pending = set(region.operators), list(region.operators)
        feeds, weights = {region.source: x}, {}
        while pending:
            node = self.nodes[pending.pop()]
            for name in node.input:
                if node.op_type == "Max" and name in self.known and not self._no_far_limit(name):
                    # A limit that is far off would not show.
                    raise _NotRun
                if name in self.reader.file.weights:
                    weights[name] = self.reader.file.weights[name]
                elif node.op_type == "Shape" and name not in feeds and self.made.get(name) not in inside:
                    feeds[name] = self._like(name, len(x))
                elif name in self.known and name in self.made and self.made[name] not in inside:
                    inside.add(self.made[name])
                    pending.append(self.made[name])
        if sum(each.size for each in weights.values()) > _MOST_NUMBERS:
            raise _NotRun
        held = [
            numpy_helper.from_array(each.astype(np.float64) if each.dtype.kind == "f" else each, name)
            for name, each in weights.items()
        ]
        begin = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), list(each.shape))
            for name, each in feeds.items()
        ]
        end = helper.make_tensor_value_info(region.end, TensorProto.DOUBLE, None)
        graph = helper.make_graph(
            [_in_double(self.nodes[k]) for k in sorted(inside)], "region", begin, [end], held
        )
        opsets = [helper.make_opsetid("", self.reader.opset)]
        try:
            with np.errstate(all="ignore"):
                ran = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))
                values = {"": None, **feeds, **ran.rt_inits_}
                for node in ran.rt_nodes_:
                    reads = [values[name] for name in node.input]
                    _look_at(node.op_type, reads)
                    values.update(zip(node.output, node.run(*reads), strict=True))
                found = np.asarray(values[region.end], np.float64)
        except Exception as error:
            # Whatever an interpreter does not do is not recognized, and read as it is or refused by name.
            raise _NotRun from error
        return found

    def _no_far_limit(self, name: str) -> bool:
        found = self.reader.values.get(name)
        return isinstance(found, np.ndarray) and bool(np.isin(found, (0.0, -np.inf)).all())

    def _like(self, name: str, rows: int) -> np.ndarray:
        value = self.reader.values.get(name)
        if not isinstance(value, HeldTensor):
            raise _NotRun
        shape = [rows if n is BATCH else n for n in value.dims]
        if math.prod(shape) > _MOST_NUMBERS:
            raise _NotRun
        return np.zeros(shape, np.int64 if value.whole else np.float64)


class _NotRun(Exception):
    """A region that cannot be run by itself."""


def _look_at(kind: str, reads: list[Any]) -> None:
    """Refuse an operator that would make far more numbers than it reads."""
    if kind not in _MADE_OF:
        raise _NotRun
    shapes = [np.shape(each) for each in reads]
    if kind in ("Expand", "ConstantOfShape"):
        shapes = [*shapes[:-1], tuple(np.asarray(reads[-1]).reshape(-1).tolist())]
    elif kind == "MatMul":
        one, other = shapes
        shapes = [(*one, 1), (*other[:-2], 1, *other[-2:])]
    elif kind == "Gather":
        shapes = [(np.size(reads[0]), 1), (1, np.size(reads[1]))]
    elif kind not in _TOGETHER:
        return
    if math.prod(np.broadcast_shapes(*shapes)) > 4 * _MOST_NUMBERS:
        raise _NotRun


def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Rows of that shape, several of each scale, and more where they are short."""
    scales = np.repeat(_SCALES, max(1, 128 // math.prod(shape)))
    return np.random.default_rng(0).normal(size=(len(scales), *shape)) * scales.reshape(-1, *[1] * len(shape))


def _in_double(node: Any) -> Any:
    """The operator in float64, where it says float32."""
    if node.op_type not in ("Cast", "Constant", "ConstantOfShape"):
        return node
    settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if settings.get("to") == TensorProto.FLOAT:
        settings["to"] = TensorProto.DOUBLE
    for name, value in settings.items():
        if isinstance(value, TensorProto) and value.data_type == TensorProto.FLOAT:
            settings[name] = numpy_helper.from_array(numpy_helper.to_array(value).astype(np.float64))
    if "value_float" in settings:
        settings["value"] = numpy_helper.from_array(np.float64(settings.pop("value_float")))
    return helper.make_node(node.op_type, list(node.input), list(node.output), **settings)


def _gives(found: Recognized, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether a layer gives y for x, the numbers of that shape, as near as constants in float32 can say."""
    anew = found.weights or x.size > _MOST_KEPT
    given = _given(found, x) if anew else _given_without_weights(found.layer, x.shape[1:])
    if given is None:
        return False
    largest = np.abs(y).max(axis=tuple(range(1, y.ndim)), keepdims=True)
    return bool((np.abs(given - y) <= 2e-6 * (np.abs(y) + largest)).all())


def _given(found: Recognized, x: np.ndarray) -> np.ndarray | None:
    """What a layer gives for x; None if there is no such layer of rows so shaped."""
    try:
        network = Network([found.layer], x.shape[1:], ops="reference")
    except ValueError:
        return None
    name = network.layers[0]
    for key, array in found.weights.items():
        if network.parameters[f"{name}/{key}"].shape != array.shape:
            return None
        network.parameters[f"{name}/{key}"] = array
    return network.predict(x)


@lru_cache(maxsize=64)
def _given_without_weights(layer: Layer, shape: tuple[int, ...]) -> np.ndarray | None:
    return _given(Recognized(layer, {}), _numbers(shape))
