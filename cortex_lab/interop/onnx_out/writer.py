"""A graph of ONNX as it is written: operators one by one, and tensors in the order of axes at hand.

Images and sequences have their channels last here and first in ONNX. A `Value` knows the tensors that hold it
in either order; a `Transpose` is written where an order is asked for that is not there yet, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from cortex_lab.nn.contract.layer import Layer, Shape

LAST, FIRST = "last", "first"


class Unwritable(ValueError):
    """What ONNX has nothing for; the text says what, without the name of the layer."""


@dataclass
class Value:
    """What a node gives: the shape of a row, channels last, and the tensors that hold it."""

    shape: Shape
    tensors: dict[str, str]
    whole: bool = False
    """Whether it holds ids."""


Export = Callable[["Task"], Value]
EXPORTS: dict[type[Layer], Export] = {}


def exports(*kinds: type[Layer]) -> Callable[[Export], Export]:
    """Decorator: the function writes layers of these classes."""

    def put(function: Export) -> Export:
        for kind in kinds:
            if kind in EXPORTS:
                raise ValueError(f"{kind.__name__} is written twice")
            EXPORTS[kind] = function
        return function

    return put


class Writer:
    """The operators and weights that were written so far."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self.names: set[str] = set()

    def name(self, wanted: str) -> str:
        """A name that nothing has yet."""
        own, count = wanted, 1
        while own in self.names:
            count += 1
            own = f"{wanted}_{count}"
        self.names.add(own)
        return own

    def op(self, kind: str, reads: Sequence[str], near: str, outputs: int = 1, **settings: Any) -> str:
        """Write an operator; returns the name of its last output, and makes `outputs` of them."""
        own = self.name(f"{near}/{kind}")
        names = [own if k == outputs - 1 else self.name(f"{own}.{k}") for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(reads), names, name=own, **settings))
        return own

    def several(
        self, kind: str, reads: Sequence[str], near: str, wanted: Sequence[bool], **settings: Any
    ) -> list[str]:
        """Write an operator of several outputs, of which some are wanted; "" stands for the others."""
        own = self.name(f"{near}/{kind}")
        # Each has a name: ONNX' interpreter takes what is called "" for an output, too.
        names = [self.name(f"{own}.{k}") for k in range(len(wanted))]
        self.nodes.append(helper.make_node(kind, list(reads), names, name=own, **settings))
        return [name if each else "" for name, each in zip(names, wanted, strict=True)]

    def hold(self, name: str, values: Any) -> str:
        """A weight of that name, in the network's precision unless it is of whole numbers."""
        if name not in self.weights:
            array = np.asarray(values)
            array = array.astype(self.dtype) if array.dtype.kind == "f" else array
            self.weights[name] = numpy_helper.from_array(np.array(array, order="C"), name)
            self.names.add(name)
        return name

    def constant(self, near: str, values: Any) -> str:
        """A weight with a name of its own."""
        return self.hold(self.name(f"{near}/constant"), values)

    def whole(self, near: str, values: Sequence[int]) -> str:
        """Whole numbers, such as a shape."""
        return self.constant(near, np.asarray(values, np.int64))

    def turned(self, value: Value, order: str, near: str) -> str:
        """The tensor that holds a value with its channels first or last."""
        if order not in value.tensors:
            other = next(iter(value.tensors.values()))
            rank = len(value.shape)
            if rank < 2:
                return other
            last, first = (0, *range(2, rank + 1), 1), (0, rank, *range(1, rank))
            value.tensors[order] = self.op("Transpose", [other], near, perm=last if order == LAST else first)
        return value.tensors[order]


@dataclass
class Task:
    """One layer to be written: what it reads, its weights by name, and where operators go."""

    writer: Writer
    layer: Any
    name: str
    reads: list[Value]
    arrays: Mapping[str, np.ndarray]
    prefix: str = ""
    """What its weights are called before their own names."""
    out_shape: Shape = field(default=())

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return tuple(value.shape for value in self.reads)

    def order(self) -> str:
        """Channels first if all that is read is there so, and of one shape; else last."""
        first = all(FIRST in value.tensors and len(value.shape) > 1 for value in self.reads)
        return FIRST if first and len(set(self.shapes)) == 1 else LAST

    def read(self, place: int = 0, order: str = LAST) -> str:
        """A tensor that the layer reads, of real numbers unless it looks up ids."""
        value = self.reads[place]
        tensor = self.writer.turned(value, order, self.name)
        if value.whole and self.layer.input_dtype is None:
            kind = helper.np_dtype_to_tensor_dtype(self.writer.dtype)
            return self.op("Cast", [tensor], to=kind)
        return tensor

    def op(self, kind: str, reads: Sequence[str], outputs: int = 1, **settings: Any) -> str:
        return self.writer.op(kind, reads, self.name, outputs, **settings)

    def several(self, kind: str, reads: Sequence[str], wanted: Sequence[bool], **settings: Any) -> list[str]:
        """Write an operator of several outputs, of which some are wanted; "" stands for the others."""
        return self.writer.several(kind, reads, self.name, wanted, **settings)

    def weight(self, key: str, change: Callable[[np.ndarray], np.ndarray] = lambda array: array) -> str:
        """A weight of the layer, turned as ONNX wants it."""
        return self.writer.hold(f"{self.prefix}{key}", change(self.arrays[key]))

    def constant(self, values: Any) -> str:
        return self.writer.constant(self.name, np.asarray(values, self.writer.dtype))

    def whole(self, *values: int) -> str:
        return self.writer.whole(self.name, values)

    def shaped(self, tensor: str, *lengths: int) -> str:
        """Rows in another shape."""
        return self.op("Reshape", [tensor, self.whole(0, *lengths)])

    def gives(self, tensor: str, order: str = LAST) -> Value:
        """The output, in a tensor that is at hand."""
        return Value(self.out_shape or self.layer.out_shape(*self.shapes), {order: tensor})


def export(task: Task) -> Value:
    """Write the layer of a task; `Unwritable` with the reason if it cannot be."""
    # Of this very type: a subclass may do something else.
    if type(task.layer) not in EXPORTS:
        raise Unwritable(f"is a {type(task.layer).__name__}, which ONNX has nothing for")
    return EXPORTS[type(task.layer)](task)
