"""Rows that are in two parts at once: what is known by heart proves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.tensor import TensorDtype

_PIECE = 2**22


def shared_rows(frame: pd.DataFrame, columns: Iterable, parts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Rows whose `columns` are equal and which are in two `parts`: (part, row, other part, other row).

    Each row of a later part once, with the first that it equals in an earlier one.
    """
    columns = list(dict.fromkeys(columns))
    rows = np.concatenate(list(parts.values())) if parts else np.empty(0, np.int64)
    owners = np.repeat(np.arange(len(parts)), [len(each) for each in parts.values()])
    keys = hashes(frame, columns, rows)
    order = np.lexsort((np.arange(len(rows)), keys))
    groups = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]]) if len(rows) else []
    found = []
    names = list(parts)
    for places in np.split(order, groups[1:]) if len(rows) else []:
        if len(places) < 2 or len(set(owners[places].tolist())) < 2:
            continue
        places = places[np.argsort(owners[places], kind="stable")]
        first = places[0]
        for place in places[1:]:
            if owners[place] != owners[first] and _equal(frame, columns, rows[first], rows[place]):
                found.append((names[owners[place]], rows[place], names[owners[first]], rows[first]))
    table = pd.DataFrame(found, columns=["part", "row", "other part", "other row"])
    return table.sort_values(["part", "row"], ignore_index=True)


def hashes(frame: pd.DataFrame, columns: list, rows: np.ndarray) -> np.ndarray:
    """(n,) uint64 for `rows`: equal where what is in these columns is."""
    total = np.zeros(len(rows), np.uint64)
    for place, name in enumerate(columns):
        column: Any = frame[name]
        if isinstance(column.dtype, TensorDtype):
            own = _of_tensors(column.array, rows)
        else:
            own = pd.util.hash_pandas_object(column.iloc[rows], index=False, categorize=True).to_numpy()
        # Another factor for each column, so that what is swapped is not equal.
        total = total * np.uint64(0x9E3779B97F4A7C15) + own * np.uint64(2 * place + 1)
    return total


def _of_tensors(array: Any, rows: np.ndarray) -> np.ndarray:
    shape, scalar = array.dtype.shape, array.dtype.scalar
    width = int(np.prod(shape)) * scalar.itemsize
    words = -(-width // 8)
    factors = np.random.Philox(key=np.array([7, 11], np.uint64)).random_raw(words) | np.uint64(1)
    found = np.empty(len(rows), np.uint64)
    step = max(1, _PIECE // max(1, words * 8))
    for start in range(0, len(rows), step):
        taken = np.ascontiguousarray(array.source.take(rows[start : start + step]))
        if scalar.kind == "f":
            # Minus zero equals zero.
            taken = taken + scalar.type(0)
        packed = np.zeros((len(taken), words * 8), np.uint8)
        packed[:, :width] = taken.reshape(len(taken), -1).view(np.uint8)
        found[start : start + step] = (packed.view(np.uint64) * factors).sum(axis=1, dtype=np.uint64)
    return found


def _equal(frame: pd.DataFrame, columns: list, one: int, other: int) -> bool:
    for name in columns:
        a, b = frame[name].iloc[one], frame[name].iloc[other]
        if isinstance(frame[name].dtype, TensorDtype):
            if not np.array_equal(np.asarray(a), np.asarray(b)):
                return False
        elif not (a == b or (pd.isna(a) and pd.isna(b))):
            return False
    return True


def told(shared: pd.DataFrame) -> list[str]:
    """A line for every two parts that have equal rows."""
    lines = []
    pairs: Any = shared.groupby(["part", "other part"], sort=False)
    for (part, other), rows in pairs:
        first = rows.iloc[0]
        lines.append(
            f"{len(rows):,} row{'s' * (len(rows) > 1)} of {part!r} equal rows of {other!r}, the first row "
            f"{first['row']} and row {first['other row']}: dataset.shared_rows() has all"
        )
    return lines


def unseen_classes(goal: Any, parts: Mapping[str, np.ndarray]) -> list[str]:
    """A line for every part that has a class which no row to train on has."""
    if goal is None or "train" not in parts:
        return []
    known = set(np.unique(goal.rows.take(parts["train"])).tolist())
    lines = []
    for part, rows in parts.items():
        ids = goal.rows.take(rows)
        strange = [each for each in np.unique(ids).tolist() if each >= 0 and each not in known]
        if strange:
            lines.append(
                f"class {goal.classes[strange[0]]!r} is in {part!r}, the first time in row "
                f"{rows[ids == strange[0]][0]}, and never in 'train', so it cannot be learned: split it anew"
            )
    return lines


def given_away(frame: pd.DataFrame, columns: Iterable, targets: Iterable, rows: np.ndarray) -> list[str]:
    """A line for every input column whose values and those of a target belong to one another, one to one."""
    lines = []
    for target in targets:
        goal = frame[target].iloc[rows]
        if isinstance(goal.dtype, TensorDtype):
            continue
        goal_codes, goal_values = pd.factorize(goal)
        if len(goal_values) < 2:
            continue
        for name in columns:
            column = frame[name].iloc[rows]
            if name == target or isinstance(column.dtype, TensorDtype) or column.dtype == object:
                continue
            codes, values = pd.factorize(column)
            same = len(values) == len(goal_values) and np.array_equal(codes, goal_codes)
            # Where every row has a value of its own, as numbers may, only the very numbers tell.
            few = len(values) < len(rows) / 2
            if same and (few or np.array_equal(np.asarray(column), np.asarray(goal))):
                lines.append(
                    f"column {name!r} says what {target!r} is, one value for each: leave it out of the "
                    "inputs unless it will be known"
                )
    return lines
