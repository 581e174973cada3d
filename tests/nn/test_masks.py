"""Embedding(mask_zero=True) is the same network as one whose masks are wired by hand."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Graph, Network, Training
from tests.nn.cases import CASES
from tests.nn.trainings import Rows, state

STEPS = 7


def sentences(rows=40, seed=0):
    """Ids from 1 to 5, padded with 0 at the end, and whether there are more ones than twos."""
    random = np.random.default_rng(seed)
    ids = random.integers(1, 6, (rows, STEPS))
    ids[np.arange(STEPS) >= random.integers(1, STEPS + 1, (rows, 1))] = 0
    return ids, ((ids == 1).sum(axis=1) > (ids == 2).sum(axis=1)).astype(int)


def by_itself():
    return [
        cl.Embedding(6, 4, mask_zero=True),
        cl.Dropout(0.2),
        cl.Bidirectional(cl.GRU(3, return_sequences=True)),
        cl.Dense(4, activation="relu"),
        cl.LayerNormalization(),
        cl.LSTM(5),
        cl.Dense(2),
    ]


def by_hand():
    layers = [
        cl.Node(cl.Embedding(6, 4), "embedding_1"),
        cl.Dropout(0.2),
        # Draws are keyed by the place of a node, so the mask stands where it would be put.
        cl.Node(cl.Mask(), "embedding_1_mask", "input"),
        cl.Node(cl.Bidirectional(cl.GRU(3, return_sequences=True)), inputs=("dropout_1", "embedding_1_mask")),
        cl.Dense(4, activation="relu"),
        cl.Node(cl.LayerNormalization(), "layer_normalization_1"),
        cl.Node(cl.LSTM(5), inputs=("layer_normalization_1", "embedding_1_mask")),
        cl.Dense(2),
    ]
    return layers


def test_it_trains_as_masks_wired_by_hand_do():
    ends = []
    for layers in (by_itself(), by_hand()):
        network = Network(layers, (STEPS,), ops="reference")
        training = Training(network, Rows(*sentences()), "softmax_cross_entropy", cl.Adam(0.01), seed=3)
        for _ in range(6):
            list(training.walk())
        ends.append((network.layers, network.predict(sentences(seed=1)[0]), state(training)))
    assert ends[0][0] == ends[1][0] and ends[0][2] == ends[1][2]
    np.testing.assert_array_equal(ends[0][1], ends[1][1])


def test_padding_says_nothing():
    network = Network([cl.Embedding(6, 4, mask_zero=True), cl.LSTM(5), cl.Dense(2)], (STEPS,))
    short = Network([cl.Embedding(6, 4), cl.LSTM(5), cl.Dense(2)], (3,))
    short.params[...] = network.params
    ids = np.array([[4, 1, 5], [2, 2, 3]])
    padded = np.pad(ids, ((0, 0), (0, STEPS - 3)))
    np.testing.assert_allclose(network.predict(padded), short.predict(ids), rtol=1e-6)
    seen = Network([cl.Embedding(6, 4), cl.LSTM(5), cl.Dense(2)], (STEPS,))
    seen.params[...] = network.params
    assert not np.allclose(seen.predict(padded), short.predict(ids))


def test_masks_survive_json_files_and_cutting(tmp_path):
    network = Network(by_itself(), (STEPS,))
    graph = network.graph
    assert Graph.from_dict(json.loads(json.dumps(graph.to_dict()))) == graph
    network.save(tmp_path / "net.h5")
    ids, _ = sentences()
    np.testing.assert_array_equal(Network.load(tmp_path / "net.h5").predict(ids), network.predict(ids))
    tuned = network.cut("bidirectional_1", then=[cl.Node(cl.SimpleRNN(3), "reader")])
    assert tuned.graph.nodes["reader"].inputs == ("bidirectional_1", "embedding_1_mask")
    assert tuned.layers.count("embedding_1_mask") == 1


def words(features=4):
    return cl.Embedding(6, features, mask_zero=True)


def built(layers, steps=STEPS):
    """The graph, and what was said of its masks."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        graph = Graph.build(layers, steps)
    return graph, [str(each.message) for each in said]


WITH_STATE = cl.GRU(3, return_sequences=True, return_state=True)


@pytest.mark.parametrize(
    "between, where",
    [
        ([cl.Conv1D(4, 3)], "conv1d_1"),
        ([cl.LSTM(3, return_sequences=True, go_backwards=True)], "lstm_1"),
        ([WITH_STATE], "gru_1"),
        ([WITH_STATE, cl.Cropping1D((0, 1))], "gru_1"),
        ([WITH_STATE, cl.Dense(3), cl.Cropping1D((0, 1)), cl.LayerNormalization()], "gru_1"),
    ],
)
@pytest.mark.parametrize(
    "reader", [cl.Attention(), cl.MultiHeadAttention(1, 2), cl.LSTM(3), cl.Bidirectional(cl.GRU(2))]
)
def test_a_mask_that_ends_before_a_layer_that_takes_one_is_said(between, where, reader):
    graph, said = built([words(), *between, reader])
    assert graph.nodes[graph.outputs[0]].inputs[1:] == ()
    assert len(said) == 1 and "reads padding as steps" in said[0]
    assert f"the mask of 'embedding_1' ends at {where!r}" in said[0] and "cl.Node(cl.Mask()" in said[0]


