"""Rows of a table as points, so that rows alike are near one another."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import row_bytes
from cortex_lab.data.tensor import TensorDtype, shape_text
from cortex_lab.data.views.looked import Viewed
from cortex_lab.data.views.summaries import as_floats
from cortex_lab.data.views.thumbnails import smaller
from cortex_lab.ground.pieces import PIECE

MOST_CATEGORIES = 100
LETTERS = 512
"""Numbers that a text becomes, where there are more different ones."""
WIDEST = 3072
"""Numbers of a tensor that are compared: pictures of more are made smaller, others thinned out."""


def points(
    looked: Viewed, columns: list[Hashable], places: np.ndarray
) -> tuple[np.ndarray, list[str], list[Hashable]]:
    """(rows, numbers) float32 of the rows at `places`, what was done to columns, and those left out.

    Numbers and dates are divided by their standard deviation, what is missing is at the median and one step
    aside; two categories are one step apart, and two texts up to one, by the letters that they share; each
    tensor as a whole has the weight of one number.
    ValueError where no column can be compared.
    """
    parts, said, out = [], [], []
    for name in columns:
        column = looked.column(name).iloc[places]
        tensors = isinstance(column.dtype, TensorDtype)
        found = _of_tensors(column, said, len(columns)) if tensors else _of(column)
        if found is None:
            out.append(name)
        else:
            parts.append(found)
    if not parts:
        raise ValueError(
            f"no column of {looked.name!r} can be compared: numbers, dates, tensors, categories and "
            f"texts can be; say which, columns=[...]"
        )
    if out:
        said.append(f"left out: {', '.join(repr(name) for name in out[:5])}{' and more' * (len(out) > 5)}")
    return np.concatenate(parts, axis=1).astype(np.float32, copy=False), said, out


def _of(column: pd.Series) -> np.ndarray | None:
    dtype: Any = column.dtype
    if isinstance(dtype, RaggedDtype) or dtype.kind == "c":
        return None
    if isinstance(dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if column.dtype.kind in "mM":
        gaps = column.isna().to_numpy(bool)
        ticks = column.astype("int64").to_numpy().astype(np.float64)
        return _scaled(np.where(gaps, np.nan, ticks))
    if pd.api.types.is_numeric_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return _scaled(as_floats(column))
    try:
        codes, labels = pd.factorize(column)
    except TypeError:
        return None
    if len(labels) > MOST_CATEGORIES:
        return _of_texts(codes, labels)
    # So two that differ are one step apart; what is missing differs from all.
    found = np.zeros((len(column), len(labels) + 1))
    found[np.arange(len(column)), codes] = np.sqrt(0.5)
    return found


def _of_texts(codes: np.ndarray, labels: Any) -> np.ndarray | None:
    """Texts by the runs of three letters in them: two that share none are one step apart."""
    if not all(isinstance(each, str) for each in labels):
        return None
    from sklearn.feature_extraction.text import HashingVectorizer

    runs = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 3), n_features=LETTERS, alternate_sign=False, dtype=np.float32
    )
    told: Any = runs.transform(labels)
    found = np.zeros((len(codes), LETTERS + 1), np.float32)
    found[codes >= 0, :-1] = told[codes[codes >= 0]].toarray()
    found[codes < 0, -1] = 1
    found *= np.float32(np.sqrt(0.5))
    return found


def _scaled(values: np.ndarray) -> np.ndarray:
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros((len(values), 1))
    size = max(float(np.abs(values[finite]).max()), 1e-300)
    # What is infinite lies a little beyond all else, and is told apart as what is missing is.
    scaled = np.where(finite, values / size, 0.0)
    inside = scaled[finite]
    deviation = float(inside.std()) or 1.0
    scaled = (scaled - np.median(inside)) / deviation
    scaled[~finite] = 0.0
    if finite.all():
        return scaled[:, np.newaxis]
    aside = np.where(np.isnan(values), 1.0, 0.0)
    beyond = np.where(np.isinf(values), np.sign(values), 0.0) * (1 + np.abs(scaled[finite]).max())
    return np.stack([scaled + beyond, aside], axis=1)


def _of_tensors(column: pd.Series, said: list[str], columns: int) -> np.ndarray | None:
    array: Any = column.array
    source, shape = array.source, array.dtype.shape
    if not np.prod(shape):
        return None
    step = max(1, PIECE // max(1, row_bytes(source)))
    parts = [
        _thinned(source.take(slice(first, first + step)), shape) for first in range(0, len(column), step)
    ]
    if np.prod(shape) > WIDEST:
        said.append(f"{column.name!r} of {shape_text(shape)} is compared at {shape_text(parts[0].shape[1:])}")
    flat = np.concatenate([part.reshape(len(part), -1).astype(np.float32) for part in parts])
    gaps = array.isna()
    flat[gaps] = 0
    broken = ~np.isfinite(flat)
    if broken.any():
        said.append(
            f"{column.name!r}: NaN and infinite numbers in {broken.any(axis=1).sum():,} rows count as 0"
        )
        flat[broken] = 0
    if columns > 1:
        # Beside other columns, a tensor weighs what a number does.
        flat /= float(np.sqrt(flat.var(axis=0, dtype=np.float64).sum())) or 1.0
    elif source.dtype == np.uint8:
        flat /= 255
    return np.concatenate([flat, gaps[:, np.newaxis]], axis=1) if gaps.any() else flat


def _thinned(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if np.prod(shape) <= WIDEST:
        return rows
    if len(shape) in (2, 3) and (len(shape) == 2 or shape[2] <= 4) and rows.dtype == np.uint8:
        longest = int(np.sqrt(WIDEST / (shape[2] if len(shape) == 3 else 1)))
        return np.stack([smaller(row, longest) for row in rows])
    flat = rows.reshape(len(rows), -1)
    return flat[:, :: -(-flat.shape[1] // WIDEST)]
