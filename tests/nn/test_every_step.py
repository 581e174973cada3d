"""What recurrent layers gave at every step, of each kind that may hand on only the last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.layer import LAYERS
from cortex_lab.nn.examine.every_step import EveryStep

X = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)

SILENT: dict[str, Any] = {
    "simple_rnn": cl.SimpleRNN(4),
    "lstm": cl.LSTM(4),
    "gru": cl.GRU(4),
    "bidirectional": cl.Bidirectional(cl.LSTM(4)),
    "backwards": cl.GRU(4, go_backwards=True),
    "state": cl.LSTM(4, return_state=True),
}


def test_every_recurrent_layer_has_a_row():
    wanted = {
        kind for kind in LAYERS.values() if "return_sequences" in getattr(kind, "__dataclass_fields__", {})
    }
    assert wanted <= {type(layer) for layer in SILENT.values()}


@pytest.mark.parametrize("kind", SILENT)
def test_all_steps_are_those_of_the_layer_that_returns_them(kind):
    layer = SILENT[kind]
    network = cl.Network([layer, cl.Dense(2)], (7, 3), seed=3)
    (name,) = EveryStep(network).layers
    found = EveryStep(network).of(name, {"input": X})
    inner = getattr(layer, "layer", None)
    telling = {"return_sequences": True} if inner else {"return_sequences": True, "return_state": False}
    whole = replace(layer, layer=replace(inner, **telling)) if inner else replace(layer, **telling)
    twin = cl.Network([whole], (7, 3), seed=3)
    expected = twin.predict(X)
    np.testing.assert_array_equal(found, expected[:, ::-1] if kind == "backwards" else expected)


def test_it_follows_the_weights_and_layers_that_tell_are_left_alone():
    layers = [cl.GRU(3, return_sequences=True), cl.LSTM(4), cl.Dense(2)]
    network = cl.Network(layers, (7, 3), seed=0)
    every = EveryStep(network)
    assert every.layers == ("lstm_1",)
    before = every.of("lstm_1", {"input": X})
    network.parameters["lstm_1/kernel"] = network.parameters["lstm_1/kernel"] * 2
    after = every.of("lstm_1", {"input": X[:2]})
    assert not np.array_equal(before[:2], after)
    np.testing.assert_array_equal(after[:, -1], network.activations(X[:2], ["lstm_1"])["lstm_1"])


def test_masked_steps_repeat_what_was_there():
    network = cl.Network([cl.Embedding(9, 4, mask_zero=True), cl.LSTM(4), cl.Dense(2)], (6,), seed=0)
    found = EveryStep(network).of("lstm_1", {"input": np.array([[3, 5, 0, 0, 0, 0]])})
    np.testing.assert_array_equal(found[0, 2:], np.repeat(found[0, 1:2], 4, axis=0))
