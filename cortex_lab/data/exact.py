"""Numbers of a table as a network reckons with them: as float32, or the float64 that they were given as."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.data.prepared import is_prepared
from cortex_lab.ground import checks

WANTED = 'float32, or "float64" for networks of ops="reference"'


def checked_dtype(dtype: DTypeLike) -> np.dtype:
    try:
        # To NumPy None is float64.
        found = None if dtype is None else np.dtype(dtype)
    except TypeError:
        found = None
    # NumPy takes None for float64.
    if dtype is None or found not in (np.float32, np.float64):
        raise checks.refused("dtype", WANTED, dtype)
    return found


def read_as_numbers(dataset: Any, dtype: DTypeLike) -> Any:
    """The same rows of a Dataset with numbers read as `dtype`; ValueError for what would be lost in it."""
    if dataset.dtype == dtype:
        return dataset
    other = copy.copy(dataset)
    vars(other)["dtype"] = np.dtype(dtype)
    words = dataset.categories
    if is_prepared(dataset):
        other._inputs = dataset._inputs.as_numbers(other.dtype)
    else:
        other._inputs = {name: other._read(columns, words) for name, columns in dataset.reads.items()}
    other._targets = {
        name: goal if goal.labels is not None else other._goal(name, "values")
        for name, goal in dataset._targets.items()
    }
    return other
