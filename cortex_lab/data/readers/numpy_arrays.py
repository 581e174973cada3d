"""NumPy's own files: one array, or an archive of them by name. Nothing is unpickled."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from cortex_lab.data.readers._contract import Reader, Table, gaps, listed
from cortex_lab.data.readers._packed import AGAIN, refuse_bomb
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground.checks import near
from cortex_lab.ground.files import DamagedFile, size_of

_TARGETS = ("label", "labels", "target", "targets", "y")
_PARTS = {
    "train": "train",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
_MAGIC = b"\x93NUMPY"


def read(path: Path, *, arrays: Sequence[str] | None = None) -> Table:
    """An array (.npy), which stays on disk, or the `arrays` of an archive (.npz), each a column.

    Arrays called as "x_train" and "x_test" are the rows of splits.
    """
    size = size_of(path)
    with open(path, "rb") as file:
        head = file.read(6)
        if head == _MAGIC:
            return _one(path, file, size)
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise DamagedFile(path, f"is no file of NumPy: it starts with {head.hex(' ') or 'nothing'}")
    return table_of(_archive(path, size, arrays), path)


def _one(path: Path, file: IO[bytes], size: int) -> Table:
    file.seek(0)
    _, _, start, wanted = _header(file, path, path.name)
    if start + wanted != size:
        state = "cut off" if size < start + wanted else "too long"
        raise DamagedFile(
            path, f"is {state}: {start + wanted:,} bytes are stated, it has {size:,}", remedy=AGAIN
        )
    # Mapped: read where it is wanted, and never written to.
    array = np.load(path, mmap_mode="r" if wanted else None, allow_pickle=False)
    return table_of({"values": array}, path)


def _header(file: IO[bytes], path: Path, name: str) -> tuple[tuple[int, ...], np.dtype, int, int]:
    """Shape, dtype, where the numbers begin and how many bytes they are stated to take."""
    try:
        version = np.lib.format.read_magic(file)
        read_header: Any = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"version {version} of the format")
        shape, _, dtype = read_header(file)
    except (ValueError, EOFError, OSError) as error:
        why = " ".join(str(error).split())[:120]
        raise DamagedFile(path, f"has no array in {name!r} that can be read ({why})", name, AGAIN) from None
    if dtype.hasobject:
        raise DamagedFile(
            path,
            f"holds Python objects in {name!r}, which could only be unpickled, and that runs what is in them",
            name,
            "save numbers or texts of one type: numpy.savez(path, x=x.astype(float))",
        )
    return shape, dtype, file.tell(), math.prod(shape) * dtype.itemsize


def _archive(path: Path, size: int, wanted: Sequence[str] | None) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            names = list(members) if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
            for name in names:
                if name not in members:
                    raise KeyError(
                        f"{path} has no array {name!r}; it has {listed(list(members))}{near(name, members)}"
                    )
            refuse_bomb(path, sum(members[name].file_size for name in names), size)
            for name in names:
                with archive.open(members[name]) as file:
                    _, _, start, stated = _header(file, path, name)
                if start + stated != members[name].file_size:
                    raise DamagedFile(
                        path, f"states {stated:,} bytes for {name!r} and has not that many", name, AGAIN
                    )
                with archive.open(members[name]) as file:
                    found[name] = np.lib.format.read_array(file, allow_pickle=False)
    except DamagedFile:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise DamagedFile(path, f"is a damaged or incomplete archive ({error})", remedy=AGAIN) from None
    if not found:
        raise DamagedFile(path, "has no arrays in it", remedy="numpy.savez(path, x=x, y=y) writes some")
    return found


def table_of(arrays: dict[str, Any], path: Path) -> Table:
    """Arrays by name as the columns of one table; "x_train" and "x_test" as those of its splits."""
    split = {name: (name.rpartition("_")[0], _PARTS[name.rpartition("_")[2]]) for name in arrays
             if "_" in name and name.rpartition("_")[2] in _PARTS}  # fmt: skip
    if len(split) < len(arrays) or len({part for _, part in split.values()}) < 2:
        return _side_by_side(arrays, path)
    tables = {}
    for part in dict.fromkeys(part for _, part in split.values()):
        own = {column: arrays[name] for name, (column, other) in split.items() if other == part}
        tables[part] = _side_by_side(own, path)
    frames = [table.frame for table in tables.values()]
    if len({tuple(frame.dtypes.astype(str).items()) for frame in frames}) > 1:
        raise ValueError(f"{path} has other arrays in {' than in '.join(tables)}; say which: arrays=[...]")
    starts = np.cumsum([0, *map(len, frames)])
    splits = {part: np.arange(*starts[place : place + 2]) for place, part in enumerate(tables)}
    first = next(iter(tables.values()))
    return Table(pd.concat(frames, ignore_index=True), first.notes, first.target, splits)


def _side_by_side(arrays: dict[str, Any], path: Path) -> Table:
    lengths = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        sizes = listed([f"{name!r} {length:,}" for name, length in lengths.items()])
        raise ValueError(
            f"{path} has arrays of other lengths, {sizes}: they are no columns of one table; say which to "
            "read: arrays=[...]"
        )
    if not next(iter(lengths.values())):
        raise DamagedFile(path, "has no rows", remedy="there is nothing to learn from")
    columns: dict[str, Any] = {}
    for name, array in arrays.items():
        if array.dtype.names or array.dtype.kind not in "biufUMm":
            raise ValueError(f"{path}: array {name!r} holds {array.dtype}, which is no column; leave it out")
        if array.ndim == 1:
            columns[name] = np.asarray(array) if array.dtype.kind != "U" else array.astype(object)
        elif isinstance(array, np.ndarray) and array.ndim == 3 and array.dtype == np.uint8:
            columns[name] = TensorArray(array[..., np.newaxis])
        else:
            columns[name] = TensorArray(array)
    frame = pd.DataFrame(columns, copy=False)
    target = next((name for name in _TARGETS if name in columns and len(columns) > 1), None)
    return Table(frame, tuple(gaps(frame)), target)


READER = Reader(
    "NumPy's files: an array, which stays on disk, or an archive of some as columns; never a pickle",
    read,
    (".npy", ".npz"),
    lambda path, head: head.startswith(_MAGIC),
)
