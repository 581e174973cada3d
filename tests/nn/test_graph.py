"""Descriptions become checked graphs, or errors that name the node."""

from __future__ import annotations

import json
import pickle

import pytest

from cortex_lab.nn import Block, Graph, GraphError, Node
from cortex_lab.nn.layers.activation import ReLU
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.pooling import MaxPooling2D
from cortex_lab.nn.layers.reshaping import RepeatVector


def digits_chain():
    return [Conv2D(4, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dense(8), ReLU(), Dense(3)]


def test_a_list_is_a_chain_with_keras_like_names_and_inferred_shapes():
    graph = Graph.build(digits_chain(), (8, 8, 1))
    assert list(graph.nodes) == ["conv2d_1", "max_pooling2d_1", "flatten_1", "dense_1", "relu_1", "dense_2"]
    assert [node.out_shape for node in graph.nodes.values()] == [
        (6, 6, 4),
        (3, 3, 4),
        (36,),
        (8,),
        (8,),
        (3,),
    ]
    assert graph.outputs == ("dense_2",)
    assert graph.consumers["conv2d_1"] == ("max_pooling2d_1",)


def test_nodes_may_come_in_any_order_and_read_several_inputs_of_the_graph():
    graph = Graph.build(
        [
            Node(Dense(2), "late", "early"),
            Node(Dense(3), "early", "b"),
            Node(Dense(4), "other", "a"),
        ],
        {"a": (5,), "b": (6,)},
    )
    assert list(graph.nodes) == ["early", "other", "late"]
    assert graph.outputs == ("other", "late")


def test_blocks_repeat_and_name_their_nodes():
    block = Block([Dense(4), Node(ReLU(), "end")], name="block", repeat=2)
    graph = Graph.build([Dense(4), block, Node(Dense(2), "head", "block_2")], (4,))
    assert list(graph.nodes) == [
        "dense_1", "block_1.dense_1", "block_1.end", "block_2.dense_1", "block_2.end", "head",
    ]  # fmt: skip
    assert graph.nodes["head"].inputs == ("block_2.end",)
    assert graph.nodes["block_2.dense_1"].inputs == ("block_1.end",)


def test_input_means_the_block_s_own_input_inside_a_block():
    inner = Block([Dense(4), Node(ReLU(), "skip", "input")], name="inner")
    graph = Graph.build([Dense(4), inner], (7,))
    assert graph.nodes["inner.skip"].inputs == ("dense_1",)


def test_a_graph_survives_json():
    graph = Graph.build(
        [*digits_chain()[:4], Node(Dense(8), "shared", "flatten_1", shares="dense_1")], (8, 8, 1)
    )
    assert Graph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph


def test_the_activation_that_comes_next_is_seen_through_views():
    graph = Graph.build([Conv2D(4, 3), Flatten(), ReLU(), Dense(3, activation="tanh"), Dense(2)], (5, 5, 1))
    assert graph.next_activation("conv2d_1") == "relu"
    assert graph.next_activation("dense_1") == "tanh"
    assert graph.next_activation("dense_2") is None


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ([], (3,), "at least one layer"),
        ([RepeatVector(3)], (8, 8), r"'repeat_vector_1', reading input: RepeatVec.*got \(8, 8\).*Flatten"),
        ([Conv2D(4, 9)], (8, 8, 1), "node 'conv2d_1'.*a window of 9 does not fit into height 8"),
        ([Conv2D(4, 3, groups=2)], (8, 8, 3), "3 channels cannot be shared out among 2 groups"),
        ([Node(Dense(3), "a", "nowhere")], (3,), "'a' reads 'nowhere', which is neither"),
        ([Node(Dense(3), "a", "b"), Node(Dense(3), "b", "a")], (3,), "cycle: 'a', 'b'"),
        ([Node(Dense(3), "a"), Node(Dense(3), "a")], (3,), "two nodes are called 'a'"),
        ([Node(Dense(3), "a", ("input", "input"))], (3,), "'a' .Dense. takes one input, got 2"),
        ([Dense(3), Node(Dense(4), "b", shares="dense_1")], (3,), "'b' cannot share .* shapes differ"),
        ([Node(Dense(3), "b", shares="c")], (3,), "'b' shares the parameters of 'c', which is not"),
        ([Dense(3)], (0,), "input_shape must be a shape"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(layers, shape, message):
    with pytest.raises(ValueError, match=message):
        Graph.build(layers, shape)


def test_a_thing_that_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="made of layers, got 'dense'"):
        Graph.build(["dense"], (3,))


def test_an_unknown_output_is_named():
    with pytest.raises(ValueError, match="no node 'x' to be an output; it has dense_1"):
        Graph.build([Dense(3)], (3,), outputs=["x"])


@pytest.mark.parametrize(
    ("layers", "shape", "node", "before"),
    [
        ([Dense(4), Conv2D(2, 3), Dense(1)], (5,), "conv2d_1", ["dense_1"]),
        ([Dense(4), Node(Dense(2), "two", ("dense_1", "input"))], (5,), "two", ["dense_1"]),
        ([Dense(4), Node(Dense(3), "tied", shares="dense_1")], (5,), "tied", ["dense_1"]),
        ([Node(Dense(2), "late", "early"), Node(MaxPooling2D(2), "early", "input")], (5,), "early", []),
        ([Dense(4), Embedding(9, 2)], (5,), "embedding_1", ["dense_1"]),
    ],
    ids=["shape", "inputs", "shares", "order", "ids"],
)
def test_a_node_that_does_not_fit_comes_with_the_graph_up_to_it(layers, shape, node, before):
    with pytest.raises(GraphError, match=node) as raised:
        Graph.build(layers, shape)
    error = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(error, ValueError) and error.node.name == node and set(error.node.inputs)
    assert list(error.graph.nodes) == before and error.graph.inputs == {"input": shape}
    assert str(error) == str(raised.value)
