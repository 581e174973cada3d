from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.splits import draw_split, read_splits

FRAME = pd.DataFrame({"x": range(6), "part": ["train", "test", "train", None, "validation", "test"]})


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(4, 30), min_size=1, max_size=6),
    test=st.floats(0.05, 0.4),
    validation=st.floats(0.05, 0.3),
    seed=st.integers(0, 1000),
)
def test_stratified_split_is_a_partition_in_proportion(sizes, test, validation, seed):
    ids = np.repeat(np.arange(len(sizes)), sizes)
    n = len(ids)
    if min(round(test * n), round(validation * n)) == 0:
        return
    parts = draw_split(
        n, {"validation": validation, "test": test}, seed, ids, [str(i) for i in range(len(sizes))]
    )
    assert sorted(np.concatenate(list(parts.values()))) == list(range(n))
    for name, fraction in ("test", test), ("validation", validation):
        assert len(parts[name]) == round(fraction * n)
        for class_id, size in enumerate(sizes):
            # Whole rows, so off by less than one; validation comes out of what test rounding left.
            assert abs((ids[parts[name]] == class_id).sum() - fraction * size) < 2
    assert set(ids[parts["train"]]) == set(ids)


def test_split_is_a_function_of_the_seed():
    first, again, other = (draw_split(50, {"test": 0.3}, seed)["test"] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(first, np.sort(first))


def test_numbers_of_rows_instead_of_fractions():
    parts = draw_split(10, {"validation": 2, "test": 3})
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 5, "validation": 2, "test": 3}
    assert list(draw_split(10, {"validation": 0, "test": 0.0})) == ["train"]


def test_class_of_one_row():
    ids = np.array([0] * 6 + [1])
    with pytest.raises(ValueError, match=r"one row of 'tapir'.*stratify=False"):
        draw_split(7, {"test": 0.3}, 0, ids, ["ant", "tapir"])
    assert len(draw_split(7, {"test": 0.3})["test"]) == 2


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"test": 1.5}, "a fraction from 0 to 1 or a number of rows"),
        ({"test": -1}, "a fraction from 0 to 1 or a number of rows"),
        ({"test": True}, "a fraction from 0 to 1 or a number of rows"),
        ({"test": 0.01}, "no row at all"),
        ({"test": 0.5, "validation": 0.5}, "nothing of the 10 rows would be left"),
        ({"test": 10}, "nothing of the 10 rows would be left"),
    ],
)
def test_impossible_sizes(sizes, message):
    with pytest.raises(ValueError, match=message):
        draw_split(10, sizes)


def test_last_row_of_a_class_is_kept():
    with pytest.raises(ValueError, match="last row of a class; ask for 5 or less"):
        draw_split(10, {"test": 6}, 0, np.repeat(range(5), 2), list("abcde"))


def test_read_splits_from_rows_bools_and_column():
    given_rows = read_splits({"test": [5, 1], "train": [0, 2]}, FRAME)
    assert {name: rows.tolist() for name, rows in given_rows.items()} == {"train": [0, 2], "test": [1, 5]}
    by_column = read_splits("part", FRAME)
    assert {name: rows.tolist() for name, rows in by_column.items()} == {
        "train": [0, 2],
        "validation": [4],
        "test": [1, 5],
    }
    rest = read_splits({"test": (FRAME.x > 3).to_numpy()}, FRAME)
    assert rest["train"].tolist() == [0, 1, 2, 3] and rest["test"].tolist() == [4, 5]
    assert read_splits(None, FRAME) == {}


@pytest.mark.parametrize(
    ("splits", "error", "message"),
    [
        ({"test": []}, ValueError, "'test' is empty"),
        ({"dev": [1]}, ValueError, "train, validation, test, not 'dev'"),
        (
            {"train": [0, 1], "test": [1, 2]},
            ValueError,
            r"1 rows are in both 'train' and 'test' \(first: 1\)",
        ),
        ({"train": [0, 0]}, ValueError, "names a row twice"),
        ({"test": [6]}, IndexError, "no row 6; rows go from 0 to 5"),
        ({"test": np.ones(3, bool)}, ValueError, "3 bools for a frame of 6 rows"),
        ({"test": range(6)}, ValueError, "none is left to train on"),
        ("where", KeyError, "no column 'where'"),
    ],
)
def test_wrong_splits(splits, error, message):
    with pytest.raises(error, match=message):
        read_splits(splits, FRAME)


SOME = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60.0) % 7 + 0.5})
WITH_TEST = {
    "drawn": lambda: Dataset(SOME, "x", "y").split(test=0.4),
    "drawn with validation": lambda: Dataset(SOME, "x", "y").split(test=0.4, validation=10),
    "given as rows": lambda: Dataset(SOME, "x", "y", splits={"test": range(20)}),
    "given in a column": lambda: Dataset(
        SOME.assign(part=["test", "train", "validation"] * 20), "x", "y", splits="part"
    ),
}
AGAIN = {
    "with validation rows": {"validation": 0.1},
    "with a number of them": {"validation": 5},
    "with none": {"validation": 0},
    "with another seed": {"seed": 1},
    "saying nothing": {},
    "saying so": {"test": None, "validation": 0.2},
    "at random": {"validation": 0.1, "stratify": False},
}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("given", WITH_TEST)
def test_what_is_tested_on_stays_so_when_it_is_split_again(given, again):
    first = WITH_TEST[given]()
    other = first.split(**AGAIN[again])
    assert other.test.rows.tolist() == first.test.rows.tolist()
    assert np.sort(np.concatenate(list(other.splits.values()))).tolist() == list(range(60))
    wanted = AGAIN[again].get("validation", 0)
    assert len(other.splits.get("validation", ())) == (
        wanted if wanted >= 1 else round(wanted * (60 - len(first.test)))
    )


def test_nobody_is_tested_on_unasked():
    data = Dataset(SOME, "x", "y")
    assert {name: len(rows) for name, rows in data.split(validation=0.1).splits.items()} == {
        "train": 54,
        "validation": 6,
    }
    assert {name: len(rows) for name, rows in data.split().splits.items()} == {"train": 45, "test": 15}
    others = data.split(test=0.4).split(test=0.2)
    assert {name: len(rows) for name, rows in others.splits.items()} == {"train": 48, "test": 12}
