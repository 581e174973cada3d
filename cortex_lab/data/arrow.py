"""Tensor columns as Arrow's canonical `arrow.fixed_shape_tensor`, and back: shared where they can be.

https://arrow.apache.org/docs/format/CanonicalExtensions.html. pyarrow is asked for when it is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import ArraySource, ChangedSource, Source, frozen, whole
from cortex_lab.data.tensor import TensorDtype

if TYPE_CHECKING:
    import pyarrow as pa


def needed(what: str) -> Any:
    """pyarrow; ImportError that says what needs it, and what to type."""
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f'{what} needs pyarrow: pip install "cortex-lab[data]"') from error
    return pyarrow


def arrow_type(dtype: TensorDtype) -> pa.FixedShapeTensorType:
    pa = needed("a tensor column in Arrow")
    return pa.fixed_shape_tensor(pa.from_numpy_dtype(dtype.scalar), dtype.shape)


def arrow_array(source: Source, missing: np.ndarray, type: pa.DataType | None = None) -> Any:
    """The rows as an Arrow array, which shares their memory if they lie in one block there.

    Bools are packed to bits, so they are copied. `type` is another one that is wanted.
    """
    pa = needed("a tensor column in Arrow")
    dtype = TensorDtype(source.dtype, source.shape)
    own = arrow_type(dtype)
    numbers = np.ascontiguousarray(whole(source)).reshape(-1)
    count = len(numbers)
    if dtype.scalar.kind == "b":
        numbers = np.packbits(numbers, bitorder="little")
    values = pa.Array.from_buffers(own.value_type, count, [None, pa.py_buffer(numbers)])
    storage = pa.Array.from_buffers(own.storage_type, len(missing), [valid(missing)], children=[values])
    found = pa.ExtensionArray.from_storage(own, storage)
    return found if type is None or type == own else storage.cast(getattr(type, "storage_type", type))


def valid(missing: np.ndarray) -> Any:
    """Which rows are there, in bits; nothing where all are."""
    if not missing.any():
        return None
    return needed("a column in Arrow").py_buffer(np.packbits(~missing, bitorder="little"))


def from_arrow(dtype: TensorDtype, array: pa.Array | pa.ChunkedArray) -> tuple[Source, np.ndarray]:
    """The rows of an Arrow array, or of one in chunks, as numbers of this dtype, and which are missing.

    They share the memory of the array, which is never written to, if that is one chunk of such numbers.
    """
    parts, missing = parts_of(dtype, array)
    if len(parts) == 1:
        return ChangedSource(ArraySource(frozen(parts[0]))), missing
    return ArraySource(np.concatenate([np.empty((0, *dtype.shape), dtype.scalar), *parts])), missing


def parts_of(dtype: TensorDtype, array: pa.Array | pa.ChunkedArray) -> tuple[list[np.ndarray], np.ndarray]:
    """The rows of each chunk of an Arrow array, and which of all are missing."""
    needed("a tensor column in Arrow")
    chunks = array.chunks if hasattr(array, "chunks") else [array]
    missing = [np.asarray(chunk.is_null().to_numpy(zero_copy_only=False), bool) for chunk in chunks]
    return [_tensor(dtype, chunk) for chunk in chunks], np.concatenate([np.empty(0, bool), *missing])


def pandas_type(type: pa.DataType) -> TensorDtype | RaggedDtype | None:
    """What a column of this Arrow type is in pandas; None where it is neither tensors nor sequences.

    For tables that pandas has not written: `table.to_pandas(types_mapper=cl.data.pandas_type)`.
    """
    pa = needed("a tensor column in Arrow")
    if getattr(type, "extension_name", "") == "arrow.variable_shape_tensor":
        first, *shape = type.uniform_shape or [None]
        known = first is None and None not in shape
        return RaggedDtype(type.value_type.to_pandas_dtype(), shape) if known else None
    if not isinstance(type, pa.FixedShapeTensorType):
        return None
    return TensorDtype(type.value_type.to_pandas_dtype(), _shape(type))


def _shape(type: pa.FixedShapeTensorType) -> tuple[int, ...]:
    return tuple(type.shape[axis] for axis in type.permutation or range(len(type.shape)))


def _tensor(dtype: TensorDtype, array: pa.Array) -> np.ndarray:
    """(n, *shape) of one chunk; what stands in missing rows has no meaning."""
    pa = needed("a tensor column in Arrow")
    kind, shape, order = array.type, dtype.shape, None
    if isinstance(kind, pa.FixedShapeTensorType):
        _refuse_unless(_shape(kind) == shape, kind, dtype)
        shape, order, array = tuple(kind.shape), kind.permutation, array.storage
    wanted, depth = array.type, 0
    while hasattr(wanted, "value_type"):
        wanted, depth = wanted.value_type, depth + 1
    numeric = pa.types.is_integer(wanted) or pa.types.is_floating(wanted) or pa.types.is_boolean(wanted)
    _refuse_unless(numeric and depth in (1, len(shape)), kind, dtype)
    sizes = shape if depth == len(shape) else (math.prod(shape),)
    for size in reversed(sizes):
        wanted = pa.list_(wanted, size)
    try:
        numbers = array.cast(wanted)
    except pa.ArrowInvalid:
        raise _unfit(kind, dtype) from None
    for size in sizes:
        numbers = numbers.values.slice(numbers.offset * size, len(numbers) * size)
    found = raw(numbers).astype(dtype.scalar, copy=False).reshape(len(array), *shape)
    if numbers.null_count:
        found = _with_gaps(found, numbers, array)
    return found if order is None else found.transpose(0, *(axis + 1 for axis in order))


def raw(numbers: pa.Array) -> np.ndarray:
    """The numbers of an Arrow array where they lie; bools, which are bits there, as bytes."""
    kind, buffer = np.dtype(numbers.type.to_pandas_dtype()), numbers.buffers()[1]
    some = slice(numbers.offset, numbers.offset + len(numbers))
    if buffer is None:
        return np.empty(0, kind)
    if kind.kind == "b":
        return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")[some].astype(bool)
    return np.frombuffer(buffer, kind, buffer.size // kind.itemsize)[some]


def _with_gaps(found: np.ndarray, numbers: pa.Array, rows: pa.Array) -> np.ndarray:
    """Numbers that are missing in rows that are there as NaN."""
    gaps = numbers.is_null().to_numpy(zero_copy_only=False).reshape(found.shape)
    gaps &= rows.is_valid().to_numpy(zero_copy_only=False).reshape(-1, *(1,) * (found.ndim - 1))
    if not gaps.any():
        return found
    if found.dtype.kind != "f":
        row = int(np.flatnonzero(gaps.any(axis=tuple(range(1, gaps.ndim))))[0])
        raise ValueError(
            f"single numbers are missing in row {row}, and {found.dtype} has no NaN for them; fill them, or "
            f"read the column as tensor[float32, ...]"
        )
    return np.where(gaps, found.dtype.type(np.nan), found)


def _refuse_unless(fits: bool, kind: pa.DataType, dtype: TensorDtype) -> None:
    if not fits:
        raise _unfit(kind, dtype)


def _unfit(kind: pa.DataType, dtype: TensorDtype) -> ValueError:
    return ValueError(f"rows of {kind} in Arrow do not fit a {dtype} column: all rows need this one shape")
