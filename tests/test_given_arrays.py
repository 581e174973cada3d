"""What was given is held as it was, and what is handed out can be changed without changing what is held."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, Tensor, TensorArray, _memory

ROWS = 24


def parts():
    """Arrays that a training can be given, by what they are; each kept as it is, so none is converted."""
    random = np.random.default_rng(0)
    return {
        "x": random.normal(size=(ROWS, 4)).astype(np.float32),
        "bytes": random.integers(0, 256, (ROWS, 4)).astype(np.uint8),
        "y": random.integers(0, 2, ROWS),
        "values": random.normal(size=(ROWS, 2)).astype(np.float32),
        "sample_weight": random.random(ROWS),
        "validation_x": random.normal(size=(ROWS, 4)).astype(np.float32),
        "validation_y": random.integers(0, 2, ROWS),
    }


def classifying(given, data):
    """A training on `data`, with weights and validation, its class ids `y`."""
    net = cl.Network([cl.Dense(5, activation="tanh"), cl.Dense(2)], 4, seed=0)
    session = cl.train(
        net, data, "softmax_cross_entropy", cl.Adam(0.05), batch_size=8, validate_every=1,
        sample_weight=given["sample_weight"],
        validation=(given["validation_x"], given["validation_y"]),
    )  # fmt: skip
    return session


def on_arrays(given):
    return classifying(given, (given["x"], given["y"]))


def on_named_arrays(given):
    return classifying(given, ({"input": given["x"]}, given["y"]))


def on_views(given):
    return classifying(given, (given["x"][:, :], given["y"][:]))


def on_bytes(given):
    given = {**given, "validation_x": given["bytes"]}
    return classifying(given, (given["bytes"] // 200, given["y"]))


def on_a_series(given):
    return classifying(given, (given["x"], pd.Series(given["y"], copy=False)))


def on_values(given):
    net = cl.Network([cl.Dense(2)], 4, seed=0)
    validation = given["validation_x"], given["values"]
    options = {"validation": validation, "validate_every": 1, "batch_size": 8}
    return cl.train(net, (given["x"], given["values"]), "mean_squared_error", cl.Adam(0.05), **options)


def on_columns(given):
    frame = pd.DataFrame(given["x"], columns=list("abcd"), copy=False)
    frame["y"] = pd.Series(given["y"], copy=False)
    return classifying(given, Dataset(frame, list("abcd"), "y"))


def on_a_tensor_column(given):
    frame = pd.DataFrame({"x": TensorArray(given["x"]), "y": given["y"]}, copy=False)
    return classifying(given, Dataset(frame, "x", "y"))


def on_an_autoencoders_array(given):
    net = cl.Network([cl.Dense(4)], 4, seed=0)
    data = given["x"], given["x"]
    return cl.train(net, data, "mean_squared_error", cl.Adam(0.05), batch_size=8, validation=data)


TRAININGS = [
    on_arrays, on_named_arrays, on_views, on_bytes, on_a_series, on_values, on_columns, on_a_tensor_column,
    on_an_autoencoders_array,
]  # fmt: skip


def recorded(session):
    return session.trace["loss"].copy(), session.trace["validation_loss"].copy()


def spoil(given):
    for array in given.values():
        array[:] = array[::-1] // 2 if array.dtype.kind in "iu" else array[::-1] * 100


@pytest.mark.parametrize("made", TRAININGS)
def test_arrays_changed_after_train_change_nothing(made):
    given = parts()
    session = made(given)
    session.step(7)
    expected = recorded(session)
    spoil(given)
    branch = session.fork(learning_rate=[0.05]).branches[0]
    session.rewind(2)
    session.step(5)
    np.testing.assert_array_equal(recorded(session), expected)
    branch.step(3), session.step(3)
    np.testing.assert_array_equal(recorded(branch), recorded(session))
    found = {}
    exec(session.script(), found)
    np.testing.assert_array_equal(recorded(found["session"]), recorded(session))


def test_a_frame_changed_after_train_changes_nothing():
    frame = pd.DataFrame({"a": np.arange(8.0), "y": [0, 1] * 4, "z": [np.ones(2), np.zeros(2)] * 4})
    numbers, cells = Dataset(frame, "a", "y"), Dataset(frame, "z", "y")
    expected = [*numbers.arrays(), *cells.arrays()]
    frame["a"] *= 100
    frame.loc[:, "y"] = 0
    frame["z"].iloc[0][:] = 7
    found = [*numbers.arrays(), *cells.arrays()]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert numbers.frame["a"].tolist() == list(range(8))


def test_arrays_under_a_frame_changed_afterwards_do_not_show_in_it():
    arrays = {"a": np.arange(8.0), "y": np.arange(8) % 2, "other": np.arange(8), "x": np.zeros((8, 2, 2))}
    columns = {name: TensorArray(array) if array.ndim > 1 else array for name, array in arrays.items()}
    data = Dataset(pd.DataFrame(columns, copy=False), "a", "y")
    shown = data.frame.copy()
    for array in arrays.values():
        array += 1
    pd.testing.assert_frame_equal(data.frame, shown)


def test_weights_by_class_are_those_that_were_given():
    given, weights = parts(), {0: 1.0, 1: 3.0}
    net = cl.Network([cl.Dense(2)], 4, seed=0)
    options = {"class_weight": weights, "batch_size": 8}
    session = cl.train(net, (given["x"], given["y"]), "softmax_cross_entropy", cl.Adam(), **options)
    weights[1] = 0.0
    session.step(5)
    found = {}
    exec(session.script(), found)
    np.testing.assert_array_equal(found["session"].trace["loss"], session.trace["loss"])


# Too large to be copied ------------------------------------------------------------------------------

NAMES = {
    on_arrays: {
        "x": "inputs", "y": "targets", "sample_weight": "sample_weight",
        "validation_x": r"validation\[0\]", "validation_y": r"validation\[1\]",
    },
    on_named_arrays: {"x": "input 'input'"},
    on_views: {"x": "inputs"},
    on_a_series: {"y": "targets"},
    on_values: {"values": "targets"},
    on_a_tensor_column: {"x": "column 'x'"},
    on_an_autoencoders_array: {"x": "inputs"},
}  # fmt: skip
GOING_BACK = {
    "rewind": lambda session: session.rewind(1),
    "resume": lambda session: session.resume(),
    "fork": lambda session: session.fork(learning_rate=[0.1]),
    "script": lambda session: session.script(),
    "network_at": lambda session: session.network_at(2),
    "branch": lambda session: session.branch(),
    "diagnose": lambda session: session.diagnose(),
}


@pytest.fixture
def nothing_is_copied(monkeypatch):
    monkeypatch.setattr(_memory, "LARGEST_COPY", 0)


@pytest.mark.parametrize("made", NAMES)
def test_a_large_array_that_was_changed_is_named_on_every_way_back(made, nothing_is_copied, tmp_path):
    for name, called in NAMES[made].items():
        given = parts()
        session = made(given)
        session.run(until=cl.steps(4))
        before = given[name][3].copy()
        given[name][3] = before + 1
        for back in GOING_BACK.values():
            with pytest.raises(ValueError, match=rf"{called} \(.* MiB, .*\) was changed after it was given"):
                back(session)
        with pytest.warns(UserWarning) as told:
            session.save(tmp_path / "run.h5")
        assert any(re.search(f"{called} .*as they were", str(each.message)) for each in told)
        assert session.step_number == 4
        given[name][3] = before
        branch = session.fork(learning_rate=[0.05]).branches[0]
        expected = recorded(session)
        session.rewind(1)
        session.step(3)
        np.testing.assert_array_equal(recorded(session), expected)
        given[name][3] = before + 1
        # A branch knows what its origin was given.
        with pytest.raises(ValueError, match=called):
            branch.rewind(4)


def test_a_large_array_is_not_copied(nothing_is_copied):
    given = parts()
    batches = Batches(given["x"], given["y"], batch_size=4)
    assert np.shares_memory(batches.inputs, given["x"]) and np.shares_memory(batches.targets, given["y"])
    batches.check_unchanged()
    # One that is converted is the training's own.
    Batches(given["x"].astype(float), None, batch_size=4).check_unchanged()
    assert not Batches(given["x"].astype(float), None, batch_size=4)._inputs["inputs"].shared


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9,), (9, 5), (5, 9, 2)])
def test_a_checksum_notices_one_element(dtype, shape, monkeypatch):
    monkeypatch.setattr(_memory, "_PIECE", 64)
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    whole = _memory.checksum(array)
    assert _memory.checksum(np.asfortranarray(array)) == whole == _memory.checksum(array.copy())
    for place in np.ndindex(shape):
        before = array[place].copy()
        array[place] = not before
        assert _memory.checksum(array) != whole
        array[place] = before


# What is handed out ----------------------------------------------------------------------------------


def pictures():
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 3, 3)).astype(np.uint8)
    frame = pd.DataFrame(
        {"image": TensorArray(images), "n": np.arange(ROWS, dtype=float), "label": [0, 1] * 12}
    )
    return Dataset(frame).split(test=8)


def set_all(array):
    array[:] = 99


def set_cell(frame):
    frame.loc[frame.index[0], "image"] = Tensor(np.full((3, 3), 99, np.uint8))


HANDED_OUT = {
    "arrays, inputs": lambda data: set_all(data.arrays()[0]),
    "arrays, targets": lambda data: set_all(data.arrays()[1]),
    "a number in the frame": lambda data: set_all(data.frame["n"]),
    "a picture in the frame": lambda data: set_cell(data.frame),
    "a part's frame": lambda data: set_cell(data.train.frame),
    "the column's array": lambda data: set_all(data.frame["image"].array.tensor),
    "the column's values": lambda data: set_all(data.frame["image"].values.tensor),
    "the column as NumPy": lambda data: set_all(data.frame["image"].to_numpy()),
    "the column's array itself": lambda data: data.frame["image"].array.__setitem__(0, np.full((3, 3), 99)),
    "a slice of the column": lambda data: set_all(data.frame["image"].array[2:4].tensor),
    "a cell": lambda data: set_all(data.frame["image"].iloc[0].array),
    "a cell as NumPy": lambda data: set_all(np.asarray(data.frame["image"].iloc[0])),
    "numbers as NumPy": lambda data: set_all(data.frame["n"].to_numpy()),
    "rows": lambda data: set_all(data.rows),
    "rows of a part": lambda data: set_all(data.train.rows),
    "splits": lambda data: set_all(data.splits["test"]),
    "a batch, inputs": lambda data: set_all(data.batches(4).fetch(0).inputs),
    "a batch, targets": lambda data: set_all(data.batches(4).fetch(0).targets),
    "a batch, rows": lambda data: set_all(data.batches(4).fetch(0).rows),
    "batches, inputs": lambda data: set_all(data.batches(4).inputs),
    "batches, targets": lambda data: set_all(data.batches(4).targets),
    "batches, rows": lambda data: set_all(data.batches(4).rows),
}


@pytest.mark.parametrize("change", HANDED_OUT)
def test_changing_what_a_dataset_hands_out_changes_nothing_in_it(change):
    data = pictures()
    expected = [*data.arrays(), *data.test.arrays(), data.rows.copy(), data.train.rows.copy()]
    shown = data.frame.copy()
    try:
        HANDED_OUT[change](data)
    except ValueError as error:
        # Or it cannot be changed.
        assert "read-only" in str(error)
    found = [*data.arrays(), *data.test.arrays(), data.rows, data.train.rows]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    pd.testing.assert_frame_equal(data.frame, shown)


def test_the_order_of_an_epoch_cannot_be_changed():
    batches = Batches(np.arange(9.0), None, batch_size=3, seed=1)
    with pytest.raises(ValueError, match="read-only"):
        batches.order(0)[:] = 0


@pytest.mark.parametrize("made", [on_arrays, on_values, on_a_tensor_column])
def test_a_sessions_frame_stays_what_it_was(made):
    session = made(parts())
    session.step()
    frame = session.frame
    before = frame.copy()
    cells = [np.array(cell) for cell in frame.iloc[:, 0]]
    session.step()
    pd.testing.assert_frame_equal(frame, before)
    np.testing.assert_array_equal([np.array(cell) for cell in frame.iloc[:, 0]], cells)
