"""What columns have in common whose cells are arrays."""

from __future__ import annotations

import hashlib
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.extensions import ExtensionArray
from pandas.api.indexers import check_array_indexer
from pandas.api.types import is_list_like, is_scalar

from cortex_lab.data.tensor import Tensor


class ArrayCells(ExtensionArray):
    """A column of `Tensor` cells, some of which may be missing."""

    # Operators of an ndarray on the left come here; there is no arithmetic but on the numbers themselves.
    __array_ufunc__ = None  # pyright: ignore[reportAssignmentType]
    _readonly = False
    _missing: np.ndarray

    def __len__(self) -> int:
        return len(self._missing)

    def isna(self) -> np.ndarray:
        return self._missing.copy()

    @classmethod
    def _from_factorized(cls, values: Any, original: Self) -> Self:
        return cls._from_sequence(values, dtype=original.dtype)

    def _as_cells(self) -> np.ndarray:
        """(n,) objects: a `Tensor` each, or `pandas.NA`."""
        cells = np.empty(len(self), object)
        cells[:] = list(self)
        return cells

    def _checked(self, item: object) -> slice | np.ndarray:
        """What chooses several rows, as a slice, row numbers or a mask."""
        if isinstance(item, tuple):
            # pandas asks for [..., rows] or [rows, ...].
            item = next((rows for rows in item if rows is not Ellipsis), slice(None))
        item = check_array_indexer(self, item)
        if not isinstance(item, (slice, np.ndarray)):
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) "
                "and integer or boolean arrays are valid indices"
            )
        return item

    def _taken(self, indices: ArrayLike, allow_fill: bool) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers to take, and which of them are blanks; IndexError for one that is not there."""
        indices = np.asarray(indices, dtype=np.intp)
        if len(self) == 0 and not (allow_fill and (indices == -1).all()) and len(indices):
            raise IndexError("cannot do a non-empty take from an empty axes.")
        if not allow_fill:
            return indices, np.zeros(len(indices), bool)
        if (indices < -1).any():
            raise ValueError("with allow_fill=True, indices below -1 have no meaning")
        if (indices >= len(self)).any() and len(self):
            raise IndexError(f"index {indices.max()} is out of bounds for {len(self)} rows")
        return indices, indices == -1

    def _where(self, mask: np.ndarray, value: object) -> Self:
        return super()._where(mask, self._lined_up(value))  # type: ignore[misc]

    def _putmask(self, mask: np.ndarray, value: object) -> None:
        super()._putmask(mask, self._lined_up(value))  # type: ignore[misc]

    def _lined_up(self, value: object) -> Any:
        """As many rows as there are here, of which a mask chooses some; a single cell as it is."""
        if not is_list_like(value) or isinstance(value, ArrayCells):
            return value
        rows = self._from_sequence(value, dtype=self.dtype)
        if len(rows) not in (1, len(self)):
            raise ValueError(f"Length of values ({len(rows)}) does not match length of index ({len(self)})")
        return rows if len(rows) == len(self) else rows.repeat(len(self))

    def searchsorted(self, value: Any, side: Any = "left", sorter: Any = None) -> Any:
        cells = np.empty(1, object)
        cells[0] = value
        cells = cells if isinstance(value, Tensor) else self._from_sequence(value)._as_cells()
        places = self._as_cells().searchsorted(cells, side=side, sorter=sorter)
        return places[0] if isinstance(value, Tensor) else places

    def _values_for_factorize(self) -> tuple[np.ndarray, Any]:
        return self._as_cells(), self.dtype.na_value

    def _hash_pandas_object(self, *, encoding: str, hash_key: str, categorize: bool) -> np.ndarray:
        """(n,) uint64 by content: how a cell prints, which pandas would take, says too little of it."""
        key = hash_key.encode(encoding)
        return np.array([_digest(cell, key) for cell in self], np.uint64)

    def _values_for_json(self) -> np.ndarray:
        # pandas' JSON writer reads past the end of arrays with more than one dimension.
        cells = np.empty(len(self), object)
        cells[:] = [cell.array.tolist() if isinstance(cell, Tensor) else None for cell in self]
        return cells

    def value_counts(self, dropna: bool = True) -> pd.Series:
        codes, cells = self.factorize(use_na_sentinel=dropna)
        counts = np.bincount(codes[codes >= 0], minlength=len(cells))
        # As those of pandas' other types whose missing value is pandas.NA.
        return pd.Series(counts, index=pd.Index(cells), name="count", dtype="Int64")

    def _formatter(self, boxed: bool = False) -> Any:
        return str


def _digest(cell: object, key: bytes) -> int:
    found = hashlib.blake2b(key=key[:64], digest_size=8)
    if isinstance(cell, Tensor):
        # Equal cells of different types are equal, and so are 0 and -0.
        numbers = cell.array.astype(np.float64) + 0.0
        if cell.dtype.kind in "iu" and (np.abs(numbers) >= 2**53).any():
            numbers = cell.array
        found.update(repr(cell.shape).encode() + numbers.tobytes())
    return int.from_bytes(found.digest(), "little")


def cast(numbers: np.ndarray, scalar: np.dtype) -> np.ndarray:
    """The numbers as another type; ValueError if it cannot hold them."""
    if np.can_cast(numbers.dtype, scalar, "same_kind"):
        return numbers.astype(scalar, copy=False)
    with np.errstate(invalid="ignore"):
        found = numbers.astype(scalar)
    if not np.array_equal(found, numbers):
        raise ValueError(f"{numbers.dtype} values do not fit {scalar}; convert with astype if that is meant")
    return found


def is_missing(scalar: object) -> bool:
    return is_scalar(scalar) and bool(pd.isna(scalar))
