"""The states that recurrent layers begin and end with, as inputs and outputs."""

from __future__ import annotations

import dataclasses

import numpy as np

from cortex_lab.data import Batches
from cortex_lab.nn import Network, Node, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.recurrent_lstm import LSTM
from cortex_lab.optimize import SGD, Adam
from cortex_lab.study import Session
from tests.nn.test_recurrent import every_cell


@every_cell
def test_a_sequence_in_two_halves_is_the_whole_of_it(cell):
    """The state that one layer ends with is where another begins: outputs, and gradients through both."""
    whole = Network([dataclasses.replace(cell, return_sequences=True)], (6, 2), ops="reference")
    begun = dataclasses.replace(cell, return_sequences=True, initial_state=True)
    halves = Network(
        [
            Node(dataclasses.replace(cell, return_state=True), "first", "early"),
            Node(begun, "second", ("late", "first"), shares="first"),
        ],
        {"early": (3, 2), "late": (3, 2)},
        ops="reference",
    )
    halves.params[...] = whole.params
    x = np.random.default_rng(2).normal(size=(3, 6, 2))
    wanted = whole.predict(x)[:, 3:]
    np.testing.assert_allclose(halves.predict({"early": x[:, :3], "late": x[:, 3:]}), wanted, rtol=1e-12)
    gradients = []
    for network, inputs in ((whole, x), (halves, {"early": x[:, :3], "late": x[:, 3:]})):
        target = np.zeros((3, 6, 4))
        if network is whole:
            # Of the first half, no error arrives.
            target[:, :3] = whole.predict(x)[:, :3]
        batches = Batches(inputs, target if network is whole else target[:, 3:], batch_size=3, shuffle=False)
        training = Training(network, batches, "mean_squared_error", SGD(1.0))
        for phase in training.walk():
            if phase == "update":
                break
        gradients.append(network.gradient.copy() * (2 if network is whole else 1))
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-5, atol=1e-7)


@every_cell
def test_states_that_go_in_and_come_out_make_sequences_without_an_end(cell):
    layer = dataclasses.replace(cell, initial_state=True, return_state=True, return_sequences=True)
    width = len(cell.states) * 4
    step = Network([Node(layer, inputs=("x", "state"))], {"x": (1, 2), "state": (width,)})
    whole = Network([dataclasses.replace(cell, return_sequences=True)], (5, 2))
    step.params[...] = whole.params
    x, state, outputs = np.random.default_rng(5).normal(size=(3, 5, 2)), np.zeros((3, width)), []
    for t in range(5):
        found = step.predict({"x": x[:, t : t + 1], "state": state})
        outputs.append(found[:, :1])
        state = found[:, 1:].reshape(3, width)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole.predict(x), rtol=1e-5, atol=1e-6)


def test_a_mask_stands_behind_a_state_and_padding_leaves_the_state_alone():
    layers = [
        Node(Embedding(7, 3, mask_zero=True), "words", "ids"),
        Node(LSTM(4, return_state=True), "encoder", "words"),
        Node(Embedding(7, 3, mask_zero=True), "others", "answers"),
        Node(LSTM(4, return_sequences=True, initial_state=True), "decoder", ("others", "encoder")),
    ]
    network = Network(layers, {"ids": (5,), "answers": (3,)})
    assert network.graph.nodes["encoder"].inputs == ("words", "words_mask")
    assert network.graph.nodes["decoder"].inputs == ("others", "encoder", "others_mask")
    answers = np.array([[1, 2, 3]])
    short = Network(layers, {"ids": (2,), "answers": (3,)})
    short.params[...] = network.params
    padded = network.predict({"ids": np.array([[4, 5, 0, 0, 0]]), "answers": answers})
    wanted = short.predict({"ids": np.array([[4, 5]]), "answers": answers})
    np.testing.assert_allclose(padded, wanted, rtol=1e-6)


def test_an_encoder_and_a_decoder_learn_to_turn_a_word_round():
    random = np.random.default_rng(0)
    words = random.integers(1, 5, (400, 3))
    turned = words[:, ::-1]
    before = np.concatenate([np.zeros((400, 1), int), turned[:, :-1]], axis=1)
    network = Network(
        [
            Node(Embedding(5, 6), "letters", "word"),
            Node(LSTM(24, return_state=True), "encoder", "letters"),
            Node(Embedding(5, 6), "written", "before"),
            Node(LSTM(24, return_sequences=True, initial_state=True), "decoder", ("written", "encoder")),
            Dense(5),
        ],
        {"word": (3,), "before": (3,)},
    )
    batches = Batches({"word": words, "before": before}, turned, batch_size=40)
    session = Session(Training(network, batches, "softmax_cross_entropy", Adam(0.02)))
    session.step(250)
    found = network.predict({"word": words, "before": before}).argmax(axis=2)
    assert (found == turned).mean() > 0.95
