"""A pandas column whose every row is an array of one shape: images, sequences, activations.

Rows in memory are kept in one (n, *shape) ndarray, so the column *is* the array a network reads. Rows in a
file stay there: slices, choices of rows, copies and columns put together read them when they are wanted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike
from pandas.api.indexers import check_array_indexer
from pandas.api.types import is_integer, is_list_like, pandas_dtype

from cortex_lab.data.arrow import arrow_array, from_arrow
from cortex_lab.data.cells import ArrayCells, cast, is_missing
from cortex_lab.data.comparing import Comparing
from cortex_lab.data.opening import opened, saved
from cortex_lab.data.source import (
    ArraySource,
    Source,
    copied,
    in_memory,
    joined,
    part,
    row_bytes,
    source_of,
    whole,
)
from cortex_lab.data.tensor import Tensor, TensorDtype, shape_text


class TensorArray(Comparing, ArrayCells):
    """Rows of one shape, shared and not copied.

    Parameters
    ----------
    tensor
        The rows, (n, *shape): an array, which may be mapped from a file as by
        `numpy.load(path, mmap_mode="r")`, an `h5py.Dataset` of an open file, or a `Source` of your own.
    missing
        Which rows are missing, (n,) bool; what `tensor` holds there has no meaning.
    """

    def __init__(self, tensor: np.ndarray | Source, missing: np.ndarray | None = None) -> None:
        source = source_of(tensor)
        if not source.shape:
            size = np.shape(source.array) if isinstance(source, ArraySource) else (len(source),)
            raise ValueError(
                f"a tensor column needs an array (n, *shape) of two dimensions or more, got {size}"
            )
        self._dtype = TensorDtype(source.dtype, source.shape)
        if isinstance(source, ArraySource) and in_memory(source):
            source = ArraySource(source.array.astype(self._dtype.scalar, copy=False))
        self.source = source
        length = len(source)
        self._missing = np.zeros(length, bool) if missing is None else np.asarray(missing, dtype=bool)
        if self._missing.shape != (length,):
            raise ValueError(f"missing must be ({length},) bools, got shape {self._missing.shape}")

    @property
    def tensor(self) -> np.ndarray:
        """The rows themselves, (n, *shape), read-only where pandas forbids writing.

        Never a copy where they lie in one array, in memory or mapped; others are read from their files.
        """
        if not self._readonly:
            return self._tensor
        view = self._tensor.view()
        view.flags.writeable = False
        return view

    @property
    def _tensor(self) -> np.ndarray:
        return whole(self.source)

    @property
    def dtype(self) -> TensorDtype:
        return self._dtype

    @property
    def nbytes(self) -> int:
        return len(self) * row_bytes(self.source) + self._missing.nbytes

    # Construction ------------------------------------------------------------------------------------

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> TensorArray:
        target = None if dtype is None else pandas_dtype(dtype)
        if not isinstance(target, (TensorDtype, type(None))):
            raise TypeError(f"a tensor column cannot be made with dtype {target}")
        if isinstance(scalars, (pd.Series, pd.Index)):
            scalars = scalars.array
        if isinstance(scalars, TensorArray):
            if target is None or target == scalars.dtype:
                made = scalars[:]
                return made.copy() if copy else made
            tensor, missing = scalars.tensor, scalars._missing
        elif isinstance(scalars, np.ndarray) and scalars.dtype != object and scalars.ndim > 1:
            tensor, missing = scalars, None
        else:
            tensor, missing = _stack(scalars, target)
        if target is not None:
            if tensor.shape[1:] != target.shape:
                raise ValueError(f"rows of shape {shape_text(tensor.shape[1:])} do not fit a {target} column")
            tensor = cast(tensor, target.scalar)
        made = cls(tensor, missing)
        return made.copy() if copy else made

    @classmethod
    def _from_arrow(cls, array: Any, dtype: TensorDtype) -> TensorArray:
        return cls(*from_arrow(dtype, array))

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[TensorArray]) -> TensorArray:
        return cls(
            joined([column.source for column in to_concat]),
            np.concatenate([column._missing for column in to_concat]),
        )

    def copy(self) -> TensorArray:
        return type(self)(copied(self.source), self._missing.copy())

    @classmethod
    def open(
        cls,
        path: str | os.PathLike,
        name: str | None = None,
        *,
        dtype: DTypeLike | None = None,
        shape: Sequence[int] | None = None,
        offset: int = 0,
    ) -> TensorArray:
        """The column in a file, whose rows stay there and are read when they are wanted.

        A `.npy` file, HDF5 or Feather that is not compressed (`name` says which dataset or column, if there
        are several), or raw numbers of a `dtype` in rows of a `shape`, from byte `offset` on. DamagedFile if
        it holds something else, or not all of it.
        """
        return cls(*opened(path, name, dtype, shape, offset))

    def save(self, path: str | os.PathLike) -> None:
        """Write the rows as a `.npy` file, without ever holding all of them. ValueError for missing ones."""
        if self._missing.any():
            raise ValueError(
                f"{self._missing.sum()} rows are missing, which a .npy file cannot say; use dropna(), or "
                "save the frame: frame.to_parquet(path)"
            )
        saved(self.source, path)

    # Reading and writing -----------------------------------------------------------------------------

    def __getitem__(self, item: Any) -> Any:
        if is_integer(item):
            if self._missing[item]:
                return self.dtype.na_value
            row = int(item) % len(self)
            return Tensor(self.source.take(slice(row, row + 1))[0])
        item = self._checked(item)
        result = type(self)(part(self.source, item), self._missing[item])
        result._readonly = self._readonly and isinstance(item, slice)
        return result

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._readonly:
            raise ValueError("Cannot modify read-only array")
        key = check_array_indexer(self, key)
        if isinstance(value, Tensor) or (isinstance(value, np.ndarray) and value.shape == self.dtype.shape):
            self.source.put(key, self._from_sequence([value], dtype=self.dtype)._tensor[0])
            self._missing[key] = False
        elif is_list_like(value):
            rows = self._from_sequence(value, dtype=self.dtype)
            if is_integer(key):
                raise ValueError("setting an array element with a sequence.")
            wanted = len(np.arange(len(self))[key])
            if len(rows) not in (1, wanted):
                raise ValueError(f"cannot set {wanted} rows to {len(rows)} tensors")
            self.source.put(key, rows._tensor)
            self._missing[key] = rows._missing
        elif pd.isna(value):
            self.source.put(key, _blank(self.dtype.scalar))
            self._missing[key] = True
        else:
            raise TypeError(f"a {self.dtype} column cannot hold {value!r}")

    def take(self, indices: ArrayLike, *, allow_fill: bool = False, fill_value: object = None) -> TensorArray:
        indices, blank = self._taken(indices, allow_fill)
        if not allow_fill:
            return type(self)(part(self.source, indices), self._missing.take(indices))
        missing = np.ones(len(indices), bool)
        missing[~blank] = self._missing[indices[~blank]]
        if len(self) and not in_memory(self.source):
            # What stands in a missing row has no meaning, and may be that of any row.
            result = type(self)(part(self.source, np.maximum(indices, 0)), missing)
            blank &= not is_missing(fill_value)
        else:
            tensor = np.empty((len(indices), *self.dtype.shape), self.dtype.scalar)
            tensor[~blank] = self.source.take(indices[~blank])
            result = type(self)(tensor, missing)
        if blank.any():
            result[blank] = self.dtype.na_value if fill_value is None else fill_value
        return result

    # Conversion --------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """(n, *shape); with dtype object, (n,) of cells. ValueError if rows are missing and cannot be NaN."""
        if dtype is not None and np.dtype(dtype) == object:
            if copy is False:
                raise ValueError("cells cannot be made without a copy")
            return self._as_cells()
        if not self._missing.any():
            return np.array(self.tensor, dtype=dtype, copy=copy)
        if self.dtype.scalar.kind != "f":
            rows = np.flatnonzero(self._missing)[:3].tolist()
            raise ValueError(
                f"{self._missing.sum()} rows are missing (first: {rows}) and {self.dtype.scalar} has no NaN "
                "to stand for them; use dropna(), or .tensor for the rows as they are stored"
            )
        return self.to_numpy(dtype, na_value=np.nan)

    def __arrow_array__(self, type: Any = None) -> Any:
        """As Arrow's `fixed_shape_tensor`, which shares the memory of numbers that lie there in one block."""
        return arrow_array(self.source, self._missing, type)

    def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = None) -> np.ndarray:
        """(n, *shape), copied only if `dtype`, `copy` or `na_value` (stands in for missing rows) asks."""
        if na_value is None or not self._missing.any():
            return np.array(self, dtype=dtype, copy=True if copy else None)
        filled = np.array(self, dtype=object) if dtype is object else np.array(self.tensor, dtype=dtype)
        filled[self._missing] = na_value
        return filled

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        dtype = pandas_dtype(dtype)
        if isinstance(dtype, TensorDtype):
            if dtype.shape != self.dtype.shape:
                raise TypeError(f"a {self.dtype} column cannot become {dtype}: the shapes differ")
            if dtype == self.dtype and not copy:
                return self
            if dtype == self.dtype:
                return self.copy()
            return type(self)(self._tensor.astype(dtype.scalar), self._missing.copy())
        if isinstance(dtype, np.dtype) and dtype.kind in "biufc":
            wanted = f"tensor[{dtype}, {shape_text(self.dtype.shape)}]"
            raise TypeError(
                f"a column of tensors cannot become {dtype}; ask for {wanted!r}, or take the ndarray: .tensor"
            )
        return super().astype(dtype, copy)

    # Sorting and grouping ----------------------------------------------------------------------------

    def _values_for_argsort(self) -> np.ndarray:
        # The rank of each row, rows compared like words: first element first.
        rows = self._tensor.reshape(len(self), math.prod(self.dtype.shape))
        return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


