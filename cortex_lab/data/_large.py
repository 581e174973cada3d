"""Rows in files that are too many to be gone through before they are needed.

What is wrong with a column is found at once where it lies in memory, or is small. Of a large one in a file
some rows are looked at, evenly spread; the others when they are read, and a row that is broken is named then.
"""

from __future__ import annotations

import os
import zlib
from typing import Any

import h5py
import numpy as np

from cortex_lab.data.source import HDF5Source, Source, in_memory, row_bytes
from cortex_lab.ground.pieces import spread

LARGE = 256 * 2**20
"""Bytes up to which rows in a file are gone through."""
MOST_ROWS, MOST_BYTES = 256, 16 * 2**20
"""Of more, so many rows or bytes are looked at."""


def is_large(source: Source) -> bool:
    """Whether the rows lie in a file, and are too many to be gone through."""
    return not in_memory(source) and len(source) * row_bytes(source) > LARGE


def some_rows(source: Source) -> np.ndarray:
    """Numbers of the rows of a large source that are looked at, the first and the last among them."""
    return spread(len(source), max(2, min(MOST_ROWS, MOST_BYTES // max(1, row_bytes(source)))))


def file_checksum(source: Source) -> int | None:
    """What changes if the file behind the rows does, by its size and time; None where nobody can tell.

    Of a file that can be written to from here, only its content tells.
    """
    path = _read_only_file(source)
    if path is None:
        return None
    seen = os.stat(path)
    told = f"{seen.st_dev} {seen.st_ino} {seen.st_size} {seen.st_mtime_ns}".encode()
    return zlib.crc32(np.ascontiguousarray(source.take(some_rows(source))), zlib.crc32(told))


def _read_only_file(source: Source) -> str | None:
    base: Any = getattr(source, "array", None)
    if isinstance(source, HDF5Source) and isinstance(base, h5py.Dataset):
        elsewhere = base.is_virtual or base.external
        return base.file.filename if base.file.mode == "r" and not elsewhere else None
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "r" and base.filename is not None:
            return str(base.filename)
        base = base.base
    return None
