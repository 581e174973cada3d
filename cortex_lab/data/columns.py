"""From columns of a frame to the arrays a network learns from, with everything wrong said by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date
from numbers import Number
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api.types import is_bool_dtype, is_list_like, is_numeric_dtype

from cortex_lab.data._large import is_large, some_rows
from cortex_lab.data._memory import can_be_copied
from cortex_lab.data.frames import given_columns
from cortex_lab.data.ragged import PaddedSource, RaggedArray
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import ArraySource, Source, as_sliced, copied, frozen, in_memory, settled
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground import checks
from cortex_lab.ground.categories import categories_of, holds_words, one_hot
from cortex_lab.ground.float32 import as_float32, as_switches, check_float32, numbers_of, remedy
from cortex_lab.ground.pieces import pieces


def listed(frame: pd.DataFrame, columns: Any) -> list | None:
    """Names of columns as a list, from any list of them, an Index or an array too; None for a single name.

    A tuple is a name where the frame has a column called so.
    """
    if not is_list_like(columns) or (isinstance(columns, tuple) and columns in frame.columns):
        return None
    if isinstance(columns, (set, frozenset, dict)):
        raise TypeError(f"columns are a list in the order they are read, got a {type(columns).__name__}")
    names = columns.tolist() if hasattr(columns, "tolist") else checks.listed("columns", columns)
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
        # Of a tensor column, that would read a row.
        first = column.iloc[0] if column.dtype == object and len(column) else None
        if isinstance(first, cells):
            try:
                frame[name] = TensorArray._from_sequence(column.array)
            except ValueError as error:
                raise ValueError(f"column {name!r} cannot become a tensor column: {error}") from None
    return frame


def held(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame in memory of its own, tensor columns read-only.

    Tensors that are too large for that stay shared, and those in a file stay there.
    """
    tensors = [place for place, dtype in enumerate(frame.dtypes) if isinstance(dtype, TensorDtype)]
    others = [place for place in range(frame.shape[1]) if place not in tensors]
    own = (frame.iloc[:, others] if tensors else frame).copy()
    for place in tensors:
        array = frame.iloc[:, place].array
        source = copied(array.source) if can_be_copied(array.source) else settled(array.source)
        if isinstance(source, ArraySource):
            source = ArraySource(frozen(source.array))
        array = TensorArray(source, array.isna())
        array._readonly = True
        # A bare array would be copied.
        column = pd.Series(array, index=own.index, copy=False)
        own.insert(place, frame.columns[place], column, allow_duplicates=True)
    return own


Categories = Mapping[Hashable, list[str]]


def categories_among(frame: pd.DataFrame, names: list) -> dict[Hashable, list[str]]:
    """By name, the categories of those of the columns that hold words."""
    columns = {name: _column(frame, name) for name in names}
    return {name: categories_of(each, name) for name, each in columns.items() if holds_words(each)}


def read_inputs(
    frame: pd.DataFrame,
    names: list,
    categories: Categories = MappingProxyType({}),
    of: str = "the frame",
    rows: slice | np.ndarray = slice(None),
    dtype: DTypeLike = np.float32,
) -> np.ndarray | Source:
    """One tensor column as (n, *shape), bytes kept; or numeric columns side by side as (n, k) of `dtype`.

    Sequences have zeros behind them, so that they are as long as the longest.
    A column with `categories` becomes a column of 0 and 1 for each of them, which are looked for in `rows`.
    A tensor column that is in a file stays there, as numbers of its own dtype.
    KeyError for a missing column; ValueError for one that is not numeric, not complete or not finite.
    """
    if not names:
        raise ValueError("inputs names no column")
    arrays = (TensorDtype, RaggedDtype)
    tensors = [name for name in names if isinstance(_column(frame, name).dtype, arrays)]
    if tensors and len(names) > 1:
        raise ValueError(
            f"inputs are one tensor column or numeric columns; {tensors[0]!r} is a tensor column"
        )
    if tensors:
        return _tensor(frame, names[0], dtype)
    if not any(name in categories for name in names):
        return _numbers(frame, names, "inputs", dtype)
    parts = [
        one_hot(_column(frame, name), categories[name], name, of, rows)
        if name in categories
        else _numbers(frame, [name], "inputs", dtype)
        for name in names
    ]
    return np.concatenate(parts, axis=1, dtype=dtype)


