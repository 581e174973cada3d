"""Convolutions that do what follows them say what the layers one by one say, in less memory."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.nn import Graph, Network, Node, Plan, models
from cortex_lab.nn.layers.activation import Activation, ReLU, Tanh
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.merging import Add
from cortex_lab.nn.layers.normalization import BatchNormalization

SHAPE = (7, 6, 3)


class _Doubled(Conv2D):
    """A convolution that is not what a chain takes it for."""

    def forward(self, ops, at):
        super().forward(ops, at)
        ops.scale_shift(at.y, 2.0, 0.0, out=at.y)


class _Halved(BatchNormalization):
    """Likewise, a normalization."""

    def forward(self, ops, at):
        super().forward(ops, at)
        ops.scale_shift(at.y, 0.5, 0.0, out=at.y)


def steps_of(network, keep=()):
    return [step.node for step in Plan.inference(network.graph, keep).steps]


def used_for_a_while(network):
    """A network whose normalizations have something to say."""
    random = np.random.default_rng(5)
    for name, array in {**network.parameters, **network.states}.items():
        if name.split("/")[1] in ("gamma", "beta", "bias", "moving_mean", "moving_variance"):
            array[...] = random.uniform(0.5, 1.5, array.shape)
    return network


def same_as_one_by_one(network, tolerance):
    x = np.random.default_rng(0).normal(size=(5, *next(iter(network.graph.inputs.values()))))
    one_by_one = network.activations(x)
    for name in network.graph.outputs:
        found = network.activations(x, [name])[name]
        np.testing.assert_allclose(found, one_by_one[name], rtol=tolerance, atol=tolerance, err_msg=name)


def chain(*layers):
    return lambda: Network(list(layers), SHAPE, seed=1)


def block(second=BatchNormalization, *, last=None):
    return lambda: Network(
        [
            Node(Conv2D(16, 3, padding="same", use_bias=False), "one", "input"),
            Node(BatchNormalization(), "normal", "one"),
            Node(Conv2D(16, 1), "other", "input"),
            Node(second(), "second", "other"),
            Node(Add(), "sum", ("second", "normal")),
            Node(last or ReLU(), "end", "sum"),
        ],
        SHAPE,
        seed=1,
    )


CASES = {
    "normalized": (chain(Conv2D(16, 3), BatchNormalization()), 1),
    "normalized, without a bias": (chain(Conv2D(16, 3, use_bias=False), BatchNormalization(), ReLU()), 1),
    "without gamma": (chain(Conv2D(16, 3), BatchNormalization(scale=False), ReLU()), 1),
    "without beta": (chain(Conv2D(16, 3), BatchNormalization(center=False), Activation("relu")), 1),
    "ReLU alone": (chain(Conv2D(9, 2, activation="linear"), ReLU()), 1),
    "few filters": (chain(Conv2D(3, 2, strides=2), BatchNormalization(), ReLU()), 1),
    "groups": (chain(Conv2D(6, 3, groups=3), BatchNormalization(), ReLU()), 1),
    "two in a row": (chain(Conv2D(16, 3), ReLU(), Conv2D(16, 3), BatchNormalization(), ReLU()), 2),
    "a block with a projection": (block(), 2),
    "a block that ends otherwise": (block(last=Tanh()), 3),
    "a block with something between": (block(Tanh), 3),
    "an activation of its own": (chain(Conv2D(16, 3, activation="relu"), BatchNormalization()), 2),
    "normalized along rows": (chain(Conv2D(16, 3), BatchNormalization(axis=1), ReLU()), 3),
    "normalized per element": (chain(Conv2D(16, 3), BatchNormalization(per_element=True), ReLU()), 3),
    "another activation": (chain(Conv2D(16, 3), Tanh()), 2),
}


@pytest.mark.parametrize("backend", ["cpu", "reference", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", CASES)
def test_a_chain_says_what_its_layers_say(name, backend):
    make, steps = CASES[name]
    network = used_for_a_while(make())
    assert len(steps_of(network)) == steps
    if backend != "cpu":
        twin = Network(network.graph, ops=get_ops(backend))
        for ours, theirs in ((network.params, twin.params), (network.state, twin.state)):
            theirs[...] = twin.ops.asarray(ours)
        network = twin
    same_as_one_by_one(network, 1e-12 if backend == "reference" else 2e-5)


def test_a_sum_that_several_convolutions_lead_to_is_done_by_one_of_them():
    network = block()()
    found = Plan.inference(network.graph).chains
    assert [each.nodes for each in found.values()] == [("one", "normal", "sum", "end"), ("other", "second")]
    assert found["end"].inputs == ("input", "second")


def test_a_sum_of_an_output_with_itself_is_a_step_of_its_own():
    nodes = [Node(Conv2D(16, 3), "a", "input"), Node(Add(), "sum", ("a", "a")), Node(ReLU(), "end", "sum")]
    network = Network(nodes, SHAPE)
    assert steps_of(network) == ["a", "sum", "end"]
    same_as_one_by_one(network, 2e-5)


def test_a_layer_of_ones_own_does_what_it_says():
    network = used_for_a_while(
        Network([_Doubled(16, 3), _Halved(), Conv2D(16, 1), ReLU()], SHAPE, seed=1),
    )
    assert len(steps_of(network)) == 3
    same_as_one_by_one(network, 2e-5)


@pytest.mark.parametrize("kept", ["one", "normal", "sum"])
def test_what_is_asked_for_is_there(kept):
    network = used_for_a_while(block()())
    x = np.random.default_rng(0).normal(size=(4, *SHAPE))
    wanted = network.activations(x)
    found = network.activations(x, [kept, "end"])
    for name in found:
        np.testing.assert_allclose(found[name], wanted[name], rtol=2e-5, atol=2e-5)


def test_new_weights_and_statistics_are_seen():
    network = used_for_a_while(chain(Conv2D(16, 3), BatchNormalization(), ReLU())())
    same_as_one_by_one(network, 2e-5)
    network.parameters["batch_normalization_1/gamma"][...] = 3.0
    network.states["batch_normalization_1/moving_variance"][...] = 0.25
    same_as_one_by_one(network, 2e-5)


def test_a_network_in_training_predicts_with_what_it_has_learned_so_far():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(64, *SHAPE)), random.integers(0, 3, 64)
    layers = [Conv2D(8, 3), BatchNormalization(), ReLU(), cl.Flatten(), cl.Dense(3)]
    network = Network(layers, SHAPE, seed=0)
    session = cl.train(network, cl.data.Batches(x, y, batch_size=16), "softmax_cross_entropy", cl.SGD(0.05))
    for _ in range(3):
        session.step(3)
        same_as_one_by_one(network, 2e-5)


def test_residual_networks_take_a_step_for_each_convolution():
    graph = models.resnet(20)
    steps = [graph.nodes[step.node].layer for step in Plan.inference(graph).steps]
    assert len(steps) == 21 + 2  # a pooling and a Dense
    same_as_one_by_one(used_for_a_while(Network(graph, seed=0)), 1e-3)


def test_what_nobody_reads_takes_no_memory():
    graph = Graph.build([Conv2D(8, 3, padding="same"), BatchNormalization(), ReLU()], (8, 8, 8))
    assert set(Plan.inference(graph).buffers) == {"input", "relu_1"}


@pytest.mark.parametrize(
    "last", [ReLU(max_value=0.2), ReLU(threshold=0.1), ReLU(negative_slope=0.3)], ids=repr
)
def test_a_rectifier_with_limits_is_none_of_a_chain(last):
    network = Network([Conv2D(4, 3, padding="same"), last], SHAPE, seed=1)
    assert steps_of(network) == network.layers
    same_as_one_by_one(network, 1e-6)


def test_an_addition_that_broadcasts_is_none_of_a_chain():
    layers = [
        Node(Conv2D(4, 3, padding="same"), "one", "input"),
        Node(Conv2D(1, 1), "place", "input"),
        Node(Add(), "sum", ("one", "place")),
    ]
    network = Network(layers, SHAPE, seed=1)
    assert steps_of(network) == network.layers
    same_as_one_by_one(network, 1e-6)
