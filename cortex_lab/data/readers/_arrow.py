"""What Parquet and Feather have in common: an Arrow table, as a frame in which nothing is rounded."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from cortex_lab.data.readers._contract import Table, gaps, listed, refuse_names_twice
from cortex_lab.ground.checks import near
from cortex_lab.ground.files import DamagedFile

_WHOLE_NUMBERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
LARGE = 2**30
"""Bytes that a small file may unpack to: columns of one value are written in almost none."""


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """What pyarrow cannot read, as a `DamagedFile`."""
    import pyarrow

    try:
        yield
    except DamagedFile:
        raise
    except (pyarrow.ArrowException, OSError, EOFError, TypeError, UnicodeError, struct.error) as error:
        said = str(error).strip().splitlines()
        raise DamagedFile(path, f"is no whole {kind} file ({said[0] if said else error!r})") from None


def is_text(kind: Any) -> bool:
    import pyarrow.types as types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)


def chosen(columns: Sequence[str] | None, there: list[str], path: Path) -> list[str] | None:
    """The columns to read; KeyError for one that is not there."""
    refuse_names_twice(there, path)
    if columns is None:
        return None
    wanted = [columns] if isinstance(columns, str) else list(columns)
    for name in wanted:
        if name not in there:
            raise KeyError(f"{path} has no column {name!r}; it has {listed(there)}{near(name, there)}")
    return wanted


def written_out(table: Any, names: list[str]) -> int:
    """The bytes that words take where each is kept in full."""
    import pyarrow.compute as compute

    total = 0
    for name in names:
        for piece in table[name].chunks if name in table.column_names else ():
            if hasattr(piece, "dictionary"):
                lengths = compute.binary_length(piece.dictionary)
                total += compute.sum(lengths.take(piece.indices)).as_py() or 0
    return total


def decoded(table: Any, names: list[str]) -> Any:
    import pyarrow

    for place, name in enumerate(table.column_names):
        column = table[name]
        if name in names and pyarrow.types.is_dictionary(column.type):
            field = pyarrow.field(name, column.type.value_type)
            table = table.set_column(place, field, column.cast(column.type.value_type))
    return table


def as_table(table: Any, path: Path) -> Table:
    """An Arrow table as a frame: whole numbers with gaps stay whole, decimals become float64."""
    import pyarrow

    refuse_names_twice(table.column_names, path)
    frame, notes = table.to_pandas(), []
    kinds: dict[Any, Any] = {
        getattr(pyarrow, name.lower())(): getattr(pd, f"{name}Dtype")() for name in _WHOLE_NUMBERS
    }
    kinds[pyarrow.bool_()] = pd.BooleanDtype()
    for name in table.column_names:
        if name not in frame.columns:
            continue
        column = table[name]
        if column.null_count and column.type in kinds:
            # A float has no room for every whole number, and an object is no yes or no.
            kept = kinds[column.type].__from_arrow__(column)
            frame[name] = pd.Series(kept, index=frame.index)
        elif pyarrow.types.is_decimal(column.type):
            frame[name] = pd.Series(frame[name].astype("float64"), index=frame.index)
            notes.append(f"{name!r} is decimal in the file, and float64 here")
    if not len(frame):
        raise DamagedFile(path, "has no rows", remedy="there is nothing to learn from")
    return Table(frame, (*notes, *gaps(frame)))
