"""Names of any type, tensors, frames of words beside arrays, and gaps: each works, or says what to type."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 40
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
IDS = np.arange(ROWS) % 3
NUMBERED = pd.DataFrame(X)[[0, 2, 3]]
WORDS = pd.DataFrame({"km": X[:, 0], "fuel": np.array(list("abc"))[IDS]})
EUR, AGE = pd.Series(X[:, 1], name="eur"), pd.Series(X[:, 2], name="age")


def net(width, units=1):
    return cl.Network([cl.Dense(units, name="p")], width)


def two(width):
    return cl.Network([cl.Node(cl.Dense(1), name, "input") for name in "pk"], width)


def trained(network, data, **options):
    session = cl.train(network, data, batch_size=8, **options)
    session.step(6)
    return session


@pytest.mark.parametrize(
    "name", [3, np.int64(3), np.int32(3), np.uint8(3), np.float64(3), np.array(3)], ids=repr
)
@pytest.mark.parametrize(
    "data",
    [
        lambda name: (NUMBERED, name),
        lambda name: Dataset(NUMBERED, target=name),
        lambda name: Dataset(NUMBERED, [0, 2], name),
        lambda name: Dataset(NUMBERED, [0, 2], {"p": name}),
    ],
)
def test_columns_whose_names_are_numbers(data, name):
    wanted = trained(net(2), (NUMBERED[[0, 2]], NUMBERED[3]))
    np.testing.assert_array_equal(trained(net(2), data(name)).network.params, wanted.network.params)


@pytest.mark.parametrize("name", [9, np.int64(9), 2.5, "price"], ids=repr)
def test_a_column_that_is_not_there(name):
    with pytest.raises(
        KeyError, match=rf"no column {re.escape(repr(np.asarray(name).item()))} to be predicted"
    ):
        cl.train(net(2), (NUMBERED, name))


GAPS = {
    "boolean": [True, None, False],
    "Int64": [1, None, 4],
    "UInt8": [1, None, 4],
    "Float64": [1.5, None, 4],
    "float32": [1.5, None, 4],
    "float64": [1.5, np.inf, 4],
    "object": [True, None, False],
}


@pytest.mark.parametrize("name", ["a", 7], ids=repr)
@pytest.mark.parametrize("dtype", GAPS)
def test_what_is_said_of_gaps_mends_them(dtype, name):
    values = (GAPS[dtype] * ROWS)[:ROWS]
    frame = pd.DataFrame({name: pd.Series(values, dtype=dtype), 8: X[:, 0], "y": X[:, 1]})
    with pytest.raises(ValueError, match="for instance with") as refusal:
        cl.train(net(2), (frame, "y"))
    for remedy in str(refusal.value).split("for instance with ")[1].split("; ")[0].split(" or "):
        typed = remedy if remedy.startswith("frame[") else f"frame.{remedy}"
        mended = eval(typed, {"frame": frame, "numpy": np})
        assert trained(net(2), (mended, "y")).step_number == 6


class Tensor:
    """As much of PyTorch's as is asked for."""

    def __init__(self, values, requires_grad=False):
        self.values, self.requires_grad = values, requires_grad
        self.shape = values.shape

    def detach(self):
        return Tensor(self.values)

    def cpu(self):
        return self

    def numpy(self):
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.values

    def __array__(self, *args, **options):
        return self.numpy()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("targets", [IDS, X[:, 0], X[:, :2], (IDS == 1)])
def test_tensors_are_the_arrays_they_hold(targets, grad):
    units = 3 if targets.dtype.kind == "i" else targets.reshape(ROWS, -1).shape[1]
    x, y = Tensor(X, grad), Tensor(targets, grad)
    wanted = trained(net(4, units), (X, targets), validation=(X, targets))
    for data in ((x, y), [x, y], ({"input": x}, y), (X, y), ({"input": x}, {"p": y})):
        found = trained(net(4, units), data, validation=(x, y))
        assert found.process.losses == wanted.process.losses
        np.testing.assert_array_equal(found.network.params, wanted.network.params)
        np.testing.assert_array_equal(found.network.predict(x), wanted.network.predict(X))
    assert wanted.score((x, y)) == wanted.score((X, targets))


def test_a_tensor_that_is_learned_from_itself():
    x = Tensor(X)
    assert "the inputs" in repr(cl.train(net(4, 4), (x, x)))


TARGETS = {
    "a column": EUR,
    "an array": EUR.to_numpy(),
    "a list": EUR.tolist(),
    "one column": EUR.to_numpy()[:, None],
}


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
def test_a_frame_with_words_beside_targets_of_any_form(targets, tmp_path):
    wanted = trained(net(4), Dataset(WORDS.assign(eur=EUR), target="eur"))
    session = trained(net(4), (WORDS, targets), validation=(WORDS, targets))
    np.testing.assert_array_equal(session.network.params, wanted.network.params)
    assert session.network.categories == wanted.network.categories
    np.testing.assert_array_equal(session.network.predict(WORDS), wanted.network.predict(WORDS))
    assert session.score((WORDS, targets)) == wanted.score((WORDS, EUR))
    session.save(tmp_path / "it.h5")
    again = cl.train(
        net(4), (WORDS, targets), batch_size=8, validation=(WORDS, targets), resume_from=tmp_path / "it.h5"
    )
    np.testing.assert_array_equal(again.network.params, wanted.network.params)
    assert trained(net(4), (WORDS, targets), validation=0.25).step_number == 6
    with pytest.raises(ValueError, match=r"'fuel'.*'z'|'z'.*'fuel'"):
        session.network.predict(WORDS.assign(fuel="z"))


@pytest.mark.parametrize("targets", [{"p": EUR, "k": AGE}, {"p": EUR.to_numpy(), "k": AGE.tolist()}])
def test_a_frame_with_words_beside_targets_by_output(targets):
    data = Dataset(WORDS.assign(eur=EUR, age=AGE), ["km", "fuel"], {"p": "eur", "k": "age"})
    wanted = trained(two(4), data)
    found = trained(two(4), (WORDS, targets))
    np.testing.assert_array_equal(found.network.params, wanted.network.params)


SAID = {
    "layers": (lambda: [cl.Dense(3)] * 99, "a list; say cl.Network(layers, input_shape)"),
    "a layer": (lambda: cl.Dense(3), "a layer, Dense; say cl.Network([layer], input_shape)"),
    "a session": (lambda: cl.train(net(4), (X, X[:, 0])), "a TrainingSession; say session.network"),
    "the class": (lambda: cl.Network, "the class Network itself; say cl.Network("),
    "None": (lambda: None, "None; say cl.Network("),
    "a text": (lambda: "net", "'net'; say cl.Network("),
}


@pytest.mark.parametrize("given, said", SAID.values(), ids=SAID)
def test_what_is_no_network(given, said):
    with pytest.raises(TypeError, match=re.escape(f"network must be a Network, got {said}")) as refusal:
        cl.train(given(), (X, IDS))
    assert len(str(refusal.value)) < 200
