from __future__ import annotations

import json
import operator
import pickle

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import RaggedArray, Tensor, TensorArray, TensorDtype


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3)


def test_column_is_the_array(images):
    column = TensorArray(images)
    assert column.tensor is images
    assert np.shares_memory(column.to_numpy(), images) and np.shares_memory(np.asarray(column), images)
    assert np.shares_memory(pd.Series(column, copy=False).to_numpy(), images)
    assert column.dtype == "tensor[float32, 2x3]"
    assert column.nbytes == images.nbytes + 5


def test_slices_are_views_and_take_and_copy_are_not(images):
    column = TensorArray(images)
    assert np.shares_memory(column[1:4].tensor, images)
    assert np.shares_memory(column[::2].tensor, images)
    assert not np.shares_memory(column.take([0, 1]).tensor, images)
    assert not np.shares_memory(column.copy().tensor, images)
    frame = pd.DataFrame({"image": column})
    assert np.shares_memory(frame.iloc[1:3]["image"].array.tensor, frame["image"].array.tensor)


def test_what_pandas_marks_read_only_cannot_be_written_through(images):
    column = TensorArray(images)
    column._readonly = True
    with pytest.raises(ValueError, match="read-only"):
        column[1:].tensor[0] = 1
    column.copy().tensor[0] = 1


def test_cell_is_a_value(images):
    cell = TensorArray(images)[2]
    assert isinstance(cell, Tensor)
    assert cell == images[2] and images[2] == cell and cell != images[1]
    assert cell == Tensor(images[2].astype(np.float64)) and hash(cell) == hash(Tensor(images[2].astype(int)))
    assert hash(Tensor([-0.0])) == hash(Tensor([0.0]))
    assert Tensor([1, 2]) < Tensor([1, 3]) and Tensor([1, 2]) <= Tensor([1, 2])
    assert np.asarray(cell).shape == (2, 3) and not np.asarray(cell).flags.writeable
    images[2] = -1
    assert cell != images[2]
    assert pickle.loads(pickle.dumps(cell)) == cell
    assert str(cell) == "2x3 float32 12..17"


def test_swapping_two_cells(images):
    column = TensorArray(images.copy())
    column[0], column[1] = column[1], column[0]
    assert np.array_equal(column.tensor[:2], images[[1, 0]])


@pytest.mark.parametrize("scalar", ["uint8", "float32", "bool", "int64"])
def test_missing_rows(scalar):
    column = TensorArray._from_sequence([np.ones((2, 2), scalar), None, np.nan, pd.NA], dtype=None)
    assert column.isna().tolist() == [False, True, True, True]
    assert column[1] is pd.NA and column[0] == np.ones((2, 2))
    assert column.dtype.scalar == scalar
    assert len(pd.Series(column).dropna()) == 1
    if scalar == "float32":
        assert np.isnan(np.asarray(column)[1:]).all()
    else:
        with pytest.raises(ValueError, match=r"3 rows are missing \(first: \[1, 2, 3\]\).*dropna"):
            np.asarray(column)
    assert (column.to_numpy(na_value=0)[1:] == 0).all()


def test_missing_rows_read_as_nan_whatever_is_stored():
    column = TensorArray(np.ones((2, 2), np.float32), missing=[True, False])
    assert np.isnan(np.asarray(column)[0]).all()
    assert column.tensor[0, 0] == 1


@pytest.mark.parametrize("name", ["tensor[uint8, 28x28x1]", "tensor[float64, 7]"])
def test_dtype_by_name(name):
    dtype = pd.api.types.pandas_dtype(name)
    assert isinstance(dtype, TensorDtype) and str(dtype) == name
    assert dtype == eval(repr(dtype)) and hash(dtype) == hash(TensorDtype(dtype.scalar, dtype.shape))


@pytest.mark.parametrize("name", ["tensor[uint8]", "tensor[object, 2]", "tensor[nonsense, 2]", "tensor"])
def test_wrong_dtype_names(name):
    with pytest.raises(TypeError):
        TensorDtype.construct_from_string(name)
    assert TensorDtype() != name


def test_construction_refuses_what_is_no_tensor_column():
    with pytest.raises(ValueError, match="two dimensions or more"):
        TensorArray(np.zeros(3))
    with pytest.raises(TypeError, match="bools, integers or floats"):
        TensorArray(np.array([["a"], ["b"]]))
    with pytest.raises(ValueError, match="one shape"):
        TensorArray._from_sequence([np.zeros((2, 2)), np.zeros((2, 3))])
    with pytest.raises(ValueError, match="give its dtype"):
        TensorArray._from_sequence([None])
    with pytest.raises(ValueError, match="do not fit uint8"):
        TensorArray._from_sequence([[1, 300]], dtype="tensor[uint8, 2]")


