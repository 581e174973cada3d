"""Weights are by a column's own labels and follow their rows; scripts and resumed trainings agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset
from cortex_lab.data.targets import weights_by_code
from tests.tables import LABELS, ROWS, table, trained

# Weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*LABELS, "bools", "category"])
def test_class_weights_are_by_the_labels_of_the_column(kind):
    labels = {"bools": np.array([False, True]), "category": np.array(["b", "a", "c"])}.get(
        kind, LABELS.get(kind)
    )
    frame = table(labels, present=range(len(labels)))
    if kind == "category":
        frame["y"] = pd.Categorical(frame.y, categories=["c", "a", "b", "none"])
    data = Dataset(frame, ["a", "b"], "y").split(test=8)
    wanted = {label: 1.0 + place for place, label in enumerate(frame.y.unique())}
    options = {"units": 4 if kind == "category" else len(labels)}
    forms = [wanted, {str(label): weight for label, weight in wanted.items()}]
    forms += [{np.asarray(label)[()]: weight for label, weight in wanted.items()}] if kind != "dates" else []
    for form in forms:
        weights = trained(data, class_weight=form, **options).process.row_weights
        for row in data.train.rows:
            assert weights[row] == wanted[frame.y[row]]
    balanced = trained(data, class_weight="balanced", **options).process.row_weights[data.train.rows]
    sums = pd.Series(balanced).groupby(frame.y[data.train.rows].astype(str).to_numpy()).sum()
    assert np.allclose(sums, sums.iloc[0])
    for unknown in ("wasp", 99, None, True if kind != "bools" else 2):
        with pytest.raises(ValueError, match=r"class_weight has .*which is no label; they are"):
            trained(data, class_weight={unknown: 2.0}, **options)


WRONG_WEIGHTS = ["5", [5], None, True, -1, np.nan, np.inf, 1j, np.array([1.0])]


@pytest.mark.parametrize("kind", [*LABELS, "arrays", "words beside arrays"])
def test_what_is_no_weight_is_refused_by_the_class(kind):
    frame = table(LABELS.get(kind, LABELS["strings"]))
    data = Dataset(frame, ["a", "b"], "y")
    key = frame.y[0]
    if "arrays" in kind:
        data = (frame[["a", "b"]].to_numpy(), np.arange(ROWS) % 3 if kind == "arrays" else frame.y.to_numpy())
        key = 0 if kind == "arrays" else key
    for wrong in WRONG_WEIGHTS:
        with pytest.raises(ValueError, match=r"the weight of class .* must be a finite number of at least 0"):
            trained(data, class_weight={key: wrong})
    if kind in ("numbers with gaps", "strings"):
        assert trained(data, class_weight={key: np.float32(2), str(key): 2}) is not None
    if kind == "numbers with gaps":
        for both in ({key: 5, str(key): 0.1}, {str(key): 0.1, key: 5}):
            with pytest.raises(ValueError, match=f"gives the class {key} two weights"):
                trained(data, class_weight=both)


def test_a_printed_name_that_two_labels_have_is_none():
    class Label:
        def __str__(self):
            return "one"

    one, other = Label(), Label()
    labels = pd.Index([one, other], dtype=object)
    with pytest.raises(ValueError, match="'one', which is no label"):
        weights_by_code(labels, {"one": 1.0})
    assert weights_by_code(labels, {one: 2.0, other: 3.0}) == {0: 2.0, 1: 3.0}


def test_class_weights_of_arrays_are_by_class_id():
    x, y = np.zeros((ROWS, 2)), np.arange(ROWS) % 3
    for targets, key in ((y, 2), (y, np.uint8(2)), (y.astype(float), 2.0), (np.eye(3)[y], 2)):
        loss = cl.SoftmaxCrossEntropy(one_hot=targets.ndim == 2)
        weights = trained((x, targets), loss, class_weight={key: 5.0}).process.row_weights
        assert weights.tolist() == np.where(y == 2, 5.0, 1.0).tolist()
    yes = trained((x, y == 2), "sigmoid_cross_entropy", 1, class_weight={True: 5.0}).process.row_weights
    assert yes.tolist() == weights.tolist()
    for unknown in (3, -1, True, "2", None, 0.5):
        with pytest.raises(ValueError, match=r"by class id.*there are 0, 1, 2"):
            trained((x, y), class_weight={unknown: 1.0})
    several = np.ones((ROWS, 3))
    with pytest.raises(ValueError, match="use sample_weight"):
        trained((x, several), "sigmoid_cross_entropy", 3, class_weight={1: 2.0})


def chosen(data):
    """Ways of choosing rows, by name."""
    mask = np.arange(ROWS) % 3 == 0
    shuffled = np.random.default_rng(3).permutation(ROWS)
    return {
        "all": data,
        "split": data.split(test=10, validation=6),
        "selected": data.select([7, 2, 11, 40, 9, 0, 30, 31]),
        "shuffled": data.select(shuffled),
        "by a mask": data.select(mask),
        "by a mask in a list": data.select(mask.tolist()),
        "of a part": data.split(test=10).train.select(data.split(test=10).train.rows[::-2]),
        "split again": data.select(shuffled).split(test=10).train.split(validation=8, test=None),
        "masked again": data.select(shuffled).select(mask),
        "a train part": data.split(test=10).train,
    }


@pytest.mark.parametrize("way", chosen(Dataset(table(LABELS["strings"]), ["a", "b"], "y")))
def test_a_weight_follows_its_row_through_every_choice(way):
    frame = table(LABELS["strings"])
    data = chosen(Dataset(frame, ["a", "b"], "y"))[way]
    by_row = np.arange(1.0, ROWS + 1)
    given = by_row[data.rows]
    everything = pd.Series(by_row).sample(frac=1, random_state=1)
    for weights in (given, given.tolist(), data.frame.index.to_series() + 1, everything):
        session = trained(data, sample_weight=weights, batch_size=4)
        rows = session.process.batches.rows
        np.testing.assert_array_equal(session.process.row_weights[rows], by_row[rows])
        assert session.fork(learning_rate=[0.1])[0].process.row_weights is session.process.row_weights
    carved = trained(data, sample_weight=given, validation=4, batch_size=2)
    rows = carved.process.batches.rows
    np.testing.assert_array_equal(carved.process.row_weights[rows], by_row[rows])
    carved.edit("excluded_rows", rows[:1])
    carved.step()
    for wrong in (given[1:], given[:, None], 1.0):
        with pytest.raises(ValueError, match=f"one weight for each of {len(data)} rows"):
            trained(data, sample_weight=wrong, batch_size=4)


def test_weights_in_a_series_are_matched_by_the_index_of_the_frame():
    frame = table(LABELS["strings"])
    for index in (np.arange(ROWS)[::-1], [f"row {row}" for row in range(ROWS)]):
        own = frame.set_axis(index)
        weights = pd.Series(np.arange(1.0, ROWS + 1), own.index)
        data = Dataset(own, ["a", "b"], "y")
        assert trained(data, sample_weight=weights).process.row_weights.tolist() == weights.tolist()
        shuffled = trained(data, sample_weight=weights.sample(frac=1, random_state=0))
        assert shuffled.process.row_weights.tolist() == weights.tolist()
        with pytest.raises(ValueError, match=r"index of sample_weight.*to_numpy\(\)"):
            trained(data, sample_weight=weights.iloc[1:])
    x, y = frame[["a", "b"]].to_numpy(), np.arange(ROWS) % 3
    with pytest.raises(ValueError, match="one weight for each of 48 rows, got 3"):
        trained((x, y), sample_weight=[1, 2, 3])


# Scripts and resuming --------------------------------------------------------------------------------


def scripts():
    """Data and options, by what is special about them."""
    named, numbered = table(LABELS["strings"]), table(LABELS["numbers with gaps"])
    x, y = numbered[["a", "b"]].to_numpy(np.float32), np.arange(ROWS) % 3
    unused = named.assign(y=pd.Categorical(named.y, categories=["cow", "none", "bee", "ant"]))
    squares = {"loss": "mean_squared_error", "units": 1}
    data = Dataset(numbered, ["a", "b"], "y")
    weights = pd.Series(np.arange(1.0, ROWS + 1)).sample(frac=1, random_state=0)
    return {
        "labels that are numbers": (data, {"class_weight": {2: 3.0, 7: 1.0}, "sample_weight": weights}),
        "numbers as values": (data, squares),
        "numbers as values, a share kept": (data, squares | {"validation": 0.25}),
        "an unused category": (Dataset(unused, ["b", "a"], "y"), {"units": 4, "class_weight": {"ant": 2.0}}),
        "bools": (Dataset(named.assign(y=named.y == "ant"), ["a", "b"], "y"), {"units": 2}),
        "numbered columns": (Dataset(numbered.set_axis([0, 1, 2], axis=1), [1, 0], 2), {"validation": 5}),
        "several values": (Dataset(numbered, ["b"], ["a", "b"]), squares | {"inputs": 1, "units": 2}),
        "one value": (Dataset(numbered, "a", ["b"]), squares | {"inputs": 1}),
        "other rows": (data, {"validation": table(LABELS["numbers with gaps"], 1)[["y", "b", "a"]]}),
        "an earlier validation": (data.split(test=8, validation=8), {"validation": 0.25}),
        "arrays, a share kept": (
            (x, y),
            {"validation": 0.25, "class_weight": {1: 2.0}, "sample_weight": weights.to_numpy()},
        ),
        "a frame and a column": ((named[["b", "a"]], named.y), {"validation": 0.25}),
        "a frame and an array": ((named[["b", "a"]], y), {"validation": 0.25}),
    }


@pytest.mark.parametrize("special", scripts())
def test_a_script_and_a_resumed_training_read_the_same_table(special, tmp_path):
    data, options = scripts()[special]
    session = trained(data, steps=9, validate_every=3, **options)
    session.save(tmp_path / "run.h5")
    session.step(6)
    found: dict = {}
    exec(str(session.script()), found)
    again = found["session"]
    for key in session.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(again.trace[key], session.trace[key], err_msg=key)
    if session.dataset is not None:
        assert (
            again.network.reads == session.network.reads and again.network.classes == session.network.classes
        )
    resumed = trained(data, validate_every=3, resume_from=tmp_path / "run.h5", **options)
    resumed.step(6)
    np.testing.assert_array_equal(resumed.trace["loss"], session.trace["loss"])
