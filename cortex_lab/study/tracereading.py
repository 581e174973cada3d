"""Reads what `tracefile.py` writes, whole or not: the rows that were written, none that were not."""

from __future__ import annotations

import json
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.ground.files import DamagedFile, size_of
from cortex_lab.ground.hdf5 import SIGNATURE
from cortex_lab.study.direction import written_down
from cortex_lab.study.missing import MISSING
from cortex_lab.study.traceformat import (
    ABOUT,
    BLOCK,
    COLUMNS,
    DIRECTIONS,
    DIRECTIONS_AT,
    FINISHED,
    KEPT,
    RECORD,
    ROWS,
    ROWS_TO_A_CHECKSUM,
    SAID,
    UNFINISHED,
    record_checksum,
)
from cortex_lab.study.tracereading_earlier import rows_of_chunks

REMEDY = "give the file that trace.stream_to wrote, whole if you can"
Columns = dict[str, np.ndarray]
Directions = dict[str, bool | None]


def read_trace(path: Path) -> tuple[Columns, Directions]:
    """The columns of a trace file by name, float64 (rows,), and of which of them more is better.

    A file that is not whole is read up to where it stops being so, with a warning that names the row and the
    step. `DamagedFile` for what is no trace file, or has not a row left.
    """
    size_of(path)
    content = path.read_bytes()
    try:
        if content.startswith(FINISHED):
            columns, said, why = _rows_of_finished(content)
        elif content.startswith(UNFINISHED):
            columns, said, why = rows_of_records(content)
            why = why or "was not closed: what wrote it still runs, or was ended"
        elif content.startswith(SIGNATURE):
            (columns, why), said = rows_of_chunks(content, path), None
        else:
            raise DamagedFile(path, "is no trace file", remedy=REMEDY)
        directions = written_down(said, columns)
    except (ValueError, TypeError, IndexError, RecursionError, struct.error) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(path, f"is no trace file ({error})", remedy=REMEDY) from error
    if "step" not in columns or "seconds" not in columns:
        raise DamagedFile(path, "is cut off before its first row", remedy=REMEDY)
    steps = columns["step"]
    if why:
        last = f"up to step {steps[-1]:.0f}" if len(steps) else "which is none"
        warnings.warn(f"{str(path)!r} {why}; read the {len(steps)} rows there are, {last}", UserWarning, 3)
    return columns, directions


def rows_of_records(content: bytes) -> tuple[Columns, Any, str]:
    """The columns in a file of records, what it says of directions, and why it ends too soon, if so."""
    view, at, checksum = memoryview(content), len(UNFINISHED), zlib.crc32(UNFINISHED)
    names: list[str] = []
    said: Any = None
    pieces: list[tuple[list[str], np.ndarray]] = []
    while at < len(content):
        if at + RECORD.size > len(content):
            return _table(names, pieces), said, "is cut off"
        kind, length, stated = RECORD.unpack_from(content, at)
        at += RECORD.size
        if at + length > len(content):
            return _table(names, pieces), said, "is cut off or damaged"
        record = view[at : at + length]
        checksum = record_checksum(kind, record, checksum)
        if checksum != stated:
            return _table(names, pieces), said, "is damaged"
        at += length
        if kind == COLUMNS:
            names = json.loads(bytes(record))
        elif kind == ROWS:
            pieces.append((names, np.frombuffer(record, "<f8").reshape(-1, len(names))))
        elif kind == DIRECTIONS:
            said = json.loads(bytes(record))
        elif kind == KEPT:
            _keep(pieces, *struct.unpack("<Q", record))
    return _table(names, pieces), said, ""


def _keep(pieces: list[tuple[list[str], np.ndarray]], rows: int) -> None:
    surplus = sum(len(values) for _, values in pieces) - rows
    while surplus > 0:
        names, values = pieces.pop()
        if len(values) > surplus:
            pieces.append((names, values[: len(values) - surplus]))
        surplus -= len(values)


def _table(names: list[str], pieces: list[tuple[list[str], np.ndarray]]) -> Columns:
    keys = dict.fromkeys(name for there, _ in [*pieces, (names, None)] for name in there)
    total = sum(len(values) for _, values in pieces)
    columns = {key: np.full(total, MISSING) for key in keys}
    start = 0
    for there, values in pieces:
        for position, name in enumerate(there):
            columns[name][start : start + len(values)] = values[:, position]
        start += len(values)
    return columns


def _rows_of_finished(content: bytes) -> tuple[Columns, Any, str]:
    """What `rows_of_records` says, of a finished file, read by the block in front of its HDF5."""
    start = len(FINISHED)
    about = content[start : start + ABOUT.size]
    if len(content) < BLOCK:
        return {}, None, "is cut off"
    names_at, names_size, sums_at, rows_at, total, width = ABOUT.unpack(about)
    names = content[names_at : names_at + names_size]
    if zlib.crc32(about + names) != struct.unpack_from("<I", content, start + ABOUT.size)[0]:
        return {}, None, "is damaged"
    whole, checksum, size = 0, zlib.crc32(names), 8 * width
    view = memoryview(content)[rows_at:]
    for number, first in enumerate(range(0, total, ROWS_TO_A_CHECKSUM)):
        last, at = min(first + ROWS_TO_A_CHECKSUM, total), sums_at + 4 * number
        checksum = zlib.crc32(view[first * size : last * size], checksum)
        if last * size > len(view) or struct.unpack_from("<I", content, at)[0] != checksum:
            break
        whole = last
    rows = np.frombuffer(view, "<f8", whole * width).reshape(whole, width)
    columns = {name: rows[:, position].copy() for position, name in enumerate(json.loads(names))}
    place, length, stated = SAID.unpack_from(content, DIRECTIONS_AT)
    said = content[place : place + length]
    # An earlier version wrote none; of damaged ones, nothing is believed.
    known = json.loads(said) if length and zlib.crc32(said) == stated else None
    return columns, known, "" if whole == total else "is cut off or damaged"
