"""Layers that bring inputs to a scale: what they read, what they are adapted to, and what they keep."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.layer import LAYERS, layer_from_dict

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal((5, -300, 0.01), (2, 90, 1e-3), (2500, 3))
PICTURES = RANDOM.integers(0, 256, (1300, 4, 5, 3), np.uint8)


@pytest.mark.parametrize("layer", [cl.Rescaling(1 / 127.5, -1), cl.Normalization().adapt(PICTURES)], ids=repr)
def test_bytes_of_pictures_come_as_they_are(layer):
    network = cl.Network([layer], (4, 5, 3))
    assert not network.pictures
    wanted = cl.Network([layer], (4, 5, 3), ops="reference").predict(PICTURES.astype(np.float64))
    np.testing.assert_allclose(network.predict(PICTURES), wanted, rtol=1e-5, atol=1e-5)
    assert -2.5 < wanted.min() < -0.9 and 0.9 < wanted.max() < 2.5


@pytest.mark.parametrize(
    "data", [TABLE, pd.DataFrame(TABLE), TABLE.tolist(), TABLE.astype(np.float32)], ids=type
)
def test_what_it_was_adapted_to_has_mean_0_and_variance_1(data):
    layer = cl.Normalization()
    adapted = layer.adapt(data)
    assert layer == cl.Normalization() and layer.mean is None
    y = cl.Network([adapted], (3,), ops="reference").predict(TABLE)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-4)


@pytest.mark.parametrize(("axis", "along"), [(-1, (0, 1, 2)), (1, (0, 2, 3)), ((1, 3), (0, 2)), (None, None)])
def test_axes_with_a_mean_for_each_place(axis, along):
    layer = cl.Normalization(axis).adapt(PICTURES)
    np.testing.assert_allclose(layer.mean, PICTURES.mean(along), rtol=1e-12)
    np.testing.assert_allclose(layer.variance, PICTURES.var(along), rtol=1e-12)
    y = cl.Network([layer], (4, 5, 3), ops="reference").predict(PICTURES)
    np.testing.assert_allclose(y.mean(along), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(along), 1, rtol=1e-9)


def test_there_and_back_again():
    layer = cl.Normalization().adapt(TABLE)
    back = cl.Normalization(mean=layer.mean, variance=layer.variance, invert=True)
    network = cl.Network([layer, back], (3,), ops="reference")
    np.testing.assert_allclose(network.predict(TABLE), TABLE, rtol=1e-10)


def test_a_column_that_never_changes_is_only_moved():
    data = np.stack([np.full(50, 7.0), np.arange(50.0)], axis=1)
    y = cl.Network([cl.Normalization().adapt(data)], (2,)).predict(np.array([[7.0, 0], [9.0, 49]]))
    np.testing.assert_allclose(y[:, 0], [0, 2])


def test_a_column_by_itself_and_a_dataset():
    layer = cl.Normalization().adapt(pd.Series(TABLE[:, 0]))
    assert np.shape(layer.mean) == (1,)
    data = cl.data.Dataset(pd.DataFrame(TABLE, columns=["a", "b", "c"]), ["a", "b"], "c")
    np.testing.assert_allclose(cl.Normalization().adapt(data).mean, TABLE[:, :2].mean(axis=0), rtol=1e-5)


SPLITS = {
    "not split": lambda data: data,
    "drawn": lambda data: data.split(test=0.4, validation=0.2),
    "given": lambda data: cl.data.Dataset(data.frame, data.inputs, data.target, splits={"test": range(9)}),
    "carved": lambda data: data.carve(0.5),
    "the rows to test on": lambda data: data.split(test=0.5).test,
}


@pytest.mark.parametrize("kind", SPLITS)
@pytest.mark.parametrize("axis", [-1, None])
def test_of_a_dataset_it_is_adapted_to_the_rows_to_train_on(kind, axis):
    frame = pd.DataFrame(np.random.default_rng(0).normal(5, 3, (30, 3)), columns=list("abc"))
    data = SPLITS[kind](cl.data.Dataset(frame, ["a", "b"], "c"))
    assert cl.Normalization(axis).adapt(data) == cl.Normalization(axis).adapt(data.train.arrays()[0])
    x = frame.loc[data.train.rows, ["a", "b"]].to_numpy()
    mean = x.mean() if axis is None else x.mean(axis=0)
    np.testing.assert_allclose(cl.Normalization(axis).adapt(data).mean, mean, rtol=1e-6)


def test_it_goes_with_descriptions_files_and_cuts(tmp_path):
    layer = cl.Normalization().adapt(TABLE)
    assert layer_from_dict(json.loads(json.dumps(layer.to_dict()))) == layer
    assert hash(layer) == hash(cl.Normalization().adapt(TABLE))
    session = cl.train(
        cl.Network([layer, cl.Dense(4, activation="relu"), cl.Dense(1)], (3,)), (TABLE, TABLE[:, :1]),
        "mean_squared_error", cl.Adam(0.01), batch_size=50,
    )  # fmt: skip
    session.step(3)
    session.save(tmp_path / "training.h5")
    loaded = cl.Network.load(tmp_path / "training.h5")
    assert loaded.graph == session.network.graph
    np.testing.assert_array_equal(loaded.predict(TABLE), session.network.predict(TABLE))
    cut = loaded.cut("dense_1").predict(TABLE)
    assert cut.shape == (2500, 4) and np.isfinite(cut).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.array([[1.0, np.nan], [2.0, 3.0]]), "missing or infinite; fill or drop them first"),
        (np.zeros((0, 3)), "data must be rows of numbers, got a ndarray of shape"),
        (5.0, "data must be rows of numbers, got 5.0"),
        (pd.DataFrame({"name": ["a", "b"]}), r"'name'; adapt to the Dataset that reads them"),
        (
            {"left": TABLE, "right": TABLE},
            r"has 'left', 'right'; adapt to one: adapt\(data\['left'\]\)",
        ),
    ],
)
def test_what_it_cannot_be_adapted_to(data, message):
    with pytest.raises(ValueError, match=message):
        cl.Normalization().adapt(data)


MIXED = pd.DataFrame(
    {"area": [10.0, 20, 40, 80], "garden": [True, False] * 2, "rooms": pd.array([1, 2, 3, 4], "Int64"),
     "city": ["a", "b", "a", "a"], "price": [100, 200, 300, 500]}
)  # fmt: skip
SPLIT = {"train": [0, 1, 2], "test": [3]}


def test_bools_and_nullable_columns_of_a_frame_are_numbers():
    layer = cl.Normalization().adapt(MIXED[["area", "garden", "rooms"]])
    np.testing.assert_allclose(layer.mean, [37.5, 0.5, 2.5])


@pytest.mark.parametrize("target", ["price", ["price", "area"], "area"])
def test_at_the_end_it_is_adapted_to_what_a_dataset_predicts(target):
    data = cl.data.Dataset(MIXED, ["rooms", "city"], target, splits=SPLIT)
    layer = cl.Normalization(invert=True).adapt(data)
    np.testing.assert_allclose(layer.mean, np.atleast_1d(MIXED[target][:3].mean()))
    np.testing.assert_allclose(layer.variance, np.atleast_1d(MIXED[target][:3].var(ddof=0)))
    assert len(cl.Normalization().adapt(data).mean) == 3
    same = cl.data.Dataset(MIXED, ["area", "rooms"], target="inputs")
    assert cl.Normalization(invert=True).adapt(same).mean == cl.Normalization().adapt(same).mean


def test_what_is_predicted_by_name_or_is_words_is_not_adapted_to():
    named = cl.data.Dataset(MIXED, ["rooms"], {"a": "price", "b": "area"})
    with pytest.raises(ValueError, match=r"adapt to one: adapt\(data.train.frame\['price'\]\)"):
        cl.Normalization(invert=True).adapt(named)
    with pytest.raises(ValueError, match=r"adapt to one: adapt\(data.train.frame\[\['rooms'\]\]\)"):
        cl.Normalization().adapt(cl.data.Dataset(MIXED, {"a": ["rooms"], "b": ["area"]}, "price"))
    with pytest.raises(ValueError, match=r"'city' holds .*, which is labels"):
        cl.Normalization(invert=True).adapt(cl.data.Dataset(MIXED, ["rooms"], "city"))


@pytest.mark.parametrize("kind", LAYERS)
def test_single_numbers_are_taken_or_said_how_to_bring_into_rows(kind):
    try:
        layer = LAYERS[kind]()
    except TypeError:
        layer = {"Dense": cl.Dense(2), "RepeatVector": cl.RepeatVector(2)}.get(kind)
    if layer is None or layer.several_inputs:
        return
    try:
        cl.Network([cl.Mean(), layer], 4)
    except ValueError as error:
        assert "keepdims=True or Reshape((1,))" in str(error)


COLUMNS = pd.DataFrame(TABLE[:60], columns=["a", "b", "c"]).assign(y=TABLE[:60, 0], z=TABLE[:60, 1])
TURNED = COLUMNS[["c", "a", "b", "y", "z"]]
INPUTS, GOALS = ["a", "b", "c"], ["y", "z"]
# What a layer of inputs, or of values that are predicted, is adapted to, and whether columns are in order.
ADAPTED = {
    "a frame": (False, lambda: COLUMNS[INPUTS], True),
    "an array": (False, lambda: TURNED[["c", "a", "b"]].to_numpy(), True),
    "a Dataset": (False, lambda: cl.data.Dataset(COLUMNS, INPUTS, GOALS), True),
    "a frame in another order": (False, lambda: TURNED[["c", "a", "b"]], False),
    "a Dataset in another order": (False, lambda: cl.data.Dataset(TURNED, ["c", "a", "b"], GOALS), False),
    "other columns": (False, lambda: COLUMNS[["a", "b", "y"]], False),
    "targets": (True, lambda: COLUMNS[GOALS], True),
    "targets of a Dataset": (True, lambda: cl.data.Dataset(COLUMNS, INPUTS, GOALS), True),
    "targets in another order": (True, lambda: COLUMNS[["z", "y"]], False),
    "targets of a Dataset in another order": (
        True, lambda: cl.data.Dataset(COLUMNS, INPUTS, ["z", "y"]), False,
    ),
}  # fmt: skip
LEARNED_FROM = {
    "a Dataset": lambda: cl.data.Dataset(COLUMNS, INPUTS, GOALS),
    "frames": lambda: (COLUMNS[INPUTS], COLUMNS[GOALS]),
    "a frame and names": lambda: (COLUMNS, GOALS),
}


@pytest.mark.parametrize("data", LEARNED_FROM)
@pytest.mark.parametrize("case", ADAPTED)
def test_columns_that_it_was_adapted_to_are_those_that_it_sees(case, data):
    invert, adapted_to, alike = ADAPTED[case]
    layer = cl.Normalization(invert=invert).adapt(adapted_to())
    layers = [cl.Dense(2), layer] if invert else [cl.Rescaling(0.5), layer, cl.Dense(2)]
    network = cl.Network(layers, 3)
    if alike:
        assert cl.train(network, LEARNED_FROM[data](), "mse", batch_size=60).dataset is not None
        return
    with pytest.raises(ValueError, match=r"adapted to the columns .*, in this order, and is given .*adapt\("):
        cl.train(network, LEARNED_FROM[data](), "mse")


def test_names_of_columns_are_no_setting_of_it():
    layer = cl.Normalization().adapt(COLUMNS[INPUTS])
    assert layer == cl.Normalization().adapt(COLUMNS[INPUTS].to_numpy())
    assert layer_from_dict(layer.to_dict()) == layer
    assert "columns" not in repr(layer)
