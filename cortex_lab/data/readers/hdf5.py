"""HDF5: arrays by name, those of several dimensions left in the file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortex_lab.data.readers._contract import Reader, Table, listed
from cortex_lab.data.readers._packed import AGAIN, LARGE, refuse_bomb
from cortex_lab.data.readers.numpy_arrays import table_of
from cortex_lab.ground.checks import near
from cortex_lab.ground.files import DamagedFile, size_of
from cortex_lab.ground.hdf5 import SIGNATURE

_MOST = 10_000


def read(path: Path, *, arrays: Sequence[str] | None = None) -> Table:
    """The `arrays` of an HDF5 file by their full names, "group/images", each a column; None for all.

    Numbers of several dimensions stay in the file, which stays open.
    """
    size = size_of(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DamagedFile(path, f"is no whole HDF5 file ({error})", remedy=AGAIN) from None
    try:
        there = dict(_arrays(file, "", path))
        names = list(there) if arrays is None else [arrays] if isinstance(arrays, str) else list(arrays)
        for name in names:
            if name not in there:
                raise KeyError(
                    f"{path} has no array {name!r}; it has {listed(list(there))}{near(name, there)}"
                )
        if not names:
            raise DamagedFile(path, "has no arrays in it", remedy="h5py writes some: file['x'] = x")
        return table_of({name: _column(there[name], name, path, size) for name in names}, path)
    except (OSError, RuntimeError, UnicodeError, TypeError) as error:
        file.close()
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(path, f"cannot be read ({error})", remedy=AGAIN) from None
    except BaseException:
        file.close()
        raise


def _arrays(group: Any, prefix: str, path: Path, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All arrays by full name; `DamagedFile` for links, which may lead anywhere."""
    if depth > 20 or len(group) > _MOST:
        raise DamagedFile(
            path, f"has too many groups in {prefix or '/'!r}", remedy="name its arrays: arrays=[...]"
        )
    for key in group:
        name = f"{prefix}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise DamagedFile(path, f"has a link in place of {name!r}, and links are not followed", name)
        item = group[key]
        if isinstance(item, h5py.Group):
            yield from _arrays(item, f"{name}/", path, depth + 1)
        elif isinstance(item, h5py.Dataset) and item.shape:
            yield name, item


def _column(array: Any, name: str, path: Path, size: int) -> Any:
    made = array.id.get_create_plist()
    if made.get_external_count() or made.get_layout() == h5py.h5d.VIRTUAL:
        raise DamagedFile(path, f"keeps {name!r} in other files, which is not followed", name)
    stored = array.id.get_storage_size()
    if array.chunks is None and array.dtype.kind != "O" and stored < array.nbytes:
        raise DamagedFile(path, f"states {array.nbytes:,} bytes for {name!r} and has {stored:,}", name, AGAIN)
    if array.chunks:
        piece = math.prod(array.chunks) * array.dtype.itemsize
        refuse_bomb(f"a piece of {name!r} in {path}", piece, size, LARGE)
    if array.ndim > 1:
        return array
    refuse_bomb(f"{name!r} in {path}", array.shape[0] * array.dtype.itemsize, size, LARGE)
    text = h5py.check_string_dtype(array.dtype)
    return array.asstr()[:].astype("U") if text else np.asarray(array[:])


READER = Reader(
    "HDF5: arrays by name as columns, those of several dimensions left in the file",
    read,
    (".h5", ".hdf5", ".hdf"),
    lambda path, head: head.startswith(SIGNATURE),
)
