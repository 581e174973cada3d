"""Plans are tested by invariants: what lives together never overlaps, what is read has been written."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_lab.compute import get_ops
from cortex_lab.nn import Graph, Network, Node, Plan
from cortex_lab.nn.layers.activation import ReLU, Tanh
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.merging import Add
from cortex_lab.nn.layers.reshaping import Reshape
from cortex_lab.nn.run.plan import assign_offsets

lives = st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 8))


@given(st.lists(lives, max_size=25))
def test_no_two_live_buffers_overlap(drawn):
    buffers = [(str(i), size, first, first + length) for i, (size, first, length) in enumerate(drawn)]
    offsets, total = assign_offsets(buffers)
    for i, (name, size, first, last) in enumerate(buffers):
        assert offsets[name] >= 0 and offsets[name] + size <= max(total, 0)
        for other, other_size, other_first, other_last in buffers[i + 1 :]:
            if first <= other_last and other_first <= last and size and other_size:
                start, other_start = offsets[name], offsets[other]
                assert start + size <= other_start or other_start + other_size <= start


def deep_chain():
    return Graph.build([Dense(16), ReLU(), Dense(16), Tanh(), Dense(16), ReLU(), Dense(2)], (16,))


def test_inference_reuses_memory_and_works_in_place():
    plan = Plan.inference(deep_chain())
    owners = [b for b in plan.buffers.values() if b.alias is None]
    _, size = assign_offsets((b.name, math.prod(b.shape), b.first, b.last) for b in owners)
    assert size == 32  # one layer's input and output at a time
    assert plan.buffers["relu_1"].alias == "dense_1"


def test_an_output_that_is_kept_is_not_written_over():
    plan = Plan.inference(deep_chain(), keep=("dense_1",))
    assert plan.buffers["relu_1"].alias is None
    assert plan.buffers["dense_1"].last == len(plan.steps)


def test_an_output_read_twice_is_not_written_over():
    graph = Graph.build(
        [Node(Dense(4), "a"), Node(ReLU(), "b", "a"), Node(Dense(4), "c", "a"), Node(Dense(4), "d", "b")],
        (4,),
    )
    assert Plan.inference(graph).buffers["b"].alias is None


def test_an_input_that_lies_in_the_same_memory_is_not_written_over():
    nodes = [
        Node(Dense(4), "a", "input"),
        Node(Dense(4), "b", "input"),
        Node(Reshape((4,)), "view", "a"),
        Node(Add(), "sum", ("a", "b", "view")),
    ]
    network = Network(nodes, (4,), ops="reference")
    assert Plan.inference(network.graph).buffers["sum"].alias is None
    x = np.random.default_rng(0).normal(size=(3, 4))
    parts = network.activations(x, ["a", "b"])
    np.testing.assert_allclose(network.predict(x), 2 * parts["a"] + parts["b"])


def test_kept_activations_equal_those_of_a_training_pass():
    network = Network([Conv2D(3, 3), ReLU(), Flatten(), Dense(4), Tanh()], (6, 6, 2), seed=3)
    x = np.random.default_rng(0).normal(size=(7, 6, 6, 2))
    kept = network.activations(x)
    executor = network.executor(Plan.training_step(network.graph, ["tanh_1"]), 7)
    bound = executor.bind(7)
    bound.buffers["input"][...] = x
    for phase, run in bound.steps:
        if phase.startswith("forward") and run:
            run()
    for name in network.layers:
        np.testing.assert_array_equal(kept[name], bound.buffers[name], err_msg=name)
    np.testing.assert_array_equal(network.predict(x), kept["tanh_1"])


def test_only_what_leads_from_parameters_to_a_loss_gets_a_gradient():
    graph = Graph.build(
        [
            Node(ReLU(), "free"),
            Node(Dense(3), "learns"),
            Node(Dense(2), "out"),
            Node(Dense(2), "aside", "learns"),
        ],
        (3,),
    )
    plan = Plan.training_step(graph, ["out"])
    assert plan.gradients_wanted == {"learns", "out"}
    frozen = Plan.training_step(graph, ["out"], frozen=["learns"])
    assert frozen.gradients_wanted == {"out"}
    assert "input" in Plan.training_step(graph, ["out"], input_gradients=True).gradients_wanted


@pytest.mark.parametrize("ways", [2, 3])
def test_gradients_of_an_output_read_several_times_are_summed(ways):
    nodes = [Node(Dense(4), "stem")]
    nodes += [Node(Dense(2), f"head{i}", "stem") for i in range(ways)]
    network = Network(nodes, (3,), ops=get_ops("reference"))
    executor = network.executor(Plan.training_step(network.graph, network.graph.outputs), 5)
    bound = executor.bind(5)
    random = np.random.default_rng(1)
    bound.buffers["input"][...] = random.normal(size=(5, 3))
    wanted = np.zeros((5, 4))
    for i in range(ways):
        gradient = bound.buffers[f"gradient:head{i}"]
        gradient[...] = random.normal(size=gradient.shape)
        wanted += gradient @ network.parameters[f"head{i}/kernel"].T
    for phase, run in bound.steps:
        if phase.startswith("backward") and run:
            run()
    np.testing.assert_allclose(bound.buffers["gradient:stem"], wanted)


def test_a_sum_hands_its_gradient_back_without_a_copy():
    nodes = [Node(Dense(4), "a", "input"), Node(Dense(4), "b", "input"), Node(Add(), "sum", ("a", "b", "a"))]
    plan = Plan.training_step(Graph.build(nodes, (4,)), ["sum"])
    shares = ["gradient:a>sum", "gradient:a>sum>2", "gradient:b"]
    assert [plan.buffers[name].alias for name in shares] == ["gradient:sum"] * 3
    assert plan.buffers["gradient:a"].alias is None
