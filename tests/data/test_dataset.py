from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, Tensor, TensorArray


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "width": [1.0, 2.0, 3.0, 4.0],
            "height": [10, 20, 30, 40],
            "big": [False, False, True, True],
            "price": [0.5, 1.5, 2.5, 3.5],
            "kind": pd.Categorical(["b", "a", "b", "a"], categories=["b", "a", "unused"]),
        }
    )


def test_pictures_with_named_classes(pictures):
    dataset = Dataset(pictures)
    assert len(dataset) == 12 and dataset.input_shape == (4, 3, 1)
    assert dataset.classes == ["ant", "bee", "cat"]
    assert dataset.class_counts.to_dict() == {"ant": 4, "bee": 4, "cat": 4}
    x, y = dataset.arrays()
    assert x.shape == (12, 4, 3, 1) and x.dtype == np.uint8 and x.flags.c_contiguous
    assert x[:, 0, 0, 0].tolist() == list(range(12))
    assert y.dtype == np.int64 and y[:3].tolist() == [1, 0, 2]


def test_rows_keep_their_number(pictures):
    dataset = Dataset(pictures, splits={"train": range(0, 12, 2), "test": range(1, 12, 2)})
    assert dataset.train.frame.index.tolist() == [0, 2, 4, 6, 8, 10]
    batch = dataset.test.batches(4, seed=5).fetch(1)
    assert set(batch.rows) <= set(range(1, 12, 2))
    assert np.array_equal(batch.inputs[:, 0, 0, 0], batch.rows)
    names = [dataset.classes[target] for target in batch.targets]
    assert dataset.frame["label"].iloc[batch.rows].tolist() == names
    assert dataset.test.frame["label"].loc[batch.rows].tolist() == names
    again = dataset.train.split(test=2, stratify=False)
    assert set(again.test.frame.index) < set(dataset.train.frame.index)
    assert again.test.classes == dataset.classes


def test_arrays_are_new_and_the_frame_is_safe(pictures):
    dataset = Dataset(pictures)
    pictures.loc[0, "label"] = "wasp"
    dataset.arrays()[0][:] = 99
    frame = dataset.frame
    frame.loc[1, "label"] = "wasp"
    frame.loc[1, "image"] = Tensor(np.full((4, 3, 1), 255))
    assert dataset.arrays()[0].max() == 11
    assert "wasp" not in dataset.frame["label"].to_numpy() and "wasp" not in dataset.classes


def test_parts_share_the_pictures(pictures):
    dataset = Dataset(pictures, splits={"train": range(8), "test": range(8, 12)})
    tensors = [part.frame["image"].array.tensor for part in (dataset, dataset.train, dataset.test)]
    assert np.shares_memory(tensors[0], tensors[1]) and np.shares_memory(tensors[0], tensors[2])
    assert dataset.test.batches(2)._inputs["inputs"] is dataset.train.batches(2)._inputs["inputs"]


def test_column_of_separate_arrays_becomes_a_tensor_column():
    frame = pd.DataFrame({"image": [np.ones((2, 2)), np.zeros((2, 2))], "label": [0, 1]})
    dataset = Dataset(frame)
    assert dataset.input_shape == (2, 2) and isinstance(dataset.frame["image"].array, TensorArray)
    frame["image"] = [np.ones((2, 2)), np.zeros((2, 3))]
    with pytest.raises(ValueError, match=r"column 'image'.*row 1 is 2x3 float64 where 2x2"):
        Dataset(frame)


def test_numeric_columns_and_regression(table):
    dataset = Dataset(table, inputs=["width", "height", "big"], target="price")
    assert dataset.input_shape == (3,) and dataset.classes is None and dataset.class_counts is None
    x, y = dataset.arrays()
    assert x.tolist() == [[1, 10, 0], [2, 20, 0], [3, 30, 1], [4, 40, 1]]
    assert y.dtype == np.float32 and y.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert Dataset(table, inputs="width", target=["price", "height"]).arrays()[1].shape == (4, 2)
    assert len(dataset.split(test=1).test) == 1


