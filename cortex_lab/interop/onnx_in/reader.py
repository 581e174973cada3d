"""A graph of ONNX becoming one of ours, tensor by tensor.

ONNX has the channels of an image first, and moves axes about as it likes. A `HeldTensor` is the output of a
node of ours with its axes in some order: transposing one costs nothing, and a `Permute` is made only where an
operator needs an order that is not there. Tensors that are known from the file alone are arrays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from onnx import TensorProto, helper

from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.onnx_in.definitions import unlike_definition
from cortex_lab.interop.onnx_in.model import OnnxFile, array_of
from cortex_lab.nn import Graph, Layer, Node
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.layer import Shape

_KEPT_SIGNS = str.maketrans({"/": ".", ":": "_", ">": "_", "\0": "_"})
_NUMBERS = {
    kind for kind in helper.get_all_tensor_dtypes() if helper.tensor_dtype_to_np_dtype(kind).kind in "fi"
}
IDENTITY = ours.Activation("linear")


class RowCount:
    """The number of rows, in a shape: nobody may reckon with it."""

    def __repr__(self) -> str:
        return "rows"


BATCH = RowCount()


@dataclass(frozen=True)
class HeldTensor:
    """Axis i of the tensor is axis order[i] of what `node` gives, whose rows are its axis 0."""

    node: str
    shape: Shape
    order: tuple[int, ...]
    whole: bool = False
    """Whether it holds ids."""

    @property
    def dims(self) -> tuple[Any, ...]:
        """The shape as ONNX sees it."""
        whole = (BATCH, *self.shape)
        return tuple(whole[axis] for axis in self.order)


Value = HeldTensor | np.ndarray | None
Operator = Callable[["OnnxReader", "OperatorCall"], Any]
OPERATORS: dict[str, Operator] = {}


def operator(*kinds: str) -> Callable[[Operator], Operator]:
    """Decorator: the function reads operators of these names."""

    def put(function: Operator) -> Operator:
        for kind in kinds:
            if kind in OPERATORS:
                raise ValueError(f"{kind} is read twice")
            OPERATORS[kind] = function
        return function

    return put


def refuse(why: str) -> NoReturn:
    raise Untranslatable(why)


@dataclass
class OperatorCall:
    """One operator: what it reads, its settings, and the names of what it gives."""

    kind: str
    name: str
    reads: list[Value]
    settings: dict[str, Any]
    outputs: list[str]

    def take(self, name: str, default: Any = None) -> Any:
        return self.settings.pop(name, default)

    def held(self, place: int = 0) -> HeldTensor:
        """What it reads there, which is no constant."""
        value = self.reads[place] if place < len(self.reads) else None
        if not isinstance(value, HeldTensor):
            refuse(f"reads a constant as input {place}, where a layer reads what others give")
        if value.whole:
            refuse("reads ids as numbers, which cortex_lab does not")
        return value

    def known(self, place: int, what: str, default: Any = None) -> Any:
        """An array that follows from the file, or `default` if there is none."""
        value = self.reads[place] if place < len(self.reads) else None
        if isinstance(value, HeldTensor):
            refuse(f"reads its {what} from another layer, and they must be in the file")
        return default if value is None else value

    def only(self, name: str, *allowed: Any) -> None:
        """Refuse a setting that is none of these, the first if it is not there."""
        value = self.take(name, allowed[0])
        if value not in allowed:
            refuse(f"has {name}={value!r}, which cortex_lab does not have")


class OnnxReader:
    """The nodes so far, what each tensor is, and the weights to be put in."""

    def __init__(self, file: OnnxFile, input_shape: Any = None) -> None:
        self.file, self.opset = file, file.opset
        self.nodes: dict[str, Node] = {}
        self.shapes: dict[str, Shape] = {}
        self.inputs: dict[str, Shape] = {}
        self.weights: dict[tuple[str, str], np.ndarray] = {}
        self.values: dict[str, Value] = {"": None, **file.weights}
        self.arranged: dict[tuple[str, tuple[int, ...]], str] = {}
        self.used: Counter[str] = Counter()
        self.batch: dict[str, int] = {}
        self.now = ""
        for node in file.graph.node:
            self.used.update(node.input)
        self.used.update(each.name for each in file.graph.output)
        for each in file.graph.input:
            if each.name not in file.weights:
                self.input(each, input_shape)

    def graph(self, regions: Any = None) -> Graph:
        """Read all operators; `Untranslatable` naming the one that there is nothing like here.

        `regions` (see `recognizing`) knows several that are a layer together.
        """
        within: dict[int, Any] = {}
        for number, node in enumerate(self.file.graph.node):
            name = node.name or (node.output[0] if node.output else f"operator {number}")
            self.now = node.output[0] if node.output else name
            try:
                if regions is not None and number not in within:
                    found = regions.beginning_with(number)
                    within |= dict.fromkeys(found[0].operators if found else (), found)
                if regions is None or number not in within:
                    self.step(node, name)
                elif self.now == within[number][0].end:
                    self.values[self.now] = regions.put(*within[number])
            except (Untranslatable, ValueError, TypeError, IndexError, KeyError) as error:
                if getattr(error, "path", None) is not None:
                    raise
                said = str(error) if isinstance(error, ValueError) else f"cannot be read: {error!r}"
                raise Untranslatable(f"operator {name!r} ({node.op_type}) {said}") from None
        outputs = [self.output(each.name) for each in self.file.graph.output]
        return Graph.build(list(self.nodes.values()), self.inputs, list(dict.fromkeys(outputs)))

    def step(self, node: Any, name: str) -> None:
        if node.domain not in ("", "ai.onnx"):
            refuse(f"is of {node.domain!r}, and ONNX' own operators alone are read")
        if node.op_type not in OPERATORS:
            refuse("is an operator that cortex_lab has no layer for")
        if unlike := unlike_definition(node, self.opset):
            refuse(unlike)
        for each in node.input:
            if each not in self.values:
                refuse(f"reads {each!r}, which nothing before it gives")
        for each in node.output:
            if each and each in self.values:
                refuse(f"gives {each!r}, which is there already")
        settings = {}
        for each in node.attribute:
            if each.type in (each.GRAPH, each.GRAPHS, each.SPARSE_TENSOR):
                refuse("has a graph inside, which is not read")
            settings[each.name] = (
                array_of(each.t, self.file.path)
                if each.type == each.TENSOR
                else _plain(helper.get_attribute_value(each))
            )
        call = OperatorCall(
            node.op_type, name, [self.values[each] for each in node.input], settings, list(node.output)
        )
        found = OPERATORS[node.op_type](self, call)
        if call.settings:
            refuse(f"has a setting that is not known, {next(iter(call.settings))}")
        for each, value in zip(node.output, found if isinstance(found, list) else [found], strict=False):
            self.values[each] = value
        for each in node.output[len(found) if isinstance(found, list) else 1 :]:
            if each and self.used[each]:
                refuse(f"gives {each!r}, which is not read")

    # Ends ---------------------------------------------------------------------------------------------------

    def input(self, said: Any, input_shape: Any) -> None:
        name, kind = said.name, said.type.tensor_type
        dims = [each.dim_value if each.HasField("dim_value") else None for each in kind.shape.dim]
        own = input_shape.get(name) if isinstance(input_shape, dict) else input_shape
        if not kind.HasField("shape") or not dims:
            refuse(f"input {name!r} has no rows; export it with a batch as its first axis")
        shape = tuple(own) if own is not None else tuple(dims[1:])
        if not all(isinstance(n, int) and n > 0 for n in shape) or len(shape) != len(dims) - 1:
            refuse(f"input {name!r} has rows of shape {tuple(dims[1:])}; say input_shape=")
        if any(known not in (None, n) for known, n in zip(dims[1:], shape, strict=True)):
            refuse(f"input {name!r} has rows of shape {tuple(dims[1:])}, not {shape}")
        if kind.elem_type not in _NUMBERS:
            refuse(f"input {name!r} is of {_name_of(kind.elem_type)}, and real numbers and ids are read")
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
        self.inputs[name] = self.shapes[name] = shape
        if dims[0]:
            self.batch[name] = dims[0]
        self.values[name] = HeldTensor(name, shape, tuple(range(len(shape) + 1)), dtype.kind == "i")

    def output(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, HeldTensor):
            refuse(f"output {name!r} is nothing that a layer gives")
        if value.order[0] != 0:
            refuse(f"output {name!r} has its rows along another axis than the first")
        self.now = name
        node = self.plain(value)
        if node in self.inputs:
            return self.add(IDENTITY, [node]).node
        return node

    # Nodes --------------------------------------------------------------------------------------------------

    def add(
        self, layer: Layer, reads: Sequence[str], order: tuple[int, ...] | None = None, **weights: np.ndarray
    ) -> HeldTensor:
        """A node for a layer, called as the tensor that is being made, with its weights."""
        name = self.named()
        shapes = [self.shapes[each] for each in reads]
        shape = layer.out_shape(*shapes)
        self.nodes[name], self.shapes[name] = Node(layer, name, tuple(reads)), shape
        for key, array in weights.items():
            self.weights[name, key] = np.asarray(array)
        order = tuple(range(len(shape) + 1)) if order is None else order
        return HeldTensor(name, shape, order)

    def named(self) -> str:
        wanted = self.now.translate(_KEPT_SIGNS) or "node"
        wanted = (
            f"{wanted}_" if wanted in (".", "..") or wanted.startswith(("gradient:", "loss:")) else wanted
        )
        own, count = wanted, 1
        while own in self.shapes:
            count += 1
            own = f"{wanted}.{count}"
        return own

    def arrange(self, value: HeldTensor, order: tuple[int, ...]) -> str:
        """A node that holds a tensor with its axes in that order, rows first."""
        if value.order == order:
            return value.node
        back = [order.index(axis) for axis in range(len(order))]
        dims = tuple(value.order[k] for k in back)
        if dims[0] != 0:
            refuse("needs the rows of the batch as its first axis, and they are another here")
        key = (value.node, dims)
        if key not in self.arranged:
            self.arranged[key] = self.add(ours.Permute(dims[1:]), [value.node]).node
        return self.arranged[key]

    def plain(self, value: HeldTensor) -> str:
        """The same with its axes as ONNX has them."""
        return self.arrange(value, tuple(range(len(value.order))))

    def images(self, value: HeldTensor) -> str:
        """The same with its channels, the second axis in ONNX, last."""
        return self.arrange(value, channels_last(len(value.order)))

    def reshaped(self, value: HeldTensor, shape: Sequence[int]) -> HeldTensor:
        """The values of a tensor, in ONNX' order, in rows of another shape."""
        if math.prod(value.shape) != math.prod(shape):
            refuse(f"makes rows of {tuple(shape)} of rows of {value.dims[1:]}, which do not fit")
        return self.add(ours.Reshape(tuple(shape)), [self.plain(value)])

    def without(self, value: HeldTensor, axes: Sequence[int]) -> HeldTensor:
        """A tensor less some axes of length 1, wherever they lie."""
        gone = {value.order[axis] for axis in axes}
        if any(value.dims[axis] != 1 for axis in axes):
            refuse(f"leaves out axes {list(axes)} of {value.dims}, which are not of length 1")
        left = [axis for axis in range(len(value.order)) if axis not in gone]
        order = tuple(left.index(axis) for axis in value.order if axis not in gone)
        if len(left) == 1:
            refuse("leaves no axis but the rows")
        shape = tuple(value.shape[axis - 1] for axis in left if axis)
        return HeldTensor(self.add(ours.Reshape(shape), [value.node]).node, shape, order)

    def widened(self, value: HeldTensor, axes: Sequence[int]) -> HeldTensor:
        """A tensor with more axes of length 1 in these places."""
        shape, order = value.shape, list(value.order)
        for axis in sorted(axes):
            shape = (*shape, 1)
            order.insert(axis, len(shape))
        return HeldTensor(self.add(ours.Reshape(shape), [value.node]).node, shape, tuple(order))

    def alone(self, value: HeldTensor) -> bool:
        """Whether nothing but what is being read reads a tensor's node."""
        names = [
            name
            for name, each in self.values.items()
            if isinstance(each, HeldTensor) and each.node == value.node
        ]
        return sum(self.used[name] for name in names) == 1 and value.node not in self.inputs


def channels_last(rank: int) -> tuple[int, ...]:
    """The order in which ONNX' images have their axes, of arrays with channels last."""
    return (0, rank - 1, *range(1, rank - 1)) if rank > 2 else tuple(range(rank))


def axis_of(value: HeldTensor, axis: Any) -> int:
    """An axis, counted from the front, that is not the rows'."""
    rank = len(value.order)
    if not isinstance(axis, (int, np.integer)) or not -rank <= axis < rank:
        refuse(f"has the axis {axis!r}, and there are {rank}")
    axis = int(axis) % rank
    if value.order[axis] == 0:
        refuse("goes along the rows of the batch, which a layer of cortex_lab never does")
    return axis


def counted(axes: Sequence[int], rank: int) -> list[int]:
    """Axes counted from the front, each of them there, and once."""
    found = [int(axis) % rank for axis in axes if -rank <= axis < rank]
    if len(found) < len(axes) or len(set(found)) < len(found):
        refuse(f"has the axes {list(axes)}, and there are {rank}")
    return found


def _name_of(kind: int) -> str:
    names = {value: name.lower() for name, value in TensorProto.DataType.items()}
    return names.get(kind, f"no kind of number, {kind}")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
