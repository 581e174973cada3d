"""What the columns of a table hold, so that new rows are read as those that were learned from, or refused."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from numbers import Number

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from cortex_lab.ground import checks
from cortex_lab.ground.float32 import numbers_of

NUMBERS, SWITCHES, WORDS, CATEGORIES = "numbers", "yes or no", "words", "categories"
DATES, ZONED, DURATIONS, NOTHING = "dates", "dates of a time zone", "lengths of time", "nothing"
KINDS = (NUMBERS, SWITCHES, WORDS, CATEGORIES, DATES, ZONED, DURATIONS, NOTHING)
_DATE = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"

_MADE = {
    NUMBERS: "pandas.to_numeric({})",
    SWITCHES: "{}.map({{...: True, ...: False}})",
    WORDS: "{}.astype(str)",
    CATEGORIES: '{}.astype("category")',
    DATES: "pandas.to_datetime({})",
    ZONED: "pandas.to_datetime({}, utc=True)",
    DURATIONS: "pandas.to_timedelta({})",
}


def kind_of(column: pd.Series, name: Hashable) -> str:
    """Which of `KINDS` a column is; ValueError for cells that are arrays, or words and numbers mixed."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return CATEGORIES
    if isinstance(dtype, pd.StringDtype):
        return WORDS if column.notna().any() else NOTHING
    if is_bool_dtype(dtype) and getattr(dtype, "kind", "b") == "b":
        return SWITCHES
    if getattr(dtype, "kind", "O") in "mM":
        return DURATIONS if dtype.kind == "m" else DATES if getattr(dtype, "tz", None) is None else ZONED
    if is_numeric_dtype(dtype) and dtype.kind in "iuf":
        return NUMBERS if column.notna().any() else NOTHING
    objects = isinstance(dtype, np.dtype) and dtype.kind == "O"
    kinds = {_kind_of_cell(cell) for cell in column[column.notna()]} if objects else {None}
    if not kinds:
        return NOTHING
    if len(kinds) == 1 and None not in kinds:
        return str(kinds.pop())
    if None in kinds:
        held = f"{dtype}" if not objects else "cells that are neither numbers, words nor dates"
        raise ValueError(f"column {name!r} holds {held}, which no preparation reads: leave it out of inputs")
    raise ValueError(
        f"column {name!r} mixes {' and '.join(sorted(map(str, kinds)))}; make them alike: "
        f"frame[{name!r}] = frame[{name!r}].astype(str)"
    )


def _kind_of_cell(cell: object) -> str | None:
    if isinstance(cell, str):
        return WORDS
    if isinstance(cell, (bool, np.bool_)):
        return SWITCHES
    if isinstance(cell, Number) and not isinstance(cell, complex):
        return NUMBERS
    if not isinstance(cell, date):
        return None
    return DATES if getattr(cell, "tzinfo", None) is None else ZONED


def kinds_of(frame: pd.DataFrame, columns: Iterable[Hashable], rows: np.ndarray) -> list[str]:
    """Those of `columns`, found in `rows`; ValueError for what no preparation reads."""
    return [kind_of(_single(frame, name).iloc[rows], name) for name in columns]


