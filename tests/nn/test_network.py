"""Networks: parameters, prediction, whole-graph gradients, sharing."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.nn import Network, Node, Plan
from cortex_lab.nn.layers import LSTM, BatchNormalization, Reshape
from cortex_lab.nn.layers.activation import Tanh
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.pooling import AveragePooling2D


def small(ops="cpu", seed=0):
    return Network(
        [Conv2D(3, 3, activation="tanh"), AveragePooling2D(2), Flatten(), Dense(4)],
        (6, 6, 2),
        seed=seed,
        ops=ops,
    )


def test_named_parameters_are_views_of_the_flat_vector():
    network = small()
    network.params[...] = 0
    network.parameters["dense_1/bias"][...] = 7
    assert network.params.sum() == 28
    assert list(network.parameters) == ["conv2d_1/kernel", "conv2d_1/bias", "dense_1/kernel", "dense_1/bias"]


def test_equal_seeds_start_equal_and_others_do_not():
    np.testing.assert_array_equal(small(seed=1).params, small(seed=1).params)
    assert not np.array_equal(small(seed=1).params, small(seed=2).params)


def test_the_initializer_follows_the_activation_that_comes_next():
    relu = Network([Dense(500, activation="relu")], (400,)).parameters["dense_1/kernel"]
    tanh = Network([Dense(500), Tanh()], (400,)).parameters["dense_1/kernel"]
    assert relu.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert tanh.std() == pytest.approx(np.sqrt(2 / 900), rel=0.02)
    assert abs(tanh).max() <= np.sqrt(6 / 900)


def test_prediction_does_not_depend_on_how_rows_are_batched():
    network = small()
    x = np.random.default_rng(0).normal(size=(600, 6, 6, 2)).astype(np.float32)
    whole = network.predict(x)
    assert whole.shape == (600, 4)
    np.testing.assert_allclose(whole[300:301], network.predict(x[300:301]), rtol=1e-5, atol=1e-6)


def test_the_cpu_agrees_with_the_reference():
    x = np.random.default_rng(0).normal(size=(9, 6, 6, 2))
    np.testing.assert_allclose(small().predict(x), small("reference").predict(x), rtol=1e-4, atol=1e-5)


def test_several_outputs_come_by_name():
    network = Network([Node(Dense(2), "a", "x"), Node(Dense(3), "b", "x")], {"x": (4,)})
    outputs = network.predict({"x": np.ones((5, 4))})
    assert {name: y.shape for name, y in outputs.items()} == {"a": (5, 2), "b": (5, 3)}


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((6, 6, 2)), ValueError, r"array \(rows, 6, 6, 2\), got \(6, 6, 2\); .* pass x\[None\]"),
        (np.ones((3, 6, 6, 1)), ValueError, r"got \(3, 6, 6, 1\)"),
        (np.ones((0, 6, 6, 2)), ValueError, "has 0 rows"),
        (np.full((1, 6, 6, 2), "a"), TypeError, "wants numbers"),
        ({"image": np.ones((1, 6, 6, 2))}, ValueError, r"has the inputs \['input'\], got \['image'\]"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_named(x, error, message):
    with pytest.raises(error, match=message):
        small().predict(x)


def test_unknown_layers_are_named():
    with pytest.raises(KeyError, match="no layer 'conv9'; there are conv2d_1"):
        small().activations(np.ones((1, 6, 6, 2)), ["conv9"])


def test_without_an_input_shape_the_error_says_what_to_write():
    with pytest.raises(ValueError, match=r"input_shape=dataset\.input_shape"):
        Network([Dense(3)])


def whole_gradient(network, x, directions):
    """sum(direction * output) and its gradient over the flat parameters."""
    executor = network.executor(Plan.training_step(network.graph, list(directions)), len(x))
    bound = executor.bind(len(x))
    bound.buffers["input"][...] = x
    for phase, run in bound.steps:
        if phase.startswith("forward") and run:
            run()
    value = sum((bound.buffers[name] * d).sum() for name, d in directions.items())
    for name, d in directions.items():
        bound.buffers[executor.plan.gradient_buffer(name, "loss")][...] = d
    for phase, run in bound.steps:
        if phase.startswith("backward") and run:
            run()
    network.gather_gradients()
    return value, network.gradient.copy()


GRAPHS = {
    "shared": [
        Node(Dense(5, activation="tanh"), "once"),
        Node(Dense(5, activation="tanh"), "again", "once", shares="once"),
        Node(Dense(5, activation="tanh"), "thrice", "again", shares="once"),
        Node(Dense(2), "out"),
    ],
    "two-outputs": [
        Node(Dense(5, activation="tanh"), "stem"),
        Node(Dense(2), "left", "stem"),
        Node(Dense(3), "right", "stem"),
    ],
    "output-inside": [Node(Dense(5, activation="tanh"), "stem"), Node(Dense(3), "end", "stem")],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_whole_graphs_have_the_right_gradient(name):
    outputs = ["stem", "end"] if name == "output-inside" else None
    network = Network(GRAPHS[name], (5,), outputs, ops="reference")
    random = np.random.default_rng(2)
    x = random.normal(size=(4, 5))
    directions = {name: random.normal(size=(4, *network.graph.shape(name))) for name in network.graph.outputs}
    _, gradient = whole_gradient(network, x, directions)
    start = network.params.copy()
    for _ in range(3):
        turn = random.normal(size=start.shape)
        values = []
        for scale in (1e-5, -1e-5):
            network.params[...] = start + scale * turn
            values.append(whole_gradient(network, x, directions)[0])
        network.params[...] = start
        np.testing.assert_allclose(gradient @ turn, (values[0] - values[1]) / 2e-5, rtol=1e-6, atol=1e-8)


def test_the_summary_counts_what_there_is():
    frame = small().summary().frame()
    assert frame.loc["conv2d_1", "parameters"] == 3 * 3 * 2 * 3 + 3
    assert frame.loc["conv2d_1", "multiply-adds"] == 4 * 4 * 3 * 3 * 3 * 2
    assert frame["parameters"].sum() == small().params.size
    text = str(small())
    assert "4 × 4 × 3" in text and "conv2d_1" in text
    assert "<table" in small()._repr_html_()


def test_the_drawing_shows_every_node_and_edge():
    network = Network(
        [Node(Dense(4), "stem"), Node(Dense(2), "left", "stem"), Node(Dense(3), "right", "stem")], (5,)
    )
    drawing = network.summary()._repr_html_().split("<svg")[1]
    assert drawing.count("<rect") == 4 and drawing.count("<path") == 3
    assert all(name in drawing for name in ("input", "stem", "left", "right"))


@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_what_is_not_drawn_is_0_and_constants_are_what_they_are(ops):
    layers = [Dense(4), BatchNormalization(), Reshape((2, 2)), LSTM(3)]
    drawn, other = (Network(layers, (3,), ops=ops, drawn=each) for each in (True, False))
    random = {"dense_1/kernel", "lstm_1/kernel", "lstm_1/recurrent_kernel"}
    for name, array in {**drawn.parameters, **drawn.states}.items():
        held = other.parameters if name in other.parameters else other.states
        np.testing.assert_array_equal(held[name], 0 * array if name in random else array)
    other.initialize(0)
    np.testing.assert_array_equal(other.params, drawn.params)
    with pytest.raises(TypeError, match="drawn"):
        Network(layers, (3,), drawn=0)
