"""What targets look like before any loss has read them: by this a loss is chosen where none was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.source import Source, source_of
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.categories import holds_words
from cortex_lab.ground.written import are_dates, numbers_in, to_dates

MOST_ROWS = 2**16
"""How many rows of targets with several numbers each are looked at."""
_FIRST = 64


@dataclass(frozen=True)
class Look:
    """How targets look: `kind`, row `shape`, of what may be classes how many, and if all are `two`, 0 or 1.

    `as_numbers` makes numbers of labels that may be meant as such, `y`, where they may; they may be `words`.

    Kinds: "labels" (words), "yes or no" (two of anything, 0 and 1, or bools), "whole numbers" of at least 0,
    "one column per class" (0 and 1, or shares that sum to 1), "several yes or no", "the inputs", "numbers".
    Of what is -1 or -100, which may say that it is unknown, the rest decides.
    """

    kind: str
    shape: tuple[int, ...] = ()
    classes: int = 0
    two: bool = False
    as_numbers: str = ""
    words: bool = False

    def __str__(self) -> str:
        return f"{self.classes} labels" if self.kind == "labels" else self.kind


def looks(data: object) -> dict[str | None, Look]:
    """How the targets of `data` look, by output name, or by None if they have none.

    Nothing for batches of one's own, and for data without targets.
    """
    if isinstance(data, Dataset):
        named = data.target if isinstance(data.target, dict) else {None: data.target}
        return {name: _of_columns(data, columns) for name, columns in named.items() if columns is not None}
    if not isinstance(data, (tuple, list)) or len(data) != 2 or data[1] is None:
        return {}
    inputs, targets = data
    if isinstance(targets, Mapping):
        return {name: _look(each) for name, each in targets.items()}
    return {None: Look("the inputs", np.shape(targets)[1:]) if targets is inputs else _look(targets)}


def _of_columns(data: Dataset, columns: object) -> Look:
    inputs = data.inputs if not isinstance(data.inputs, dict) else None
    # All rows look alike in any order, and a frame of them takes longer to make than to look at.
    column = (data._whole if len(data.rows) == len(data._whole) else data.frame)[columns]
    if isinstance(column.dtype if isinstance(column, pd.Series) else None, TensorDtype):
        shape = column.dtype.shape
        return Look("the inputs", shape) if columns == inputs else _of_rows(column.array.source, shape)
    if columns == inputs:
        return Look("the inputs", (column.shape[1],) if column.ndim == 2 else ())
    return _look(column, None if isinstance(columns, list) else f"frame[{columns!r}]")


def _look(values: object, named: str | None = None) -> Look:
    """How an array or a column looks; `named` is how the column of a frame is typed."""
    in_memory = isinstance(values, (np.ndarray, pd.Series, pd.DataFrame))
    if not in_memory and isinstance(values, Source):
        return _of_rows(values, tuple(values.shape))
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    words = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    array = _numbers(values) if isinstance(values, pd.DataFrame) else checks.array("targets", values)
    if array.ndim > 1 and array.shape[1:] != (1,):
        return _of_rows(array, array.shape[1:])
    column = values if isinstance(values, pd.Series) else pd.Series(array.reshape(-1))
    column = column.infer_objects() if column.dtype == object else column
    if words or column.dtype.kind not in "biuf":
        found = column.nunique()
        kind, written = "yes or no" if found == 2 else "labels", _as_numbers(column, named)
        # What are numbers throughout are hardly meant as words.
        wordy = holds_words(column) and not written.endswith(".astype(float)")
        return Look(kind, (), found, found == 2, written, wordy)
    # Numbers that are not whole are so from the first on, as a rule.
    some = column.iloc[:_FIRST].to_numpy(float, na_value=np.nan)
    some = some[~np.isnan(some)]
    if not (np.isfinite(some) & (some == np.floor(some))).all():
        return Look("numbers")
    numbers = column.dropna().to_numpy(float)
    if not len(numbers) or not (np.isfinite(numbers) & (numbers == np.floor(numbers))).all():
        return Look("numbers")
    known = numbers[~np.isin(numbers, (-1, -100))]
    if known.size and np.isin(known, (0, 1)).all():
        return Look("yes or no", (), 2, True)
    gaps = column.dtype.kind == "f" and len(numbers) < len(column)
    if not known.size or known.min() < 0 or gaps:
        return Look("numbers")
    return Look("whole numbers", (), int(known.max()) + 1)


def _as_numbers(column: pd.Series, named: str | None) -> str:
    """What makes numbers of dates, lengths of time, Decimals and numbers in words; nothing for words."""
    given = named or "pandas.Series(y)"
    if column.dtype.kind == "M":
        return "y = pandas.Series(y); y = (y - y.min()).dt.total_seconds()"
    if column.dtype.kind == "m":
        return "y = pandas.Series(y).dt.total_seconds()"
    if are_dates(column.dropna().unique()):
        dates = to_dates(column.dropna().unique(), "y")
        return f"y = pandas.Series({dates}); y = (y - y.min()).dt.total_seconds()"
    if len(column) and pd.to_numeric(column.astype(object), errors="coerce").notna().all():
        return "y = pandas.Series(y).astype(float)"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return ""
    words = column.dropna().drop_duplicates().astype(str).tolist()
    made = numbers_in(words, given)
    if made is None and pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").notna().mean() > 0.5:
        made = f'pandas.to_numeric({given}, errors="coerce")'
    return f"{named or 'y'} = {made}" if made else ""


def _of_rows(values: ArrayLike | Source, shape: tuple[int, ...]) -> Look:
    some = np.asarray(source_of(values).take(slice(0, MOST_ROWS)))
    if some.dtype == object:
        some = pd.Series(some.ravel()).infer_objects().to_numpy().reshape(some.shape)
    if some.dtype.kind not in "biuf":
        return Look("numbers", shape)
    if shape[-1] > 1 and ((some >= 0) & (some <= 1)).all() and np.allclose(some.sum(axis=-1), 1, atol=1e-4):
        return Look("one column per class", shape, shape[-1], bool(np.isin(some, (0, 1)).all()))
    whole = some.dtype.kind in "iub" or (some == np.floor(some)).all()
    known = some[~np.isin(some, (-1, -100))] if whole else some[:0]
    if not known.size or known.min() < 0:
        return Look("numbers", shape)
    # 1 beside -1 alone may be yes and no, but as well two values.
    if known.max() <= 1 and (known.size == some.size or not known.min()):
        return Look("several yes or no", shape, 2, True)
    return Look("whole numbers", shape, int(known.max()) + 1)


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Columns of numbers and bools as one array of numbers; anything else as objects."""
    if all(dtype.kind in "biuf" for dtype in frame.dtypes):
        return frame.to_numpy(float, na_value=np.nan)
    return frame.to_numpy()
