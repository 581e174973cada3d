"""From columns of a frame to the arrays a network learns from, with everything wrong said by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_list_like, is_numeric_dtype

from cortex_lab.data._memory import can_be_copied, frozen
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import as_float32, remedy


def listed(frame: pd.DataFrame, columns: Any) -> list | None:
    """Names of columns as a list, from any list of them, an Index or an array too; None for a single name.

    A tuple is a name where the frame has a column called so.
    """
    if not is_list_like(columns) or (isinstance(columns, tuple) and columns in frame.columns):
        return None
    if isinstance(columns, (set, frozenset, dict)):
        raise TypeError(f"columns are a list in the order they are read, got a {type(columns).__name__}")
    names = columns.tolist() if hasattr(columns, "tolist") else list(columns)
    if any(is_list_like(name) and not isinstance(name, tuple) for name in names):
        raise checks.refused("columns", "names of columns", columns)
    return [name.item() if isinstance(name, (np.number, np.str_, np.bool_)) else name for name in names]


def with_tensor_columns(
    frame: pd.DataFrame, names: list, cells: Any = (np.ndarray, list, tuple)
) -> pd.DataFrame:
    """The frame with those of its columns `names` that hold one array per row made into tensor columns."""
    frame = frame.copy(deep=False)
    for name in names:
        column = _column(frame, name)
        first = column.iloc[0] if len(column) else None
        if column.dtype == object and isinstance(first, cells):
            try:
                frame[name] = TensorArray._from_sequence(column.array)
            except ValueError as error:
                raise ValueError(f"column {name!r} cannot become a tensor column: {error}") from None
    return frame


def held(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in memory of its own, tensor columns read-only; only tensors too large for it stay shared."""
    tensors = [place for place, dtype in enumerate(frame.dtypes) if isinstance(dtype, TensorDtype)]
    others = [place for place in range(frame.shape[1]) if place not in tensors]
    own = (frame.iloc[:, others] if tensors else frame).copy()
    for place in tensors:
        array = frame.iloc[:, place].array
        array = array.copy() if can_be_copied(array.tensor) else array
        array = TensorArray(frozen(array.tensor), array.isna())
        # A bare array would be copied.
        column = pd.Series(array, index=own.index, copy=False)
        own.insert(place, frame.columns[place], column, allow_duplicates=True)
    return own


def read_inputs(frame: pd.DataFrame, names: list) -> np.ndarray:
    """One tensor column as (n, *shape), bytes kept; or numeric columns side by side as (n, k) float32.

    KeyError for a missing column; ValueError for one that is not numeric, not complete or not finite.
    """
    if not names:
        raise ValueError("inputs names no column")
    tensors = [name for name in names if isinstance(_column(frame, name).dtype, TensorDtype)]
    if tensors and len(names) > 1:
        raise ValueError(
            f"inputs are one tensor column or numeric columns; {tensors[0]!r} is a tensor column"
        )
    return _tensor(frame, names[0]) if tensors else _numbers(frame, names, "inputs")


def _tensor(frame: pd.DataFrame, name: str) -> np.ndarray:
    array = _column(frame, name).array
    assert isinstance(array, TensorArray)
    _refuse_rows(array.isna(), frame, f"column {name!r} is missing", f"dropna(subset=[{name!r}])")
    tensor = array.tensor
    if tensor.dtype == np.uint8:
        return tensor
    values = as_float32(tensor, f"column {name!r}")
    broken = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    _refuse_rows(
        np.asarray(broken), frame, f"column {name!r} is NaN or infinite", "numpy.nan_to_num on the tensor"
    )
    return values


def _numbers(frame: pd.DataFrame, names: list, role: str) -> np.ndarray:
    values = np.empty((len(frame), len(names)), np.float32)
    for position, name in enumerate(names):
        column = _column(frame, name)
        kind = getattr(column.dtype, "kind", "O")
        if kind == "c" or not (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
            raise ValueError(
                f"column {name!r} holds {column.dtype}, and {role} must be numbers; {remedy(kind)}, "
                "or leave it out"
            )
        # Whole numbers may be too long for float64, too.
        exact = kind in "iu" and not column.isna().any()
        numbers = column.to_numpy(kind + "8") if exact else column.to_numpy(np.float64, na_value=np.nan)
        values[:, position] = as_float32(numbers, f"column {name!r}")
        broken = ~np.isfinite(values[:, position])
        _refuse_rows(
            broken, frame, f"column {name!r} is NaN or infinite", f"dropna(subset=[{name!r}]) or fillna"
        )
    return values


def _column(frame: pd.DataFrame, name: Any) -> pd.Series:
    if name not in frame.columns:
        raise KeyError(f"the frame has no column {name!r}; it has {', '.join(map(repr, frame.columns))}")
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"the frame has more than one column {name!r}; rename one")
    return column


def _refuse_rows(broken: np.ndarray, frame: pd.DataFrame, what: str, remedy: str) -> None:
    if not broken.any():
        return
    rows = np.flatnonzero(broken)
    first = ", ".join(str(row) for row in rows[:5])
    raise ValueError(
        f"{what} in {len(rows)} of {len(frame)} rows (first: {first}); repair or drop them before making a "
        f"Dataset, for instance with {remedy}"
    )
