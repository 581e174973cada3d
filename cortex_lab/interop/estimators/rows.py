"""The rows that an estimator learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.interop.estimators.kinds import Rows


def is_table(X: Rows) -> bool:
    """Whether it is a frame with columns that are not just numbers."""
    if not isinstance(X, pd.DataFrame):
        return False
    return not all(isinstance(kind, np.dtype) and kind.kind in "fiub" for kind in X.dtypes)


def by_sixteens(look: Callable[[Any], np.ndarray], rows: np.ndarray | pd.DataFrame) -> np.ndarray:
    """What `look` says of rows, as a whole number of sixteens, so that it says the same of fewer of them.

    A matrix product adds up the last few rows, that fill no block of its kernel, in another order.
    """
    over = len(rows) % 16
    if not over:
        return look(rows)
    last = np.concatenate([np.arange(len(rows) - over, len(rows)), np.full(16 - over, len(rows) - 1)])
    rest = look(rows.iloc[last] if isinstance(rows, pd.DataFrame) else rows[last])[:over]
    return rest if over == len(rows) else np.concatenate([look(rows[:-over]), rest])


def weighted_rows(
    inputs: np.ndarray | pd.DataFrame, targets: np.ndarray, weights: np.ndarray | None, whole: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions of the rows to learn from, and their weights, None if all are 1.

    Rows of weight 0 are left out. Where a batch holds all rows, `whole`, the order of rows and whether one is
    there twice or weighs 2 change the sum over them by its rounding alone: so equal rows are one there, with
    their weights added, in an order of their own, and such fits are equal bit for bit.
    """
    rows = np.arange(len(targets))
    if weights is not None:
        rows = np.flatnonzero(weights)
        weights = weights[rows]
    if whole and isinstance(inputs, np.ndarray) and len(rows):
        content = _content(inputs[rows], targets[rows])
        _, first, group = np.unique(content, return_index=True, return_inverse=True)
        added = np.bincount(group, weights if weights is not None else np.ones(len(rows)))
        rows, weights = rows[first], added
    if weights is not None and (weights == 1).all():
        weights = None
    return rows, weights


def _content(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each row as one value, equal where rows are."""
    # -0.0 equals 0.0 and has other bytes.
    parts = [np.ascontiguousarray(each).reshape(len(each), -1) + 0 for each in (inputs, targets)]
    as_bytes = np.concatenate([part.view(np.uint8).reshape(len(part), -1) for part in parts], axis=1)
    return np.ascontiguousarray(as_bytes).view(np.dtype((np.void, as_bytes.shape[1]))).reshape(-1)