def test_big_endian_becomes_native():
    column = TensorArray(np.arange(4, dtype=">i4").reshape(2, 2))
    assert column.dtype == "tensor[int32, 2]" and column.tensor.tolist() == [[0, 1], [2, 3]]


def test_astype(images):
    column = TensorArray(images)
    assert column.astype("tensor[uint8, 2x3]").tensor.dtype == np.uint8
    with pytest.raises(TypeError, match=r"tensor\[float64, 2x3\]"):
        pd.Series(column).astype("float64")
    with pytest.raises(TypeError, match="shapes differ"):
        column.astype("tensor[float32, 3x2]")


def test_frame_operations(images):
    frame = pd.DataFrame({"image": TensorArray(images), "label": list("abaab")})
    joined = pd.concat([frame, frame], ignore_index=True)
    assert joined["image"].array.tensor.shape == (10, 2, 3)
    assert joined["image"].nunique() == 5 and joined["image"].value_counts().eq(2).all()
    assert frame[frame.label == "b"]["image"].array.tensor[:, 0, 0].tolist() == [6, 24]
    assert frame.sort_values("label")["image"].iloc[-1] == images[4]
    assert frame.reindex([0, 9])["image"].isna().tolist() == [False, True]
    assert frame.equals(frame.copy()) and not frame.equals(frame.iloc[::-1])
    assert len(frame.groupby("image")) == 5


@pytest.mark.parametrize(
    "compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
)
def test_rows_are_compared_like_words(compare, monkeypatch):
    monkeypatch.setattr("cortex_lab.ground.pieces.pieces.__defaults__", (16,))
    mine, theirs = (np.random.default_rng(seed).integers(0, 2, (40, 2, 2)) for seed in (0, 1))
    gone = np.arange(40) % 5 == 2
    column, other = TensorArray(mine, gone), TensorArray(theirs.astype(np.float32))
    wanted = [
        compare is operator.ne if out else compare(a.ravel().tolist(), b.ravel().tolist())
        for a, b, out in zip(mine, theirs, gone, strict=True)
    ]
    assert compare(column, other).tolist() == wanted
    assert compare(pd.Series(column), pd.Series(other)).tolist() == wanted
    assert compare(column[~gone], list(other[~gone])).tolist() == np.array(wanted)[~gone].tolist()
    alone = [compare(a.ravel().tolist(), theirs[3].ravel().tolist()) for a in mine[~gone]]
    assert compare(column, other[3])[~gone].tolist() == alone
    if compare not in (operator.eq, operator.ne):
        for unlike in (3, "x", TensorArray(mine[:, 0])):
            with pytest.raises(TypeError, match="not supported"):
                compare(column, unlike)


def test_a_hash_is_of_what_a_cell_holds_and_not_of_how_it_prints():
    alike = np.array([[0, 1, 2, 9], [0, 2, 1, 9], [0, 1, 2, 9]])
    for column in (TensorArray(alike), TensorArray(alike.astype(np.float32)), RaggedArray.of(alike.tolist())):
        assert len({str(cell) for cell in column}) == 1
        first, second, third = pd.util.hash_pandas_object(pd.Series(column), index=False)
        assert first == third != second
        assert pd.Series(column).duplicated().tolist() == [False, False, True]


def test_where_one_of_the_rows_belongs_among_sorted_ones():
    column = TensorArray(np.array([[1, 1], [1, 3], [2, 0]]))
    assert column.searchsorted(Tensor([1, 2])) == 1 and column.searchsorted(column[2], "right") == 3
    assert column.searchsorted([[1, 1], [9, 9]]).tolist() == [0, 3]


def test_concat_finds_a_common_type():
    parts = [pd.Series(TensorArray(np.ones((1, 2), scalar))) for scalar in ("uint8", "float32")]
    assert pd.concat(parts).dtype == "tensor[float32, 2]"
    other = pd.Series(TensorArray(np.ones((1, 3), np.uint8)))
    assert pd.concat([parts[0], other]).dtype == object


def test_json_holds_nested_lists():
    # pandas' writer crashes the interpreter on an array of more than one dimension.
    column = TensorArray._from_sequence([[[1, 2]], None], dtype="tensor[uint8, 1x2]")
    assert json.loads(pd.DataFrame({"image": column}).to_json())["image"] == {"0": [[1, 2]], "1": None}


def test_pickle_and_repr(images):
    column = TensorArray(images)
    assert pickle.loads(pickle.dumps(column)).equals(column)
    assert "Length: 5, dtype: tensor[float32, 2x3]" in repr(column)
    assert "2x3 float32 0..5" in repr(pd.DataFrame({"image": column}))


def test_cell_shows_itself_as_a_picture(images):
    assert Tensor(images[0])._repr_html_().startswith('<img src="data:image/png;base64,')
    assert Tensor(np.zeros((2, 2, 2, 2)))._repr_html_() is None
