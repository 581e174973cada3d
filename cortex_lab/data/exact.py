"""Numbers of a table as the float64 that they were given as, for a network of such numbers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._rows import Rows
from cortex_lab.data.columns import Categories, source_of_rows
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.roles import Goal, as_list
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground.categories import one_hot


def in_float64(dataset: Any) -> Any:
    """The same rows of a Dataset as the float64 that they were given as."""
    other = copy.copy(dataset)
    other._exact = True
    other._inputs = {
        name: kept_exact(other, rows, dataset.reads[name], dataset.categories)
        for name, rows in dataset._inputs.items()
    }
    other._targets = {
        name: Goal(kept_exact(other, goal.rows, dataset._goals[name], dataset.categories), goal.labels)
        for name, goal in dataset._targets.items()
    }
    return other


def kept_exact(dataset: Any, rows: Rows, columns: Any, categories: Categories) -> Rows:
    """The `rows` read of these columns of a Dataset; as float64 if it is one of such numbers."""
    return exactly(dataset._whole, columns, rows, categories) if dataset._exact else rows


def exactly(frame: pd.DataFrame, columns: Any, rows: Rows, categories: Categories) -> Rows:
    """`rows` of these columns as float64, as they were given, if they were rounded to float32."""
    names = as_list(columns)
    if rows.dtype != np.float32:
        return rows
    if isinstance(frame[names[0]].dtype, (TensorDtype, RaggedDtype)):
        values: Any = source_of_rows(frame[names[0]].array)
    else:
        parts = [
            one_hot(frame[name], categories[name], name)
            if name in categories
            else frame[name].to_numpy(np.float64, na_value=np.nan)[:, np.newaxis]
            for name in names
        ]
        values = np.concatenate(parts, axis=1).reshape(len(frame), *rows.shape)
    return Rows(values, called=f"column {', '.join(map(repr, names))}", private=True, dtype=np.float64)
