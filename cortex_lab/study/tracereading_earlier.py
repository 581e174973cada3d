"""Reads the trace files that the first version wrote: HDF5 with rows in chunks, each with a checksum.

Rows went to a few datasets one after the other, with chunks four times as long each, all made when the file
was; whenever a column was added, there was a new group of them.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortex_lab.ground.files import DamagedFile
from cortex_lab.study.missing import MISSING

FORMAT = b"cortex_lab trace 1"
_CHUNKS = tuple(64 * 4**level for level in range(6))
# The version of the superblock that these files have, and where in it the length of the file stands.
_SUPERBLOCK = 2
_END_OF_FILE_AT = 28
_REMEDY = "give a whole copy of the file that trace.stream_to wrote"


def rows_of_chunks(path: Path, size: int) -> tuple[dict[str, np.ndarray], str]:
    """The columns in such a file, and why they end before it should, if so."""
    with _Cut(path) as content:
        header = content.read(_END_OF_FILE_AT + 8).ljust(_END_OF_FILE_AT + 8, b"\0")
        stored = struct.unpack_from("<Q", header, _END_OF_FILE_AT)[0] if header[8] == _SUPERBLOCK else 0
        content.length = max(stored, size)
        try:
            with h5py.File(content, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise DamagedFile(path, "is HDF5, but no trace file", "format", _REMEDY)
                columns, whole = _read_parts(file, size, path)
        except (OSError, KeyError, RuntimeError, TypeError) as error:
            raise DamagedFile(path, f"is cut off before its first row: {error}", remedy=_REMEDY) from error
    return columns, "is cut off or damaged" if size < stored or not whole else ""


class _Cut(io.FileIO):
    """A file that seems to go on to the length it once had: HDF5 refuses one shorter than it says."""

    length = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(self.length + offset) if whence == io.SEEK_END else super().seek(offset, whence)


def _read_parts(file: h5py.File, size: int, path: Path) -> tuple[dict[str, np.ndarray], bool]:
    names: dict[str, None] = {}
    pieces: list[tuple[list[str], np.ndarray]] = []
    total, last, whole = 0, -np.inf, True
    for index in range(len(file)):
        try:
            part = _own(file, f"part_{index}", h5py.Group, path)
            columns, begin = json.loads(bytes(part.attrs["columns"])), int(part.attrs["begin"])
            position = columns.index("step")
        except DamagedFile:
            raise
        except (OSError, KeyError, RuntimeError, TypeError, ValueError, RecursionError):
            whole = False
            break
        names |= dict.fromkeys(columns)
        rows, whole = _read_rows(part, len(columns), position, last, size, path)
        # Where a rewind went back behind the beginning of a part, that has no rows left.
        if len(rows) and begin != total:
            whole = False
            break
        pieces.append((columns, rows))
        total += len(rows)
        last = rows[-1, position] if len(rows) else last
        if not whole:
            break
    table, start = {name: np.full(total, MISSING) for name in names}, 0
    for columns, rows in pieces:
        for position, name in enumerate(columns):
            table[name][start : start + len(rows)] = rows[:, position]
        start += len(rows)
    return table, whole


def _read_rows(
    part: h5py.Group, width: int, position: int, last: float, size: int, path: Path
) -> tuple[np.ndarray, bool]:
    """The rows up to the first that is not there as it was written, and whether that was all."""
    found = [np.empty((0, width))]
    for level, chunk in enumerate(_CHUNKS):
        try:
            dataset = _own(part, str(level), h5py.Dataset, path)
            if dataset.shape and not dataset.shape[0]:
                continue
            _check_chunks(dataset, (chunk, width), path)
            for start in range(0, len(dataset), chunk):
                if not _is_stored(dataset, start, chunk * width, size):
                    return np.concatenate(found), False
                rows = dataset[start : start + chunk]
                rising = np.diff(rows[:, position], prepend=last) > 0
                kept = len(rows) if rising.all() else int(np.argmin(rising))
                # Zeros pass for rows, checksum and all, where the disk has lost them.
                kept -= kept == 1 < len(rows) and not rows.any()
                found.append(rows[:kept])
                if kept < len(rows):
                    return np.concatenate(found), False
                last = rows[-1, position]
        except DamagedFile:
            raise
        except (OSError, KeyError, RuntimeError, TypeError, ValueError):
            return np.concatenate(found), False
    return np.concatenate(found), True


def _own(group: h5py.Group, name: str, kind: type, path: Path) -> Any:
    """A member that lies in this very file."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise DamagedFile(path, f"has a link in place of {name!r}, and links are not followed", name, _REMEDY)
    item = group[name]
    if not isinstance(item, kind):
        raise DamagedFile(path, f"holds {name!r} as something else than it should", name, _REMEDY)
    return item


def _check_chunks(dataset: h5py.Dataset, chunks: tuple[int, int], path: Path) -> None:
    made = dataset.id.get_create_plist()
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    fits = dataset.chunks == chunks and dataset.dtype == "<f8" and dataset.shape[1:] == chunks[1:]
    if not fits or dataset.is_virtual or dataset.external or filters != [h5py.h5z.FILTER_FLETCHER32]:
        name = dataset.name
        raise DamagedFile(path, f"keeps {name!r} in another way than traces are kept", name, _REMEDY)


def _is_stored(dataset: h5py.Dataset, start: int, values: int, size: int) -> bool:
    """Whether the chunk is in the file as it was written; HDF5 gives zeros for one that is not."""
    stored = dataset.id.get_chunk_info_by_coord((start, 0))
    if stored.byte_offset is None or stored.filter_mask:
        return False
    return stored.size == 8 * values + 4 and stored.byte_offset + stored.size <= size
