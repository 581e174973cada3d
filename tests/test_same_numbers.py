"""The same rows are the same numbers on every way into a network, whatever their dtype."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset, TensorArray
from cortex_lab.nn.contract.layer import LAYERS
from cortex_lab.nn.run import pictures

ROWS = 12
DTYPES = ["?", "b", "B", "h", "H", "i", "I", "l", "L", "e", "f", "d", "g", ">i4", ">f8"]
SHAPES = [(5,), (4, 3), (4, 3, 2), (2, 2, 3, 1)]
PICTURES = [(4, 3), (4, 3, 2)]


@pytest.fixture(autouse=True)
def nothing_said_before(monkeypatch):
    monkeypatch.setattr(pictures, "_said", set())


def numbers(dtype, shape, seed=0):
    most = {"?": 2, "b": 120}.get(dtype, 256)
    return np.random.default_rng(seed).integers(0, most, (ROWS, *shape)).astype(dtype)


def as_seen(x):
    scale = np.float32(1 / 255) if x.dtype == np.uint8 and x.shape[1:] in PICTURES else np.float32(1)
    return x.astype(np.float32) * scale


def network(shape, ops="cpu"):
    layers = [cl.Node(cl.Flatten(), "seen"), cl.Dense(3, activation="tanh"), cl.Dense(2)]
    return cl.Network(layers, shape, seed=0, ops=ops)


def quiet_training(*args, **options):
    options = {"loss": "mean_squared_error", "optimizer": cl.Adam(0.01), "batch_size": ROWS, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return cl.train(*args, **options)


def run(script):
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        exec(script, found)
    return found["session"]


def fed(session):
    """What the step under way has in its input, in the order of the data."""
    session.step(to="fetch")
    order = np.argsort(session.process.batch.rows)
    return session.buffers["input"][order]


def datasets(x, y):
    """The same rows as a tensor column and, where that can be, as columns of numbers."""
    columns = {"y": y[:, 0], "z": y[:, 1]}
    yield Dataset(pd.DataFrame({"x": TensorArray(x), **columns}), "x", ["y", "z"])
    # Columns of bytes are numbers, never a picture.
    if x.ndim == 2 and x.dtype.isnative and x.dtype != np.longdouble:
        names = [f"x{place}" for place in range(x.shape[1])]
        frame = pd.DataFrame(x, columns=names).assign(**columns)
        yield Dataset(frame, names, ["y", "z"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_way_in_gives_the_same_numbers(dtype, shape):
    x, y = numbers(dtype, shape), np.random.default_rng(1).normal(size=(ROWS, 2)).astype(np.float32)
    seen = as_seen(x)
    net = network(shape)
    for data in ((x, y), *datasets(x, y)):
        session = quiet_training(network(shape), data, validation=(x, y), validate_every=1)
        for _ in range(2):
            # Checked arrays at first, then straight from the data.
            np.testing.assert_array_equal(fed(session), seen)
            session.step()
        session.step(to="loss")
        now = session.score((x, y))["loss"]
        assert session.frame["loss"].mean() == pytest.approx(now, rel=1e-5)
        assert session.score((seen, y))["loss"] == now
        if hasattr(data, "arrays"):
            assert session.score(data)["loss"] == now
            np.testing.assert_array_equal(net.activations(data, ["seen"])["seen"].reshape(seen.shape), seen)
        session.step()
        assert session.trace["loss"][-1] == pytest.approx(now, rel=1e-5)
        assert session.trace["validation_loss"][-1] == session.score((seen, y))["loss"]
    np.testing.assert_array_equal(net.activations(x, ["seen"])["seen"].reshape(seen.shape), seen)
    np.testing.assert_array_equal(net.predict(x), net.predict(seen))


@pytest.mark.parametrize("shape", SHAPES[:2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_written_down_and_resumed_it_gives_the_same_losses(dtype, shape, tmp_path):
    x, y = numbers(dtype, shape), np.random.default_rng(1).normal(size=(ROWS, 2))
    for data in ((x, y), *datasets(x, y)):
        options = {"batch_size": 5, "validation": (x, y)}
        session = quiet_training(network(shape), data, **options)
        session.step(4)
        session.save(tmp_path / "a.h5")
        session.step(2)
        again = quiet_training(network(shape), data, resume_from=tmp_path / "a.h5", **options)
        again.step(2)
        assert np.array_equal(again.trace["loss"][-2:], session.trace["loss"][-2:])
        found = run(session.script())
        for key in ("loss", "validation_loss"):
            np.testing.assert_array_equal(found.trace[key], session.trace[key])
        session.rewind(1)
        session.step(5)
        np.testing.assert_array_equal(found.trace["loss"], session.trace["loss"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_targets_are_never_divided(dtype):
    x = numbers("B", (4, 3, 2))
    for shape in ((), (1,), (6,), (2, 3), (4, 3, 2)):
        y = numbers(dtype, shape, seed=1)
        # A single number for each row may be a column, too.
        target = {(): (1,)}.get(shape, shape)
        layers = [cl.Flatten(), cl.Dense(int(np.prod(target))), cl.Reshape(target)]
        session = quiet_training(cl.Network(layers, (4, 3, 2)), (x, y), validation=(x, y), validate_every=1)
        for _ in range(2):
            session.step(to="fetch")
            order = np.argsort(session.process.batch.rows)
            found = session.buffers["target:reshape_1"][order]
            np.testing.assert_array_equal(found, y.reshape(found.shape).astype(np.float32))
            now = session.score((x, y))["loss"]
            session.step()
            assert session.trace["loss"][-1] == pytest.approx(now, rel=1e-5)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if np.dtype(dtype).kind in "iu"])
def test_class_ids_are_never_divided_however_they_lie(dtype):
    x = numbers("B", (4, 3))
    for shape in ((), (4,), (4, 3)):
        y = np.random.default_rng(2).integers(0, 5, (ROWS, *shape)).astype(dtype)
        layers = [cl.Flatten(), cl.Dense(int(np.prod((*shape, 5)))), cl.Reshape((*shape, 5))]
        session = quiet_training(
            cl.Network(layers, (4, 3)), (x, y), loss="softmax_cross_entropy", validation=(x, y)
        )
        for _ in range(2):
            session.step(to="fetch")
            order = np.argsort(session.process.batch.rows)
            np.testing.assert_array_equal(session.buffers["target:reshape_1"][order], y)
            session.step()


def test_a_picture_may_be_its_own_class_ids():
    x = np.random.default_rng(2).integers(0, 5, (ROWS, 4, 3)).astype(np.uint8)
    layers = [cl.Flatten(), cl.Dense(60), cl.Reshape((4, 3, 5))]
    session = quiet_training(
        cl.Network(layers, (4, 3)), (x, x), loss="softmax_cross_entropy", validation=(x, x), validate_every=1
    )
    for _ in range(2):
        session.step(to="fetch")
        order = np.argsort(session.process.batch.rows)
        np.testing.assert_array_equal(session.buffers["target:reshape_1"][order], x)
        np.testing.assert_array_equal(session.buffers["input"][order], as_seen(x))
        now = session.score((x, x))["loss"]
        session.step()
        assert session.trace["loss"][-1] == pytest.approx(now, rel=1e-5)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (4, 3, 2)])
@pytest.mark.parametrize("readers", ["alone", "in another shape", "beside a mask"])
def test_ids_are_never_divided_and_need_no_word(shape, readers):
    ids = np.random.default_rng(0).integers(0, 200, (ROWS, *shape)).astype(np.uint8)
    if readers == "in another shape":
        # Only an Embedding itself reads whole numbers.
        with pytest.raises(ValueError, match="straight from an input"):
            cl.Network([cl.Flatten(), cl.Embedding(200, 2)], shape)
        return
    layers = [
        cl.Node(cl.Embedding(200, 2, mask_zero=readers != "alone"), "vectors"),
        cl.Flatten(),
        cl.Dense(2),
    ]
    net = cl.Network(layers, shape)
    session = cl.train(
        net, (ids, ids.ravel()[:ROWS] % 2), "softmax_cross_entropy", cl.Adam(), batch_size=ROWS
    )
    for _ in range(2):
        np.testing.assert_array_equal(fed(session), ids)
        session.step()
    np.testing.assert_array_equal(
        net.activations(ids, ["vectors"])["vectors"], net.parameters["vectors/embeddings"][ids]
    )


def test_layers_that_read_bytes_as_they_are_say_so():
    for name, kind in LAYERS.items():
        assert kind.reads_raw or kind.input_dtype != "int32", name
    assert not cl.Dense(2).reads_raw and not cl.Mask().reads_raw


@pytest.mark.parametrize("value", [0, 255])
def test_padding_is_found_in_bytes_whatever_it_is(value):
    x = np.random.default_rng(0).integers(1, 255, (ROWS, 4, 3)).astype(np.uint8)
    x[:, 2:] = value
    layers = [cl.Node(cl.Mask(value), "mask", "input"), cl.Node(cl.LSTM(2), "last", ("input", "mask"))]
    net = cl.Network(layers, (4, 3))
    assert net.pictures == ({"input"} if value == 0 else frozenset())
    assert np.array_equal(net.activations(x, ["mask"])["mask"], np.tile([1, 1, 0, 0], (ROWS, 1)))


def test_each_of_several_inputs_is_seen_in_its_own_way():
    x = {"picture": numbers("B", (4, 3)), "row": numbers("B", (5,)), "ids": numbers("B", (3,))}
    layers = [
        cl.Node(cl.Flatten(), "pixels", "picture"),
        cl.Node(cl.Embedding(256, 2), "vectors", "ids"),
        cl.Node(cl.Flatten(), "words", "vectors"),
        cl.Node(cl.Concatenate(), "all", ("pixels", "row", "words")),
        cl.Dense(2),
    ]
    net = cl.Network(layers, {name: part.shape[1:] for name, part in x.items()})
    assert net.pictures == {"picture"}
    with pytest.warns(
        UserWarning, match=r"input 'row' is bytes in rows \(5,\).*divide by 255.*height, width"
    ):
        session = cl.train(net, (x, x["row"][:, 0] % 2), "softmax_cross_entropy", cl.Adam(), batch_size=ROWS)
    for _ in range(2):
        session.step(to="fetch")
        order = np.argsort(session.process.batch.rows)
        for name, part in x.items():
            expected = as_seen(part) if name == "picture" else part
            np.testing.assert_array_equal(session.buffers[name][order], expected)
        session.step()


def test_bytes_that_stay_are_told_of_once_and_only_where_it_matters():
    y = np.arange(ROWS) % 2
    options = {"loss": "softmax_cross_entropy", "optimizer": cl.Adam(), "batch_size": ROWS}

    def trained(x):
        return cl.train(network(x.shape[1:]), (x, y), **options)

    trained(numbers("B", (4, 3)))
    trained(numbers("h", (5,)))
    trained(numbers("?", (5,)).astype(np.uint8))
    with pytest.warns(UserWarning, match="input 'input' is bytes"):
        trained(numbers("B", (5,)))
    trained(numbers("B", (5,)))


# Targets that are pictures themselves ----------------------------------------------------------------


def autoencoder(shape):
    layers = [
        cl.Flatten(),
        cl.Dense(4),
        cl.Dense(int(np.prod(shape)), activation="sigmoid"),
        cl.Reshape(shape),
    ]
    return cl.Network(layers, shape, seed=0)


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("loss", ["mean_squared_error", "binary_cross_entropy"])
@pytest.mark.parametrize("twin", ["the same array", "a copy", "flat"])
def test_targets_that_are_the_picture_are_seen_as_it_is(twin, loss, ops):
    x = numbers("B", (4, 3, 2))
    y = {"the same array": x, "a copy": x.copy(), "flat": x.reshape(ROWS, -1)}[twin]
    layers = [cl.Flatten(), cl.Dense(4), cl.Dense(24, activation="sigmoid")]
    layers += [] if twin == "flat" else [cl.Reshape((4, 3, 2))]
    net = cl.Network(layers, (4, 3, 2), seed=0, ops=ops)
    held_out = numbers("B", (4, 3, 2), seed=3), numbers("B", y.shape[1:], seed=3)
    session = cl.train(
        net, (x, y), loss, cl.Adam(0.01), batch_size=ROWS, validation=held_out, validate_every=1
    )
    output = f"target:{next(iter(net.graph.outputs))}"
    for _ in range(3):
        session.step(to="fetch")
        order = np.argsort(session.process.batch.rows)
        np.testing.assert_array_equal(session.buffers[output][order], as_seen(x).reshape(y.shape))
        now = session.score((x, y))["loss"]
        session.step()
        assert session.trace["loss"][-1] == pytest.approx(now, rel=1e-5)
    seen = as_seen(held_out[0]), as_seen(held_out[0]).reshape(y.shape)
    assert session.trace["validation_loss"][-1] == session.score(seen)["loss"]
    # A branch, too.
    branch = session.fork(learning_rate=[0.01]).branches[0]
    branch.step(), session.step()
    np.testing.assert_array_equal(branch.trace["loss"], session.trace["loss"])
    np.testing.assert_array_equal(run(session.script()).trace["loss"], session.trace["loss"])


def test_a_dataset_whose_picture_is_its_target_learns_and_can_be_written_down():
    x = numbers("B", (4, 3))
    data = Dataset(pd.DataFrame({"image": TensorArray(x)}), target="image").split(test=None, validation=3)
    session = cl.train(autoencoder((4, 3)), data, "mean_squared_error", cl.Adam(0.01), batch_size=3)
    session.step(9)
    assert session.trace["loss"].max() < 1 and np.nanmax(session.trace["validation_loss"]) < 1
    assert session.score(data.validation)["loss"] == np.array(session.trace["validation_loss"])[-1]
    np.testing.assert_array_equal(run(session.script()).trace["loss"], session.trace["loss"])


def test_other_bytes_as_targets_of_values_stay_and_that_is_said():
    x, y = numbers("B", (4, 3)), numbers("B", (4, 3), seed=1)
    options = {"loss": "mean_squared_error", "optimizer": cl.Adam(), "batch_size": ROWS}
    with pytest.warns(UserWarning, match="targets are bytes and stay 0 to 255.*divide the targets by 255"):
        session = cl.train(autoencoder((4, 3)), (x, y), validation=(x, x), **options)
    session.step(to="fetch")
    assert session.buffers["target:reshape_1"].max() > 1
    session.step()
    assert session.trace["validation_loss"][-1] > 100
    masks = (y > 100).astype(np.uint8)
    cl.train(autoencoder((4, 3)), (x, masks), **{**options, "loss": "binary_cross_entropy"})


# What does not fit -----------------------------------------------------------------------------------

NO_NUMBERS = ["complex64", "complex128", "datetime64[s]", "timedelta64[s]", "object", "str", "bytes"]


@pytest.mark.parametrize("dtype", NO_NUMBERS)
def test_what_are_no_numbers_is_refused_by_name_on_every_way_in(dtype):
    x, y = np.zeros((ROWS, 5), np.float32), np.zeros((ROWS, 2), np.float32)
    wrong_x, wrong_y = (np.arange(part.size).reshape(part.shape).astype(dtype) for part in (x, y))
    session = quiet_training(network((5,)), (x, y))
    net = session.network
    for call in (
        lambda: quiet_training(net, (wrong_x, y)),
        lambda: quiet_training(net, (x, y), validation=(wrong_x, y)),
        lambda: session.score((wrong_x, y)),
        lambda: net.predict(wrong_x),
        lambda: net.activations(wrong_x),
    ):
        with pytest.raises((ValueError, TypeError), match=f"input.*numbers.*{re.escape(str(wrong_x.dtype))}"):
            call()
    if wrong_y.dtype == object:
        # Numbers that are kept as objects are targets as good as any.
        return
    for call in (
        lambda: quiet_training(net, (x, wrong_y)),
        lambda: quiet_training(net, (x, y), validation=(x, wrong_y)),
        lambda: session.score((x, wrong_y)),
    ):
        said = "words" if wrong_y.dtype.kind == "U" else re.escape(str(wrong_y.dtype))
        with pytest.raises(ValueError, match=rf"targets(?=.*numbers).*{said}"):
            call()


# Gaps in the targets ---------------------------------------------------------------------------------

GAPS = {
    "mean_squared_error": (np.arange(20.0), np.nan, "targets are missing or infinite in 1 rows"),
    "softmax_cross_entropy, too large": (np.arange(20) % 2, 2, "2 units, .* 3 classes"),
    "sigmoid_cross_entropy": (np.arange(20.0) % 2, -3.0, "wants targets from 0 to 1"),
}


@pytest.mark.parametrize("case", GAPS)
def test_a_target_that_does_not_fit_is_named_by_its_row_in_the_data(case):
    y, wrong, message = GAPS[case]
    y = y.copy()
    y[17] = wrong
    units = 2 if "softmax" in case else 1
    net = cl.Network([cl.Dense(units)], 2, seed=0)
    loss, x = case.split(",")[0], np.zeros((20, 2))
    with pytest.raises(ValueError, match=rf"{message}.*\[17\]"):
        cl.train(net, (x, y), loss, cl.Adam(), batch_size=4)
    # Batches of one's own are looked at as they come by.
    data = cl.data.Batches(x, y, batch_size=4)
    session = cl.train(net, data, loss, cl.Adam(), batch_size=4)
    with pytest.raises(ValueError, match=rf"({message}|labels go up to 2).*\[17\]"):
        session.step(5)
    session.edit("excluded_rows", [17])
    session.step(5)


def test_a_missing_label_is_named_before_the_first_step():
    y = np.arange(20.0) % 2
    y[17] = np.nan
    with pytest.raises(ValueError, match=r"targets are missing in 1 of 20 rows \(first: \[17\]\)"):
        cl.train(cl.Network([cl.Dense(2)], 2), (np.zeros((20, 2)), y), "softmax_cross_entropy", cl.Adam())
