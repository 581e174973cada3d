"""What pandas objects among arrays say: the names of columns, and by their index which rows are which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._rows import one_weight_each

_COLUMNS = (pd.Series, pd.DataFrame)


def names_among(inputs: Any) -> Any:
    """The columns of a frame, or by input name those of the frames in a dict; None where there are none."""
    if isinstance(inputs, pd.DataFrame):
        return inputs.columns.tolist()
    if not isinstance(inputs, Mapping):
        return None
    frames = {name: part for name, part in inputs.items() if isinstance(part, pd.DataFrame)}
    return {name: part.columns.tolist() for name, part in frames.items()} or None


def byte_columns(inputs: Any) -> list:
    """Names of the columns that hold bytes among the frames in `inputs`."""
    frames = [each for each in _pandas(inputs) if isinstance(each, pd.DataFrame)]
    return [name for frame in frames for name, dtype in frame.dtypes.items() if _are_bytes(dtype)]


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with rows numbered 0, 1, ...; an index that said something else becomes a column."""
    if frame.index.equals(pd.RangeIndex(len(frame))):
        return frame.reset_index(drop=True)
    index = frame.index
    # A name that a column has already is given up.
    names = [None if name in frame.columns else name for name in index.names]
    frame = frame.set_axis(index.set_names(names), axis=0) if names != list(index.names) else frame
    return frame.reset_index()


def common_index(inputs: Any, targets: Any) -> pd.Index | None:
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
    sample_weight: Any, rows: int, index: pd.Index | None, whole: pd.Index | None, of: str
) -> np.ndarray:
    """One weight for each of `rows` rows that have `index`, as float64; a Series is matched by its own.

    `whole` is the index of all the rows from which these were chosen: a Series numbered 0, 1, ... where that
    has other names goes by the order of the rows. So does one beside rows without an index, if numbered so.
    """
    if isinstance(sample_weight, pd.Series) and not sample_weight.index.equals(index):
        own = sample_weight.index
        numbered = own.equals(pd.RangeIndex(len(own)))
        if index is None and not numbered:
            raise ValueError(
                f"sample_weight has an index other than 0, 1, 2, ..., and {of} have none, so which row each "
                "weighs cannot be told; give them in the order of the rows: sample_weight.to_numpy()"
            )
        if index is not None and not (numbered and not own.isin(whole).any()):
            if not (own.is_unique and index.isin(own).all()):
                raise ValueError(
                    f"the index of sample_weight is not that of {of}; give the weights in the order of the "
                    "rows: sample_weight.to_numpy()"
                )
            sample_weight = sample_weight.loc[index]
    return one_weight_each(sample_weight, rows)


def _are_bytes(dtype: Any) -> bool:
    # Nullable, sparse and Arrow's dtypes know what their numbers are.
    numbers = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype))
    return isinstance(numbers, np.dtype) and numbers == np.uint8


def _pandas(part: Any) -> Iterator[pd.Series | pd.DataFrame]:
    for each in part.values() if isinstance(part, Mapping) else [part]:
        if isinstance(each, _COLUMNS):
            yield each
