"""Texts among the attributes of an HDF5 file that others wrote, their lengths looked at before they are read.

HDF5 makes room for whatever length an attribute states, and offers no way of asking. So the attributes are
looked up in the bytes of the file, between its arrays.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np

from cortex_lab.ground.files import DamagedFile

_MOST = 2**26
_REFERENCE = 16


class Texts:
    """Reads texts from the attributes of a file: `stream` are its bytes, `arrays` what is no description."""

    def __init__(self, path: object, stream: BinaryIO, size: int, arrays: Iterable[h5py.Dataset]) -> None:
        self.path, self.size = path, size
        self._gaps = list(_between(stream, size, arrays))
        if sum(map(len, self._gaps)) > _MOST:
            raise DamagedFile(path, f"has more than {_MOST:,} bytes beside its arrays")
        self._fit: dict[str, bool] = {}

    def get(self, holder: Any, name: str) -> list[str] | None:
        """The texts of an attribute, one or several; None if there is none of that name."""
        if name not in holder.attrs:
            return None
        attribute = h5py.h5a.open(holder.id, name.encode())
        kind, entry = attribute.get_type(), f"{holder.name}@{name}"
        if 0 in (attribute.shape or ()):
            # Of nothing at all, Keras keeps real numbers.
            return []
        if not isinstance(kind, h5py.h5t.TypeStringID) or len(attribute.shape or ()) > 1:
            raise DamagedFile(self.path, f"holds something else than text as {entry!r}", entry)
        if attribute.get_storage_size() > self.size:
            raise DamagedFile(self.path, f"states more bytes for {entry!r} than it has", entry)
        if kind.is_variable_str() and not self._lengths_fit(name):
            raise DamagedFile(self.path, f"states a length for {entry!r} that is not there", entry)
        values = np.atleast_1d(np.asarray(holder.attrs[name], object)).tolist()
        return [value.decode() if isinstance(value, bytes) else str(value) for value in values]

    def one(self, holder: object, name: str) -> str | None:
        """The text of an attribute that has one."""
        found = self.get(holder, name)
        return found[0] if found else None

    def _lengths_fit(self, name: str) -> bool:
        if name not in self._fit:
            stated = [length for gap in self._gaps for length in _stated_lengths(gap, name)]
            self._fit[name] = bool(stated) and all(0 <= length <= self.size for length in stated)
        return self._fit[name]


def _between(stream: BinaryIO, size: int, arrays: Iterable[h5py.Dataset]) -> Iterator[bytes]:
    """The bytes of a file that are not those of an array."""
    places = [(each.id.get_offset(), each.id.get_storage_size()) for each in arrays]
    at = 0
    for start, length in sorted((start, length) for start, length in places if start is not None):
        if start > at:
            stream.seek(at)
            yield stream.read(start - at)
        at = max(at, start + length)
    if at < size:
        stream.seek(at)
        yield stream.read(size - at)


def _stated_lengths(content: bytes, name: str) -> Iterator[int]:
    """The lengths of all texts of variable length in attributes of that name; -1 where they are cut off."""
    key = name.encode() + b"\0"
    at = content.find(key)
    while at >= 0:
        yield from _lengths_behind(content, at)
        at = content.find(key, at + 1)


def _lengths_behind(content: bytes, at: int) -> Iterator[int]:
    """What the attribute whose name lies at `at` states: versions 1 to 3 of that message in HDF5."""
    for version, before in ((1, 8), (2, 8), (3, 9)):
        start = at - before
        if start < 0 or content[start] != version:
            continue
        sizes = struct.unpack_from("<HHH", content, start + 2)
        name, kind, space = (-(-size // 8) * 8 for size in sizes) if version == 1 else sizes
        count = _count(content, at + name + kind)
        data = at + name + kind + space
        if count is None or content[at + name] & 15 != 9:
            # No attribute, or none of variable length.
            continue
        if data + _REFERENCE * count > len(content):
            yield -1
            return
        for each in range(count):
            yield struct.unpack_from("<I", content, data + _REFERENCE * each)[0]
        return


def _count(content: bytes, at: int) -> int | None:
    """How many values a dataspace message states; None if there is none."""
    if at + 4 > len(content) or content[at] not in (1, 2) or content[at + 1] > 1:
        return None
    if content[at + 1] == 0:
        return 1
    place = at + (8 if content[at] == 1 else 4)
    return struct.unpack_from("<Q", content, place)[0] if place + 8 <= len(content) else None
