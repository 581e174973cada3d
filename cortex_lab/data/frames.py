"""What pandas objects among arrays say: the names of columns, and by their index which rows are which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype

from cortex_lab.data._rows import one_weight_each

_COLUMNS = (pd.Series, pd.DataFrame)
_OF_INDEX, NAMELESS = "columns made of an index", "target without a name"
"""Of what is said in the `attrs` of frames: they go where the frame goes."""
NUMBERS = ("row", "row number")
"""What an index of row numbers is called, so that it is not taken for one of the user's own."""


def names_among(inputs: object) -> Any:
    """The columns of a frame, or by input name those of the frames in a dict; None where there are none."""
    if isinstance(inputs, pd.DataFrame):
        return inputs.columns.tolist()
    if not isinstance(inputs, Mapping):
        return None
    frames = {name: part for name, part in inputs.items() if isinstance(part, pd.DataFrame)}
    return {name: part.columns.tolist() for name, part in frames.items()} or None


def byte_columns(inputs: object, among: list | None = None) -> list:
    """Names of the columns that hold bytes among the frames in `inputs`, or `among` these names."""
    frames = [each for each in _pandas(inputs) if isinstance(each, pd.DataFrame)]
    found = [name for frame in frames for name, dtype in frame.dtypes.items() if _are_bytes(dtype)]
    return found if among is None else [name for name in among if name in found]


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with rows numbered 0, 1, ...; an index that said something else becomes a column."""
    if frame.index.equals(pd.RangeIndex(len(frame))):
        return frame.reset_index(drop=True)
    own = frame.columns
    index = frame.index
    # A name that a column has already is given up.
    names = [None if name in frame.columns else name for name in index.names]
    frame = frame.set_axis(index.set_names(names), axis=0) if names != list(index.names) else frame
    frame = frame.reset_index()
    # A frame of these rows that is given again has no column more than its owner gave it.
    frame.attrs[_OF_INDEX] = [name for name in frame.columns if name not in own or name in of_index(frame)]
    return frame


def of_index(frame: pd.DataFrame) -> list:
    """The columns of a frame that `numbered` made of an index, of this frame or of one it was taken from."""
    return [name for name in frame.attrs.get(_OF_INDEX, ()) if name in frame.columns]


def given_columns(frame: pd.DataFrame) -> list:
    """The columns of a frame, but for what `numbered` made of an index."""
    made = of_index(frame)
    return [name for name in frame.columns if name not in made]


def numbers_of_rows(frame: pd.DataFrame) -> pd.RangeIndex:
    """An index 0, 1, ... that says that it is row numbers, and is called as no column is."""
    return pd.RangeIndex(len(frame), name=NUMBERS["row" in frame.columns])


def common_index(inputs: object, targets: object) -> pd.Index | None:
    """The index of all frames and columns in a pair; None if there are none, ValueError if they differ."""
    indexes = [each.index for part in (inputs, targets) for each in _pandas(part)]
    for index in indexes[1:]:
        if not index.equals(indexes[0]):
            raise ValueError(
                "the inputs and the targets do not have the same index, so which rows belong together cannot "
                "be told; put them in order, targets.loc[inputs.index], or drop both indexes: "
                ".reset_index(drop=True)"
            )
    return indexes[0] if indexes else None


def weights_of_rows(
    sample_weight: object, rows: np.ndarray, whole: pd.Index | None, of: str, called: str = "sample_weight"
) -> np.ndarray:
    """One weight for each of the `rows`, as float64; a column is matched by its index, as `by_row` says."""
    if isinstance(sample_weight, pd.DataFrame) and sample_weight.shape[1] == 1:
        sample_weight = sample_weight.iloc[:, 0]
    if isinstance(sample_weight, pd.Series):
        sample_weight = by_row(sample_weight, rows, whole, called, f"the {of}")
    return one_weight_each(sample_weight, len(rows), called)


def by_row(values: pd.Series, rows: np.ndarray, whole: pd.Index | None, called: str, of: str) -> np.ndarray:
    """The values that a Series has for `rows`, in their order.

    It is matched by row numbers, if its index is called "row" as in the frames that are made here, and else
    by `whole`, the index of the frame that all rows came in. A Series numbered 0, 1, ... where that has
    other names goes by the order of the rows, as does one beside rows without an index. ValueError if it
    cannot be matched, or in two ways that differ.
    """
    own = values.index
    numbered = own.equals(pd.RangeIndex(len(own)))
    if whole is None and not (numbered or are_numbers(own)):
        raise ValueError(
            f"{called} has an index other than 0, 1, 2, ..., and {of} have none, so which row each is for "
            f"cannot be told; give them in the order of the rows: {called}.to_numpy()"
        )
    if not are_numbers(own) and (whole is None or (numbered and not own.isin(whole).any())):
        return values.to_numpy()
    found = [values.to_numpy()[places] for places in _readings(own, rows, whole)]
    if not found:
        raise ValueError(
            f"the index of {called} is not that of {of}; give them in the order of the rows: "
            f"{called}.to_numpy()"
        )
    if any(not pd.Series(found[0]).equals(pd.Series(each)) for each in found[1:]):
        raise ValueError(
            f"the index of {called} may be row numbers or the index of the frame, which are both called "
            f"{own.name!r} and are not alike; give them in the order of the rows: {called}.to_numpy()"
        )
    return found[0]


def row_numbers(chosen: object, rows: np.ndarray, whole: pd.Index | None, of: str) -> Any:
    """Those of `rows` that a Series of bools, an Index or a Series of numbers or labels chooses.

    Bools are matched as `by_row` says. Others are row numbers or labels of `whole`, the frame's own index:
    ValueError if they may be both and choose other rows, or are neither. What is not pandas' is left as it
    is: row numbers, or bools in the order of the rows.
    """
    if not isinstance(chosen, (pd.Series, pd.Index)):
        return chosen
    if is_bool_dtype(chosen.dtype):
        if chosen.isna().any():
            raise ValueError("bools that choose rows are missing in some; fill them: rows.fillna(False)")
        if isinstance(chosen, pd.Series):
            return rows[by_row(chosen, rows, whole, "rows", of).astype(bool)]
        return chosen.to_numpy(bool)
    labels = chosen if isinstance(chosen, pd.Index) else pd.Index(chosen)
    if whole is None or whole.equals(pd.RangeIndex(len(whole))):
        return labels.to_numpy()
    places = whole.get_indexer(labels) if whole.is_unique and whole.nlevels == labels.nlevels else None
    are_labels = places is not None and (places >= 0).all()
    if is_integer_dtype(labels.dtype):
        numbers = labels.to_numpy()
        certain = are_numbers(labels) and not are_numbers(whole)
        if certain or not are_labels or np.array_equal(numbers, places):
            return numbers
        raise ValueError(
            "rows may be row numbers or labels of the frame's index, which is another one here; give "
            "rows.to_numpy() for numbers, numpy.flatnonzero(frame.index.isin(rows)) for labels"
        )
    if not are_labels:
        missing = f", such as {labels[places < 0][0]!r}" if places is not None else ""
        raise IndexError(f"there are no rows of {of} with such labels in the frame's index{missing}")
    return places


def are_numbers(index: pd.Index) -> bool:
    """Whether an index says that it is row numbers."""
    return index.nlevels == 1 and index.name in NUMBERS and is_integer_dtype(index.dtype)


def _readings(own: pd.Index, rows: np.ndarray, whole: pd.Index | None) -> Iterator[Any]:
    """Where the rows are in an index, by each way to read it; none where they are not all there."""
    numbered, named = pd.Index(rows), None if whole is None else whole[rows]
    if named is not None and own.equals(named) and (not are_numbers(own) or are_numbers(named)):
        yield np.arange(len(own))
        return
    if are_numbers(own) and own.is_unique and numbered.isin(own).all():
        yield own.get_indexer(numbered)
    if named is None or (are_numbers(own) and not are_numbers(named)):
        return
    if own.is_unique and own.nlevels == named.nlevels and named.isin(own).all():
        yield own.get_indexer(named)


def _are_bytes(dtype: object) -> bool:
    # Nullable, sparse and Arrow's dtypes know what their numbers are.
    numbers = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    return isinstance(numbers, np.dtype) and numbers == np.uint8


def _pandas(part: object) -> Iterator[pd.Series | pd.DataFrame]:
    for each in part.values() if isinstance(part, Mapping) else [part]:
        if isinstance(each, _COLUMNS):
            yield each
