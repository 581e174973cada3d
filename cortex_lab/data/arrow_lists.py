"""Columns of sequences as Arrow's canonical `arrow.variable_shape_tensor`, and back.

Lists of numbers are read, too.

https://arrow.apache.org/docs/format/CanonicalExtensions.html#variable-shape-tensor
"""

from __future__ import annotations

import contextlib
import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.data.arrow import needed, raw, valid

if TYPE_CHECKING:
    import pyarrow as pa

_NAME, _WHAT = "arrow.variable_shape_tensor", "a column of sequences in Arrow"


@cache
def _type() -> Any:
    """The extension type, which pyarrow knows by name only."""
    pa = needed(_WHAT)

    class VariableShapeTensorType(pa.ExtensionType):
        """Tensors of `ndim` axes; those that are numbers in `uniform_shape` are alike in all rows."""

        def __init__(
            self, value_type: pa.DataType, ndim: int, uniform_shape: list[int | None] | None = None
        ) -> None:
            self.uniform_shape = list(uniform_shape or [None] * ndim)
            storage = pa.struct([("data", pa.list_(value_type)), ("shape", pa.list_(pa.int32(), ndim))])
            super().__init__(storage, _NAME)

        @property
        def value_type(self) -> pa.DataType:
            return self.storage_type.field("data").type.value_type

        def __arrow_ext_serialize__(self) -> bytes:
            return json.dumps({"uniform_shape": self.uniform_shape}).encode()

        @classmethod
        def __arrow_ext_deserialize__(cls, storage_type: pa.StructType, serialized: bytes) -> Any:
            said = json.loads(serialized or b"{}")
            data, shape = (storage_type.field(name).type for name in ("data", "shape"))
            return cls(data.value_type, shape.list_size, said.get("uniform_shape"))

    made = VariableShapeTensorType
    # Where somebody else did so before, theirs is what files are read as.
    with contextlib.suppress(pa.ArrowKeyError):
        pa.register_extension_type(made(pa.int8(), 1))
    return made


def list_array(
    values: np.ndarray, lengths: np.ndarray, missing: np.ndarray, type: pa.DataType | None = None
) -> Any:
    """Sequences whose steps are one after the other in `values`; they are shared with the array."""
    pa = needed(_WHAT)
    shape, size = values.shape[1:], math.prod(values.shape[1:])
    if values.size > np.iinfo(np.int32).max:
        raise ValueError(
            f"Arrow counts {values.size:,} numbers of sequences with 32 bits; write some rows at a time: "
            "cortex_lab.data.write(frame, path)"
        )
    kind = _type()(pa.from_numpy_dtype(values.dtype), 1 + len(shape), [None, *shape])
    numbers = np.ascontiguousarray(values).reshape(-1)
    if values.dtype.kind == "b":
        numbers = np.packbits(numbers, bitorder="little")
    steps = pa.Array.from_buffers(kind.value_type, values.size, [None, pa.py_buffer(numbers)])
    offsets = np.concatenate([[0], np.cumsum(lengths * size)]).astype(np.int32)
    data = pa.ListArray.from_arrays(pa.array(offsets), steps)
    shapes = np.column_stack([lengths, np.broadcast_to(shape, (len(lengths), len(shape)))]).astype(np.int32)
    sides = pa.FixedSizeListArray.from_arrays(pa.array(shapes.ravel()), 1 + len(shape))
    storage = pa.Array.from_buffers(kind.storage_type, len(lengths), [valid(missing)], children=[data, sides])
    found = pa.ExtensionArray.from_storage(kind, storage)
    if type is None or type == kind:
        return found
    listed = pa.ListArray.from_arrays(pa.array(offsets), steps, mask=pa.array(missing))
    return listed.cast(getattr(type, "storage_type", type))


def list_parts(
    array: pa.Array | pa.ChunkedArray, scalar: np.dtype, shape: tuple[int, ...], called: str
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Values, lengths and what is missing of each chunk of an Arrow array of sequences."""
    needed(_WHAT)
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    return [_sequences(chunk, scalar, shape, called) for chunk in chunks]


def _sequences(
    array: pa.Array, scalar: np.dtype, shape: tuple[int, ...], called: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pa = needed(_WHAT)
    missing = array.is_null().to_numpy(zero_copy_only=False)
    kind = array.type
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    sides = None
    if pa.types.is_struct(array.type) and [field.name for field in array.type] == ["data", "shape"]:
        array, sides = array.field("data"), array.field("shape")
    lists = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    numeric = lists and (shape == () or sides is not None) and _is_numeric(array.type.value_type)
    if not numeric:
        raise ValueError(f"rows of {kind} in Arrow do not fit a {called} column: lists of numbers are wanted")
    size = math.prod(shape)
    offsets = raw_offsets(array)
    counts = np.where(missing, 0, np.diff(offsets))
    if sides is not None:
        ndim = sides.type.list_size
        stated = raw(sides.values.slice(sides.offset * ndim, len(array) * ndim)).reshape(len(array), ndim)
        if (stated[~missing, 1:] != shape).any() or (stated[~missing, 0] * size != counts[~missing]).any():
            raise ValueError(f"rows of {kind} in Arrow do not fit a {called} column: they have other shapes")
    numbers = array.values.slice(offsets[0], offsets[-1] - offsets[0])
    if numbers.null_count and scalar.kind != "f":
        raise ValueError(f"single numbers are missing in rows of {kind}, and {scalar} has no NaN for them")
    values = raw(numbers).astype(scalar, copy=False)
    if numbers.null_count:
        values = np.where(numbers.is_null().to_numpy(zero_copy_only=False), scalar.type(np.nan), values)
    if counts.sum() != len(values):
        # What stands behind rows that are missing.
        values = values[np.repeat(~missing, np.diff(offsets))]
    return values.reshape(-1, *shape), counts // max(1, size), missing


def raw_offsets(array: pa.Array) -> np.ndarray:
    return array.offsets.to_numpy().astype(np.int64)


def _is_numeric(kind: pa.DataType) -> bool:
    pa = needed(_WHAT)
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
