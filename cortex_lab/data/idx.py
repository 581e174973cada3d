"""The IDX file format of MNIST: a header of dimensions, then the numbers.

http://yann.lecun.com/exdb/mnist (at its end)
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file, plain or gzipped, in its own type; read-only.

    ValueError, with the file's name, if the file is no IDX file, is cut off or has too much in it.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:2] == _GZIP:
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{path} is a damaged or incomplete gzip file ({error}); download it again"
            ) from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or content[3] == 0:
        raise ValueError(
            f"{path} is not an IDX file: it starts with {content[:4].hex(' ') or 'nothing'}, where "
            "00 00, a type (08 for bytes) and a number of dimensions are wanted"
        )
    dtype, ndim = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise ValueError(
            f"{path} is cut off within its header, after {len(content)} bytes; download it again"
        )
    shape = tuple(int(side) for side in np.frombuffer(content, ">u4", ndim, offset=4))
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        state = "cut off" if len(content) < wanted else "too long"
        raise ValueError(
            f"{path} is {state}: shape {shape} of {dtype.name} takes {wanted:,} bytes, the file has "
            f"{len(content):,}; download it again"
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)
