"""Gradients of what a network predicts, against differences; and those of a step."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from tests.nn import cases

STEP = 1e-6
SEVERAL = [case for case in cases.CASES if case.differentiable_input]


def slope(network, inputs, name, direction, unit=None):
    """Along `direction` of one input, each row's slope of the sum of its outputs, or of one."""
    ends = [network.predict({**inputs, name: inputs[name] + sign * STEP * direction}) for sign in (1, -1)]
    change = (ends[0] - ends[1]) / (2 * STEP)
    return change.reshape(len(change), -1).sum(axis=1) if unit is None else change[..., unit]


@pytest.mark.parametrize("case", SEVERAL, ids=lambda case: case.name)
def test_every_layer_as_it_predicts(case):
    rows = 4
    given = case.draw(rows)
    # What a layer has as a second input, such as a mask, may be no numbers to be moved.
    names = [f"x{position}" for position in range(len(given))]
    shapes = {name: values.shape[1:] for name, values in zip(names, given, strict=True)}
    network = cl.Network([cl.Node(case.layer, "it", tuple(names))], shapes, ops="reference", seed=1)
    for name, state in network.states.items():
        network.states[name] = np.random.default_rng(len(name)).uniform(0.5, 2, state.shape)
    inputs = dict(zip(names, given, strict=True))
    direction = np.random.default_rng(0).normal(size=given[0].shape)
    found = network.gradient_of("it", "x0", rows=inputs)
    assert found.shape == given[0].shape and not network.gradient.any()
    along = (found * direction).reshape(rows, -1).sum(axis=1)
    np.testing.assert_allclose(along, slope(network, inputs, "x0", direction), rtol=2e-5, atol=1e-6)


def deep(ops="reference"):
    layers = [
        cl.Conv2D(4, 3, activation="tanh"), cl.BatchNormalization(), cl.Dropout(0.5), cl.Flatten(),
        cl.Dense(3, name="head"),
    ]  # fmt: skip
    net = cl.Network(layers, (6, 6, 2), ops=ops)
    net.states["batch_normalization_1/moving_mean"] = [0.1, -0.3, 0.2, 0.0]
    return net, np.random.default_rng(0).normal(size=(300, 6, 6, 2))


@pytest.mark.parametrize("unit", [2, -1, "one for each row"])
def test_of_a_unit_for_each_row(unit):
    net, x = deep()
    units = np.arange(len(x)) % 3 if isinstance(unit, str) else unit
    found = net.gradient_of(rows=x, unit=units)
    direction = np.random.default_rng(1).normal(size=x.shape)
    wanted = slope(net, {"input": x}, "input", direction, slice(None))
    wanted = wanted[np.arange(len(x)), units]
    np.testing.assert_allclose((found * direction).sum(axis=(1, 2, 3)), wanted, rtol=1e-6, atol=1e-8)


def test_of_a_parameter_for_each_row_and_summed():
    net, x = deep()
    x = x[:5]
    each = net.gradient_of("head", "conv2d_1/kernel", rows=x, unit=1)
    assert each.shape == (5, 3, 3, 2, 4)
    summed = net.gradient_of("head", "conv2d_1/kernel", rows=x, unit=1, per_row=False)
    np.testing.assert_allclose(each.sum(axis=0), summed, rtol=1e-12)
    before, direction = net.predict(x)[:, 1], np.random.default_rng(1).normal(size=summed.shape)
    net.parameters["conv2d_1/kernel"] = net.parameters["conv2d_1/kernel"] + STEP * direction
    np.testing.assert_allclose(
        (net.predict(x)[:, 1] - before) / STEP, (each * direction).reshape(5, -1).sum(axis=1), rtol=1e-4
    )


def test_of_and_with_respect_to_nodes_inside():
    net, x = deep()
    hidden = net.gradient_of("head", "flatten_1", rows=x[:4], unit=0)
    assert (hidden == net.parameters["head/kernel"][:, 0]).all()
    assert net.gradient_of("conv2d_1", rows=x[:4]).shape == (4, 6, 6, 2)
    assert (net.gradient_of("head", "head", rows=x[:4]) == 1).all()


def test_ids_have_no_gradient_and_their_vectors_have():
    net = cl.Network([cl.Embedding(5, 2), cl.Flatten(), cl.Dense(1)], 3)
    ids = np.array([[0, 1, 2], [3, 4, 0]])
    assert net.gradient_of(wrt="embedding_1", rows=ids).shape == (2, 3, 2)
    with pytest.raises(ValueError, match=r"or these are ids; there are .*embedding_1"):
        net.gradient_of(rows=ids)


def test_of_what_bytes_are_seen_as():
    net = cl.Network([cl.Flatten(), cl.Dense(2)], (4, 4, 1))
    pictures = np.random.default_rng(0).integers(0, 255, (3, 4, 4, 1)).astype(np.uint8)
    found = net.gradient_of(rows=pictures, unit=1)
    assert (found.reshape(3, -1) == net.parameters["dense_1/kernel"][:, 1]).all()


@pytest.mark.parametrize("ops", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def test_on_every_backend(ops):
    net, x = deep()
    other, _ = deep(ops)
    for wrt in ("input", "flatten_1"):
        ours, theirs = (each.gradient_of(wrt=wrt, rows=x[:7], unit=1) for each in (net, other))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


WRONG = {
    "an output": (dict(output="haed"), "did you mean 'head'"),
    "a name": (dict(wrt="conv2d_2"), "did you mean 'conv2d_1'"),
    "what comes after": (dict(output="conv2d_1", wrt="head"), "does not depend on it"),
    "a unit": (dict(unit=3), "from 0 to 2"),
    "half a unit": (dict(unit=0.5), "the number of a unit, or one for each of 4 rows"),
    "units of other rows": (dict(unit=[0, 1]), "one for each of 4 rows"),
    "statistics": (dict(wrt="batch_normalization_1/gamma"), "session.gradients"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_asked_is_said(case):
    net, x = deep()
    options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        net.gradient_of(rows=x[:4], **options)


def test_of_which_output_is_asked():
    body = [cl.Node(cl.Dense(2), "a", ("input",)), cl.Node(cl.Dense(2), "b", ("input",))]
    with pytest.raises(ValueError, match="of which output, 'a', 'b'"):
        cl.Network(body, 3).gradient_of(rows=np.zeros((1, 3)))


def test_gradients_of_a_step():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    session = cl.train(cl.Network([cl.Dense(2)], 3), (x, x[:, :2]), "mse", cl.SGD(0.5), batch_size=8)
    with pytest.raises(LookupError, match="take a step"):
        _ = session.gradients
    before = session.network.params.copy()
    session.step(to="backward:dense_1")
    gradient = session.gradients["dense_1/kernel"].copy()
    session.step()
    after = before[: gradient.size].reshape(gradient.shape) - 0.5 * gradient
    np.testing.assert_allclose(session.network.parameters["dense_1/kernel"], after, rtol=1e-6)
    with pytest.raises(TypeError, match="gradient"):
        session.gradients["dense_1/kernel"] = gradient
