"""On the reference, numbers stay the float64 that they were given as: in training, validation and scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

ROWS = 24
RANDOM = np.random.default_rng(0)
# Of which float32 keeps the first seven digits.
X, VALUES = RANDOM.normal(size=(ROWS, 3)), RANDOM.normal(size=ROWS)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
    word=np.array(["u", "v"])[np.arange(ROWS) % 2], value=VALUES, nullable=pd.array(VALUES, dtype="Float64")
)
SPLITS = {"validation": np.arange(0, ROWS, 4)}
TENSORS = FRAME.assign(rows=list(X))
FORMS = {
    "arrays": ((X, VALUES), X, VALUES),
    "arrays by name": (({"input": X}, {"dense_1": VALUES}), X, VALUES),
    "a frame and a column": ((FRAME[["a", "b", "c", "value"]], "value"), X, VALUES),
    "a frame and a series": ((FRAME[["a", "b", "c"]], FRAME["value"]), X, VALUES),
    "a Dataset": (cl.data.Dataset(FRAME, ["a", "b", "c"], "value", SPLITS), X, VALUES),
    "a frame and an array": ((FRAME[["a", "b", "c"]], VALUES), X, VALUES),
    "a frame by name": (({"input": FRAME[["a", "b", "c"]]}, {"dense_1": FRAME["value"]}), X, VALUES),
    "a Dataset of float64": (cl.data.Dataset(FRAME, ["a", "b", "c"], "value", dtype="float64"), X, VALUES),
    "by name": (cl.data.Dataset(FRAME, {"input": ["a", "b", "c"]}, {"dense_1": "value"}), X, VALUES),
    "a nullable column": (cl.data.Dataset(FRAME, ["a", "b", "c"], "nullable"), X, VALUES),
    "arrays in a column": (cl.data.Dataset(TENSORS, "rows", "value"), X, VALUES),
    "words": (
        cl.data.Dataset(FRAME, ["a", "word"], "value"),
        np.column_stack([X[:, 0], np.arange(ROWS) % 2 == 0, np.arange(ROWS) % 2]), VALUES,
    ),
    "an autoencoder": (cl.data.Dataset(FRAME, ["a", "b", "c"], target="inputs"), X, X),
    "several values": (cl.data.Dataset(FRAME, ["a", "b", "c"], ["value", "a"]), X, np.c_[VALUES, X[:, 0]]),
}  # fmt: skip


def trained(form, **options):
    data, x, y = FORMS[form]
    network = cl.Network([cl.Dense(1 if y.ndim == 1 else y.shape[1])], x.shape[1], ops="reference")
    session = cl.train(network, data, "mse", cl.SGD(0.1), batch_size=6, **options)
    return session, x, y


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", FORMS)
def test_batches_hold_what_was_given(form):
    session, x, y = trained(form)
    session.step(to="loss")
    rows = session.process.batch.rows
    inputs, target = session.buffers["input"], session.buffers["target:dense_1"]
    assert inputs.dtype == target.dtype == np.float64
    assert (inputs == x[rows]).all() and (target == y[rows].reshape(target.shape)).all()
    session.run(12)
    assert session.network.params.dtype == np.float64


@pytest.mark.parametrize("form", FORMS)
def test_a_step_is_numpy_s(form):
    session, x, y = trained(form)
    w, b = (np.array(each) for each in session.process.parameters.values())
    session.step()
    rows = session.process.batch.rows
    error = x[rows] @ w + b - y[rows].reshape(len(rows), -1)
    assert session.trace["loss"][0] == pytest.approx((error**2).mean(), rel=1e-13)
    w = w - 0.1 * 2 * x[rows].T @ error / error.size
    np.testing.assert_allclose(session.network.parameters["dense_1/kernel"], w, rtol=1e-13)


def test_what_is_validated_and_scored_is_not_rounded():
    session, x, y = trained("a Dataset")
    session.step()
    held = SPLITS["validation"]
    w, b = session.network.parameters.values()
    wanted = ((x @ w + b)[:, 0] - y) ** 2
    assert session.process.measure("validation_loss") == pytest.approx(wanted[held].mean(), rel=1e-12)
    for data in (FRAME, (FRAME[["a", "b", "c"]], FRAME["value"]), (x, y)):
        assert session.score(data)["loss"] == pytest.approx(wanted.mean(), rel=1e-12)


def test_on_other_backends_nothing_is_wider():
    network = cl.Network([cl.Dense(1)], 3)
    session = cl.train(network, FORMS["a Dataset"][0], "mse", "sgd", batch_size=6)
    assert session.process.batches.fetch(0).inputs.dtype == np.float32


# Of which float32 keeps none apart, or every other.
LARGE, ODD = 2.0**40 + np.arange(ROWS), 2**24 + 1 + 2 * np.arange(ROWS)
LONG = pd.DataFrame({"a": LARGE, "b": RANDOM.normal(size=ROWS), "word": list("uv") * (ROWS // 2), "odd": ODD})
LOST = {
    "arrays": (np.c_[LARGE, LARGE], ODD, 2),
    "a frame and a column": (LONG, "odd", 4),
    "a frame and a series": (LONG[["a", "b"]], LONG["odd"], 2),
    "a frame and an array": (LONG[["a", "word"]], ODD, 3),
    "by name": ({"input": LONG[["a", "b"]]}, {"dense_1": ODD}, 2),
    "arrays in a column": (LONG.assign(rows=list(np.c_[LARGE, LARGE]))[["rows"]], LONG["odd"], 2),
    "a Dataset": (cl.data.Dataset(LONG, target="odd", dtype="float64"), None, 4),
    "several values": (LONG, ["odd", "a"], 3),
}


@pytest.mark.parametrize("form", LOST)
def test_what_float32_would_lose_is_learned_from_and_refused_elsewhere(form):
    inputs, targets, width = LOST[form]
    data = inputs if targets is None else (inputs, targets)
    layers = [cl.Dense(2 if form == "several values" else 1)]
    session = cl.train(cl.Network(layers, width, ops="reference"), data, "mse", validation=data)
    session.run(2, progress=False)
    assert session.score(data)["loss"] == pytest.approx(session.process.measure("validation_loss"))
    learned = session.buffers["target:dense_1"][:, 0]
    assert (learned == ODD[session.process.batch.rows]).all()
    with pytest.raises(ValueError, match="float32 keeps"):
        cl.train(cl.Network(layers, width), data, "mse")
    if isinstance(targets, str):
        with pytest.raises(ValueError, match='dtype="float64"'):
            cl.data.Dataset(inputs, target=targets)


def test_numbers_of_a_dataset_are_read_in_one_of_two_ways():
    for dtype in ("int32", "half", object, None.__class__):
        with pytest.raises(ValueError, match="float32, or \"float64\" for networks of ops"):
            cl.data.Dataset(FRAME, "a", "value", dtype=dtype)
    assert cl.data.Dataset(FRAME, "a", "value").dtype == np.float32
