"""Tables of text: CSV, TSV and their kin. What the file does not say is guessed, and the guess is told."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cortex_lab.data.readers import _packed, _words
from cortex_lab.data.readers._contract import Reader, Table, listed, refuse_names_twice
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile

_SAMPLE = 2**17
_SEPARATORS = ("\t", ";", "|", ",")
_MARKS_OF_ORDER = {
    b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16",
}  # fmt: skip
_SPACES = r"\s+"


def read(
    path: Path,
    *,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    missing: Iterable[str] | None = None,
    header: bool | None = None,
    names: Sequence[str] | None = None,
    skip_bad: bool = False,
) -> Table:
    """A table of text.

    `separator`, `decimal`, `thousands` and `encoding` are found out unless given, and so is whether the first
    line is a `header` of names; `names` are used instead of those. `missing` are marks of missing values
    beside "?", "NA" and their like. Lines with too many or too few fields are refused; `skip_bad` skips them.
    """
    checks.flag("skip_bad", skip_bad)
    header = None if header is None else checks.flag("header", header)
    for called, sign in (("decimal", decimal), ("thousands", thousands)):
        if sign is not None and (not isinstance(sign, str) or len(sign) != 1 or sign.isalnum()):
            raise checks.refused(called, 'a sign such as ","', sign)
    if separator is not None:
        checks.text("separator", separator, ";")
    if encoding is not None:
        checks.text("encoding", encoding, "latin-1")
    missing = () if missing is None else (missing,) if isinstance(missing, str) else missing
    marks = checks.listed("missing", missing, 'marks, such as ["-9", "gone"]')
    if any(not isinstance(mark, (str, int, float)) or mark != mark for mark in marks):
        raise checks.refused("missing", 'marks, such as ["-9", "gone"]', missing)
    if names is not None:
        names = checks.listed("names", names, "names of columns")
        if not names or any(not isinstance(each, str) or not each for each in names):
            raise checks.refused("names", "names of columns", names)
    notes: list[str] = []
    text = _decoded(_packed.content(path), path, encoding, notes)
    if not text.strip():
        raise DamagedFile(path, "is empty", remedy="name a file with a line of names and lines of values")
    separator = separator or _guessed_separator(text, path, notes)
    spaced = separator != _SPACES and _follow_spaces(text, separator)
    first = next((row for row, _, _ in _rows(text, separator) if row), [])
    first = [field.strip() for field in first]
    if header is None:
        header = names is None and _is_header(text, separator, path)
        if not header and names is None:
            notes.append("there is no line of names: columns are called 'column_1', 'column_2', ...")
    columns = names if names is not None else first if header else []
    if not columns:
        columns = [f"column_{place}" for place in range(1, len(first) + 1)]
    text = _regular(text, separator, len(columns), path, skip_bad, notes)
    columns = _named(columns, notes)
    refuse_names_twice(columns, path)
    if spaced:
        notes.append("the spaces behind separators are not part of the values")

    def parsed(**how: Any) -> pd.DataFrame:
        return _parsed(text, separator, decimal, thousands, header, columns, spaced, path, **how)

    frame = parsed()
    if not len(frame):
        raise DamagedFile(path, "has a line of names and no rows", remedy="there is nothing to learn from")
    frame = _words.settled(
        frame, text, separator, parsed, tuple(map(str, marks)), (decimal, thousands), path, notes
    )
    return Table(_without_row_numbers(frame, notes), tuple(notes))


def _parsed(
    text: str,
    separator: str,
    decimal: str | None,
    thousands: str | None,
    header: bool,
    columns: list,
    spaced: bool,
    path: Path,
    **how: Any,
) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            decimal=decimal or ".",
            thousands=thousands,
            header=0 if header else None,
            names=columns,
            index_col=False,
            skipinitialspace=spaced,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
            **how,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        why = " ".join(str(error).replace("Error tokenizing data. C error: ", "").split())
        remedy = 'mend it, or say what separates the fields: separator=";"'
        if "EOF inside string" in why:
            remedy = 'close the quote that is opened there, with "'
        raise DamagedFile(path, f"is no table that can be read: {why}", remedy=remedy) from None


def _decoded(content: bytes, path: Path, encoding: str | None, notes: list[str]) -> str:
    if encoding is not None:
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise ValueError(f"{path} is not written in {encoding!r}: {error}; leave encoding out") from None
    mark = next((mark for mark in _MARKS_OF_ORDER if content.startswith(mark)), None)
    found = "utf-8" if mark is None else _MARKS_OF_ORDER[mark]
    try:
        text = content.decode(found)
        if mark is not None and found != "utf-8-sig":
            notes.append(f"written in {found}")
    except UnicodeDecodeError as error:
        if mark is not None:
            raise DamagedFile(path, f"is cut off or no {found}: {error.reason}") from None
        text = _of_one_byte(content, error.start, notes)
    if "\0" in text:
        raise DamagedFile(
            path, "holds zero bytes, so it is no text", remedy='or say which: encoding="utf-16-le"'
        )
    return text


def _of_one_byte(content: bytes, at: int, notes: list[str]) -> str:
    """Text of one byte a letter, as Western Windows wrote it: others look the same."""
    try:
        text, name = content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        text, name = content.decode("latin-1"), "latin-1"
    line = content.count(b"\n", 0, at) + 1
    word = re.search(r"[\w ]*$", text[max(0, at - 12) : at])
    shown = (word[0] if word else "") + text[at : at + 8].partition("\n")[0]
    notes.append(f"no UTF-8, read as {name} ({shown.strip()!r} in line {line}): encoding=... says another")
    return text


def _guessed_separator(text: str, path: Path, notes: list[str]) -> str:
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, share_of_best = ",", 0.0
    for separator in _SEPARATORS:
        counts = pd.Series([len(row) for row, _, _ in _rows(sample, separator) if row])
        usual = int(counts.mode().max()) if len(counts) else 0
        share = float((counts == usual).mean()) if usual > 1 else 0.0
        if share > share_of_best:
            best, share_of_best = separator, share
    if not share_of_best:
        rows = [line.split() for line in sample.splitlines() if line.strip()]
        alike = len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
        if alike and all(_words.is_number(field) for row in rows[1:] for field in row) and len(rows) > 1:
            best = _SPACES
    usual = "\t" if ".tsv" in path.name.lower() or ".tab" in path.name.lower() else ","
    if best != usual and (share_of_best or best == _SPACES):
        called = {"\t": "tabs", _SPACES: "spaces"}.get(best, repr(best))
        notes.append(f"fields are separated by {called}")
    return best


def _rows(text: str, separator: str) -> Iterable[tuple[list[str], int, int]]:
    """The fields of each record, and the first and last of its lines, from 1."""
    if separator == _SPACES:
        yield from ((line.split(), n, n) for n, line in enumerate(text.splitlines(), start=1))
        return
    if len(separator) != 1:
        raise checks.refused("separator", 'one character, or r"\\s+" for spaces', separator)
    before, limit = 0, csv.field_size_limit(len(text) + 1)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        for row in rows:
            yield row, before + 1, rows.line_num
            before = rows.line_num
    finally:
        csv.field_size_limit(limit)


def _follow_spaces(text: str, separator: str) -> bool:
    lines = text[:_SAMPLE].splitlines()[1:200] or text.splitlines()
    return (
        separator not in " \t"
        and all(line.count(separator) == line.count(f"{separator} ") for line in lines)
        and any(separator in line for line in lines)
    )


def _is_header(text: str, separator: str, path: Path) -> bool:
    """Whether the first line has names; ValueError where it may have either."""
    rows = [[field.strip() for field in row] for row, _, _ in _rows(text[:_SAMPLE], separator) if row][:2]
    numeric = [[_words.is_number(field) for field in row] for row in rows]
    if not any(numeric[0]) or len(rows) == 1:
        return not all(numeric[0])
    if all(numeric[0]):
        return False
    if numeric[0] != numeric[1]:
        return True
    raise ValueError(
        f"{path}: the first line may be names or values, {listed(rows[0], 4)}; say which: header=True or "
        "header=False"
    )


def _regular(text: str, separator: str, width: int, path: Path, skip_bad: bool, notes: list[str]) -> str:
    """The text without lines of too many or too few fields; `DamagedFile` unless they may be skipped."""
    bad, counts, rows, blank = [], [], 0, 0
    for row, first, last in _rows(text, separator):
        rows += bool(row)
        blank += not row
        if row and len(row) != width:
            bad.append((first, last))
            counts.append(len(row))
    if blank and width > 1:
        notes.append(f"{blank:,} blank line{'s' * (blank > 1)} left out")
    if not bad:
        return text
    lines = ", ".join(str(first) for first, _ in bad[:8]) + ", ..." * (len(bad) > 8)
    if not skip_bad or len(bad) >= rows - 1:
        several = f" ({len(bad):,} such lines: {lines})" if len(bad) > 1 else ""
        every = len(bad) >= rows - 1
        remedy = "say what separates the fields, separator=..., or name them all, names=[...]"
        raise DamagedFile(
            path,
            f"has {counts[0]} fields in line {bad[0][0]}, and {width} are wanted{several}",
            remedy=remedy if every else "mend it, or leave such lines out: read(..., skip_bad=True)",
        )
    notes.append(f"{len(bad):,} line{'s' * (len(bad) > 1)} of other than {width} fields skipped: {lines}")
    out = {line for first, last in bad for line in range(first, last + 1)}
    kept = io.StringIO(text, newline="")
    return "".join(line for n, line in enumerate(kept, start=1) if n not in out)


def _named(columns: list, notes: list[str]) -> list:
    unnamed = [place for place, name in enumerate(columns) if name == ""]
    named = [f"column_{place + 1}" if place in unnamed else name for place, name in enumerate(columns)]
    if unnamed:
        notes.append(f"without a name, and called {listed([repr(named[place]) for place in unnamed])}")
    return named


def _without_row_numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The frame without a first, nameless column that only numbers the rows, as pandas writes one."""
    first = frame.iloc[:, 0]
    nameless = "column_1" in frame.columns[:1] and any("'column_1'" in note for note in notes)
    if frame.shape[1] < 2 or not nameless or "column_2" in frame.columns:
        return frame
    if first.dtype.kind != "i" or not any(
        (first == pd.RangeIndex(at, len(first) + at)).all() for at in (0, 1)
    ):
        return frame
    notes[:] = [note for note in notes if "'column_1'" not in note]
    notes.append("the first column, without a name, numbers the rows and is left out")
    return frame.drop(columns="column_1")


READER = Reader(
    "tables of text: separator, decimal comma, encoding and marks of missing values are found out and told",
    read,
    (".csv", ".tsv", ".tab", ".txt", ".data"),
    unpacks=True,
)
