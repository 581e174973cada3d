"""Weights alone, put into a network that was written in ours: by class and counter, by position, by name."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop import read_weights, verify
from tests.interop.handmade import keyed, write_keras, write_legacy
from tests.interop.keras_oracle import keras_or_skip, randomize, recorded, save

RANDOM = np.random.default_rng(0)


def network():
    layers = [cl.Dense(3, "relu", name="dense_1"), cl.BatchNormalization(), cl.Dense(3, name="dense")]
    return cl.Network(layers, (3,))


def dense():
    return [RANDOM.normal(size=(3, 3)), RANDOM.normal(size=3)]


def norm():
    return [*RANDOM.normal(size=(3, 3)), RANDOM.uniform(1, 2, 3)]


def names(layer, *weights):
    return layer, [
        (f"{layer}/{name}:0", array) for name, array in zip(NAMES[len(weights)], weights, strict=True)
    ]


NAMES = {2: ("kernel", "bias"), 4: ("gamma", "beta", "moving_mean", "moving_variance")}


def legacy(path, order=("dense_1", "batch_normalization_1", "dense")):
    weights = {"dense_1": dense(), "batch_normalization_1": norm(), "dense": dense()}
    write_legacy(path, None, [names(name, *weights[name]) for name in order])
    return weights


def holds(net, **weights):
    for name, arrays in weights.items():
        held = [array for key, array in {**net.parameters, **net.states}.items() if key.split("/")[0] == name]
        for found, expected in zip(held, arrays, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_by_class_and_counter(tmp_path):
    weights = {"dense": dense(), "dense_1": dense(), "batch_normalization": norm()}
    write_keras(tmp_path / "net.keras", weights=weights)
    (tmp_path / "net.weights.h5").write_bytes(keyed(weights))
    for name in ("net.keras", "net.weights.h5"):
        net = read_weights(network(), tmp_path / name)
        holds(
            net,
            dense_1=weights["dense"],
            batch_normalization_1=weights["batch_normalization"],
            dense=weights["dense_1"],
        )


def test_by_position(tmp_path):
    weights = legacy(tmp_path / "w.h5")
    holds(read_weights(network(), tmp_path / "w.h5"), **weights)


def test_names_in_another_order_decide_only_when_asked(tmp_path):
    weights = legacy(tmp_path / "w.h5", ("dense", "batch_normalization_1", "dense_1"))
    net = network()
    before = net.params.copy()
    with pytest.raises(DamagedFile, match="by_name=True"):
        read_weights(net, tmp_path / "w.h5")
    np.testing.assert_array_equal(net.params, before)
    holds(read_weights(net, tmp_path / "w.h5", by_name=True), **weights)


WRONG = {
    "a layer fewer": ({"dense": dense(), "batch_normalization": norm()}, "'dense': there are 1"),
    "a layer more": (
        {f"dense{k}": dense() for k in ("", "_1", "_2")} | {"batch_normalization": norm()},
        "no layer takes",
    ),
    "another shape": (
        {"dense": dense(), "dense_1": [np.ones((3, 2)), np.ones(2)], "batch_normalization": norm()},
        "'dense'",
    ),
    "an array fewer": (
        {"dense": dense()[:1], "dense_1": dense(), "batch_normalization": norm()},
        "'dense_1'",
    ),
    "NaN": (
        {"dense": dense(), "dense_1": [np.full((3, 3), np.nan), np.ones(3)], "batch_normalization": norm()},
        "dense/kernel",
    ),
    "a variance below 0": (
        {"dense": dense(), "dense_1": dense(), "batch_normalization": [*norm()[:3], -np.ones(3)]},
        "variance",
    ),
}


@pytest.mark.parametrize(("weights", "said"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_changes_nothing(weights, said, tmp_path):
    (tmp_path / "w.h5").write_bytes(keyed(weights))
    net = network()
    before = net.params.copy(), net.state.copy()
    with pytest.raises(DamagedFile, match=said):
        read_weights(net, tmp_path / "w.h5")
    np.testing.assert_array_equal(net.params, before[0])
    np.testing.assert_array_equal(net.state, before[1])


def test_a_number_of_layers_that_differs_is_said(tmp_path):
    legacy(tmp_path / "w.h5", ("dense_1", "dense"))
    with pytest.raises(DamagedFile, match="2 layers with weights"):
        read_weights(network(), tmp_path / "w.h5")
    with pytest.raises(DamagedFile, match="'batch_normalization_1'"):
        read_weights(network(), tmp_path / "w.h5", by_name=True)


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("how", ["keras", "h5", "json"])
def test_what_keras_saved_goes_into_layers_of_ours(how, tmp_path):
    keras = keras_or_skip()
    L = keras.layers
    model = randomize(
        keras.Sequential(
            [
                keras.Input((6, 4)),
                L.LayerNormalization(),
                L.Dropout(0.1),
                L.Bidirectional(L.GRU(3, return_sequences=True)),
                L.TimeDistributed(L.Dense(3)),
                L.LSTM(3),
                L.Dense(2),
            ]
        )
    )
    given = recorded(model)
    ours = [
        cl.LayerNormalization(),
        cl.Bidirectional(cl.GRU(3, return_sequences=True)),
        cl.TimeDistributed(cl.Dense(3)),
        cl.LSTM(3),
        cl.Dense(2),
    ]
    net = read_weights(cl.Network(ours, (6, 4)), save(model, tmp_path, how)[-1])
    final = list(given.layers.values())[-1]
    report = verify(net, next(iter(given.inputs.values())), {net.layers[-1]: final}, tolerance=1e-5)
    assert report.ok, report
