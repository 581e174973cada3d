"""The rows that an estimator learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.interop.estimators.kinds import Rows
from cortex_lab.nn import Network


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


def sees_rows_alone(network: Network) -> bool:
    """Whether what it makes of a row in training is up to that row: no draws, no means over a batch."""
    return not network.states and not any(node.layer.random for node in network.graph.nodes.values())


def merged(
    inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows that differ, in an order of their own, and how much each weighs with its equals.

    Where a batch holds all rows of a network that sees each alone, their order, and whether one is there
    twice or weighs 2, change the sum over them by its rounding only; merged, such fits are equal bit for bit.
    """
    _, first, group = np.unique(_content(inputs, targets), return_index=True, return_inverse=True)
    return first, np.bincount(group, np.ones(len(targets)) if weights is None else weights)


def _content(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each row as one value, equal where rows are."""
    # -0.0 equals 0.0 and has other bytes.
    parts = [np.ascontiguousarray(each).reshape(len(each), -1) + 0 for each in (inputs, targets)]
    as_bytes = np.concatenate([part.view(np.uint8).reshape(len(part), -1) for part in parts], axis=1)
    return np.ascontiguousarray(as_bytes).view(np.dtype((np.void, as_bytes.shape[1]))).reshape(-1)