def _tensor(frame: pd.DataFrame, name: Hashable, dtype: DTypeLike = np.float32) -> np.ndarray | Source:
    array = _column(frame, name).array
    _refuse_rows(array.isna(), frame, f"column {name!r} is missing", f"dropna(subset=[{name!r}])")
    source = source_of_rows(array)
    if source.dtype != np.uint8:
        # Of a large file the other rows are looked at when they are read.
        some = some_rows(source) if is_large(source) else None
        given = as_sliced(source) if some is None else source.take(some)
        if dtype == np.float32:
            check_float32(given, f"column {name!r}", some)
        broken = np.zeros(len(source), bool)
        for piece in pieces(given):
            finite = np.isfinite(given[piece])
            broken[piece if some is None else some[piece]] = ~finite.all(axis=tuple(range(1, finite.ndim)))
        what, remedy = f"column {name!r} is NaN or infinite", "numpy.nan_to_num on the tensor"
        _refuse_rows(broken, frame, what, remedy, None if some is None else len(some))
    if not isinstance(source, ArraySource):
        return source
    values = source.array
    convert = in_memory(source) and source.dtype != np.uint8
    return values.astype(dtype, copy=False) if convert else values


def source_of_rows(array: Any) -> Source:
    """The rows of a column of tensors as they are now, or of one of sequences, which are padded."""
    if isinstance(array, RaggedArray):
        return PaddedSource(array, array.longest)
    return settled(array.source)


def _numbers(frame: pd.DataFrame, names: list, role: str, dtype: DTypeLike = np.float32) -> np.ndarray:
    values = np.empty((len(frame), len(names)), dtype)
    for position, name in enumerate(names):
        column = _column(frame, name)
        _refuse_switches_with_gaps(column, name, frame)
        column = as_switches(column)
        kind = getattr(column.dtype, "kind", "O")
        if kind == "c" or not (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
            raise ValueError(
                f"column {name!r} holds {column.dtype}, and {role} must be numbers; "
                f"{_of_objects(column, name) or remedy(kind)}, or leave it out"
            )
        numbers = numbers_of(column)
        values[:, position] = _in_float32(numbers, name) if dtype == np.float32 else numbers
        broken = ~np.isfinite(values[:, position])
        _refuse_rows(
            broken,
            frame,
            f"column {name!r} is NaN or infinite",
            _ways_out(column, name, np.isinf(values[:, position]).any()),
        )
    return values


def _of_objects(column: pd.Series, name: Any) -> str:
    """What makes numbers, or words, of a column of objects; nothing where nobody can tell."""
    kinds = {type(each) for each in column.dropna()} if column.dtype == object else set()
    if kinds and all(issubclass(kind, date) for kind in kinds):
        return f"dates = pandas.to_datetime(frame[{name!r}]); (dates - dates.min()).dt.days are numbers"
    if kinds and all(issubclass(kind, Number) for kind in kinds):
        return f"frame[{name!r}].astype(float) makes numbers of it"
    return f"frame[{name!r}].astype(str) makes words of it" if str in kinds else ""


def _in_float32(numbers: np.ndarray, name: Any) -> np.ndarray:
    try:
        return as_float32(numbers, f"column {name!r}")
    except ValueError as error:
        exact = 'for a network of ops="reference", Dataset(..., dtype="float64") keeps them'
        raise ValueError(f"{error}; {exact}") from None


def _ways_out(column: pd.Series, name: Any, infinite: bool) -> str:
    """What to type about a column of numbers that lacks some, in its own type."""
    if infinite:
        return f"frame[numpy.isfinite(frame[{name!r}])]"
    if column.isna().all():
        return f"drop(columns=[{name!r}])"
    # A half fits no whole number, and no yes or no.
    typical = "median()" if column.dtype.kind == "f" else "mode()[0]"
    return f"dropna(subset=[{name!r}]) or fillna({{{name!r}: frame[{name!r}].{typical}}})"


def _refuse_switches_with_gaps(column: pd.Series, name: Any, frame: pd.DataFrame) -> None:
    """ValueError for yes and no among which some are missing, which pandas keeps as objects."""
    if column.dtype != object or not column.isna().any():
        return
    if column.notna().any() and all(isinstance(each, (bool, np.bool_)) for each in column.dropna()):
        kept = f"astype({{{name!r}: 'boolean'}}).fillna({{{name!r}: frame[{name!r}].mode()[0]}})"
        dropped = f"dropna(subset=[{name!r}]).astype({{{name!r}: bool}})"
        _refuse_rows(column.isna().to_numpy(), frame, f"column {name!r} is missing", f"{dropped} or {kept}")


def _column(frame: pd.DataFrame, name: Any) -> pd.Series:
    if name not in frame.columns:
        there = ", ".join(map(repr, given_columns(frame)))
        raise KeyError(f"the frame has no column {name!r}; it has {there}{checks.near(name, frame.columns)}")
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"the frame has more than one column {name!r}; rename one")
    return column


def _refuse_rows(
    broken: np.ndarray, frame: pd.DataFrame, what: str, remedy: str, looked_at: int | None = None
) -> None:
    if not broken.any():
        return
    of = f"{len(frame)}" if looked_at is None else f"the {looked_at} looked at, of {len(frame)},"
    rows = np.flatnonzero(broken)
    first = ", ".join(str(row) for row in rows[:5])
    raise ValueError(
        f"{what} in {len(rows)} of {of} rows (first: {first}); repair or drop them before making a "
        f"Dataset, for instance with {remedy}"
    )
