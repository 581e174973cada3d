"""The arrays of a network are changed by assigning them, or it is said how; never is nothing changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

BACKENDS = ["cpu", "reference", pytest.param("gpu", marks=pytest.mark.gpu)]
NAMED = ("parameters", "gradients", "states")
FORMS = {
    "an array": lambda values: values,
    "float64": lambda values: values.astype(np.float64),
    "lists": lambda values: values.tolist(),
    "a table": lambda values: pd.DataFrame(values) if values.ndim == 2 else pd.Series(values),
    "whole numbers": lambda values: np.round(values).astype(np.int64),
    "one number": lambda values: 2.5,
}


def network(ops="cpu"):
    return cl.Network([cl.Dense(3), cl.BatchNormalization()], 2, ops=ops)


def test_a_name_that_is_not_there_is_looked_for_and_no_error_made(monkeypatch):
    net = network()
    assert "dense_1/kernel" in net.parameters
    monkeypatch.setattr("cortex_lab.ground.checks.near", lambda *_: pytest.fail("an error was made"))
    assert "dense_1/bass" not in net.parameters and "dense_1/kernel" not in net.states


@pytest.mark.parametrize("ops", BACKENDS)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_assigned_is_in_memory(ops, form):
    net = network(ops)
    for kind in NAMED:
        arrays = getattr(net, kind)
        for position, (name, array) in enumerate(arrays.items()):
            values = np.random.default_rng(position).normal(size=array.shape)
            given = FORMS[form](values)
            arrays[name] = given
            wanted = np.broadcast_to(np.asarray(given), array.shape).astype(net.ops.dtype)
            assert (net.ops.to_numpy(arrays[name]) == wanted).all() and arrays[name] is array
    flat = [net.ops.to_numpy(vector) for vector in (net.params, net.gradient, net.state)]
    for kind, vector in zip(NAMED, flat, strict=True):
        parts = [net.ops.to_numpy(array).ravel() for array in getattr(net, kind).values()]
        assert (np.concatenate(parts) == vector).all()


def test_several_are_assigned_at_once_and_what_is_predicted_follows():
    net, other = network(), cl.Network([cl.Dense(3), cl.BatchNormalization()], 2, seed=1)
    x = np.random.default_rng(0).normal(size=(5, 2))
    net.parameters.update(other.parameters)
    net.states.update(other.states)
    assert (net.predict(x) == other.predict(x)).all()


REFUSED = {
    "a name": (lambda net: ("dense_1/kernal", 0), KeyError, "did you mean 'dense_1/kernel'"),
    "a shape": (lambda net: ("dense_1/kernel", np.zeros((3, 2))), ValueError, r"\(2, 3\), got \(3, 2\)"),
    "words": (lambda net: ("dense_1/bias", ["a", "b", "c"]), ValueError, "'dense_1/bias'"),
    "beyond float32": (lambda net: ("dense_1/bias", [1e300, 0, 0]), ValueError, "float32.*1e\\+300"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(case):
    make, error, message = REFUSED[case]
    net = network()
    before = net.params.copy()
    with pytest.raises(error, match=message):
        name, value = make(net)
        net.parameters[name] = value
    assert (net.params == before).all()


@pytest.mark.parametrize("name", ["params", "gradient", "state", *NAMED])
def test_memory_is_not_replaced(name):
    net = network()
    with pytest.raises(AttributeError, match=rf"network\.{name}\[.*\] = array"):
        setattr(net, name, getattr(cl.Network([cl.Dense(3)], 2), name))


def test_memory_is_changed_in_place():
    net = network()
    before = net.params.copy()
    net.params *= 2
    net.parameters["dense_1/kernel"] *= 2
    assert (net.params[:6] == 4 * before[:6]).all() and (net.params[6:] == 2 * before[6:]).all()


def test_arrays_are_not_taken_away():
    with pytest.raises(TypeError, match="network keeps its arrays"):
        network().parameters.clear()


def test_arrays_to_look_at_are_not_assigned():
    net = network()
    data = np.zeros((4, 2)), np.zeros((4, 3))
    session = cl.train(net, data, "mean_squared_error", cl.SGD(0.1), batch_size=4)
    for shown in (session.buffers, session.process.parameters):
        with pytest.raises(TypeError, match=r"network\.parameters\[name\] = array"):
            shown["dense_1/kernel"] = np.zeros((2, 3))


def test_an_assigned_array_is_an_edit_that_is_made_again():
    net = network()
    x = np.random.default_rng(0).normal(size=(8, 2))
    session = cl.train(net, (x, x @ np.ones((2, 3))), "mean_squared_error", cl.SGD(0.1), batch_size=4)
    session.step(2)
    net.parameters["dense_1/kernel"] = np.ones((2, 3))
    session.step(2)
    after = net.params.copy()
    session.rewind(3)
    session.step(1)
    assert (net.params == after).all()
    assert [event.name for event in session.events] == ["weights['dense_1/kernel']"]
