"""Columns opened from files and saved to them, a few rows at a time; what is no column is refused by name."""

from __future__ import annotations

import pickle
import tracemalloc

import h5py
import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import TensorArray
from cortex_lab.data.source import ArraySource, HDF5Source, is_mapped

ROWS = np.random.default_rng(0).integers(0, 200, (50, 3, 2))
MB = 2**20


def npy(path, array):
    np.save(path / "rows.npy", array)
    return path / "rows.npy", {}


def columns_first(path, array):
    np.save(path / "rows.npy", np.asfortranarray(array))
    return path / "rows.npy", {}


def raw(path, array):
    (path / "rows.bin").write_bytes(b"header" + array.tobytes())
    return path / "rows.bin", {"dtype": array.dtype, "shape": array.shape[1:], "offset": 6}


def hdf5(path, array, **layout):
    with h5py.File(path / "rows.h5", "w") as file:
        file.create_dataset("deep/rows", data=array, **layout)
        file["label"] = np.arange(len(array))
        file["name"] = "several"
    return path / "rows.h5", {}


def in_chunks(path, array):
    return hdf5(path, array, chunks=(4, *array.shape[1:]), compression="gzip", shuffle=True)


def by_name(path, array):
    with h5py.File(path / "rows.h5", "w") as file:
        file["other"], file["these"] = array[::-1], array
    return path / "rows.h5", {"name": "these"}


