"""Arithmetic of shapes: what follows from the file alone is worked out, and never a size that is large."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import helper

from cortex_lab.interop.onnx_in.reader import BATCH, HeldTensor, OnnxReader, OperatorCall, operator, refuse
from cortex_lab.nn import layers as ours

MOST = 2**24
"""Numbers of an array that is worked out."""


def folded(call: OperatorCall) -> bool:
    """Whether all that it reads is known."""
    return bool(call.reads) and all(value is None or isinstance(value, np.ndarray) for value in call.reads)


def room(*shapes: tuple[int, ...]) -> None:
    """Refuse what would work out too many numbers: of all these shapes together, broadcast."""
    count = math.prod(np.broadcast_shapes(*shapes))
    if count > MOST:
        refuse(f"would work out {count:,} numbers, more than {MOST:,}")


def looked(array: Any) -> np.ndarray:
    """An array that was worked out, if it is not too large."""
    found = np.asarray(array)
    room(found.shape)
    return found


@operator("Constant")
def constant(reader: OnnxReader, call: OperatorCall) -> np.ndarray:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in call.settings:
            kind = np.float32 if "float" in name else np.int64
            found = call.take(name)
            return found if isinstance(found, np.ndarray) else np.asarray(found, kind)
    refuse("is a constant that is no numbers")


@operator("Shape")
def shape(reader: OnnxReader, call: OperatorCall) -> np.ndarray:
    value = call.reads[0]
    dims = list(value.dims if isinstance(value, HeldTensor) else value.shape)  # type: ignore[union-attr]
    start, end = call.take("start", 0), call.take("end", len(dims))
    # Of objects: the number of rows is one that nobody may reckon with.
    return np.array(dims[slice(start, end)], object)


@operator("ConstantOfShape")
def constant_of_shape(reader: OnnxReader, call: OperatorCall) -> np.ndarray:
    value = call.take("value", np.zeros(1, np.float32))
    return _filled(value.reshape(-1)[:1], call.known(0, "shape"))


@operator("Expand")
def expand(reader: OnnxReader, call: OperatorCall) -> Any:
    wanted, value = np.asarray(call.known(1, "shape")).reshape(-1).tolist(), call.reads[0]
    if isinstance(value, np.ndarray):
        return _filled(value, wanted)
    held = call.held()
    dims = held.dims
    steps = len(dims) == len(wanted) == 3 and held.order[0] == 0 and dims[1] == 1
    if steps and wanted[0] in (1, BATCH) and wanted[2] in (1, dims[2]) and isinstance(wanted[1], int):
        return reader.add(ours.RepeatVector(wanted[1]), [reader.reshaped(held, dims[2:]).node])
    refuse(f"repeats {dims} to {wanted}, which cortex_lab does not")


def _filled(value: np.ndarray, lengths: Any) -> np.ndarray:
    """Numbers that are the same for all rows, of which there is one here."""
    known = ints([1 if n is BATCH else n for n in np.asarray(lengths, object).reshape(-1).tolist()])
    if any(n < 0 for n in known):
        refuse(f"would make an array of {known}")
    room(value.shape, tuple(known))
    return np.array(np.broadcast_to(value, np.broadcast_shapes(value.shape, tuple(known))))


def ints(array: Any) -> list[int]:
    """Whole numbers that are known; the number of rows is not."""
    found = np.asarray(array).reshape(-1).tolist()
    if not all(isinstance(n, int) for n in found):
        refuse("needs numbers that depend on how many rows there are")
    return found


def arithmetic(call: OperatorCall) -> np.ndarray:
    """Add, Sub, Mul and Div of what is known."""
    one, other = (np.asarray(value) for value in call.reads)
    if any(value is BATCH for array in (one, other) for value in array.reshape(-1) if array.dtype == object):
        refuse("reckons with the number of rows, which is not known here")
    one, other = (array.astype(np.int64) if array.dtype == object else array for array in (one, other))
    room(one.shape, other.shape)
    if call.kind == "Div" and one.dtype.kind == "i":
        if not other.all():
            refuse("divides by 0")
        return looked(np.trunc(one / other).astype(np.int64))
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[call.kind]
    return looked(function(one, other))


@operator("Cast")
def cast(reader: OnnxReader, call: OperatorCall) -> Any:
    value, kind = call.reads[0], np.dtype(helper.tensor_dtype_to_np_dtype(call.take("to")))
    call.take("saturate")
    if isinstance(value, HeldTensor):
        if (kind.kind == "f") == value.whole:
            refuse(f"makes {kind} of what it reads, which cortex_lab does not")
        return value
    if value is None or value.dtype == object:
        return value
    return value.astype(kind)
