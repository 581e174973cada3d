"""A pandas column of sequences, each of its own length: words of a sentence, steps of a recording.

Their numbers lie one after the other in a few blocks, in memory or mapped from a file, and a row says where
it begins and how long it is. So slices, choices of rows and columns put together copy no numbers.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike
from pandas.api.types import is_integer, is_list_like, pandas_dtype

from cortex_lab.data._rows import positions
from cortex_lab.data.arrow_lists import list_array, list_parts
from cortex_lab.data.cells import ArrayCells, cast, is_missing
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import Numbers, numbers
from cortex_lab.data.tensor import Tensor, shape_text
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground import checks

_BLOCK, _START, _LENGTH = range(3)


class RaggedArray(ArrayCells):
    """Sequences of different length.

    Parameters
    ----------
    values
        The steps of all sequences, one after the other, (total, *shape); may be mapped from a file.
    lengths
        How many of them each sequence has, (n,).
    missing
        Which sequences are missing, (n,) bool.

    `RaggedArray.of` makes it of lists. A network, and `padded`, are given them with zeros at the end.
    """

    def __init__(self, values: np.ndarray, lengths: ArrayLike, missing: np.ndarray | None = None) -> None:
        values, counts = np.asanyarray(values), np.asarray(lengths)
        if values.ndim < 1 or counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise ValueError(
                f"a column of sequences needs values (total, ...) and a length for each sequence, got values "
                f"{values.shape} and lengths {counts.dtype} {counts.shape}"
            )
        if counts.sum() != len(values):
            raise ValueError(f"lengths add up to {counts.sum()}, and there are {len(values)} values")
        rows = np.zeros((len(counts), 3), np.int64)
        rows[:, _START], rows[:, _LENGTH] = np.cumsum(counts) - counts, counts
        gone = np.zeros(len(counts), bool) if missing is None else np.asarray(missing, dtype=bool)
        if gone.shape != counts.shape:
            raise ValueError(f"missing must be {counts.shape} bools, got shape {gone.shape}")
        self._set([values], rows, gone, RaggedDtype(values.dtype, values.shape[1:]))

    @classmethod
    def of(cls, sequences: Iterable[object], dtype: str | RaggedDtype | None = None) -> RaggedArray:
        """The column of lists or arrays, of which some may be missing (None)."""
        if isinstance(sequences, (pd.Series, pd.Index)):
            sequences = sequences.array
        if not isinstance(dtype, (RaggedDtype, type(None))):
            try:
                dtype = RaggedDtype.construct_from_string(dtype)
            except TypeError:
                raise checks.refused("dtype", "a type such as 'ragged[int64, n]'", dtype) from None
        return cls._from_sequence(checks.listed("sequences", sequences, "lists of numbers"), dtype=dtype)

    def _set(
        self, blocks: list[np.ndarray], rows: np.ndarray, missing: np.ndarray, dtype: RaggedDtype
    ) -> None:
        # Blocks are added to, never written to: all that share them see their own rows.
        self._blocks, self._rows, self._missing, self._dtype = blocks, rows, missing, dtype

    def _with(self, rows: np.ndarray, missing: np.ndarray) -> RaggedArray:
        made = object.__new__(type(self))
        made._set(self._blocks, rows, missing, self._dtype)
        return made

    @property
    def dtype(self) -> RaggedDtype:
        return self._dtype

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, (n,); 0 for one that is missing."""
        return np.where(self._missing, 0, self._rows[:, _LENGTH])

    @property
    def longest(self) -> int:
        """Steps of the longest sequence; 1 where none has any."""
        return max(1, int(self.lengths.max(initial=0)))

    @property
    def steps(self) -> np.ndarray:
        """The steps of all sequences, one after the other; no copy where they lie so."""
        return self._gathered(self._rows, self.lengths)

    @property
    def nbytes(self) -> int:
        return int(self.lengths.sum()) * self._step_bytes + self._rows.nbytes + self._missing.nbytes

    @property
    def _step_bytes(self) -> int:
        return math.prod(self.dtype.shape) * self.dtype.scalar.itemsize

    # What a network is given -------------------------------------------------------------------------

    def padded(
        self, rows: ArrayLike | None = None, length: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(k, length, *shape) with zeros behind each sequence, and (k, length) bools: where it has steps.

        Of some rows by number, or of all; as long as the longest of them, or of a `length`. ValueError for a
        sequence that is longer than that.
        """
        chosen = np.arange(len(self)) if rows is None else positions(rows, len(self))  # type: ignore[arg-type]
        return self._padded(chosen, length)

    def _padded(self, chosen: Numbers, length: int | None) -> tuple[np.ndarray, np.ndarray]:
        places, lengths = self._rows[chosen], self.lengths[chosen]
        longest = int(lengths.max(initial=0))
        if length is not None and longest > checks.whole("length", length, least=0):
            row = int(np.flatnonzero(lengths == longest)[0])
            raise ValueError(
                f"sequence {row} has {longest} steps, and {length} are wanted; shorten them: "
                f".shortened({length})"
            )
        steps = longest if length is None else length
        mask = np.arange(steps) < lengths[:, np.newaxis]
        found = np.zeros((len(places), steps, *self.dtype.shape), self.dtype.scalar)
        found[mask] = self._gathered(places, lengths)
        return found, mask

    def as_rows(self, length: int) -> np.ndarray:
        """The sequences as a network of so many steps reads them; ValueError if one is missing or longer."""
        if self._missing.any():
            rows = np.flatnonzero(self._missing)
            raise ValueError(
                f"{len(rows)} of {len(self)} sequences are missing (first: {rows[:5].tolist()}); leave them "
                "out: dropna()"
            )
        return self.padded(length=length)[0]

    def shortened(self, length: int) -> RaggedArray:
        """The first `length` steps of each sequence."""
        rows = self._rows.copy()
        rows[:, _LENGTH] = np.minimum(rows[:, _LENGTH], checks.whole("length", length, least=1))
        return self._with(rows, self._missing.copy())

    def mask(self, length: int | None = None) -> TensorArray:
        """Which steps are there, as a tensor column of 1 and 0, `length` or the longest sequence wide.

        For a network that reads it beside the sequences: Dataset(frame, {"words": "words", "mask": "mask"}).
        """
        longest = self.longest if length is None else checks.whole("length", length, least=1)
        return TensorArray((np.arange(longest) < self.lengths[:, np.newaxis]).astype(np.float32))

    def _gathered(self, places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The steps of rows at these places, one after the other."""
        used, of = np.unique(places[:, _BLOCK], return_inverse=True)
        starts, total = places[:, _START], int(lengths.sum())
        if len(used) == 1 and len(places) and (starts[1:] == starts[:-1] + lengths[:-1]).all():
            return self._native(self._blocks[used[0]][starts[0] : starts[0] + total])
        found = np.empty((total, *self.dtype.shape), self.dtype.scalar)
        ends = np.cumsum(lengths)
        steps = np.arange(total) + np.repeat(starts - ends + lengths, lengths)
        if len(used) == 1:
            return self._native(self._blocks[used[0]][steps])
        for number, block in enumerate(used):
            mine = np.repeat(of == number, lengths)
            found[mine] = self._blocks[block][steps[mine]]
        return found

    def _native(self, steps: np.ndarray) -> np.ndarray:
        return steps.astype(self.dtype.scalar, copy=False)

    # Construction ------------------------------------------------------------------------------------

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> RaggedArray:
        target = None if dtype is None else pandas_dtype(dtype)
        if not isinstance(target, (RaggedDtype, type(None))):
            raise TypeError(f"a column of sequences cannot be made with dtype {target}")
        if isinstance(scalars, (pd.Series, pd.Index)):
            scalars = scalars.array
        if isinstance(scalars, RaggedArray):
            return scalars.astype(target or scalars.dtype, copy=True)
        rows = [None if is_missing(scalar) else np.asarray(scalar) for scalar in scalars]
        present = [row for row in rows if row is not None]
        if target is None and not present:
            raise ValueError("what sequences hold cannot be read from no rows; give their dtype")
        # An empty list has no numbers that would say of which type they are.
        filled = [row for row in present if row.size] or present
        shape = filled[0].shape[1:] if target is None else target.shape
        for position, row in enumerate(rows):
            if row is None:
                continue
            fits = row.ndim > 0 and (row.shape[1:] == shape or not row.size) and row.dtype.kind in "biuf"
            if not fits:
                raise ValueError(
                    f"row {position} is {shape_text(row.shape) or 'a single value'} {row.dtype} where "
                    f"{shape_text(('n', *shape))} numbers are wanted: sequences differ in their length alone"
                )
        scalar = np.result_type(*filled) if target is None else target.scalar
        steps = [cast(row.reshape(-1, *shape), scalar) for row in present if row.size]
        values = np.concatenate([np.empty((0, *shape), scalar), *steps])
        lengths = [0 if row is None or not row.size else len(row) for row in rows]
        return cls(values, np.array(lengths, np.int64), np.array([row is None for row in rows], bool))

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[RaggedArray]) -> RaggedArray:
        blocks, rows = [], []
        for column in to_concat:
            places = column._rows.copy()
            places[:, _BLOCK] += len(blocks)
            blocks, rows = [*blocks, *column._blocks], [*rows, places]
        made = object.__new__(cls)
        missing = np.concatenate([column._missing for column in to_concat])
        made._set(blocks, np.concatenate(rows), missing, to_concat[0].dtype)
        return made

    @classmethod
    def _from_arrow(cls, array: Any, dtype: RaggedDtype) -> RaggedArray:
        parts = [
            cls(values, lengths, missing)
            for values, lengths, missing in list_parts(array, dtype.scalar, dtype.shape, dtype.name)
        ]
        return cls._concat_same_type(parts) if parts else cls._from_sequence([], dtype=dtype)

    def __arrow_array__(self, type: Any = None) -> Any:
        """As Arrow's `variable_shape_tensor`, which shares the memory of steps that lie in one block."""
        return list_array(self.steps, self.lengths, self._missing, type)

    def copy(self) -> RaggedArray:
        return self._with(self._rows.copy(), self._missing.copy())

    # Reading and writing -----------------------------------------------------------------------------

    def __getitem__(self, item: Any) -> Any:
        if is_integer(item):
            if self._missing[item]:
                return self.dtype.na_value
            block, start, length = self._rows[item]
            return Tensor(self._native(self._blocks[block][start : start + length]))
        item = self._checked(item)
        result = self._with(self._rows[item], self._missing[item])
        result._readonly = self._readonly and isinstance(item, slice)
        return result

    def __setitem__(self, key: Any, value: object) -> None:
        if self._readonly:
            raise ValueError("Cannot modify read-only array")
        from_key = pd.api.indexers.check_array_indexer(self, key)
        single = isinstance(value, Tensor) or (isinstance(value, np.ndarray) and value.dtype != object)
        if single and np.ndim(value) == 1 + len(self.dtype.shape):
            rows = self._from_sequence([value], dtype=self.dtype)
        elif is_list_like(value):
            rows = self._from_sequence(value, dtype=self.dtype)
            if is_integer(from_key):
                raise ValueError("setting an array element with a sequence.")
            wanted = len(np.arange(len(self))[from_key])
            if len(rows) not in (1, wanted):
                raise ValueError(f"cannot set {wanted} rows to {len(rows)} sequences")
        elif is_missing(value):
            self._missing[from_key] = True
            return
        else:
            raise TypeError(f"a {self.dtype} column cannot hold {value!r}")
        places = rows._rows.copy()
        places[:, _BLOCK] += len(self._blocks)
        self._blocks.extend(rows._blocks)
        alone = is_integer(from_key)
        self._rows[from_key] = places[0] if alone else places
        self._missing[from_key] = rows._missing[0] if alone else rows._missing

    def take(self, indices: ArrayLike, *, allow_fill: bool = False, fill_value: object = None) -> RaggedArray:
        indices, blank = self._taken(indices, allow_fill)
        rows = np.zeros((len(indices), 3), np.int64)
        missing = np.ones(len(indices), bool)
        rows[~blank], missing[~blank] = self._rows[indices[~blank]], self._missing[indices[~blank]]
        result = self._with(rows, missing)
        if blank.any() and not is_missing(fill_value):
            result[blank] = fill_value
        return result

    # Conversion --------------------------------------------------------------------------------------

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> np.ndarray:
        """(n,) of cells; `padded` gives numbers."""
        if dtype is not None and np.dtype(dtype) != object:
            raise TypeError(f"sequences of different length are no array of {dtype}; ask for .padded()")
        if copy is False:
            raise ValueError("cells cannot be made without a copy")
        return self._as_cells()

    def to_numpy(self, dtype: DTypeLike = None, copy: bool = False, na_value: object = pd.NA) -> np.ndarray:
        """(n,) of cells, a new array always."""
        cells = np.asarray(self, dtype)
        cells[self._missing] = na_value
        return cells

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        dtype = pandas_dtype(dtype)
        if isinstance(dtype, RaggedDtype):
            if dtype.shape != self.dtype.shape:
                raise TypeError(f"a {self.dtype} column cannot become {dtype}: the shapes differ")
            if dtype == self.dtype:
                return self.copy() if copy else self
            return type(self)(self.steps.astype(dtype.scalar), self.lengths, self._missing.copy())
        if isinstance(dtype, np.dtype) and dtype.kind in "biufc":
            raise TypeError(f"sequences of different length cannot become {dtype}; ask for .padded()")
        return super().astype(dtype, copy)

    # Comparing and sorting ---------------------------------------------------------------------------

    def _compared(self, other: Any, compare: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, (pd.Series, pd.Index, pd.DataFrame)):
            return NotImplemented
        others = [other] * len(self) if isinstance(other, Tensor) or not is_list_like(other) else other
        if len(others) != len(self):
            raise ValueError("Lengths must match to compare")
        return np.array([compare(mine, its) is True for mine, its in zip(self, others, strict=True)], bool)

    def __eq__(self, other: object) -> Any:
        return self._compared(other, operator.eq)

    def __ne__(self, other: object) -> Any:
        same = self.__eq__(other)
        return same if same is NotImplemented else ~same

    def __lt__(self, other: object) -> Any:
        return self._compared(other, operator.lt)

    def __le__(self, other: object) -> Any:
        return self._compared(other, operator.le)

    def __gt__(self, other: object) -> Any:
        return self._compared(other, operator.gt)

    def __ge__(self, other: object) -> Any:
        return self._compared(other, operator.ge)

    def _values_for_argsort(self) -> np.ndarray:
        # The rank of each row, rows compared like words; what is missing is put elsewhere by pandas.
        cells = [() if cell is pd.NA else tuple(cell.array.ravel().tolist()) for cell in self]
        ranks = {cell: rank for rank, cell in enumerate(sorted(set(cells)))}
        return np.array([ranks[cell] for cell in cells], np.int64)


RaggedDtype.array_type = RaggedArray


@dataclass(frozen=True, eq=False)
class PaddedSource:
    """Sequences as rows of one shape: `length` steps each, of which those behind its own are zeros."""

    column: RaggedArray
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.length, *self.column.dtype.shape

    @property
    def dtype(self) -> np.dtype:
        return self.column.dtype.scalar

    def __len__(self) -> int:
        return len(self.column)

    def take(self, rows: Numbers) -> np.ndarray:
        return self.column._padded(numbers(rows, len(self)), self.length)[0]

    def lengthened(self, length: int) -> PaddedSource:
        """The same sequences with more zeros behind them."""
        return PaddedSource(self.column, length)

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        raise ValueError("what is padded is read only; change the column of sequences itself")
