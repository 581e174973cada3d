"""What is in one column, in numbers: by kind, with what is infinite or missing counted and never hidden."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import ArraySource, in_memory, row_bytes
from cortex_lab.data.tensor import TensorDtype, shape_text
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground.pieces import spread

BINS = 24
MOST_TENSOR_BYTES = 64 * 2**20
"""Of a tensor column in memory, the range is that of so many bytes, in rows evenly spread."""
MOST_READ_ROWS, MOST_READ_BYTES = 256, 2**24
"""Of one in a file, so many rows are read, or bytes."""
COMMON = 3


@dataclass(frozen=True, eq=False)
class ColumnSummary:
    """What is known of a column; None where it makes no sense for its kind.

    `histogram` are the counts of finite values between `low` and `high`, or rows by length of sequences and
    texts; `common` the values that are most frequent, with their rows. `looked` is how many rows a range was
    found in, where it is not all.
    """

    kind: str
    dtype: str
    rows: int
    missing: int
    distinct: int | None = None
    low: Any = None
    high: Any = None
    mean: float | None = None
    std: float | None = None
    median: Any = None
    infinite: int = 0
    common: tuple[tuple[Any, int], ...] = ()
    histogram: np.ndarray | None = None
    ends: tuple[Any, Any] | None = None
    of: str = "values"
    looked: int | None = None
    note: str = ""
    shown: np.ndarray | None = field(default=None, repr=False)


def summary(column: pd.Series, classes: bool = False) -> ColumnSummary:
    """What is in a column of a frame, whatever it holds; numbers that are `classes` as such."""
    dtype = column.dtype
    if isinstance(dtype, TensorDtype):
        return _of_tensors(column)
    if isinstance(dtype, RaggedDtype):
        return _of_sequences(column)
    missing = int(column.isna().sum())
    about = {"dtype": str(dtype), "rows": len(column), "missing": missing}
    if missing == len(column):
        note = "no rows" if not len(column) else "all missing"
        return ColumnSummary(kind=_kind(column), distinct=0, note=note, **about)
    kind = "classes" if classes else _kind(column)
    known = column[column.notna()] if missing else column
    if kind == "number":
        return _of_numbers(known, about)
    if kind in ("date", "duration"):
        return _of_moments(known, kind, about)
    return _of_values(known, kind, about)


def _kind(column: pd.Series) -> str:
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if is_bool_dtype(dtype):
        return "yes or no"
    if isinstance(dtype, (pd.DatetimeTZDtype, pd.PeriodDtype)) or dtype.kind == "M":
        return "date"
    if dtype.kind == "m":
        return "duration"
    if is_numeric_dtype(dtype) and dtype.kind != "c":
        return "number"
    return "words" if isinstance(dtype, pd.StringDtype) else "objects"


def as_floats(column: pd.Series) -> np.ndarray:
    """Numbers, also sparse, nullable or Arrow's, as float64 with NaN for what is missing."""
    array: Any = column.array
    if isinstance(column.dtype, pd.SparseDtype):
        array = np.asarray(column.array.to_dense())
    return np.asarray(pd.Series(array).to_numpy(np.float64, na_value=np.nan))


def _of_numbers(known: pd.Series, about: dict[str, Any]) -> ColumnSummary:
    values = as_floats(known)
    finite = np.isfinite(values)
    infinite = int(len(values) - finite.sum())
    inside = values if not infinite else values[finite]
    distinct = int(pd.Series(values).nunique() if known.dtype.kind == "f" else known.nunique())
    found = {"infinite": infinite, "distinct": distinct, **about}
    # Of whole numbers, those that a float64 does not hold are told as they are.
    low, high = (known.min(), known.max()) if known.dtype.kind in "iu" else (values.min(), values.max())
    if not len(inside):
        return ColumnSummary(kind="number", low=low, high=high, note="all infinite", **found)
    # By the largest, so that squares and sums of huge numbers are no infinities.
    size = max(float(np.abs(inside).max()), 1e-300)
    scaled = inside / size
    counts, ends = histogram(inside)
    common = _common(known) if distinct <= 20 else ()
    return ColumnSummary(
        kind="number",
        low=low,
        high=high,
        mean=float(scaled.mean()) * size,
        std=_times(scaled.std(), size),
        median=float(np.median(scaled)) * size,
        common=common,
        histogram=counts,
        ends=ends,
        note="constant" if distinct == 1 else "",
        **found,
    )


def _times(value: float, size: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float64(value) * np.float64(size))


def histogram(finite: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, tuple[float, float]]:
    """Counts between the lowest and the highest of finite numbers, and these two."""
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return np.array([len(finite)]), (low, high)
    size = max(abs(low), abs(high))
    counts, _ = np.histogram(finite / size, bins, (low / size, high / size))
    return counts, (low, high)


def _of_moments(known: pd.Series, kind: str, about: dict[str, Any]) -> ColumnSummary:
    dtype: Any = known.dtype
    plain = known.dt.to_timestamp() if isinstance(dtype, pd.PeriodDtype) else known
    ticks = plain.astype("int64").to_numpy().astype(np.float64)
    counts, _ = histogram(ticks)
    low, high = known.min(), known.max()
    distinct = int(known.nunique())
    return ColumnSummary(
        kind=kind,
        low=low,
        high=high,
        distinct=distinct,
        median=None,
        histogram=counts,
        ends=(low, high),
        note="constant" if distinct == 1 else "",
        **about,
    )


