"""What a session says of each row: the numbers are those that are computed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset, TensorArray

ROWS = 24


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(3)
    a, b = random.normal(size=(2, ROWS))
    index = [f"id {row}" for row in range(ROWS)]
    kinds = np.array(["ant", "bee", "cat"])[np.arange(ROWS) % 3]
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "kind": kinds,
            "yes": np.where(a > 0, "right", "left"),
            "price": a * 2 + b,
            "size": b * 3,
        },
        index=index,
    )


def trained(data, units, loss, steps: int = 5, **options):
    shape = options.pop("input_shape", getattr(data, "input_shape", 2))
    network = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(units, name="out")], shape)
    session = cl.train(network, data, loss, cl.SGD(0.1), batch_size=8, **options)
    session.run(steps)
    return session


def softmax(y: np.ndarray) -> np.ndarray:
    powers = np.exp(y.astype(float) - y.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_classes(table) -> None:
    data = Dataset(table, ["a", "b"], "kind").split(test=0.25)
    session = trained(data, 3, "softmax_cross_entropy")
    for part in ("train", "test"):
        own = getattr(data, part)
        found = session.results(part)
        p, ids = softmax(session.network.predict(own)), own.arrays()[1]
        each = np.arange(len(ids))
        others = p.copy()
        others[each, ids] = -1
        assert found.index.equals(table.index[own.rows])
        np.testing.assert_allclose(found["loss"], -np.log(p[each, ids]), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found["probability"], p.max(axis=1), rtol=1e-5)
        np.testing.assert_allclose(found["margin"], p[each, ids] - others.max(axis=1), atol=1e-5)
        assert found["prediction"].tolist() == np.array(["ant", "bee", "cat"])[p.argmax(axis=1)].tolist()
        assert (
            found["correct"].tolist() == (p.argmax(axis=1) == ids).tolist() and found["correct"].dtype == bool
        )
        assert found["correct"].mean() == pytest.approx(session.score(part)["accuracy"])
        assert found["loss"].mean() == pytest.approx(session.score(part)["loss"], rel=1e-5)
        assert table.join(found).loc[found.index, "loss"].equals(found["loss"])
    assert session.results().equals(session.results("test"))
    again = session.results(table)
    assert again.loc[found.index].equals(found) and again.index.equals(table.index)


def test_yes_or_no(table) -> None:
    data = Dataset(table, ["a", "b"], "yes")
    session = trained(data, 1, "sigmoid_cross_entropy")
    found = session.results(data)
    y = session.network.predict(data)[:, 0].astype(float)
    p, right = 1 / (1 + np.exp(-y)), (table["yes"] == "right").to_numpy()
    np.testing.assert_allclose(found["loss"], -np.log(np.where(right, p, 1 - p)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["probability"], np.maximum(p, 1 - p), rtol=1e-5)
    np.testing.assert_allclose(found["margin"], np.where(right, 1, -1) * (2 * p - 1), atol=1e-5)
    assert found["prediction"].tolist() == np.where(p > 0.5, "right", "left").tolist()
    assert found["correct"].tolist() == ((p > 0.5) == right).tolist()
    assert "error" not in found


def test_values(table) -> None:
    data = Dataset(table, ["a", "b"], "price")
    found, session = None, trained(data, 1, "mean_squared_error")
    found = session.results(data)
    y = session.network.predict(data)[:, 0]
    assert list(found) == ["loss", "prediction", "error"]
    np.testing.assert_allclose(found["prediction"], y, rtol=1e-6)
    np.testing.assert_allclose(found["error"], y - table["price"], atol=1e-5)
    np.testing.assert_allclose(found["loss"], (y - table["price"]) ** 2, rtol=1e-4, atol=1e-6)


def test_several_values_have_a_column_each(table) -> None:
    data = Dataset(table, ["a", "b"], ["price", "size"])
    session = trained(data, 2, "mean_squared_error")
    found, y = session.results(data), session.network.predict(data)
    assert list(found) == ["loss", "prediction price", "prediction size", "error price", "error size"]
    np.testing.assert_allclose(found["error size"], y[:, 1] - table["size"], atol=1e-5)
    np.testing.assert_allclose(
        found["loss"], ((y - table[["price", "size"]]) ** 2).mean(axis=1), rtol=1e-4, atol=1e-6
    )


def test_several_outputs_have_theirs(table) -> None:
    data = Dataset(table, ["a", "b"], {"what": "kind", "much": "price"})
    layers = [
        cl.Node(cl.Dense(4, activation="tanh"), "x"),
        cl.Node(cl.Dense(3), "what", "x"),
        cl.Node(cl.Dense(1), "much", "x"),
    ]
    network = cl.Network(layers, data.input_shape)
    losses = {"what": "softmax_cross_entropy", "much": "mean_squared_error"}
    session = cl.train(network, data, losses, cl.SGD(0.1), batch_size=8, loss_weights={"much": 0.5})
    session.run(3)
    found, y = session.results(data), network.predict(data)
    p, ids = softmax(y["what"]), pd.Categorical(table["kind"]).codes
    own = -np.log(p[np.arange(ROWS), ids])
    error = y["much"][:, 0] - table["price"].to_numpy()
    np.testing.assert_allclose(found["what loss"], own, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["much loss"], error**2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["loss"], own + 0.5 * error**2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["much error"], error, atol=1e-5)
    assert found["what prediction"].tolist() == np.array(["ant", "bee", "cat"])[p.argmax(axis=1)].tolist()
    assert {"what correct", "what margin", "what probability"} <= set(found) and "much correct" not in found


@pytest.mark.parametrize("unknown", [-1, -100])
def test_what_is_unknown_has_neither_loss_nor_margin(unknown: int) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    y = np.arange(ROWS) % 3
    y[[2, 5]] = unknown
    session = trained((x, y), 3, "softmax_cross_entropy", input_shape=2)
    found = session.results((pd.DataFrame(x, index=range(100, 100 + ROWS)), y))
    assert found.index.tolist() == list(range(100, 100 + ROWS))
    for column in ("loss", "margin", "correct"):
        assert np.flatnonzero(found[column].isna()).tolist() == [2, 5], column
    p = softmax(session.network.predict(x))
    assert found["prediction"].tolist() == p.argmax(axis=1).tolist()
    assert found["correct"].mean() == pytest.approx((p.argmax(axis=1) == y)[y >= 0].mean())


def test_values_that_are_unknown() -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    y = np.stack([x[:, 0], x[:, 1]], axis=1)
    y[3], y[4, 0] = np.nan, np.nan
    loss = cl.CensorLoss(cl.MeanSquaredError())
    session = trained((x, y), 2, loss, input_shape=2)
    found, out = session.results((x, y)), session.network.predict(x)
    assert np.flatnonzero(found["loss"].isna()).tolist() == [3]
    assert np.flatnonzero(found["error 0"].isna()).tolist() == [3, 4]
    assert found["error 1"].iloc[4] == pytest.approx(float(out[4, 1] - y[4, 1]), abs=1e-5)


def test_several_yes_or_no_have_a_column_each() -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    y = (x > 0).astype(np.float32)
    session = trained((x, y), 2, "sigmoid_cross_entropy", input_shape=2)
    found, p = session.results((x, y)), 1 / (1 + np.exp(-session.network.predict(x).astype(float)))
    for place in range(2):
        assert found[f"prediction {place}"].tolist() == (p[:, place] > 0.5).astype(int).tolist()
        assert found[f"correct {place}"].tolist() == ((p[:, place] > 0.5) == (y[:, place] > 0)).tolist()


def test_shares_are_values() -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    y = np.linspace(0.1, 0.9, ROWS).astype(np.float32)[:, None]
    session = trained((x, y), 1, "sigmoid_cross_entropy", input_shape=2)
    found, p = session.results((x, y)), 1 / (1 + np.exp(-session.network.predict(x).astype(float)[:, 0]))
    np.testing.assert_allclose(found["error"], p - y[:, 0], atol=1e-5)
    assert "correct" not in found


def test_pictures_and_sequences_stay_whole_in_their_cells() -> None:
    pictures = np.random.default_rng(0).random((ROWS, 4, 4, 1)).astype(np.float32)
    data = Dataset(pd.DataFrame({"image": TensorArray(pictures)}), "image", "inputs")
    network = cl.Network([cl.Conv2D(1, 3, padding="same")], data.input_shape)
    session = cl.train(network, data, "mean_squared_error", cl.SGD(0.1), batch_size=8)
    found = session.results(data)
    np.testing.assert_allclose(found["prediction"].array.tensor, network.predict(data), rtol=1e-6)
    np.testing.assert_allclose(found["error"].array.tensor, network.predict(data) - pictures, atol=1e-6)


def test_rows_that_are_relabeled_or_excluded_are_judged_as_they_are_now(table) -> None:
    data = Dataset(table, ["a", "b"], "kind").split(test=0.25)
    session = trained(data, 3, "softmax_cross_entropy")
    row, out = int(data.train.rows[0]), int(data.train.rows[1])
    before = session.results("train")
    other = next(kind for kind in ("ant", "bee") if kind != table["kind"].iloc[row])
    session.edit("labels", {row: other})
    session.edit("excluded_rows", [out])
    after, name = session.results("train"), table.index[row]
    p = softmax(session.network.predict(data.select([row])))[0]
    assert after.loc[name, "loss"] == pytest.approx(-np.log(p[["ant", "bee", "cat"].index(other)]), rel=1e-4)
    assert after.drop(index=name)["loss"].equals(before.drop(index=name)["loss"])
    assert after.index[after["excluded"]].tolist() == [table.index[out]] and "excluded" not in before
    assert not session.results("test")["excluded"].any()


def test_outputs_that_are_no_numbers_predict_nothing(table) -> None:
    data = Dataset(table, ["a", "b"], "kind")
    session = trained(data, 3, "softmax_cross_entropy")
    session.network.parameters["out/kernel"] = np.full((4, 3), np.nan, np.float32)
    found = session.results(data)
    assert found["prediction"].isna().all() and not found["correct"].any() and found["loss"].isna().all()


def test_validation_rows_in_arrays_and_a_split_that_is_not_there() -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    y = np.arange(ROWS) % 2
    session = trained((x, y), 2, "softmax_cross_entropy", input_shape=2, validation=(x[:6], y[:6]))
    assert session.results("validation").index.tolist() == list(range(6))
    with pytest.raises(KeyError, match="no split 'test'"):
        session.results()


def test_versions_are_what_is_trained_on_and_times_name_the_limit() -> None:
    data = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(10)], data.input_shape)
    augment = cl.data.Augmentation(rotation_range=10, shift_range=0.1)
    session = cl.train(network, data, "softmax_cross_entropy", cl.SGD(0.1), augment=augment, seed=4)
    row = int(data.train.rows[0])
    found = session.versions(row, [0, 7])
    assert list(found.pictures) == [0, 7] and list(session.versions(row, 3).pictures) == [0, 1, 2]
    for epoch, picture in found.pictures.items():
        assert np.array_equal(picture, session.augmented(row, epoch))
    session.step(1)
    place = int(np.flatnonzero(session.process.batch.rows == session.process.batch.rows[0])[0])
    trained_on = session.process.buffers["input"][place]
    first = session.versions(int(session.process.batch.rows[place]), 1)
    assert np.array_equal(first.pictures[0], trained_on)
    with pytest.raises(ValueError, match="epochs"):
        session.versions(row, [])
    weights = network.parameters["dense_1/kernel"].copy()
    times = session.batch_times(3).frame()
    assert (
        times.index.tolist() == ["read", "to the buffer", "augment", "train"] and times["limiting"].sum() == 1
    )
    assert np.array_equal(network.parameters["dense_1/kernel"], weights) and session.step_number == 1
