"""Rows that are files, such as pictures, each decoded when it is wanted."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from cortex_lab.data.source import Numbers, Source, numbers
from cortex_lab.ground import checks

_WORKERS = min(4, os.cpu_count() or 1)
_AT_ONCE = 8
"""Rows that a thread decodes before it asks for more: handing over one takes as long as a small picture."""


class Decoder(Protocol):
    """What makes a row of a file: an array of one shape, bytes if it does not say another `dtype`."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __call__(self, path: str | os.PathLike, /) -> np.ndarray: ...


class DecodedSource:
    """One file for each row; some are decoded at once, by several threads.

    `TensorArray(DecodedSource(paths, decoder))` is the column. An error of the decoder comes as it is.
    """

    def __init__(self, paths: Sequence[str | os.PathLike], decoder: Decoder) -> None:
        self.paths = tuple(checks.listed("paths", paths))
        for path in self.paths:
            checks.path("paths", path)
        self.decoder = checks.function("decoder", decoder, "a function of a path with the `shape` of a row")
        if not hasattr(decoder, "shape"):
            raise checks.refused("decoder", "a function of a path with the `shape` of a row", decoder)
        self.shape, self.dtype = tuple(decoder.shape), np.dtype(getattr(decoder, "dtype", np.uint8))

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Numbers) -> np.ndarray:
        wanted = numbers(rows, len(self))
        found = np.empty((len(wanted), *self.shape), self.dtype)

        def decode(first: int) -> None:
            for place in range(first, min(first + _AT_ONCE, len(wanted))):
                found[place] = self._row(self.paths[wanted[place]])

        firsts = range(0, len(wanted), _AT_ONCE)
        if len(firsts) < 2:
            for first in firsts:
                decode(first)
            return found
        # Not kept for the next time: threads do not come along into a forked process.
        with ThreadPoolExecutor(min(_WORKERS, len(firsts))) as workers:
            for _ in workers.map(decode, firsts):
                pass
        return found

    def _row(self, path: str | os.PathLike) -> np.ndarray:
        row = np.asarray(self.decoder(path))
        if row.shape != self.shape or row.dtype != self.dtype:
            raise ValueError(
                f"{path} was decoded as {row.shape} {row.dtype}, and rows are {self.shape} {self.dtype}"
            )
        return row

    def put(self, rows: Numbers, values: np.ndarray) -> None:
        raise ValueError("pictures in files are read only; change a copy of the column: .copy()")

    def checksum(self) -> int:
        """What changes if one of the files does: their names, sizes and times, without decoding any."""
        found = 0
        for path in self.paths:
            seen = os.stat(path)
            found = zlib.crc32(f"{path} {seen.st_size} {seen.st_mtime_ns}".encode(), found)
        return found


def is_decoded(source: Source) -> bool:
    """Whether some of the rows are files that are decoded when they are wanted."""
    under = [*getattr(source, "parts", ()), *([source.source] if hasattr(source, "source") else ())]
    return isinstance(source, DecodedSource) or any(map(is_decoded, under))
