"""Tensor columns in Arrow and back: the same memory where it can be, the same rows always."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from cortex_lab.data import Dataset, Tensor, TensorArray, pandas_type, write
from cortex_lab.data.source import JoinedSource

DTYPES = ["bool", "uint8", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"]
GAPS = np.arange(10) % 4 == 1


def rows(dtype="uint8"):
    return (np.random.default_rng(0).random((10, 2, 3)) * 250).astype(dtype)


def in_values(array):
    """The numbers under an Arrow array, where they lie."""
    while hasattr(array, "storage"):
        array = array.storage
    return np.frombuffer(array.values.buffers()[1], np.uint8)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype != "bool"])
def test_without_nulls_it_is_the_same_memory_both_ways(dtype):
    column = TensorArray(rows(dtype))
    there = pa.array(column)
    assert there.type == pa.fixed_shape_tensor(pa.from_numpy_dtype(np.dtype(dtype)), (2, 3))
    assert there.null_count == 0 and np.shares_memory(in_values(there), column.tensor)
    back = column.dtype.__from_arrow__(there)
    assert np.shares_memory(back.tensor, column.tensor) and back.equals(column)
    some = pa.array(column[3:7])
    assert np.shares_memory(in_values(some), column.tensor)
    assert column.dtype.__from_arrow__(there[3:7]).equals(column[3:7])
    # What pyarrow makes of it by itself is the same array.
    np.testing.assert_array_equal(there.to_numpy_ndarray(), column.tensor)


def test_what_arrow_lent_is_not_written_to():
    column = TensorArray(rows())
    back = column.dtype.__from_arrow__(pa.array(column))
    frame = pd.DataFrame({"x": back})
    frame.loc[3, "x"] = Tensor(np.full((2, 3), 9, np.uint8))
    back[4] = np.full((2, 3), 7, np.uint8)
    assert frame.x[3] == np.full((2, 3), 9) and back[4] == np.full((2, 3), 7)
    np.testing.assert_array_equal(column.tensor, rows())


def to_parquet(frame, path):
    frame.to_parquet(path.with_suffix(".parquet"))
    return pd.read_parquet(path.with_suffix(".parquet"))


def to_feather(frame, path):
    pyarrow.feather.write_feather(frame, path.with_suffix(".feather"))
    return pd.read_feather(path.with_suffix(".feather"))


def written(suffix):
    def by_write(frame, path):
        write(frame, path.with_suffix(suffix))
        return {".parquet": pd.read_parquet, ".feather": pd.read_feather}[suffix](path.with_suffix(suffix))

    return by_write


WAYS = {"to_parquet": to_parquet, "to_feather": to_feather}
WAYS |= {f"write to {suffix}": written(suffix) for suffix in (".parquet", ".feather")}
PARTS = {
    "all": lambda frame: frame,
    "a slice": lambda frame: frame.iloc[3:8],
    "backwards": lambda frame: frame.iloc[::-2],
    "one row": lambda frame: frame.iloc[[1]],
    "no row": lambda frame: frame.iloc[:0],
    "no gaps": lambda frame: frame[frame.x.notna()],
    "numbered": lambda frame: frame.reset_index(drop=True),
    "alone": lambda frame: frame[["x"]],
    "two": lambda frame: frame.assign(z=TensorArray(rows("float32")[:, 0])),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_frames_come_back_from_files_as_they_were(way, dtype, tmp_path, monkeypatch):
    # Several pieces to a file.
    monkeypatch.setattr("cortex_lab.data.writing._GROUP", 24)
    frame = pd.DataFrame(
        {"y": np.arange(10) / 7, "x": TensorArray(rows(dtype), missing=GAPS), "words": list("lmnopqrstu")}
    )
    frame.index = pd.Index(range(5, 15), name="id")
    for name in PARTS if dtype == "uint8" else ("all", "a slice"):
        given = PARTS[name](frame)
        back = WAYS[way](given, tmp_path / "frame")
        pd.testing.assert_frame_equal(back, given)
        assert back.x.dtype == f"tensor[{dtype}, 2x3]"


def test_missing_rows_are_nulls():
    there = pa.array(TensorArray(rows(), missing=GAPS))
    assert there.is_null().to_pylist() == GAPS.tolist()
    assert TensorArray(rows()).dtype.__from_arrow__(there).isna().tolist() == GAPS.tolist()


LISTS = {
    "lists": pa.list_(pa.int64()),
    "large lists": pa.large_list(pa.int32()),
    "fixed lists": pa.list_(pa.float32(), 6),
}
FOREIGN = {
    **{
        name: (lambda kind=kind: pa.array(rows().reshape(10, 6).tolist(), kind))
        for name, kind in LISTS.items()
    },
    "lists of lists": lambda: pa.array(rows().tolist()),
    "fixed lists of lists": lambda: pa.array(rows().tolist(), pa.list_(pa.list_(pa.int16(), 3), 2)),
    "chunks": lambda: pa.chunked_array([pa.array(TensorArray(part)) for part in np.split(rows(), [4, 4, 7])]),
    "axes in another order": lambda: pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.uint8(), (3, 2), permutation=[1, 0]),
        pa.FixedSizeListArray.from_arrays(pa.array(rows().transpose(0, 2, 1).ravel()), 6),
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_others_wrote_is_read(case):
    array = FOREIGN[case]()
    dtype = TensorArray(rows()).dtype
    assert dtype.__from_arrow__(array).equals(TensorArray(rows()))
    assert dtype.__from_arrow__(array[2:9]).equals(TensorArray(rows()[2:9]))
    if pa.types.is_nested(array.type):
        with_gaps = pa.array(
            [None if gap else row for row, gap in zip(array.to_pylist(), GAPS, strict=True)], array.type
        )
        assert dtype.__from_arrow__(with_gaps[1:]).equals(TensorArray(rows(), GAPS)[1:])
    else:
        frame = pa.table({"x": array, "y": range(10)}).to_pandas(types_mapper=pandas_type)
        assert frame.x.dtype == dtype and frame.x.array.equals(TensorArray(rows()))


def test_single_numbers_that_are_missing_are_nan_or_refused():
    array = pa.array([[1, None], None, [3, 4]], pa.list_(pa.int32()))
    found = TensorArray._from_arrow(array, TensorArray(np.zeros((1, 2), np.float32)).dtype)
    np.testing.assert_array_equal(np.asarray(found), [[1, np.nan], [np.nan, np.nan], [3, 4]])
    with pytest.raises(ValueError, match=r"missing in row 0, and int32 has no NaN"):
        TensorArray._from_arrow(array, TensorArray(np.zeros((1, 2), np.int32)).dtype)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1, 2], [3]]),
        pa.array([[1, 2, 3, 4]]),
        pa.array([["a", "b"]]),
        pa.array([[[[1]], [[2]]]]),
        pa.array([1, 2]),
        pa.array([{"a": 1}]),
        pa.array(TensorArray(rows())),
    ],
    ids=lambda array: str(array.type),
)
def test_other_shapes_are_refused(array):
    with pytest.raises(ValueError, match=r"do not fit a tensor\[int64, 2\] column"):
        TensorArray(np.zeros((1, 2), np.int64)).dtype.__from_arrow__(array)


def test_an_arrow_type_that_is_wanted_is_made():
    column = TensorArray(rows())
    assert pa.array(column, pa.list_(pa.uint8(), 6)).to_pylist() == rows().reshape(10, 6).tolist()
    assert pa.array(column, pa.list_(pa.float32())).to_pylist() == rows().reshape(10, 6).tolist()


# Larger than memory ----------------------------------------------------------------------------------


def test_a_column_of_a_feather_file_stays_there(tmp_path, monkeypatch):
    monkeypatch.setattr("cortex_lab.data.writing._GROUP", 24)
    frame = pd.DataFrame({"x": TensorArray(rows(), missing=GAPS), "y": range(10)})
    write(frame, tmp_path / "rows.feather")
    column = TensorArray.open(tmp_path / "rows.feather")
    assert isinstance(column.source, JoinedSource) and column.equals(frame.x.array)
    assert column[[7, 0, 2]].equals(frame.x.array[[7, 0, 2]])
    frame.assign(z=frame.x).to_feather(tmp_path / "packed.feather")
    with pytest.raises(ValueError, match=r"has 2 tensor columns: say which, name=..., of 'x', 'z'"):
        TensorArray.open(tmp_path / "packed.feather")
    with pytest.raises(KeyError, match=r"has no 'y' among its tensor columns"):
        TensorArray.open(tmp_path / "packed.feather", "y")
    with pytest.raises(ValueError, match=r"has 'x' compressed, .*cortex_lab.data.write"):
        TensorArray.open(tmp_path / "packed.feather", "x")


def test_it_is_written_a_few_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("cortex_lab.data.writing._GROUP", 2**20)
    np.lib.format.open_memmap(tmp_path / "big.npy", "w+", "uint8", (1000, 64, 64)).flush()
    # Rows by number, and columns put together, do not lie in one block.
    column = TensorArray.open(tmp_path / "big.npy")[np.arange(1000)[::-1]]
    frame = pd.concat([pd.DataFrame({"x": column})] * 2, ignore_index=True)
    asked = []
    monkeypatch.setattr(type(column.source), "take", taking_note(type(column.source).take, asked))
    for suffix in (".parquet", ".feather"):
        write(frame, tmp_path / f"big{suffix}")
    assert 0 < max(asked) <= 2**20 // 64**2
    assert TensorArray.open(tmp_path / "big.feather").dtype == column.dtype
    assert len(pd.read_parquet(tmp_path / "big.parquet")) == len(frame)


def taking_note(take, asked):
    def noted(source, rows):
        found = take(source, rows)
        asked.append(len(found))
        return found

    return noted


def test_a_training_takes_what_came_from_arrow(tmp_path):
    frame = pd.DataFrame({"x": TensorArray(rows("float32")), "y": np.arange(10) % 2})
    back = to_parquet(frame, tmp_path / "frame")
    ours, plain = (Dataset(each, "x", "y").batches(4) for each in (back, frame))
    assert ours.identity() == plain.identity()


@pytest.mark.parametrize(
    "work",
    [
        lambda column, folder: column.__arrow_array__(),
        lambda column, folder: column.dtype.__from_arrow__(None),
        lambda column, folder: pandas_type(None),
        lambda column, folder: write(pd.DataFrame({"x": column}), folder / "x.parquet"),
        lambda column, folder: TensorArray.open(folder / "rows.feather"),
    ],
)
def test_without_pyarrow_it_says_what_to_install(work, tmp_path, monkeypatch):
    (tmp_path / "rows.feather").write_bytes(b"ARROW1\0\0")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r'needs pyarrow: pip install "cortex-lab\[data\]"'):
        work(TensorArray(rows()), tmp_path)


@pytest.mark.parametrize(
    ("frame", "path", "message"),
    [
        ([1], "x.parquet", "a pandas.DataFrame"),
        (pd.DataFrame({"a": [1]}), "x.csv", "suffix of path.*parquet.*feather"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "x.parquet", "more than one column 'a'; rename one"),
        (pd.DataFrame({"a": [1]}), "missing/x.parquet", "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused(frame, path, message, tmp_path):
    with pytest.raises((ValueError, OSError), match=message):
        write(frame, tmp_path / path)
    assert not list(tmp_path.iterdir())
