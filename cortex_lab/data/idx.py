"""The IDX file format of MNIST: a header of dimensions, then the numbers.

http://yann.lecun.com/exdb/mnist (at its end)
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from cortex_lab.ground.files import DamagedFile, most_unpacked, size_of

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_AGAIN = "download it again"


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, plain or gzipped, in its own type; read-only.

    `DamagedFile`, a ValueError, if the file is no IDX file, is cut off, has too much in it or unpacks to far
    more than its own size. What its header says is compared with that before room is made for the numbers.
    """
    size = size_of(path)
    path = Path(path)
    with open(path, "rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        try:
            return _read(gzip.GzipFile(fileobj=raw) if packed else raw, path, size, packed)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            why = f"is a damaged or incomplete gzip file ({error})"
            raise DamagedFile(path, why, remedy=_AGAIN) from None


def _read(file: IO[bytes] | gzip.GzipFile, path: Path, size: int, packed: bool) -> np.ndarray:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or head[3] == 0:
        raise DamagedFile(
            path,
            f"is not an IDX file: it starts with {head.hex(' ') or 'nothing'}",
            remedy="00 00, a type (08 for bytes) and a number of dimensions are wanted",
        )
    dtype, ndim = np.dtype(_TYPES[head[2]]), head[3]
    sides = file.read(4 * ndim)
    if len(sides) < 4 * ndim:
        raise DamagedFile(path, f"is cut off within its header, after {4 + len(sides)} bytes", remedy=_AGAIN)
    shape = tuple(int(side) for side in np.frombuffer(sides, ">u4"))
    start, wanted = 4 + 4 * ndim, math.prod(shape) * dtype.itemsize
    if packed and wanted > most_unpacked(size):
        raise DamagedFile(
            path,
            f"would unpack to {wanted:,} bytes for shape {shape}, from {size:,}",
            remedy="if that is right, unpack it with gunzip and read what comes out",
        )
    there = None if packed else size - start
    content = file.read(wanted) if there in (None, wanted) else b""
    there = len(content) if there is None else there
    if there != wanted or file.read(1):
        state, has = "cut off", f"{start + there:,}"
        if there >= wanted:
            state, has = "too long", f"{size:,}" if not packed else "more"
        raise DamagedFile(
            path,
            f"is {state}: shape {shape} of {dtype.name} takes {start + wanted:,} bytes, the file has {has}",
            remedy=_AGAIN,
        )
    values = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)
