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