def test_categories_keep_their_order_and_whole_numbers_are_labels(table):
    dataset = Dataset(table, inputs=["width"], target="kind")
    assert dataset.classes == ["b", "a", "unused"] and dataset.arrays()[1].tolist() == [0, 1, 0, 1]
    assert dataset.class_counts.to_dict() == {"b": 2, "a": 2, "unused": 0}
    assert len(dataset.split(test=0.5).test) == 2
    assert Dataset(table, inputs=["width"], target="height").classes == ["10", "20", "30", "40"]
    assert Dataset(table, inputs=["width"], target="big").classes == ["False", "True"]


def test_without_target_and_autoencoder(pictures):
    dataset = Dataset(pictures, target=None)
    assert dataset.classes is None and dataset.arrays()[1] is None
    assert dataset.batches(5).fetch(0).targets is None
    batch = Dataset(pictures, target="image").batches(5).fetch(0)
    assert np.array_equal(batch.targets, batch.inputs)


def test_split_keeps_the_test_rows_when_asked(pictures):
    dataset = Dataset(pictures, splits={"train": range(9), "test": range(9, 12)})
    carved = dataset.split(test=None, validation=3)
    assert carved.test.rows.tolist() == [9, 10, 11]
    assert len(carved.validation) == 3 and carved.validation.class_counts.eq(1).all()
    assert sorted([*carved.train.rows, *carved.validation.rows]) == list(range(9))
    assert len(dataset.splits) == 2


def test_parts_that_are_not_there(pictures):
    dataset = Dataset(pictures, name="insects")
    assert dataset.train is dataset
    with pytest.raises(AttributeError, match=r"'insects' has no test split.*\.split\(test=0.2\)"):
        _ = dataset.test
    split = dataset.split()
    assert not hasattr(split, "validation")
    with pytest.raises(AttributeError, match=r"it has train \(9\), test \(3\)"):
        _ = split.validation
    assert split.test.name == "insects.test"


def test_select(pictures):
    dataset = Dataset(pictures, splits={"train": range(8), "test": range(8, 12)})
    chosen = dataset.train.select([5, 2])
    assert chosen.frame.index.tolist() == [5, 2] and len(chosen) == 2
    assert chosen.arrays()[0][:, 0, 0, 0].tolist() == [5, 2]
    with pytest.raises(IndexError, match=r"row 9 is not in 'dataset.train', which has 8 rows"):
        dataset.train.select([9])
    with pytest.raises(ValueError, match="no rows"):
        dataset.select([])


def test_an_index_of_its_own_becomes_a_column(table):
    table.index = pd.Index(["p", "q", "r", "s"], name="plant")
    dataset = Dataset(table, inputs=["width"], target="price")
    assert dataset.frame.columns[0] == "plant" and dataset.frame.index.tolist() == [0, 1, 2, 3]
    shuffled = table.reset_index(drop=True).iloc[::-1]
    assert Dataset(shuffled, inputs=["width"], target="price").frame["index"].tolist() == [3, 2, 1, 0]


def test_batch_size_must_fit(pictures):
    with pytest.raises(ValueError, match="batch_size is 13, but there are 12 rows"):
        Dataset(pictures).batches(13)


def test_repr(pictures, table):
    dataset = Dataset(pictures, splits={"test": [0, 1]}, name="insects")
    assert repr(dataset) == (
        "<Dataset 'insects': 12 rows, inputs 'image' 4x3x1, target 'label' (3 classes), train 10, test 2>"
    )
    assert "no target" in repr(Dataset(table, inputs=["width"], target=None))


