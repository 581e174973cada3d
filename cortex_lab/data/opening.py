"""Files that hold the rows of a tensor column, opened and not read, and written without being held whole."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.data.source import ArraySource, HDF5Source, Source, as_sliced
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, size_of, write_all, writing
from cortex_lab.ground.hdf5 import SIGNATURE
from cortex_lab.ground.pieces import pieces

_NPY = b"\x93NUMPY"
_AGAIN = "take a whole copy of it, or write it anew"


def opened(
    path: str | os.PathLike,
    name: str | None = None,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    offset: int = 0,
) -> Source:
    """The rows in a file, which are read when they are wanted.

    A `.npy` file and HDF5 say themselves what they hold; of HDF5, `name` says which of its datasets. Anything
    else is raw numbers of a `dtype`, rows of a `shape`, from byte `offset` on. DamagedFile for a file that is
    cut off or holds something else than rows of numbers.
    """
    path = Path(path)
    size = size_of(path)
    with open(path, "rb") as file:
        start = file.read(len(SIGNATURE))
    if dtype is not None or shape is not None:
        return _raw(path, size, dtype, shape, offset)
    if start.startswith(_NPY):
        return ArraySource(_npy(path))
    if h5py.is_hdf5(path):
        return HDF5Source(_dataset(path, name))
    raise DamagedFile(
        path,
        f"is neither .npy nor HDF5: it starts with {start.hex(' ') or 'nothing'}",
        remedy="say what raw numbers it holds, dtype='uint8', shape=(28, 28) for the rows, or read it first",
    )


def saved(source: Source, path: str | os.PathLike) -> None:
    """Write the rows as a `.npy` file, a few megabytes at a time."""
    shape = len(source), *source.shape
    header = {"descr": source.dtype.str, "fortran_order": False, "shape": shape}
    with writing(path) as handle:
        # Not closed, as what is under it is closed by whoever opened it.
        with os.fdopen(handle, "wb", closefd=False) as file:
            np.lib.format.write_array_header_1_0(file, header)
        rows = as_sliced(source)
        for piece in pieces(rows):
            write_all(handle, np.ascontiguousarray(rows[piece]).reshape(-1).view(np.uint8))


def _raw(path: Path, size: int, dtype: Any, shape: Any, offset: int) -> Source:
    if dtype is None or shape is None:
        raise checks.WrongArgument(
            "raw numbers need both their dtype and the shape of a row: dtype='uint8', shape=(28, 28)"
        )
    kind = np.dtype(dtype)
    sides = tuple(checks.whole("shape", side) for side in ([shape] if np.ndim(shape) == 0 else shape))
    row, left = math.prod(sides) * kind.itemsize, size - checks.whole("offset", offset, least=0)
    if left <= 0 or left % row:
        raise DamagedFile(
            path,
            f"has {max(left, 0):,} bytes from {offset} on, and rows of {sides} {kind} take {row:,} each",
            remedy="compare dtype, shape and offset with what wrote it",
        )
    return ArraySource(np.memmap(path, kind, "r", offset, (left // row, *sides)))


def _npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r")
    except (ValueError, EOFError, SyntaxError) as error:
        if "Python objects" in str(error):
            why = "holds pickled Python objects, which are not read"
            raise DamagedFile(
                path, why, remedy="save an array of numbers: numpy.save(path, numpy.stack(rows))"
            ) from None
        raise DamagedFile(path, f"is no whole .npy file ({error})", remedy=_AGAIN) from error


def _dataset(path: Path, name: str | None) -> h5py.Dataset:
    try:
        file = h5py.File(path, "r")
        names = _names(file)
    except (OSError, RuntimeError) as error:
        raise DamagedFile(path, f"is no whole HDF5 file ({error})", remedy=_AGAIN) from error
    there = ", ".join(map(repr, names)) or "none"
    if name is None and len(names) != 1:
        raise checks.WrongArgument(
            f"{path} has {len(names)} datasets of rows: say which, name=..., of {there}"
        )
    dataset = file.get(names[0] if name is None else name)
    if not _holds_rows(dataset):
        what = f"has no dataset {name!r}" if dataset is None else f"has no rows of numbers in {name!r}"
        raise KeyError(f"{path} {what}, it has {there}{checks.near(name, names)}")
    return dataset


def _names(file: h5py.File) -> list[str]:
    """The datasets of a file that may be columns."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if _holds_rows(item) else None)
    return names


def _holds_rows(item: object) -> bool:
    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and len(item.shape or ()) >= 2
