"""Files that hold the rows of a tensor column, opened and not read, and written without being held whole."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.data.arrow import needed, pandas_type, parts_of
from cortex_lab.data.source import ArraySource, HDF5Source, JoinedSource, Source, as_sliced
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, size_of, write_all, writing
from cortex_lab.ground.hdf5 import SIGNATURE
from cortex_lab.ground.pieces import pieces

_NPY, _FEATHER = b"\x93NUMPY", b"ARROW1"
_AGAIN = "take a whole copy of it, or write it anew"


def opened(
    path: str | os.PathLike,
    name: str | None = None,
    dtype: DTypeLike | None = None,
    shape: Sequence[int] | None = None,
    offset: int = 0,
) -> tuple[Source, np.ndarray | None]:
    """The rows in a file, which are read when they are wanted, and which of them are missing.

    `.npy`, HDF5 and Feather say themselves what they hold; `name` says which dataset or column. Anything
    else is raw numbers of a `dtype`, rows of a `shape`, from byte `offset` on. DamagedFile for a file that is
    cut off or holds something else than rows of numbers.
    """
    path = Path(checks.path("path", path))
    name = None if name is None else checks.text("name", name, "images")
    size = size_of(path)
    with open(path, "rb") as file:
        start = file.read(len(SIGNATURE))
    if dtype is not None or shape is not None:
        return _raw(path, size, dtype, shape, offset), None
    if start.startswith(_NPY):
        return ArraySource(_npy(path)), None
    if start.startswith(_FEATHER):
        return _feather(path, name)
    if h5py.is_hdf5(path):
        return HDF5Source(_dataset(path, name)), None
    raise DamagedFile(
        path,
        f"is neither .npy nor HDF5 nor Feather: it starts with {start.hex(' ') or 'nothing'}",
        remedy="say what raw numbers it holds, dtype='uint8', shape=(28, 28) for the rows, or read it first",
    )


def saved(source: Source, path: str | os.PathLike) -> None:
    """Write the rows as a `.npy` file, a few megabytes at a time."""
    checks.path("path", path)
    shape = len(source), *source.shape
    header = {"descr": source.dtype.str, "fortran_order": False, "shape": shape}
    with writing(path) as handle:
        # Not closed, as what is under it is closed by whoever opened it.
        with os.fdopen(handle, "wb", closefd=False) as file:
            np.lib.format.write_array_header_1_0(file, header)
        rows = as_sliced(source)
        for piece in pieces(rows):
            write_all(handle, np.ascontiguousarray(rows[piece]).reshape(-1).view(np.uint8))


def _raw(
    path: Path, size: int, dtype: DTypeLike | None, shape: Sequence[int] | int | None, offset: int
) -> Source:
    if dtype is None or shape is None:
        raise checks.WrongArgument(
            "raw numbers need both their dtype and the shape of a row: dtype='uint8', shape=(28, 28)"
        )
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError):
        raise checks.refused("dtype", "bools, integers or floats", dtype) from None
    if kind.kind not in "biuf":
        raise checks.refused("dtype", "bools, integers or floats", dtype)
    sides = tuple(checks.whole("shape", side, least=1) for side in np.atleast_1d(shape))
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


def _feather(path: Path, name: str | None) -> tuple[Source, np.ndarray]:
    """The rows of a column in a Feather file, where they lie in it, and which are missing."""
    pa = needed("a Feather file")
    try:
        with pa.memory_map(str(path)) as file:
            start = file.read_buffer(1).address
            table = pa.ipc.open_file(file).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise DamagedFile(path, f"is no whole Feather file ({error})", remedy=_AGAIN) from error
    found = {field.name: pandas_type(field.type) for field in table.schema}
    types = {each: dtype for each, dtype in found.items() if isinstance(dtype, TensorDtype)}
    name = _one_of(path, name, list(types), "tensor columns")
    parts, missing = parts_of(types[name], table[name])
    mapped, mine = np.memmap(path, np.uint8, "r"), []
    for array in parts:
        place = array.__array_interface__["data"][0] - start
        if array.size and not 0 <= place <= len(mapped) - array.nbytes:
            raise DamagedFile(
                path,
                f"has {name!r} compressed, or as bits, so that its rows cannot be read where they lie",
                remedy="read it, pandas.read_feather(path), and write it anew with cortex_lab.data.write",
            )
        mine.append(ArraySource(np.ndarray(array.shape, array.dtype, mapped, place, array.strides)))
    return mine[0] if len(mine) == 1 else JoinedSource(mine), missing


def _dataset(path: Path, name: str | None) -> h5py.Dataset:
    try:
        file = h5py.File(path, "r")
        names = _names(file)
    except (OSError, RuntimeError) as error:
        raise DamagedFile(path, f"is no whole HDF5 file ({error})", remedy=_AGAIN) from error
    # Any name that HDF5 takes is one, such as "/deep/rows".
    if name is None or not _holds_rows(file.get(name)):
        name = _one_of(path, name, names, "datasets of rows")
    return file[name]  # type: ignore[return-value]


def _one_of(path: Path, name: str | None, names: list[str], what: str) -> str:
    """The name that was asked for, or of the one that there is."""
    there = ", ".join(map(repr, names)) or "none"
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        raise checks.WrongArgument(f"{path} has {len(names)} {what}: say which, name=..., of {there}")
    if name not in names:
        raise KeyError(f"{path} has no {name!r} among its {what}, {there}{checks.near(name, names)}")
    return name


def _names(file: h5py.File) -> list[str]:
    """The datasets of a file that may be columns."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if _holds_rows(item) else None)
    return names


def _holds_rows(item: object) -> bool:
    return isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and len(item.shape or ()) >= 2
