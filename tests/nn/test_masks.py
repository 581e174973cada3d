"""Embedding(mask_zero=True) is the same network as one whose masks are wired by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Graph, Network, Training
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


def test_what_has_no_steps_left_gets_no_mask():
    graph = Graph.build([cl.Embedding(6, 4, mask_zero=True), cl.GlobalAveragePooling1D(), cl.Dense(2)], STEPS)
    assert "embedding_1_mask" not in graph.nodes
    layers = [cl.Embedding(6, 4, mask_zero=True), cl.Conv1D(4, 3), cl.LSTM(3)]
    assert Graph.build(layers, STEPS).nodes["lstm_1"].inputs == ("conv1d_1",)
    backwards = cl.LSTM(3, return_sequences=True, go_backwards=True)
    graph = Graph.build([cl.Embedding(6, 4, mask_zero=True), backwards, cl.LSTM(3)], STEPS)
    assert graph.nodes["lstm_1"].inputs == ("embedding_1", "embedding_1_mask")
    assert graph.nodes["lstm_2"].inputs == ("lstm_1",)


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
    graph = Graph.build(two, {"one": (STEPS,), "two": (STEPS,)})
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
