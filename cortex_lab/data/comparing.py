"""Rows of a tensor column compared with others, some at a time: equal, or in the order of words."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sized
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.api.types import is_list_like

from cortex_lab.data.source import Source, as_sliced
from cortex_lab.data.tensor import Tensor, TensorDtype
from cortex_lab.ground.pieces import pieces

Comparison = Callable[[Any, Any], Any]


class Comparing(ExtensionArray):
    """What `==`, `!=`, `<` and the like say of rows: one bool for each, False for one that is missing."""

    source: Source
    _missing: np.ndarray
    _dtype: TensorDtype

    def __eq__(self, other: object) -> Any:
        return self._compared(other, operator.eq, _are_equal)

    def __ne__(self, other: object) -> Any:
        same = self.__eq__(other)
        return same if same is NotImplemented else ~same

    def __lt__(self, other: object) -> Any:
        return self._compared(other, operator.lt, _in_order(operator.lt))

    def __le__(self, other: object) -> Any:
        return self._compared(other, operator.le, _in_order(operator.le))

    def __gt__(self, other: object) -> Any:
        return self._compared(other, operator.gt, _in_order(operator.gt))

    def __ge__(self, other: object) -> Any:
        return self._compared(other, operator.ge, _in_order(operator.ge))

    def _compared(self, other: object, compare: Comparison, rows: Comparison) -> Any:
        """`compare` of cells and those of `other`, by `rows` of (k, numbers) where both have those."""
        if isinstance(other, (pd.Series, pd.Index, pd.DataFrame)):
            return NotImplemented
        there: Any = True
        theirs: Any = None
        cell = np.empty(0)
        if isinstance(other, (Tensor, np.ndarray)) and other.shape == self._dtype.shape:
            cell = np.asarray(other).reshape(1, -1)
        elif is_list_like(other) and isinstance(other, Sized):
            if len(other) != len(self):
                raise ValueError("Lengths must match to compare")
            if not isinstance(other, Comparing):
                cells = zip(self, other, strict=True)  # type: ignore[call-overload]
                return np.array([compare(mine, its) is True for mine, its in cells], bool)
            if other._dtype.shape != self._dtype.shape:
                return self._unlike(compare)
            there, theirs = ~other._missing, as_sliced(other.source)
        else:
            return self._unlike(compare)
        mine, found = as_sliced(self.source), np.empty(len(self), bool)
        for piece in pieces(mine):
            found[piece] = rows(_flat(mine[piece]), cell if theirs is None else _flat(theirs[piece]))
        return found & ~self._missing & there

    def _unlike(self, compare: Comparison) -> Any:
        """What is of another kind is not equal, and neither before nor after."""
        if compare is not operator.eq:
            return NotImplemented
        return np.zeros(len(self), bool)


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1 if rows.size else 0)


def _are_equal(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (mine == theirs).all(axis=1)


def _in_order(compare: Comparison) -> Comparison:
    """The order of words: the first number in which two rows differ decides."""

    def rows(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        if not mine.shape[1]:
            return np.full(len(mine), compare(0, 0))
        mine, theirs = np.broadcast_arrays(mine, theirs)
        first = (mine != theirs).argmax(axis=1)
        each = np.arange(len(mine))
        return compare(mine[each, first], theirs[each, first])

    return rows
