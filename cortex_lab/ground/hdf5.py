"""HDF5 made in memory, and read without trust in what a file says about itself.

HDF5 crashes the process when a disk fills up while it writes, so what it makes goes to the disk by ourselves.
Reading, it follows links into other files and makes room for whatever a file states; so all that is looked at
before anything is read.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from cortex_lab.ground.files import DamagedFile, most_unpacked, size_of

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def image(fill: Callable[[h5py.File], None]) -> bytes:
    """The bytes of the HDF5 file that `fill` writes into."""
    # Under a name of its own: HDF5 takes two files of one name for the same. The format of 1.8 and later has
    # checksums over all that describes the arrays.
    with h5py.File(
        uuid.uuid4().hex, "w", driver="core", backing_store=False, libver=("v108", "v108")
    ) as file:
        fill(file)
        file.flush()
        return file.id.get_file_image()


@contextmanager
def opened(path: str | os.PathLike, kind: str) -> Iterator[h5py.File]:
    """The file at `path`, to be read; what HDF5 cannot read of it, here or inside, is a `DamagedFile`."""
    size_of(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DamagedFile:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, UnicodeError) as error:
        raise DamagedFile(path, f"is not a whole file {kind} ({error})") from error


def text_attribute(file: h5py.File, name: str, path: str | os.PathLike) -> str:
    """A text among the attributes of the file itself."""
    if name not in file.attrs:
        raise DamagedFile(path, f"has no {name!r}, so cortex_lab did not save it", name)
    attribute = h5py.h5a.open(file.id, name.encode())
    kind, size = attribute.get_type(), os.path.getsize(path)
    if not isinstance(kind, h5py.h5t.TypeStringID) or attribute.shape != ():
        raise DamagedFile(path, f"holds something else than text as {name!r}", name)
    if kind.is_variable_str() and not _stated_length_fits(path, name):
        raise DamagedFile(path, f"states a length for {name!r} that is not there", name)
    if attribute.get_storage_size() > size:
        raise DamagedFile(path, f"states more bytes for {name!r} than it has", name)
    value: Any = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else value


def datasets(
    file: h5py.File,
    path: str | os.PathLike,
    known: Callable[[str], bool] = bool,
    *,
    size: int | None = None,
    foreign: bool = False,
) -> dict[str, h5py.Dataset]:
    """All arrays by full name, looked at but not read: plain numbers, all there, in this very file.

    `known` says whether there may be an array of this name, or whose name begins so if it ends in "/". `size`
    are the bytes that hold the file, if it is not all that lies at `path`. Those of a `foreign` file may be
    packed in chunks, if they do not become far more than it.
    """
    found: dict[str, h5py.Dataset] = {}
    size = os.path.getsize(path) if size is None else size
    seen, waiting, left = {_address(file)}, [("", file)], most_unpacked(size) if foreign else size
    while waiting:
        prefix, group = waiting.pop()
        for key in group:
            name = f"{prefix}{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise DamagedFile(path, f"has a link in place of {name!r}, and links are not followed", name)
            item = group[key]
            if _address(item) in seen:
                raise DamagedFile(path, f"holds {name!r} under a second name, too", name)
            seen.add(_address(item))
            group_of = isinstance(item, h5py.Group)
            if not known(f"{name}/" if group_of else name):
                raise DamagedFile(path, f"holds {name!r}, which nothing asks for", name)
            if group_of:
                waiting.append((f"{name}/", item))
                continue
            if reason := _unfit(item, left, foreign):
                raise DamagedFile(path, f"{reason[0]} {name!r} {reason[1]}", name)
            left -= math.prod(item.shape) * item.dtype.itemsize
            found[name] = item
    return found


def _address(item: Any) -> int:
    return h5py.h5o.get_info(item.id).addr


def _unfit(item: Any, left: int, foreign: bool) -> tuple[str, str] | None:
    """What is wrong with an array of which at most `left` bytes can be there; None if nothing is."""
    if not isinstance(item, h5py.Dataset):
        return "holds", "as something else than an array"
    made = item.id.get_create_plist()
    if made.get_external_count():
        return "keeps", "in another file (external storage), which is not followed"
    layout = made.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return "puts", "together from other files (virtual storage), which is not followed"
    if layout == h5py.h5d.CHUNKED and not foreign:
        return "keeps", "in chunks (chunked storage), as cortex_lab never does"
    try:
        kind = item.dtype
    except (TypeError, ValueError):
        kind = np.dtype(object)
    if item.shape is None or kind.kind not in "fiub":
        return "holds", "as something else than an array of numbers"
    stated = math.prod(item.shape) * kind.itemsize
    packed = layout == h5py.h5d.CHUNKED
    if (stated != item.id.get_storage_size() and not packed) or stated > left:
        return "states for", f"the shape {item.shape} of {kind}, but has not that many bytes"
    return None


def _stated_length_fits(path: str | os.PathLike, name: str) -> bool:
    """Whether the length of a text of variable length is within the file.

    HDF5 makes room for it before it looks, and offers no way of asking.
    """
    size, key = os.path.getsize(path), name.encode() + b"\0"
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, fits = content.find(key), False
        while at >= 0:
            length = _length_behind(content, at)
            if length is None or length > size:
                return False
            at, fits = content.find(key, at + 1), True
    return fits


def _length_behind(content: bytes, at: int) -> int | None:
    """The length stated in the attribute whose name lies at `at`: versions 1 to 3 of that message in HDF5."""
    for version, before in ((1, 8), (2, 8), (3, 9)):
        start = at - before
        if start < 0 or content[start] != version:
            continue
        sizes = struct.unpack_from("<HHH", content, start + 2)
        padded = (-(-size // 8) * 8 for size in sizes) if version == 1 else sizes
        data = at + sum(padded)
        return struct.unpack_from("<I", content, data)[0] if data + 4 <= len(content) else None
    return None


def numbers(dataset: h5py.Dataset) -> np.ndarray:
    """The array of one of `datasets`."""
    return np.asarray(dataset[()])
