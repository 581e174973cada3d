"""Labels and weights that some rows have in place of their own; what was given stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._rows import Rows
from cortex_lab.data.source import ArraySource
from cortex_lab.ground import checks
from cortex_lab.ground.checks import near


def by_row(given: Any, numbers: Any, called: str) -> dict[int, Any]:
    """{row number: value}, of a dict, of a Series by its index, or of a pair (rows, a value or one for each).

    `numbers` makes row numbers of what pandas objects choose, and of bools.
    """
    if isinstance(given, pd.Series):
        given = (given.index, given.tolist())
    if isinstance(given, tuple) and len(given) == 2:
        rows, values = given
        rows = np.asarray(numbers(rows) if isinstance(rows, (pd.Series, pd.Index)) else rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else np.atleast_1d(rows)
        several = isinstance(values, (list, tuple, np.ndarray, pd.Series, pd.Index))
        each = list(values) if several else [values] * len(rows)
        if len(each) != len(rows):
            raise ValueError(f"{called}: {len(each)} values are no one value for each of {len(rows)} rows")
        given = dict(zip(rows.tolist(), each, strict=True))
    if not isinstance(given, Mapping):
        raise checks.refused(called, "{row number: value}, a Series, or a pair (rows, value)", given)
    found = {}
    for row, value in given.items():
        plain = checks.plain(row)
        if isinstance(plain, bool) or not isinstance(plain, int):
            raise checks.refused(f"a row in {called}", "a row number", row)
        found[plain] = checks.plain(value)
    return found


def refuse_absent(rows: Mapping[int, Any], length: int, called: str) -> None:
    for row in rows:
        if not 0 <= row < length:
            raise IndexError(f"{called}: there is no row {row}; rows go from 0 to {length - 1}")


def relabeled(target: Rows, labels: Mapping[int, Any], classes: Any, called: str = "labels") -> Rows:
    """The target with other labels in these rows: names of `classes`, or numbers where there are none."""
    refuse_absent(labels, len(target), called)
    if target.shape:
        raise ValueError(
            f"{called}: a row's target is {target.shape} numbers here, and one label for it is given"
        )
    codes = [_code(label, row, classes, target.dtype, called) for row, label in labels.items()]
    values = np.array(
        target.whole if isinstance(target.source, ArraySource) else target.take(np.arange(len(target)))
    )
    values[list(labels)] = codes
    return Rows(values, target.dtype == np.int64, "targets", private=True, dtype=target.dtype)


def _code(label: Any, row: int, classes: Any, dtype: np.dtype, called: str) -> Any:
    if classes is not None:
        if str(label) not in classes:
            there = ", ".join(map(repr, classes[:8])) + ", ..." * (len(classes) > 8)
            raise ValueError(
                f"{called}: row {row} cannot be {label!r}; there are {there}{near(label, classes)}"
            )
        return classes.index(str(label))
    wanted = "a class id" if dtype.kind in "iu" else "a number"
    fits = isinstance(label, int) if dtype.kind in "iu" else isinstance(label, (int, float))
    if isinstance(label, bool) or not fits or not np.isfinite(label) or abs(label) > np.finfo(np.float32).max:
        raise checks.refused(f"{called}: row {row}", wanted, label)
    return label


def reweighted(weights: np.ndarray | None, others: Mapping[int, Any], length: int) -> np.ndarray:
    """How much each row counts, (length,): 1, but for those that count more or less."""
    refuse_absent(others, length, "row_weights")
    found = np.ones(length) if weights is None else weights.copy()
    for row, weight in others.items():
        found[row] = checks.number(f"row_weights: row {row}", weight, least=0)
    if not found.any():
        raise ValueError("row_weights: no row would count any more")
    return found
