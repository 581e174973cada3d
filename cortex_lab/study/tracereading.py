"""Reads what `tracefile.py` writes, whole or not: the rows that were written, none that were not."""

from __future__ import annotations

import json
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cortex_lab.ground.files import DamagedFile, size_of
from cortex_lab.ground.hdf5 import SIGNATURE
from cortex_lab.study.direction import written_down
from cortex_lab.study.missing import MISSING
from cortex_lab.study.traceformat import (
    ABOUT,
    BLOCK,
    CHECKSUM,
    COLUMNS,
    DIRECTIONS,
    DIRECTIONS_AT,
    FINISHED,
    KEPT,
    LONGEST_TEXT,
    RECORD,
    ROWS,
    ROWS_TO_A_CHECKSUM,
    ROWS_TO_A_RECORD,
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
    size = size_of(path)
    try:
        with open(path, "rb") as file:
            # What is no trace is not read any further.
            head = file.read(len(FINISHED))
            if head == FINISHED:
                columns, said, why = _rows_of_finished(file, size)
            elif head.startswith(UNFINISHED):
                columns, said, why = rows_of_records(file, size)
                why = why or "was not closed: what wrote it still runs, or was ended"
            elif head.startswith(SIGNATURE):
                (columns, why), said = rows_of_chunks(path, size), None
            else:
                raise DamagedFile(path, "is no trace file", remedy=REMEDY)
        directions = written_down(said, columns)
    except (ValueError, TypeError, IndexError, RecursionError, MemoryError, struct.error) as error:
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


def rows_of_records(file: BinaryIO, size: int) -> tuple[Columns, Any, str]:
    """The columns in a file of records, what it says of directions, and why it ends too soon, if so."""
    at, checksum = len(UNFINISHED), zlib.crc32(UNFINISHED)
    names: list[str] = []
    said: Any = None
    pieces: list[tuple[list[str], np.ndarray]] = []
    file.seek(at)
    while at < size:
        head = file.read(RECORD.size)
        if len(head) < RECORD.size:
            return _table(names, pieces), said, "is cut off"
        kind, length, stated = RECORD.unpack(head)
        longest = 8 * ROWS_TO_A_RECORD * len(names) if kind == ROWS else LONGEST_TEXT
        if length > min(longest, size - at - RECORD.size):
            return _table(names, pieces), said, "is cut off or damaged"
        record = file.read(length)
        checksum = record_checksum(kind, record, checksum)
        if checksum != stated:
            return _table(names, pieces), said, "is damaged"
        at += RECORD.size + length
        if kind == COLUMNS:
            names = json.loads(record)
        elif kind == ROWS:
            pieces.append((names, np.frombuffer(record, "<f8").reshape(-1, len(names))))
        elif kind == DIRECTIONS:
            said = json.loads(record)
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


def _rows_of_finished(file: BinaryIO, size: int) -> tuple[Columns, Any, str]:
    """What `rows_of_records` says, of a finished file, read by the block in front of its HDF5."""
    if size < BLOCK:
        return {}, None, "is cut off"

    def part(at: int, length: int) -> bytes:
        if at + length > size:
            return b""
        file.seek(at)
        return file.read(length)

    about = part(len(FINISHED), ABOUT.size)
    names_at, names_size, sums_at, rows_at, total, width = ABOUT.unpack(about)
    names = part(names_at, min(names_size, LONGEST_TEXT))
    stated = part(len(FINISHED) + ABOUT.size, CHECKSUM.size)
    if CHECKSUM.pack(zlib.crc32(about + names)) != stated:
        return {}, None, "is damaged"
    keys, whole, checksum, pieces = json.loads(names), 0, zlib.crc32(names), [np.empty((0, width))]
    if len(keys) != width:
        return {}, None, "is damaged"
    for number, first in enumerate(range(0, total, ROWS_TO_A_CHECKSUM)):
        last = min(first + ROWS_TO_A_CHECKSUM, total)
        rows = part(rows_at + 8 * width * first, 8 * width * (last - first))
        checksum = zlib.crc32(rows, checksum)
        if part(sums_at + CHECKSUM.size * number, CHECKSUM.size) != CHECKSUM.pack(checksum) or not rows:
            break
        pieces.append(np.frombuffer(rows, "<f8").reshape(-1, width))
        whole = last
    table = np.concatenate(pieces)
    columns = {name: table[:, position].copy() for position, name in enumerate(keys)}
    place, length, stated = SAID.unpack(part(DIRECTIONS_AT, SAID.size))
    said = part(place, min(length, LONGEST_TEXT))
    # An earlier version wrote none; of damaged ones, nothing is believed.
    known = json.loads(said) if length and zlib.crc32(said) == stated else None
    return columns, known, "" if whole == total else "is cut off or damaged"
