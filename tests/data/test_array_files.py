"""Arrays in files: NumPy's, HDF5 and IDX, as columns of one table, exact and where possible left on disk."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import TensorArray, read
from cortex_lab.data.source import ArraySource
from cortex_lab.ground.files import DamagedFile

# NumPy archives and HDF5 ---------------------------------------------------------------------------------


def test_an_array_stays_in_its_file(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(24, dtype=np.uint8).reshape(4, 2, 3))
    column = read(tmp_path / "x.npy").frame["values"].array
    assert isinstance(column, TensorArray) and not column.source.array.flags.owndata
    assert column.dtype.name == "tensor[uint8, 2x3x1]"
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/x"] = np.arange(24.0).reshape(4, 2, 3)
    column = read(tmp_path / "x.h5").frame["a/x"].array
    assert not isinstance(column.source, ArraySource) and column.tensor[3, 1, 2] == 23


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_arrays_by_name(suffix, tmp_path):
    path, arrays = tmp_path / f"x{suffix}", {"x": np.zeros((4, 2)), "y": np.arange(4), "names": np.zeros(3)}

    def write(**arrays):
        if suffix == ".npz":
            np.savez(path, **arrays)
        else:
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    file[name] = array

    write(**arrays)
    with pytest.raises(ValueError, match=r"other lengths, 'names' 3|other lengths, 'x' 4, 'y' 4, 'names' 3"):
        read(path)
    data = read(path, arrays=["x", "y"])
    assert data.target == "y" and data.columns == ["x"]
    with pytest.raises(KeyError, match=r"no array 'yy'; it has .*did you mean 'y'"):
        read(path, arrays=["x", "yy"])
    path = tmp_path / f"parts{suffix}"
    parts = {
        f"{name}_{part}": np.full((rows, 2), rows)
        for name in "xz"
        for part, rows in (("train", 3), ("val", 2))
    }
    write(**parts)
    data = read(path)
    assert [len(rows) for rows in data.splits.values()] == [3, 2] and list(data.splits) == [
        "train",
        "validation",
    ]
    assert data.frame["z"].array.tensor[:, 0].tolist() == [3, 3, 3, 2, 2]


def test_links_in_hdf5_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.zeros(3)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "secret")
    with pytest.raises(DamagedFile, match="has a link in place of 'x'"):
        read(tmp_path / "x.h5")


def test_whole_numbers_with_gaps_stay_exact(tmp_path):
    frame = pd.DataFrame({"id": pd.array([2**60 + 1, None, 3], dtype="Int64"), "y": [0.5, 1.5, 2.5]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_feather(tmp_path / "a.feather")
    frame.to_csv(tmp_path / "a.csv", index=False)
    for suffix in ("parquet", "feather", "csv"):
        assert read(tmp_path / f"a.{suffix}", target="y").frame["id"].tolist()[0] == 2**60 + 1, suffix
    assert read(tmp_path / "a.parquet", columns=["y"]).frame.columns.tolist() == ["y"]
    with pytest.raises(KeyError, match="no column 'z'; it has id, y"):
        read(tmp_path / "a.parquet", columns=["z"])


# IDX -----------------------------------------------------------------------------------------------------


def test_a_folder_of_idx_files_has_splits(tmp_path, write_idx):
    for part, rows in (("t10k", 2), ("train", 4)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", np.full((rows, 2, 3), rows, np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(rows).astype(np.uint8))
    data = read(tmp_path)
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": [0, 1, 2, 3],
        "test": [4, 5],
    }
    assert data.test.frame["image"].array.tensor.max() == 2 and data.target == "label"
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match=r"t10k-images.* has no labels beside it"):
        read(tmp_path)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=r"t10k-images.* has 2 rows, and .* shape \(3,\)"):
        read(tmp_path)


def test_emnist_is_turned_and_its_labels_are_letters(tmp_path, write_idx):
    pictures = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for part in ("train", "test"):
        write_idx(tmp_path / f"emnist-letters-{part}-images-idx3-ubyte.gz", pictures)
        write_idx(tmp_path / f"emnist-letters-{part}-labels-idx1-ubyte.gz", np.array([1, 2], np.uint8))
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n")
    data = read(tmp_path)
    assert data.frame["label"].tolist() == ["Aa", "Bb"] * 2 and list(data.splits) == ["train", "test"]
    np.testing.assert_array_equal(data.frame["image"].array.tensor[0, :, :, 0], pictures[0].T)
    write_idx(tmp_path / "emnist-digits-train-images-idx3-ubyte.gz", pictures)
    with pytest.raises(ValueError, match="IDX files of several sets: emnist-digits, emnist-letters"):
        read(tmp_path)


@pytest.mark.parametrize("scalar", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_idx_of_every_type(scalar, tmp_path, write_idx):
    path = write_idx(tmp_path / "x.idx", np.arange(24).reshape(4, 3, 2).astype(scalar))
    column = read(path).frame["image"].array
    assert column.dtype.scalar == scalar and column.tensor[3, 2, 1, 0] == 23
