"""Columns of words as numbers: for each category a column of 0 and 1, in the order they were learned in."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.written import are_dates, numbers_in, some, to_dates

MOST = 100
"""More different words than these are names or texts, unless the column is a pandas.Categorical."""


def holds_words(column: pd.Series) -> bool:
    """Whether the cells of a column are words, or it is categorical."""
    if isinstance(column.dtype, (pd.CategoricalDtype, pd.StringDtype)):
        return True
    return column.dtype == object and all(isinstance(cell, str) for cell in column[column.notna()])


def categories_of(column: pd.Series, name: Hashable) -> list[str]:
    """What the cells of a column of words are, as they print: in the order of a categorical, or sorted.

    ValueError for numbers and dates that are written as words, for more words than are categories, and for
    two categories that print alike.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = [str(each) for each in column.cat.categories]
        if len(set(found)) < len(found):
            raise ValueError(f"two categories of column {name!r} print alike; give them other names")
        return found
    words = column.dropna().unique()
    # Of very many, some say what all are.
    found = sorted(some(words))
    numbers = _are_numbers(found)
    if len(found) > 1 and numbers.mean() > 0.5:
        found = sorted(words)
        numbers = _are_numbers(found)
        others = "" if numbers.all() else f", all but such as {np.array(found, object)[~numbers][0]!r}"
        raise ValueError(
            f"column {name!r} holds numbers written as words{others}: frame[{name!r}] = "
            f'pandas.to_numeric(frame[{name!r}], errors="coerce") makes numbers of them'
        )
    if are_dates(found):
        raise ValueError(
            f"column {name!r} holds dates written as words, such as {found[0]!r}: dates = "
            f"{to_dates(found, f'frame[{name!r}]')}; frame[{name!r}] = (dates - dates.min()).dt.days makes "
            'numbers of them; or say that they are categories: .astype("category")'
        )
    made = numbers_in(found, f"frame[{name!r}]")
    if made is not None:
        raise ValueError(
            f"column {name!r} holds numbers written as words, such as {found[0]!r}: frame[{name!r}] = {made} "
            'makes numbers of them; or say that they are categories: .astype("category")'
        )
    if len(words) > MOST:
        raise ValueError(
            f"column {name!r} holds {len(words)} different words, as names do, such as {found[0]!r}; leave "
            f'it out, frame.drop(columns={name!r}), or say that they are categories: .astype("category")'
        )
    return found


def _are_numbers(words: Sequence[object]) -> np.ndarray:
    return pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").notna().to_numpy()


def one_hot(
    column: pd.Series,
    categories: list[str],
    name: Hashable,
    of: str = "the frame",
    rows: slice | np.ndarray = slice(None),
) -> np.ndarray:
    """(n, categories) of 0 and 1; ValueError for a gap, or a category that is not known, among `rows`."""
    asked = np.arange(len(column))[rows]
    gaps = asked[column.isna().to_numpy(bool)[asked]]
    if len(gaps):
        raise ValueError(
            f"column {name!r} of {of} has gaps in {len(gaps)} of {len(asked)} rows (first: "
            f"{', '.join(map(str, gaps[:5]))}); name them, "
            f'frame[{name!r}] = frame[{name!r}].astype(str).fillna("missing"), or leave those rows out: '
            f"frame.dropna(subset=[{name!r}])"
        )
    places, words = pd.factorize(column)
    known = pd.Index(categories).get_indexer([str(word) for word in words])
    # What is missing, at place -1, is in none.
    codes = np.append(known, -1)[places]
    strange = asked[codes[asked] < 0]
    if len(strange):
        there = ", ".join(map(repr, categories[:8])) + ", ..." * (len(categories) > 8)
        word = str(column.iloc[strange[0]])
        raise ValueError(
            f"column {name!r} of {of} holds {word!r}, in {(codes[asked] < 0).sum()} of "
            f"{len(asked)} rows, which was not among what was learned from, {there}"
            f"{checks.near(word, categories)}; leave those rows out: "
            f"frame[frame[{name!r}].isin([...])]"
        )
    found = np.zeros((len(column), len(categories)), np.float32)
    known = np.flatnonzero(codes >= 0)
    found[known, codes[known]] = 1
    return found