@pytest.mark.parametrize(
    "ends",
    [
        [cl.GlobalAveragePooling1D()], [cl.GlobalMaxPooling1D()], [cl.Mean(1)], [cl.Sum(1)], [cl.Max(1)],
        [cl.Conv1D(4, 3), cl.GlobalMaxPooling1D()],
    ],
)  # fmt: skip
def test_padding_that_is_put_together_with_steps_is_said(ends):
    graph, said = built([words(), *ends, cl.Dense(2)])
    assert "embedding_1_mask" not in graph.nodes
    assert len(said) == 1 and "puts the steps together, padding too" in said[0]


def test_what_has_no_steps_left_gets_no_mask_and_says_nothing():
    for layers in ([cl.Flatten(), cl.Dense(2)], [cl.LSTM(3), cl.RepeatVector(2), cl.GRU(2)], [cl.Dense(3)]):
        assert built([words(), *layers])[1] == []
    graph, _ = built([words(), cl.LSTM(3, return_sequences=True, go_backwards=True), cl.LSTM(3)])
    assert graph.nodes["lstm_1"].inputs == ("embedding_1", "embedding_1_mask")
    assert graph.nodes["lstm_2"].inputs == ("lstm_1",)


ON_SEQUENCES = [case for case in CASES if len(case.shapes) == 1 and len(case.shapes[0]) == 2]


@pytest.mark.parametrize("case", ON_SEQUENCES, ids=lambda case: case.name)
def test_no_layer_loses_a_mask_in_silence(case):
    steps, features = case.shapes[0]
    if len(case.layer.out_shape((steps, features))) != 2 or case.layer.is_view:
        pytest.skip("no steps are left")
    graph, said = built([words(features), case.layer, cl.Node(cl.LSTM(2), "reader")], steps)
    assert (graph.nodes["reader"].inputs[1:] == ("embedding_1_mask",)) != bool(said)


def test_a_mask_wired_by_hand_as_it_is_said_sees_no_padding():
    def network(steps):
        layers = [
            cl.Node(words(), "embedding_1", "ids"), WITH_STATE, cl.Node(cl.Cropping1D((0, 1)), "steps"),
            cl.Node(cl.Mask(), "mask", "ids"), cl.Node(cl.Attention(), "reader", ("steps", "mask")),
        ]  # fmt: skip
        return Network(layers, {"ids": (steps,)}, ops="reference")

    long, short = network(STEPS), network(3)
    short.params[...] = long.params
    ids = np.array([[4, 1, 5], [2, 2, 3]])
    padded = long.predict(np.pad(ids, ((0, 0), (0, STEPS - 3))))
    np.testing.assert_allclose(padded[:, :3], short.predict(ids), rtol=1e-6)


def test_a_mask_of_ones_own_is_kept_and_others_are_kept_apart():
    two = [
        cl.Node(cl.Embedding(6, 4, mask_zero=True), "left", "one"),
        cl.Node(cl.Embedding(6, 4, mask_zero=True), "right", "two"),
        cl.Node(cl.Mask(5), "ends", "two"),
        cl.Node(cl.GRU(3, return_sequences=True), "read", "left"),
        cl.Node(cl.GRU(4, return_sequences=True), "own", ("right", "ends")),
        cl.Node(cl.GRU(4, return_sequences=True), "after", "right"),
        cl.Node(cl.Add(), "both", ("own", "after")),
        cl.Node(cl.Concatenate(), "mixed", ("read", "both")),
        cl.Node(cl.LSTM(2), "last", "mixed"),
        cl.Node(cl.LSTM(2), "last_of_both", "both"),
    ]
    graph, said = built(two, {"one": (STEPS,), "two": (STEPS,)})
    assert len(said) == 1 and "'last' reads padding as steps: the mask of 'left' ends at 'mixed'" in said[0]
    read = {name: node.inputs[1:] for name, node in graph.nodes.items() if node.layer.takes_mask}
    assert read == {
        "read": ("left_mask",), "own": ("ends",), "after": ("right_mask",),
        "last": (), "last_of_both": ("right_mask",),
    }  # fmt: skip
    assert graph.nodes["left_mask"].inputs == ("one",)


def test_a_name_that_is_taken_is_said():
    layers = [
        cl.Node(cl.Embedding(6, 4, mask_zero=True), "words"),
        cl.Node(cl.Dense(4), "words_mask"),
        cl.LSTM(2),
    ]
    with pytest.raises(ValueError, match="'words_mask' is what the mask of 'words' is called"):
        Graph.build(layers, STEPS)