TensorDtype.array_type = TensorArray


def _stack(scalars: Any, target: TensorDtype | None) -> tuple[np.ndarray, np.ndarray]:
    """One array of separate rows, and which of them are missing."""
    rows = [None if is_missing(scalar) else np.asarray(scalar) for scalar in scalars]
    present = [row for row in rows if row is not None]
    if target is None and not present:
        raise ValueError("the shape of a tensor column cannot be read from no rows; give its dtype")
    shape = present[0].shape if target is None else target.shape
    for position, row in enumerate(rows):
        if row is not None and (row.shape != shape or row.dtype.kind not in "biuf"):
            raise ValueError(
                f"row {position} is {shape_text(row.shape) or 'a single value'} {row.dtype} where "
                f"{shape_text(shape)} numbers are wanted: all rows of a tensor column have one shape"
                + ("; of sequences make RaggedArray.of(rows)" if row.shape[1:] == shape[1:] else "")
            )
    scalar = np.result_type(*present) if present or target is None else target.scalar
    tensor = np.full((len(rows), *shape), _blank(scalar), scalar)
    for position, row in enumerate(rows):
        if row is not None:
            tensor[position] = row
    return tensor, np.array([row is None for row in rows], bool)


def _blank(scalar: np.dtype) -> Any:
    return np.nan if scalar.kind == "f" else scalar.type(0)
