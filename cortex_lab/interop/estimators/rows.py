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
    try:
        rest = look(rows.iloc[last] if isinstance(rows, pd.DataFrame) else rows[last])[:over]
        return rest if over == len(rows) else np.concatenate([look(rows[:-over]), rest])
    except (TypeError, ValueError):
        # What is said of rows should be said of all of them.
        return look(rows)


def in_an_order_of_their_own(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, most: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions of all rows, sorted by what they hold, those that weigh 2 twice; and weights that are left.

    For batches that hold all rows, of `most`: their order is of no account there, and a weight that is a
    whole number is so many rows. So fits that mean the same are equal bit for bit, however written down.
    """
    rows = np.arange(len(targets))
    if weights is not None and weights.sum() <= most and (weights == np.floor(weights)).all():
        rows, weights = np.repeat(rows, weights.astype(int)), None
    _, place = np.unique(_content(inputs[rows], targets[rows]), return_inverse=True)
    rows = rows[np.argsort(place, kind="stable")]
    return rows, None if weights is None else weights[rows]


def _content(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each row as one value, equal where rows are."""
    # -0.0 equals 0.0 and has other bytes.
    parts = [np.ascontiguousarray(each).reshape(len(each), -1) + 0 for each in (inputs, targets)]
    as_bytes = np.concatenate([part.view(np.uint8).reshape(len(part), -1) for part in parts], axis=1)
    return np.ascontiguousarray(as_bytes).view(np.dtype((np.void, as_bytes.shape[1]))).reshape(-1)
