from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset, TensorArray


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": ["a", "b", "a"], **columns})


def holed(value: float) -> pd.DataFrame:
    tensor = np.zeros((3, 2, 2), np.float32)
    tensor[1, 0, 1] = value
    return table(image=TensorArray(tensor))


@pytest.mark.parametrize(
    ("frame", "inputs", "target", "error", "message"),
    [
        (table(), "image", "label", KeyError, "no column 'image'; it has 'x', 'label'"),
        (table(), ["x"], "price", KeyError, "no column 'price'"),
        (table(), [], "label", ValueError, "names no column"),
        (table(city=["1", "2", "x"]), ["x", "city"], "label", ValueError, "'city' holds numbers written as"),
        (
            table(y=[1.0, np.nan, np.nan]),
            ["x", "y"],
            "label",
            ValueError,
            r"'y' is NaN.* in 2 of 3 .*first: 1, 2",
        ),
        (table(y=[1.0, np.inf, 0]), ["y"], "label", ValueError, r"'y' is NaN or infinite in 1 of 3"),
        (table(y=[1.0, 1e300, 0]), ["y"], "label", ValueError, r"'y' holds 1e\+300 in row 1.*beyond float32"),
        (table(y=pd.array([1, None, 3], "Int64")), ["y"], "label", ValueError, r"'y' is NaN.*first: 1"),
        (
            holed(np.nan),
            "image",
            "label",
            ValueError,
            r"'image' is NaN or infinite in 1 of 3 rows \(first: 1\)",
        ),
        (holed(np.inf), "image", "label", ValueError, r"'image' is NaN or infinite"),
        (holed(0), ["image", "x"], "label", ValueError, "'image' is a tensor column"),
        (table(name=["a", None, "b"]), ["x"], "name", ValueError, r"'name' has no label in 1 of 3.*dropna"),
        (table(name=pd.Categorical(["a", None, "b"])), ["x"], "name", ValueError, r"no label in 1 of 3"),
        (table(price=[1.0, np.nan, 2]), ["x"], "price", ValueError, r"'price' is NaN or infinite in 1 of 3"),
        (table(), ["x"], ["label"], ValueError, "'label' holds words, .* make it yes or no"),
        (table().iloc[:0], ["x"], "label", ValueError, "no rows"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_by_name(frame, inputs, target, error, message):
    with pytest.raises(error, match=message):
        Dataset(frame, inputs=inputs, target=target)


def test_missing_tensor_rows():
    column = TensorArray._from_sequence([np.ones((2, 2), np.uint8), None], dtype=None)
    with pytest.raises(ValueError, match=r"column 'image' is missing in 1 of 2 rows \(first: 1\)"):
        Dataset(pd.DataFrame({"image": column, "label": [0, 1]}))


def test_column_name_that_appears_twice():
    frame = pd.DataFrame(np.ones((2, 3)), columns=["x", "x", "y"])
    with pytest.raises(ValueError, match="more than one column 'x'"):
        Dataset(frame, inputs=["x"], target="y")


LISTS = {
    "list": list, "tuple": tuple, "array": np.array, "Index": pd.Index, "Series": pd.Series, "iterator": iter,
    "generator": lambda names: (name for name in names), "keys": lambda names: dict.fromkeys(names).keys(),
    "map": lambda names: map(str, names),
}  # fmt: skip


@pytest.mark.parametrize("made", LISTS.values(), ids=LISTS)
def test_columns_are_named_in_any_list_that_has_some(made):
    frame = table(y=[1.0, 2.0, 3.0], z=[1.0, 0.0, 1.0])
    for inputs, target in ((None, ["y", "z"]), (["x"], ["y", "z"])):
        data = Dataset(frame.drop(columns="label"), inputs and made(inputs), made(target))
        assert (data.inputs, data.target) == (["x"], target)
    named = Dataset(frame, {"in": made(["x"])}, {"out": made(["y", "z"])})
    assert (named.inputs, named.target) == ({"in": ["x"]}, {"out": ["y", "z"]})
    for target in (made([]), {"out": made([])}):
        with pytest.raises(ValueError, match="target must be a column, a list of some, or None"):
            Dataset(frame, ["x"], target)