WAYS = [npy, columns_first, raw, hdf5, in_chunks, by_name]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "bool", ">i4"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_opened_and_not_read(way, dtype, tmp_path):
    array = (ROWS % 2 if dtype == "bool" else ROWS).astype(dtype)
    path, how = way(tmp_path, array)
    column = TensorArray.open(path, **how)
    assert isinstance(column.source, HDF5Source) or is_mapped(column.source.array)
    np.testing.assert_array_equal(column.tensor, array)
    for chosen in (slice(3, 9), np.array([7, 7, 30, 31, 32, 0]), np.array([4])):
        np.testing.assert_array_equal(column[chosen].tensor, array[chosen])
    frame = pickle.loads(pickle.dumps(pd.DataFrame({"x": column, "y": range(50)})))
    np.testing.assert_array_equal(frame[frame.y > 40].x.array.tensor, array[41:])
    column[[5, 1]].save(tmp_path / "some.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "some.npy"), array[[5, 1]])


def refused(what, how, wanted, path):
    with pytest.raises((ValueError, KeyError, TypeError, OSError)) as caught:
        _ = TensorArray.open(path, **how).tensor
    assert all(each in str(caught.value) for each in wanted), caught.value


def cut(path, by=7):
    path.write_bytes(path.read_bytes()[:-by])
    return path


def filled(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


BAD = {
    "a .npy file cut off": (lambda p: (cut(npy(p, ROWS)[0]), {}), ["rows.npy", "no whole .npy", "copy"]),
    "a .npy header cut off": (lambda p: (cut(npy(p, ROWS)[0], 2400), {}), ["rows.npy", "no whole .npy"]),
    "pickled objects": (
        lambda p: (npy(p, np.array([[{}], [1]], object))[0], {}),
        ["rows.npy", "pickled", "numpy.stack"],
    ),
    "text": (lambda p: (npy(p, np.array([["a"], ["b"]]))[0], {}), ["bools, integers or floats"]),
    "single numbers": (lambda p: (npy(p, np.arange(5))[0], {}), ["two dimensions or more", "(5,)"]),
    "another format": (
        lambda p: ((p / "x.png", (p / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n"))[0], {}),
        ["x.png", "neither .npy nor HDF5", "89 50 4e 47", "dtype='uint8'"],
    ),
    "nothing": (lambda p: ((p / "x", (p / "x").write_bytes(b""))[0], {}), ["starts with nothing"]),
    "no file": (lambda p: (p / "x.npy", {}), ["there is no file"]),
    "a folder": (lambda p: (p, {}), ["is a folder"]),
    "raw rows that do not end": (
        lambda p: (cut(raw(p, ROWS)[0]), {"dtype": "int64", "shape": (3, 2)}),
        ["rows.bin", "48 each", "compare dtype, shape and offset"],
    ),
    "raw without a shape": (lambda p: (raw(p, ROWS)[0], {"dtype": "int64"}), ["need both", "shape=(28, 28)"]),
    "raw empty rows": (lambda p: (raw(p, ROWS)[0], {"dtype": "u1", "shape": 0}), ["shape", "at least 1"]),
    "raw without a type": (lambda p: (raw(p, ROWS)[0], {"dtype": "text", "shape": 2}), ["dtype must be"]),
    "no name": (lambda p: (hdf5(p, ROWS)[0], {"name": 3}), ["name must be a text"]),
    "no path": (lambda p: (3, {}), ["the path of a file"]),
    "raw objects": (lambda p: (raw(p, ROWS)[0], {"dtype": object, "shape": 2}), ["dtype", "floats"]),
    "raw from beyond the end": (
        lambda p: (raw(p, ROWS)[0], {"dtype": "uint8", "shape": 2, "offset": 10**6}), ["has 0 bytes"],
    ),
    "HDF5 cut off": (lambda p: (cut(hdf5(p, ROWS)[0]), {}), ["rows.h5", "no whole HDF5"]),
    "HDF5 without rows": (
        lambda p: (filled(p / "x.h5", lambda f: f.update(a=np.arange(3))), {}), ["0 datasets", "none"],
    ),
    "one of several": (lambda p: (by_name(p, ROWS)[0], {}), ["2 datasets", "'other', 'these'"]),
    "another name": (
        lambda p: (by_name(p, ROWS)[0], {"name": "thees"}), ["no 'thees' among", "did you mean 'these'"],
    ),
    "a dataset of no rows": (lambda p: (hdf5(p, ROWS)[0], {"name": "label"}), ["no 'label' among"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_column_is_refused(case, tmp_path):
    make, wanted = BAD[case]
    path, how = make(tmp_path)
    refused(case, how, wanted, path)


def test_a_damaged_chunk_is_named(tmp_path):
    path, _ = in_chunks(tmp_path, ROWS)
    with h5py.File(path) as file:
        place = file["deep/rows"].id.get_chunk_info(3).byte_offset
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 8)
    column = TensorArray.open(path)
    assert column[0].shape == (3, 2)
    with pytest.raises(ValueError, match=r"rows.h5 cannot be read in '/deep/rows' between rows 12 and 13"):
        column[12]


def test_a_file_that_was_closed_is_said_to_be(tmp_path):
    path, _ = hdf5(tmp_path, ROWS)
    with h5py.File(path) as file:
        column = TensorArray(file["deep/rows"])
    for read in (lambda: column[0], lambda: column.tensor, lambda: pickle.dumps(column)):
        with pytest.raises(ValueError, match=r"was closed; .*TensorArray.open\(path, name\)"):
            read()


def test_a_column_is_saved_without_being_held(tmp_path):
    path = tmp_path / "big.npy"
    big = np.lib.format.open_memmap(path, "w+", "float32", (40 * MB // 4096, 32, 32))
    big[-1] = 3
    column = TensorArray.open(path)[::-1]
    tracemalloc.start()
    column.save(path.with_name("again.npy"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 12 * MB
    again = TensorArray.open(path.with_name("again.npy"))
    assert again.equals(column) and again[0] == big[-1]
    # Written beside it and then put in its place, so a column may be saved to where it comes from.
    again[:2].save(path.with_name("again.npy"))
    assert len(np.load(path.with_name("again.npy"))) == 2 and len(again) == len(column)


def test_missing_rows_are_not_saved_as_if_they_were_there(tmp_path):
    column = TensorArray(ROWS, missing=np.arange(50) == 3)
    with pytest.raises(ValueError, match=r"1 rows are missing.*dropna.*to_parquet"):
        column.save(tmp_path / "x.npy")
    assert not list(tmp_path.iterdir())
    assert isinstance(column.source, ArraySource)
