"""Memory that processes of one machine share: a file that is mapped, and has no name once both have it."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import weakref
from collections.abc import Sequence

import numpy as np

Place = tuple[str, tuple[int, ...], int]
"""The dtype and shape of an array, and at which byte of a block it begins."""

_IN_MEMORY = "/dev/shm"
_LINE = 64


def size_of(arrays: Sequence[np.ndarray]) -> int:
    """Bytes of a block that holds these arrays, each from a line of the cache on."""
    return sum(-(-array.nbytes // _LINE) * _LINE for array in arrays)


class SharedBlock:
    """Bytes that two processes see. `told` is what the other has to know to `open` it.

    OSError if there is no room, or where it is opened on another machine.
    """

    def __init__(self, path: str, mapped: np.ndarray, mark: bytes) -> None:
        self._path, self._mapped, self._mark = path, mapped, mark
        self.nbytes = len(mapped) - _LINE

    @classmethod
    def create(cls, nbytes: int) -> SharedBlock:
        folder = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        handle, path = tempfile.mkstemp(prefix="cortex-lab-", dir=folder)
        try:
            # Room that is promised only is taken when it is written to, and who writes then is killed.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, nbytes + _LINE)
            else:
                os.truncate(path, nbytes + _LINE)
            mapped = np.memmap(path, np.uint8, "r+")
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(handle)
        mark = secrets.token_bytes(_LINE)
        mapped[:_LINE] = np.frombuffer(mark, np.uint8)
        created = cls(path, mapped, mark)
        # A name that nobody forgets would hold its room when all processes have ended.
        weakref.finalize(created, _unlink, path)
        return created

    @property
    def told(self) -> tuple[str, str]:
        return self._path, self._mark.hex()

    @classmethod
    def open(cls, path: str, mark: str) -> SharedBlock:
        mapped = np.memmap(path, np.uint8, "r+")
        if mapped[:_LINE].tobytes().hex() != mark:
            raise OSError(f"{path} is another block than was meant")
        return cls(path, mapped, bytes.fromhex(mark))

    def forget_name(self) -> None:
        """Leave it to those who have it: it is gone when they are, whatever ends them."""
        _unlink(self._path)

    def write(self, arrays: Sequence[np.ndarray]) -> list[Place]:
        """Copy arrays into it, one after the other, and say where they are."""
        places, at = [], _LINE
        for array in arrays:
            self._view((array.dtype.str, array.shape, at))[...] = array
            places.append((array.dtype.str, array.shape, at))
            at += -(-array.nbytes // _LINE) * _LINE
        return places

    def read(self, places: Sequence[Place]) -> list[np.ndarray]:
        """Arrays that were written to it, as they lie there."""
        return [self._view(place) for place in places]

    def _view(self, place: Place) -> np.ndarray:
        dtype, shape, at = place
        size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        return np.asarray(self._mapped)[at : at + size].view(dtype).reshape(shape)


def _unlink(path: str) -> None:
    # Windows does not let go of a file that is open; there it stays until it is not.
    with contextlib.suppress(OSError):
        os.unlink(path)
