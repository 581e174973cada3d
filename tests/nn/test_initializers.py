"""How parameters start."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_lab.nn.contract.initializers import (
    INITIALIZERS,
    FromData,
    Identity,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    fans,
    for_activation,
    resolve,
)
from cortex_lab.nn.contract.layer import from_plain, to_plain
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.activation import ELU, GELU, SELU, Activation, LeakyReLU, ReLU, Tanh
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.depthwise_conv2d import DepthwiseConv2D
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.merging import Add, Concatenate
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import MaxPooling2D
from cortex_lab.nn.layers.prelu import PReLU
from cortex_lab.nn.run.network import Network


def _draw(initializer, shape, seed=0):
    initializer = resolve(initializer)
    return initializer.draw(shape, fans(shape), np.random.default_rng(seed))


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("name", "variance"),
    [("glorot", 2 / (9 * 20 + 9 * 30)), ("he", 2 / (9 * 20)), ("lecun", 1 / (9 * 20))],
)
def test_variance_keeps_signals_their_size(name, distribution, variance):
    values = _draw(f"{name}_{distribution}", (3, 3, 20, 30))
    assert values.var() == pytest.approx(variance, rel=0.1)
    assert abs(values.mean()) < 0.1 * math.sqrt(variance)
    if distribution == "uniform":
        assert np.abs(values).max() <= math.sqrt(3 * variance)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.5, 1.0, 2.0]))
def test_orthogonal_columns_or_rows(rows, columns, gain):
    values = _draw(Orthogonal(gain), (rows, columns))
    small = values.T @ values if rows >= columns else values @ values.T
    np.testing.assert_allclose(small, gain**2 * np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_kernels_flatten_their_leading_axes():
    values = _draw("orthogonal", (3, 3, 2, 5)).reshape(18, 5)
    np.testing.assert_allclose(values.T @ values, np.eye(5), atol=1e-12)


def test_truncated_normal_stays_within_two_deviations():
    values = _draw(RandomNormal(mean=1.0, stddev=0.5, truncated=True), (2000,))
    assert np.abs(values - 1).max() <= 1.0
    # What is left of the variance after cutting at 2.
    assert values.std() == pytest.approx(0.5 * 0.8796, rel=0.05)
    assert _draw(RandomNormal(1.0, 0.5), (2000,)).std() == pytest.approx(0.5, rel=0.05)


def test_uniform_stays_within_its_bounds():
    values = _draw(RandomUniform(-1.0, 3.0), (1000,))
    assert -1 <= values.min() < -0.9 < 2.9 < values.max() <= 3


def test_identity_hands_images_on():
    layer = Conv2D(2, 3, padding="same", kernel_initializer=Identity())
    network = Network([layer], (4, 5, 2), ops="reference")
    image = np.random.default_rng(0).normal(size=(2, 4, 5, 2))
    np.testing.assert_array_equal(network.predict(image), image)


def test_from_data_takes_arrays_and_travels_through_json():
    values = np.arange(6.0).reshape(2, 3)
    layer = Dense(3, kernel_initializer=FromData(values), bias_initializer=FromData([1, 2, 3]))
    network = Network([layer], (2,), ops="reference")
    np.testing.assert_array_equal(network.parameters["dense_1/kernel"], values)
    np.testing.assert_array_equal(network.parameters["dense_1/bias"], [1, 2, 3])
    again = from_plain(json.loads(json.dumps(to_plain(layer))))
    assert again == layer and hash(again) == hash(layer)


def test_from_data_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"values of shape \(2,\) for a parameter of shape \(3, 4\)"):
        _draw(FromData([1, 2]), (3, 4))
    with pytest.raises(ValueError, match=r"at most 100000 numbers, got 100001; .*network\.parameters"):
        FromData(np.zeros(100_001))
    with pytest.raises(ValueError, match="finite"):
        FromData([1.0, math.nan])


@pytest.mark.parametrize("initializer", [Orthogonal(), Identity()])
def test_matrices_only(initializer):
    with pytest.raises(ValueError, match=r"kernels, got shape \(3,\)"):
        _draw(initializer, (3,))


def test_an_unknown_name_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"there is no initializer 'glorot'; there are glorot_uniform"):
        resolve("glorot")


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_named_initializer_travels_through_json_and_draws_its_shape(name):
    initializer = INITIALIZERS[name]
    assert from_plain(json.loads(json.dumps(to_plain(initializer)))) == initializer
    assert _draw(name, (3, 4)).shape == (3, 4)
    np.testing.assert_array_equal(_draw(name, (3, 4), seed=5), _draw(name, (3, 4), seed=5))


@pytest.mark.parametrize(
    ("shape", "wanted"), [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((3, 2, 4, 5), (24, 30))]
)
def test_fans_are_receptive_field_times_channels(shape, wanted):
    assert fans(shape) == wanted


def test_depthwise_fans_count_one_channel():
    kernel = DepthwiseConv2D(3, depth_multiplier=2).parameters((8, 8, 16))["kernel"]
    assert kernel.fan == (9, 18)


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("relu", "he_normal"),
        ("leaky_relu", "he_normal"),
        ("gelu_tanh", "he_normal"),
        ("selu", "lecun_normal"),
        ("tanh", "glorot_uniform"),
        ("softmax", "glorot_uniform"),
        (None, "glorot_uniform"),
    ],
)
def test_initializer_that_suits_an_activation(activation, initializer):
    assert for_activation(activation) == initializer


@pytest.mark.parametrize(
    ("following", "wanted"),
    [
        ([ReLU()], "relu"),
        ([LeakyReLU()], "leaky_relu"),
        ([PReLU()], "prelu"),
        ([SELU()], "selu"),
        ([GELU()], "gelu"),
        ([Tanh()], "tanh"),
        ([Activation("swish")], "swish"),
        ([Activation("linear"), ReLU()], "relu"),
        ([BatchNormalization(), ReLU()], "relu"),
        ([MaxPooling2D(), BatchNormalization(), Dropout(), Flatten(), ELU()], "elu"),
        ([Flatten(), Dense(3, activation="relu")], None),
        ([Dropout()], None),
        ([], None),
    ],
)
def test_the_next_activation_is_seen_through_what_comes_between(following, wanted):
    network = Network([Conv2D(2, 3), *following], (6, 6, 1))
    assert network.graph.next_activation("conv2d_1") == wanted


def test_an_activation_of_the_layer_itself_comes_first():
    network = Network([Dense(3, activation="tanh"), ReLU()], (4,))
    assert network.graph.next_activation("dense_1") == "tanh"
    network = Network([Dense(3, activation="linear"), ReLU()], (4,))
    assert network.graph.next_activation("dense_1") == "relu"


def test_a_residual_branch_sees_the_activation_after_the_sum():
    nodes = [
        Node(Conv2D(2, 3, padding="same"), "branch"),
        Node(BatchNormalization(), "normalized"),
        Node(Add(), "sum", ("normalized", "input")),
        Node(ReLU(), "out"),
    ]
    assert Network(nodes, (4, 4, 2)).graph.next_activation("branch") == "relu"


def test_where_ways_part_they_must_agree():
    def network(other):
        nodes = [
            Node(Dense(3), "first"),
            Node(ReLU(), "one", ("first",)),
            Node(other, "other", ("first",)),
            Node(Concatenate(), "both", ("one", "other")),
        ]
        return Network(nodes, (4,)).graph

    assert network(ReLU()).next_activation("first") == "relu"
    assert network(Tanh()).next_activation("first") is None
    assert network(Dense(2)).next_activation("first") is None


def test_the_default_start_follows_the_next_activation():
    def deviation(*layers):
        network = Network([Dense(400), *layers], (400,), seed=3)
        return network.parameters["dense_1/kernel"].std()

    assert deviation(BatchNormalization(), ReLU()) == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert deviation(SELU()) == pytest.approx(math.sqrt(1 / 400), rel=0.02)
    assert deviation(Tanh()) == pytest.approx(math.sqrt(2 / 800), rel=0.02)
