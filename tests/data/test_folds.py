"""Rows dealt out: by groups, by time, in folds; what is in two parts at once is found and named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cortex_lab as cl
from cortex_lab.data import Dataset, TensorArray
from cortex_lab.data.splits import CannotStratify

DRAW = np.random.default_rng(0)
ROWS = 60
FRAME = pd.DataFrame(
    {
        "x": DRAW.normal(size=ROWS),
        "patient": [f"p{row % 12}" for row in range(ROWS)],
        "day": pd.Timestamp(2024, 1, 1) + pd.to_timedelta(DRAW.permutation(np.arange(ROWS) // 2), "D"),
        "weight": DRAW.random(ROWS),
        "label": np.array(["ant", "bee", "cat"])[np.arange(ROWS) % 3],
    },
    index=[f"row{row}" for row in range(ROWS)],
)


def data(**roles) -> Dataset:
    return Dataset(FRAME, "x", "label", **roles)


@settings(max_examples=30)
@given(
    groups=st.lists(st.integers(0, 12), min_size=20, max_size=60),
    test=st.floats(0.1, 0.4),
    validation=st.floats(0.1, 0.3),
    seed=st.integers(0, 99),
)
def test_groups_are_dealt_out_whole(groups, test, validation, seed):
    frame = pd.DataFrame({"x": np.arange(len(groups)), "y": 0.5, "g": groups})
    whole = Dataset(frame, "x", "y", group="g")
    if len(set(groups)) <= 3:
        with (
            pytest.raises(ValueError, match="'g' has .* groups, too few" if len(set(groups)) < 3 else "")
            if (len(set(groups)) < 3)
            else np.errstate()
        ):
            whole.split(test=test, validation=validation, seed=seed)
        return
    parts = whole.split(test=test, validation=validation, seed=seed).splits
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(groups)))
    own = [set(frame["g"].iloc[rows]) for rows in parts.values()]
    assert len(own) == 3 and all(own) and sum(map(len, own)) == len(set(groups))
    largest = max(groups.count(each) for each in groups)
    assert abs(len(parts["test"]) - test * len(groups)) <= largest


GROUPS = {
    "a role": ({"group": "patient"}, {}),
    "a column": ({}, {"groups": "patient"}),
    "an array": ({}, {"groups": FRAME["patient"].to_numpy()}),
    "a list": ({}, {"groups": FRAME["patient"].tolist()}),
    "a Series by its index": ({}, {"groups": FRAME["patient"].iloc[::-1]}),
}


@pytest.mark.parametrize("given_as", GROUPS)
def test_groups_may_be_given_in_many_ways(given_as):
    roles, how = GROUPS[given_as]
    split = data(**roles).split(test=0.25, **how)
    assert not set(split.train.frame["patient"]) & set(split.test.frame["patient"])
    assert "by 'patient'" in repr(split) or "by 'groups'" in repr(split)
    for fold in data(**roles).folds(4, **how):
        assert not set(fold.train.frame["patient"]) & set(fold.validation.frame["patient"])
    again = data(**roles).split(test=0.25, **how)
    assert all(np.array_equal(again.splits[part], split.splits[part]) for part in split.splits)


def test_the_latest_rows_are_tested_on():
    for whole, how in ((data(time="day"), {}), (data(), {"time": "day"}), (data(), {"time": FRAME["day"]})):
        parts = whole.split(test=0.2, validation=0.1, **how)
        days = [parts.train.frame["day"], parts.validation.frame["day"], parts.test.frame["day"]]
        assert days[0].max() < days[1].min() and days[1].max() < days[2].min()
        assert 12 <= len(parts.test) <= 13 and list(parts.splits) == ["train", "validation", "test"]
    at_random = data(time="day").split(test=0.2, time=False)
    assert at_random.train.frame["day"].max() > at_random.test.frame["day"].min()


def test_roles_are_no_inputs():
    whole = Dataset(FRAME, None, "label", weight="weight", group="patient", time="day")
    assert whole.columns == ["x"] and "weight 'weight', group 'patient', time 'day'" in repr(whole)
    network = cl.Network([cl.Dense(3)], 1)
    session = cl.train(network, Dataset(FRAME, None, "label", weight="weight", time="day", group="patient"))
    weights = session.process.row_weights
    np.testing.assert_allclose(weights / weights.sum(), FRAME["weight"] / FRAME["weight"].sum())


WRONG = {
    "both": (lambda: data(group="patient", time="day").split(), ValueError, "by groups, here 'patient'"),
    "no such column": (lambda: data().split(groups="patent"), KeyError, "no column 'patent'"),
    "no such role": (lambda: data(group="patent"), KeyError, "group: the frame has no"),
    "another length": (lambda: data().split(groups=[1, 2]), ValueError, "groups must be .* or 60 values"),
    "a group for all": (lambda: data().split(groups=np.zeros(60)), ValueError, "'groups' has 1 groups"),
    "a gap in groups": (
        lambda: data().split(groups=FRAME["patient"].where(FRAME.index != "row7")), ValueError,
        "'patient' is missing in row 7",
    ),
    "a gap in time": (
        lambda: data().split(time=FRAME["day"].where(FRAME.index != "row7")), ValueError,
        "'day' has no time in row 7",
    ),
    "time in words": (lambda: data().split(time="patient"), ValueError, r"no time: pandas\.to_datetime"),
    "all at once": (lambda: data().split(time=np.zeros(60)), ValueError, "nothing would be left to train on"),
    "one fold": (lambda: data().folds(1), ValueError, "k must be a whole number of at least 2, got 1"),
    "too many folds": (lambda: data().folds(61), ValueError, "61 folds of 60 rows"),
    "too few groups": (lambda: data().folds(13, groups="patient"), ValueError, "'patient' has 12"),
    "a rare class": (
        lambda: Dataset(FRAME.assign(label=["a"] * 57 + ["b"] * 3), "x", "label").folds(5), CannotStratify,
        "class 'b' has 3 rows, fewer than 5 folds",
    ),
    "a fold of one class": (
        lambda: Dataset(FRAME.assign(label=np.repeat(["a", "b"], 30)), "x", "label").folds(
            2, groups=np.arange(60) // 30), CannotStratify, "trained on one class alone, '[ab]'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_dealt_out_is_told(name):
    make, error, says = WRONG[name]
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize("kind", ["plain", "stratified", "grouped", "stratified and grouped"])
def test_each_row_is_out_of_one_fold(kind):
    how = {"stratify": kind.startswith("stratified")} | ({"groups": "patient"} if "grouped" in kind else {})
    folds = data().folds(4, seed=3, **how)
    out = np.concatenate([fold.out_of_fold for fold in folds])
    assert (
        sorted(out) == list(range(ROWS))
        and len(folds) == 4
        and [fold.number for fold in folds] == [0, 1, 2, 3]
    )
    for fold in folds:
        assert sorted(np.concatenate([fold.in_fold, fold.out_of_fold])) == list(range(ROWS))
        assert fold.train.rows.tolist() == fold.in_fold.tolist()
        if kind == "stratified":
            assert fold.validation.class_counts.tolist() == [5, 5, 5]
    assert all(
        np.array_equal(a.in_fold, b.in_fold)
        for a, b in zip(folds, data().folds(4, seed=3, **how), strict=True)
    )
    assert not np.array_equal(folds[0].in_fold, data().folds(4, seed=4, **how)[0].in_fold)


def test_predictions_out_of_fold_are_one_column_on_ones_own_index():
    folds = data().folds(3)
    for fold in folds:
        with pytest.raises(ValueError, match=f"fold {fold.number} has no predictions yet"):
            _ = folds.predictions
        found = FRAME["x"].iloc[fold.out_of_fold].to_numpy() * 10
        if fold.number == 1:
            folds.gather(fold, pd.Series(found, index=pd.Index(fold.out_of_fold, name="row")).iloc[::-1])
        else:
            folds.gather(fold, found)
    pd.testing.assert_series_equal(folds.predictions, FRAME["x"] * 10, check_names=False)
    with pytest.raises(ValueError, match=r"fold 0 has 20 rows out of it, and predictions are 3"):
        folds.gather(0, [1, 2, 3])
    folds = data().folds(3)
    for fold in folds:
        folds.gather(fold, np.ones((len(fold.out_of_fold), 3)) * fold.number)
    assert folds.predictions.shape == (60, 3) and folds.predictions.index.equals(FRAME.index)


def test_folds_leave_the_test_rows_alone_and_can_be_trained_on():
    whole = data().split(test=0.2)
    folds = whole.folds(3)
    assert sorted(np.concatenate([fold.out_of_fold for fold in folds])) == whole.train.rows.tolist()
    for fold in folds:
        network = cl.Network([cl.Dense(3)], 1)
        session = cl.train(network, fold.data)
        session.step(2)
        assert "validation_loss" in session.trace.keys
        folds.gather(fold, network.predict(fold.validation.arrays()[0]))
    assert folds.predictions.index.equals(FRAME.index[whole.train.rows])


def test_results_come_back_on_ones_own_index():
    part = data().select([3, 1, 2])
    found = part.results({"loss": [0.3, 0.1, 0.2], "place": np.arange(6).reshape(3, 2)})
    assert found.index.tolist() == ["row3", "row1", "row2"] and found.columns.tolist() == [
        "loss",
        "place 0",
        "place 1",
    ]
    by_number = pd.Series([1.0, 2.0, 3.0], index=pd.Index([1, 2, 3], name="row"))
    assert part.results({"loss": by_number})["loss"].tolist() == [3.0, 1.0, 2.0]
    assert FRAME.join(found)["loss"].notna().sum() == 3
    with pytest.raises(ValueError, match=r"loss is 2, and .* has 3 rows"):
        part.results({"loss": [1, 2]})


def leaking(kind: str) -> Dataset:
    frame = FRAME[["x", "label"]].reset_index(drop=True)
    inputs = "x"
    if kind == "words":
        frame, inputs = frame.assign(town=[f"t{row}" for row in range(ROWS)]), ["x", "town"]
    if kind == "dates":
        frame["x"] = np.arange(ROWS) + 0.5
    if kind in ("pictures", "numbers in rows"):
        values = DRAW.integers(0, 256, (ROWS, 5, 3, 1)).astype(np.uint8 if kind == "pictures" else np.float32)
        values[41] = values[7]
        frame, inputs = frame.assign(x=pd.Series(TensorArray(values))), "x"
    else:
        frame.loc[41, frame.columns != "label"] = frame.loc[7, frame.columns != "label"]
    return Dataset(frame, inputs, "label", splits={"test": [41, 50], "validation": [3]})


@pytest.mark.parametrize("kind", ["numbers", "words", "dates", "pictures", "numbers in rows"])
def test_equal_rows_in_two_parts_are_found_and_named(kind):
    found = leaking(kind)
    assert found.shared_rows().to_numpy().tolist() == [["test", 41, "train", 7]]
    assert "1 row of 'test' equal rows of 'train', the first row 41 and row 7" in repr(found)
    assert "equal rows of" in found._repr_html_()
    other = found.split(test=2, seed=1)
    both = {7, 41} <= set(other.train.rows.tolist())
    assert len(other.shared_rows()) == (0 if both else 1) or {7, 41} <= set(other.test.rows.tolist())
    assert not len(data().split(test=0.3).shared_rows()) and "equal rows" not in repr(data().split(test=0.3))


def test_minus_zero_and_gaps_are_equal_to_themselves():
    frame = pd.DataFrame({"a": [0.0, -0.0, 1.0, 2.0], "y": [0.5, 1.5, 2.5, 3.5]})
    assert len(Dataset(frame, "a", "y", splits={"test": [1]}).shared_rows()) == 1


def test_a_class_that_is_tested_and_never_learned_is_named():
    split = Dataset(FRAME, "x", "label", splits={"test": FRAME["label"] == "cat"})
    assert "class 'cat' is in 'test', the first time in row 2, and never in 'train'" in repr(split)


def test_a_column_that_says_what_the_target_is_is_named():
    frame = FRAME.assign(code=FRAME["label"].map({"ant": 7, "bee": 2, "cat": 4}))
    split = Dataset(frame, ["x", "code"], "label").split(test=0.2)
    assert "column 'code' says what 'label' is" in repr(split) and "column 'x' says" not in repr(split)
    values = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) ** 2, "y": np.arange(20.0)})
    said = repr(Dataset(values, ["a", "b"], "y").split(test=0.2))
    assert "column 'a' says what 'y' is" in said and "column 'b' says" not in said