def alike(
    frame: pd.DataFrame, columns: list, kinds: list[str], rows: np.ndarray | None = None
) -> pd.DataFrame:
    """The `columns` of a frame with their cells of the `kinds` that were learned; their names are words.

    KeyError for a column that is not there; ValueError that names one of another kind, and infinite numbers.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise KeyError(
            f"the frame has no column {missing[0]!r}, which was learned from; it has "
            f"{', '.join(map(repr, frame.columns))}: frame.rename(columns={{...}}) gives a column its name"
            f"{checks.near(missing[0], frame.columns)}"
        )
    made = {}
    for name, kind in zip(columns, kinds, strict=True):
        column = _single(frame, name)
        made[str(name)] = _as_kind(column if rows is None else column.iloc[rows], kind, name)
    index = frame.index if rows is None else frame.index[rows]
    return pd.DataFrame(made, index=index, columns=[str(name) for name in columns])


def refuse_alike_names(columns: list) -> None:
    """ValueError for two names that print alike, which no transformer tells apart."""
    printed = [str(name) for name in columns]
    twice = [name for name in columns if printed.count(str(name)) > 1]
    if twice:
        raise ValueError(
            f"the columns {' and '.join(map(repr, twice[:2]))} print alike; give one another name: "
            f"frame.rename(columns={{{twice[0]!r}: ...}})"
        )


def refuse_unread(frame: pd.DataFrame, columns: list) -> None:
    """ValueError for what no preparation reads, without making anything of it."""
    refuse_alike_names(columns)
    for name, kind in zip(columns, kinds_of(frame, columns, np.arange(len(frame))), strict=True):
        if kind == NUMBERS:
            _refuse_infinite(_single(frame, name), name)


def _refuse_infinite(column: pd.Series, name: Hashable) -> None:
    infinite = np.flatnonzero(np.isinf(numbers_of(column)))
    if len(infinite):
        rows = ", ".join(str(column.index[row]) for row in infinite[:5])
        raise ValueError(
            f"column {name!r} is infinite in {len(infinite)} of {len(column)} rows (first: {rows}); leave "
            f"them out, frame[numpy.isfinite(frame[{name!r}])], or make gaps of them: "
            f"frame[{name!r}].replace([numpy.inf, -numpy.inf], numpy.nan)"
        )


def _single(frame: pd.DataFrame, name: Hashable) -> pd.Series:
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise ValueError(f"the frame has more than one column {name!r}; rename one")
    return column


def _as_kind(column: pd.Series, kind: str, name: Hashable) -> pd.Series:
    found = kind_of(column, name)
    if found == NOTHING or (kind != NOTHING and not column.notna().any()):
        return _gaps(column, kind)
    if found == NUMBERS:
        _refuse_infinite(column, name)
    if found == kind or kind == NOTHING or (kind, found) == (NUMBERS, SWITCHES):
        return _plain(column, found)
    if (kind, found) == (WORDS, CATEGORIES) and kind_of(column.cat.categories.to_series(), name) == WORDS:
        return _plain(column, WORDS)
    if (kind, found) == (CATEGORIES, WORDS):
        return column.astype("category")
    if (kind, found) == (DATES, WORDS) and column.dropna().str.fullmatch(_DATE).all():
        # Written so, a date is the same to everybody; so it stands in a file that was read without a look.
        return pd.to_datetime(column, format="ISO8601")
    if (kind, found) == (SWITCHES, NUMBERS) and column.dropna().isin((0, 1)).all():
        return column.astype("boolean")
    raise ValueError(
        f"column {name!r} holds {found} where {kind} were learned from; make them alike: "
        f"{_MADE[kind].format(f'frame[{name!r}]')}"
    )


def _gaps(column: pd.Series, kind: str) -> pd.Series:
    """A column of nothing but gaps, as one of that kind has them."""
    dtype = {
        DATES: "datetime64[ns]",
        ZONED: "datetime64[ns, UTC]",
        DURATIONS: "timedelta64[ns]",
        NUMBERS: np.float64,
        SWITCHES: "boolean",
    }
    whole = pd.Series([np.nan] * len(column), index=column.index, dtype=object)
    return whole.astype("category") if kind == CATEGORIES else whole.astype(dtype.get(kind, object))


def _plain(column: pd.Series, kind: str) -> pd.Series:
    """Words as objects, whose gaps are NaN; what else pandas keeps as objects in a type of its own."""
    if kind == WORDS:
        # To scikit-learn None and NaN are two words.
        return column.astype(object).where(column.notna(), np.nan)
    if column.dtype != object:
        return column
    if kind in (DATES, ZONED):
        return pd.to_datetime(column, utc=kind == ZONED)
    if kind in (NUMBERS, SWITCHES):
        return column.astype(np.float64 if kind == NUMBERS else "boolean")
    return column
