"""A network that cannot learn is a bug."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl

CORN = np.array(
    [[6, 4], [10, 4], [12, 5], [14, 7], [16, 9], [18, 12], [22, 14], [24, 20], [26, 21], [32, 24]]
)
YIELD = np.array([40, 44, 46, 48, 52, 58, 60, 68, 74, 80])


@pytest.mark.parametrize("seed", range(3))
def test_exclusive_or(seed):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    y = np.array([0, 1, 1, 0])
    network = cl.Network([cl.Dense(8, activation="tanh"), cl.Dense(2)], (2,), seed=seed)
    session = cl.train(network, (x, y), "softmax_cross_entropy", cl.Adam(0.05), batch_size=4)
    session.run(cl.below("loss", 0.05) | cl.steps(1000))
    assert session.step_number < 1000
    np.testing.assert_array_equal(network.predict(x).argmax(axis=1), y)


def spirals(rows=400, seed=0):
    """Two interleaved spirals of one and a half turns."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    turn = np.sqrt(random.uniform(0.05, 1, rows)) * 3 * np.pi
    angle = turn + np.pi * y
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1) / (3 * np.pi)
    return x + random.normal(scale=0.01, size=x.shape), y


def test_two_spirals():
    x, y = spirals()
    layers = [cl.Dense(32, activation="relu"), cl.Dense(32, activation="relu"), cl.Dense(2)]
    network = cl.Network(layers, (2,), seed=1)
    session = cl.train(network, (x, y), "softmax_cross_entropy", cl.Adam(0.01), batch_size=40)
    session.run(cl.epochs(200) | cl.below("loss", 0.005))
    fresh_x, fresh_y = spirals(seed=1)
    assert (network.predict(fresh_x).argmax(axis=1) == fresh_y).mean() > 0.97


def test_corn_yield_from_fertilizer_and_insecticide():
    """Salvatore and Reagle, Statistics and Econometrics (2002), p. 157; least squares is the best."""
    network = cl.Network([cl.Dense(1)], (2,))
    session = cl.train(network, (CORN, YIELD), "mean_squared_error", cl.Adam(0.1), batch_size=10)
    session.step(3000)
    error = ((network.predict(CORN)[:, 0] - YIELD) ** 2).mean()
    with_constant = np.column_stack([CORN, np.ones(len(CORN))])
    _, squares, *_ = np.linalg.lstsq(with_constant, YIELD, rcond=None)
    assert error < 25
    assert error < 1.2 * squares[0] / len(CORN)


def test_digits_to_98_percent():
    digits = cl.data.load("digits")
    layers = [
        cl.Conv2D(16, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Conv2D(32, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Flatten(),
        cl.Dense(64, activation="relu"),
        cl.Dense(10),
    ]
    network = cl.Network(layers, digits.input_shape)
    cl.train(network, digits, "softmax_cross_entropy", cl.Adam(3e-3), validation=None).run(cl.epochs(15))
    images, labels = digits.test.arrays()
    assert (network.predict(images).argmax(axis=1) == labels).mean() >= 0.98


def hundred_layers(residual):
    """A hundred dense layers; with shortcuts, each pair starts as the identity."""
    last = cl.Dense(32, kernel_initializer="zeros" if residual else None)
    pair = [cl.Dense(32, activation="relu"), cl.Node(last, "last")]
    end = cl.Node(cl.Add(), inputs=("input", "last")) if residual else cl.ReLU()
    return [cl.Flatten(), cl.Dense(32, activation="relu"), cl.Block([*pair, end], repeat=49), cl.Dense(10)]


def test_a_hundred_layers_learn_with_shortcuts_and_not_without():
    digits = cl.data.load("digits")
    images, labels = digits.test.arrays()
    accuracy = {}
    for residual in (True, False):
        network = cl.Network(hundred_layers(residual), digits.input_shape)
        session = cl.train(
            network, digits, "softmax_cross_entropy", cl.Adam(1e-3), batch_size=64, validation=None
        )
        session.run(cl.epochs(6))
        accuracy[residual] = (network.predict(images).argmax(axis=1) == labels).mean()
    assert accuracy[True] > 0.8 and accuracy[False] < 0.3