def _of_values(known: pd.Series, kind: str, about: dict[str, Any]) -> ColumnSummary:
    try:
        counts = known.value_counts()
    except TypeError:
        # Lists and dicts cannot be counted as they are.
        counts = known.map(repr).value_counts()
    if kind == "category":
        counts = counts[counts > 0]
    if kind == "objects":
        kinds = Counter(type(each).__name__ for each in known.iloc[spread(len(known), 10_000)])
        kind = "words" if set(kinds) == {"str"} else kind
        about["dtype"] += (
            "" if kind == "words" else f" of {', '.join(name for name, _ in kinds.most_common(3))}"
        )
    distinct, found = (
        len(counts),
        tuple(zip(counts.index[:COMMON].tolist(), map(int, counts[:COMMON]), strict=True)),
    )
    note = "constant" if distinct == 1 else ""
    if kind == "words" and distinct > max(20, len(known) / 2):
        lengths = known.str.len().to_numpy(np.float64)
        told, ends = histogram(lengths)
        return ColumnSummary(
            kind="text",
            distinct=distinct,
            common=found if found[0][1] > 1 else (),
            histogram=told,
            ends=ends,
            of="characters",
            low=int(ends[0]),
            high=int(ends[1]),
            note=note,
            **about,
        )
    shown = counts.to_numpy()[:BINS] if distinct > 1 else None
    return ColumnSummary(
        kind=kind, distinct=distinct, common=found, histogram=shown, of="most frequent", note=note, **about
    )


def _common(known: pd.Series) -> tuple[tuple[Any, int], ...]:
    counts = known.value_counts()
    return tuple(zip(counts.index[:COMMON].tolist(), map(int, counts[:COMMON]), strict=True))


def _of_sequences(column: pd.Series) -> ColumnSummary:
    array: Any = column.array
    dtype: Any = column.dtype
    gone = array.isna()
    lengths = array.lengths[~gone]
    about = {"kind": "sequences", "dtype": str(dtype), "rows": len(column), "missing": int(gone.sum())}
    if not len(lengths):
        return ColumnSummary(note="all missing" if len(column) else "no rows", **about)
    counts, ends = histogram(lengths.astype(np.float64))
    return ColumnSummary(
        low=int(lengths.min()),
        high=int(lengths.max()),
        mean=float(lengths.mean()),
        std=float(lengths.std()),
        median=float(np.median(lengths)),
        histogram=counts,
        ends=ends,
        of="steps",
        note="empty ones: " + f"{(lengths == 0).sum():,}" if (lengths == 0).any() else "",
        **about,
    )


def _of_tensors(column: pd.Series, pictures: int = 5) -> ColumnSummary:
    array: Any = column.array
    dtype: Any = column.dtype
    there = np.flatnonzero(~array.isna())
    about = {
        "kind": "tensor",
        "dtype": str(dtype),
        "rows": len(column),
        "missing": len(column) - len(there),
    }
    if not len(there) or not row_bytes(array.source):
        return ColumnSummary(
            note="no rows" if not len(column) else "all missing" if not len(there) else "empty", **about
        )
    rows, whole = some_rows(array, there)
    finite = np.isfinite(rows) if rows.dtype.kind == "f" else np.ones(1, bool)
    inside = rows if finite.all() else rows[finite]
    infinite = int(np.isinf(rows).any(axis=tuple(range(1, rows.ndim))).sum()) if inside is not rows else 0
    nans = inside is not rows and bool(np.isnan(rows).any())
    shown = array.source.take(there[spread(len(there), pictures)])
    note = "NaN in some" if nans else ""
    looked = None if whole else len(rows)
    if not inside.size:
        return ColumnSummary(looked=looked, infinite=infinite, note=note, shown=shown, **about)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, std = float(inside.mean(dtype=np.float64)), float(inside.std(dtype=np.float64))
    low, high = inside.min(), inside.max()
    if infinite:
        low, high = np.nanmin(rows), np.nanmax(rows)
    counts, ends = histogram(inside.ravel()[spread(inside.size, 2**18)].astype(np.float64))
    return ColumnSummary(
        low=low.item(),
        high=high.item(),
        mean=mean,
        std=std,
        infinite=infinite,
        looked=looked,
        shown=shown,
        note=note,
        histogram=counts,
        ends=ends,
        of=f"numbers in {shape_text(dtype.shape)}",
        **about,
    )


def some_rows(array: TensorArray, places: np.ndarray, most: int | None = None) -> tuple[np.ndarray, bool]:
    """Rows of a tensor column, of those at `places`, and whether they are all of these.

    A column in a file is not read whole: rows evenly spread are taken.
    """
    own = in_memory(array.source)
    each = max(1, row_bytes(array.source))
    count = (MOST_TENSOR_BYTES if own else MOST_READ_BYTES) // each
    count = max(1, count if own else min(count, MOST_READ_ROWS))
    count = count if most is None else min(count, most)
    chosen = places[spread(len(places), count)]
    if own and isinstance(array.source, ArraySource) and len(chosen) == len(array.source):
        return array.source.array, True
    return array.source.take(chosen), len(chosen) == len(places)