def test_importing_is_light():
    code = (
        "import sys, cortex_lab.data; print([name for name in ('sklearn', 'matplotlib', 'PIL', 'scipy',"
        " 'ipywidgets', 'numba') if name in sys.modules], [name for name in sys.modules"
        " if name.startswith('cortex_lab.') and name.split('.')[1] not in ('data', 'ground')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]


NAMES = ["width", "height"]
FORMS = {
    "list": list, "tuple": tuple, "array": np.array, "objects": lambda names: np.array(names, object),
    "index": pd.Index, "series": pd.Series, "generator": iter,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_any_list_of_columns_will_do(table, form):
    for names in (NAMES, NAMES[:1]):
        dataset = Dataset(table, inputs=FORMS[form](names), target=FORMS[form](names))
        assert dataset.inputs == dataset.columns == dataset.target == names
        x, y = dataset.arrays()
        assert x.shape == y.shape == (4, len(names)) and (x == y).all()
        assert repr(names) in repr(dataset) and "np.str_" not in repr(dataset)
    with pytest.raises(TypeError, match="a list in the order they are read, got a set"):
        Dataset(table, inputs={"width"}, target="kind")


@pytest.mark.parametrize("a", [0, ("size", 1), 2.5, False, pd.Timestamp("2020-01-01")], ids=repr)
@pytest.mark.parametrize("cells", ["numbers", "arrays", "tensor"])
def test_columns_go_by_any_name(a, cells):
    made = {
        "numbers": np.arange(6.0),
        "arrays": [np.full((2, 2), row) for row in range(6)],
        "tensor": TensorArray(np.ones((6, 2, 2))),
    }[cells]
    names = pd.Index([a, 7, "part"], dtype=object, tupleize_cols=False)
    frame = pd.DataFrame({0: made, 1: [0, 1] * 3, 2: ["train", "test"] * 3}).set_axis(names, axis=1)
    for inputs in ([a], a):
        dataset = Dataset(frame, inputs, 7, splits="part")
        shape = (2, 2) if cells != "numbers" else (1,)
        assert dataset.input_shape == shape and dataset.classes == ["0", "1"]
        assert len(dataset.train) == 3 and "7" in dataset._repr_html_() and "7" in repr(dataset)
    other = Dataset(frame[[7, a]] if cells != "arrays" else frame.iloc[:, [1, 0]], [a], 7)
    assert np.array_equal(other.like(dataset).arrays()[0], dataset.arrays()[0])
    assert Dataset(frame.rename(columns={"part": 9}), [a], 7, splits=9).test.rows.tolist() == [1, 3, 5]
    if cells == "arrays":
        assert Dataset(frame, [a], a).arrays()[1].shape == (6, 2, 2)


def test_select_by_bools(pictures):
    dataset = Dataset(pictures).select([5, 2, 9])
    series = pd.Series([True, False, True], [9, 2, 5])
    for mask in ([True, False, True], np.array([True, False, True]), series):
        assert dataset.select(mask).rows.tolist() == [5, 9]
    with pytest.raises(ValueError, match=r"the index of rows is not that of.*rows\.to_numpy\(\)"):
        dataset.select(series.reset_index(drop=True))
    with pytest.raises(IndexError, match="12 bools do not choose from 3 rows"):
        dataset.select(np.ones(12, bool))


ALIKE = {
    "a column and a category": {"a": ["x", "y"] * 3, "a=x": np.arange(6.0)},
    "two categories": {"a": ["b=c", "d"] * 3, "a=b": ["c", "d"] * 3},
    "a number and its word": {1: np.arange(6.0), "1": np.arange(6.0)},
    "none": {"a": ["x", "y"] * 3, "b": np.arange(6.0)},
}


@pytest.mark.parametrize("case", ALIKE)
def test_no_two_features_are_called_alike(case):
    frame = pd.DataFrame(ALIKE[case])
    data = Dataset(frame, list(frame.columns), None)
    assert len(set(data.features)) == len(data.features) == data.arrays()[0].shape[1]
    assert case != "none" or data.features == ["a=x", "a=y", "b"]
