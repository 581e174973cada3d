"""What is known of single rows, to be told beside a point; and rows found by what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset, RaggedArray, TensorArray
from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import class_ids
from cortex_lab.widgets.chart.picture_tiles import as_bytes, thinned
from cortex_lab.widgets.chart.rows import Named, rows_of, targets_of

MOST_LINES = 12
MOST_LETTERS = 40
MOST_PIXELS = 64


def told_of_row(session: Session, row: int) -> tuple[str, np.ndarray | None]:
    """What a row says, a line for each column or number; and its picture, (height, width, 1 or 3) bytes.

    IndexError for a row that there is not, `NothingToShow` where there are no rows.
    """
    known = rows_of(session)
    inputs, _ = known.take(np.array([known.checked(row)]))
    picture = _picture(inputs)
    dataset = getattr(session, "dataset", None)
    if isinstance(dataset, Dataset):
        values = dataset.frame.loc[row]
        lines = [f"{name}: {_text(values[name])}" for name in _plain_columns(dataset.frame)]
    else:
        flat = {} if picture is not None else {name: each.reshape(-1) for name, each in inputs.items()}
        lines = [f"{name} {i}: {_text(value)}" for name, each in flat.items() for i, value in enumerate(each)]
    more = [f"and {len(lines) - MOST_LINES:,} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more]), picture


def find_rows(session: Session, text: str) -> np.ndarray:
    """The numbers of the rows that `text` stands for, rising.

    "#12" is a row by its number and "column: text" is looked for in that column alone: text in it, or its
    number. Else it is a class, or text in any column of words; or, if no row says so, a row by its number.
    KeyError that lists the columns for one that there is not.
    """
    text = checks.text("text", text).strip()
    known = rows_of(session)
    if not text:
        return np.empty(0, np.int64)
    if text.startswith("#"):
        return known.numbers[known.numbers == _number(text[1:])]
    dataset = getattr(session, "dataset", None)
    if not isinstance(dataset, Dataset):
        found = _of_class(session, text)
        return found if len(found) else known.numbers[known.numbers == _number(text)]
    frame, numbers = dataset.frame, np.asarray(dataset.rows)
    column, colon, value = (part.strip() for part in text.partition(":"))
    if colon and column in map(str, frame.columns):
        name = next(each for each in frame.columns if str(each) == column)
        return np.sort(numbers[_says(frame[name], value)])
    if colon and column.isidentifier():
        told = ", ".join(map(str, _plain_columns(frame)))
        raise KeyError(f"there is no column {column!r} to look in; there are {told}")
    target = dataset.target
    if isinstance(target, str) and target in frame:
        labeled = _is(frame[target], text)
        if labeled.any():
            return np.sort(numbers[labeled])
    said = np.zeros(len(frame), bool)
    for name in _plain_columns(frame):
        if not pd.api.types.is_numeric_dtype(frame[name].dtype):
            said |= _says(frame[name], text)
    return np.sort(numbers[said if said.any() else numbers == _number(text)])


def _plain_columns(frame: pd.DataFrame) -> list[Any]:
    """Those whose cells are numbers or words, and no arrays."""
    return [name for name in frame.columns if not isinstance(frame[name].array, (TensorArray, RaggedArray))]


def _says(column: pd.Series, text: str) -> np.ndarray:
    """Where a column of numbers is this number, and one of words has this text in it, large or small."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return _is(column, text)
    return column.astype(str).str.contains(text, case=False, regex=False).to_numpy(bool)


def _is(column: pd.Series, text: str) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column.dtype):
        number = _number(text)
        found = column.eq(np.nan if number is None else number)
        return found.fillna(False).to_numpy(bool)
    return column.astype(str).str.casefold().eq(text.casefold()).to_numpy(bool)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _of_class(session: Session, text: str) -> np.ndarray:
    """Rows of arrays whose target is the class of this name."""
    known, batches = rows_of(session), getattr(session.process, "batches", None)
    targets: Named = targets_of(session, getattr(batches, "targets", None))
    for name, goal in known.goals.items():
        target = targets.get(name)
        if text in goal.classes and target is not None and len(target) == len(known.numbers):
            ids = class_ids(target, len(target), len(goal.classes))
            if len(ids) == len(target):
                return known.numbers[ids == goal.classes.index(text)]
    return np.empty(0, np.int64)


def _picture(inputs: Named) -> np.ndarray | None:
    for values in inputs.values():
        shape = values.shape[1:]
        if len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) > 1:
            picture = np.asarray(thinned(values[0], MOST_PIXELS))
            high = 255.0 if picture.dtype == np.uint8 else max(1.0, float(np.nanmax(picture, initial=0.0)))
            low = min(0.0, float(np.nanmin(picture, initial=0.0)))
            return as_bytes(picture.astype(np.float32), low, high)
    return None


def _text(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
