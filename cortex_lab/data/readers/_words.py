"""Columns of text as what is written in them: numbers, dates, yes and no, or words, gaps where marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.readers._contract import listed

MARKS = ("?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "Null", "<NA>", "#N/A", "#NA", "-NaN")
"""What says everywhere that a value is missing."""
AMONG_NUMBERS = (
    "-",
    "--",
    ".",
    "..",
    "*",
    "none",
    "None",
    "NONE",
    "missing",
    "unknown",
    "na",
    "Na",
    "#VALUE!",
)
"""What says so where all else are numbers or dates; elsewhere it may be a word like others."""
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
_INFINITE = re.compile(r"\s*[+-]?inf(?:inity)?\s*", re.IGNORECASE)
_WHOLE = re.compile(r"\s*[+-]?\d{1,19}\s*")
_LEADING_ZERO = re.compile(r"\s*[+-]?0\d")
_WITH_COMMA = re.compile(r"\s*[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?\s*")
_WITH_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3}(?:,\d{3})*(?:\.\d+)?\s*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d.*)?")
_BOOLS = {"true": True, "false": False}
_EXACT = 2.0**53


def is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _INFINITE.fullmatch(text))


def _is_whole(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text)) and abs(int(text)) < 2**63


def settled(
    frame: pd.DataFrame,
    text: str,
    separator: str,
    parsed: Callable[..., pd.DataFrame],
    extra: tuple[str, ...],
    said: tuple[str | None, str | None],
    path: Path,
    notes: list[str],
) -> pd.DataFrame:
    """The frame with each column of text as what it holds, what was missing or guessed told in `notes`.

    `extra` are marks of missing values beside those that are known, `said` the decimal and the thousands
    sign, where given; `parsed` reads the table again, in other types.
    """
    frame = _as_written(frame, text, separator, parsed, notes)
    found: dict[str, list[str]] = {}
    for name in frame.columns:
        if frame[name].dtype.kind in "if" and extra:
            frame[name] = _without_numbers(frame[name], extra, name, found)
    empty = {name: int(frame[name].isna().sum()) for name in frame.columns}
    texts = [name for name in frame.columns if frame[name].dtype.kind in "OUST"]
    for name in texts:
        if frame[name].dtype == object:
            # Yes and no beside gaps, which pandas has read already.
            frame[name] = frame[name].map(str, na_action="ignore")
    words = {name: frame[name].value_counts() for name in texts}
    points = any(_has_fractions(frame[name]) for name in frame.columns)
    points = points or any(
        "." in word for each in words.values() for word in map(str, each.index) if is_number(word)
    )
    commas = {} if any(said) else _with_commas(words, points, extra, path, notes)
    dates, marked = [], {}
    for name in texts:
        column, missed, kind = _read(frame[name], words[name], extra, name in commas)
        frame[name] = column
        dates += [repr(name)] if kind == "date" else []
        marked |= {(name, mark): count for mark, count in missed.items()}
    for (name, mark), count in marked.items():
        found.setdefault(mark, []).append(f"{name!r} {count:,}")
    blank = [f"{name!r} {count:,}" for name, count in empty.items() if count and (name, "") not in marked]
    notes += [f"empty fields, missing: {listed(blank)}"] if blank else []
    notes += [f"{mark!r} taken as missing: {listed(where)}" for mark, where in found.items()]
    notes += [f"read as dates: {listed(dates)}"] if dates else []
    return frame


def _as_written(
    frame: pd.DataFrame, text: str, separator: str, parsed: Callable[..., pd.DataFrame], notes: list[str]
) -> pd.DataFrame:
    """Numbers that would not be written so again, such as 00501, as words; whole ones beyond 2**53 exact."""
    between = re.escape(separator) if len(separator) == 1 else r"\s"
    whole = [name for name in frame.columns if frame[name].dtype.kind in "iu"]
    if whole and re.search(rf'(?:^|[{between}\n"])\s*0\d', text):
        written = parsed(usecols=whole, dtype=str)
        zeros = [name for name in whole if written[name].str.match(_LEADING_ZERO, na=False).any()]
        for name in zeros:
            frame[name] = written[name]
        if zeros:
            notes.append(f"with leading zeros, and kept as words: {listed([repr(name) for name in zeros])}")
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "f" and bool(column.isna().any()) and float(column.abs().max()) >= _EXACT:
            written = parsed(usecols=[name], dtype=str)[name]
            if all(map(_is_whole, written.dropna().unique())):
                frame[name] = _whole({word: int(word) for word in written.dropna().unique()}, written)
    return frame


def _without_numbers(column: Any, marks: Iterable[str], name: object, found: dict) -> Any:
    """A column of numbers without those that mark what is missing, such as -9."""
    for mark in marks:
        if not is_number(str(mark)):
            continue
        marked = column == float(mark)
        if bool(np.any(marked)):
            found.setdefault(str(mark), []).append(f"{name!r} {int(marked.sum()):,}")
            column = column.astype(float).mask(marked) if column.abs().max() < _EXACT else column.mask(marked)
    return column


def _has_fractions(column: Any) -> bool:
    if column.dtype.kind != "f":
        return False
    values = column.to_numpy(float, na_value=np.nan)
    return bool((np.isfinite(values) & (values != np.round(values))).any())


def _with_commas(
    words: dict, points: bool, extra: tuple[str, ...], path: Path, notes: list[str]
) -> dict[object, str]:
    """The columns of numbers with a decimal comma; ValueError where 1,234 may be either."""
    skipped = {*MARKS, *AMONG_NUMBERS, *extra}
    commas: dict[object, str] = {}
    kept = []
    for name, counts in words.items():
        rest = [word for word in counts.index if word.strip() not in skipped]
        example = next((word for word in rest if "," in word), None)
        if example is None:
            continue
        as_comma = all(_WITH_COMMA.fullmatch(word) for word in rest)
        as_thousands = all(_WITH_THOUSANDS.fullmatch(word) for word in rest)
        if as_comma and as_thousands:
            plain = example.strip()
            raise ValueError(
                f"{path}: {plain!r} in column {name!r} may be {plain.replace(',', '.')} or "
                f'{plain.replace(",", "")}; say which: decimal="," or thousands=","'
            )
        if as_comma and not points:
            commas[name] = example
        elif as_comma or as_thousands:
            kept.append(f"{name!r} ({example.strip()!r})")
    if commas:
        shown = [f"{name!r} ({example.strip()!r})" for name, example in commas.items()]
        notes.append(f"numbers with a decimal comma: {listed(shown)}")
    if kept:
        notes.append(f'kept as words for their commas: {listed(kept)}; say decimal="," or thousands=","')
    return commas


def _read(
    column: pd.Series, counts: pd.Series, extra: tuple[str, ...], comma: bool
) -> tuple[pd.Series, dict[str, int], str]:
    """A column of text as what it holds, how often each mark of missing values is in it, and its kind."""
    stripped = {word: word.strip() for word in counts.index}
    hard = {word for word, plain in stripped.items() if plain in MARKS or plain in extra or not plain}
    soft = {word for word, plain in stripped.items() if plain in AMONG_NUMBERS} - hard
    rest = [word for word in counts.index if word not in hard and word not in soft]
    values, kind = _values(rest, comma)
    gone = hard if values is None else hard | soft
    missed = {stripped[word]: int(counts[word]) for word in counts.index if word in gone}
    if values is None:
        return (column.mask(column.isin(gone)) if gone else column), missed, "words"
    known = {word: value for word, value in zip(rest, values, strict=True)}
    read = column.map(known, na_action="ignore")
    has_gaps = bool(gone) or bool(column.isna().any())
    if kind == "bool":
        return read.astype("boolean" if has_gaps else bool), missed, kind
    if kind == "date":
        return pd.to_datetime(read), missed, kind
    if kind == "whole":
        if has_gaps and max(map(abs, values)) >= _EXACT:
            return _whole(known, column), missed, kind
        return read.astype("float64" if has_gaps else "int64"), missed, kind
    return read.astype("float64"), missed, kind


def _whole(known: dict[str, int], column: pd.Series) -> pd.Series:
    """Whole numbers with gaps, which a float would round."""
    exact = pd.array([known.get(word, pd.NA) for word in column.astype(object)], dtype="Int64")
    return pd.Series(exact, index=column.index)


def _values(words: list[str], comma: bool) -> tuple[list | None, str]:
    """What each of the words stands for, if all stand for things of one kind; and that kind."""
    if not words:
        return None, "words"
    if comma:
        return [float(word.replace(".", "").replace(",", ".")) for word in words], "number"
    if all(map(is_number, words)) and not any(map(_LEADING_ZERO.match, words)):
        if all(map(_is_whole, words)):
            return [int(word) for word in words], "whole"
        return [float(word) for word in words], "number"
    if all(word.strip().lower() in _BOOLS for word in words):
        return [_BOOLS[word.strip().lower()] for word in words], "bool"
    if all(map(_DATE.fullmatch, words)):
        try:
            return list(pd.to_datetime(pd.Series(words), format="ISO8601")), "date"
        except ValueError:
            return None, "words"
    return None, "words"
