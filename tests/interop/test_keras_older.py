"""Files of Keras 1 and 2: those that they wrote, and what differs in them, made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.interop.keras_layers import TRANSLATIONS
from tests.interop.handmade import keyed, layer, sequential, write_keras, write_legacy
from tests.interop.keras_cases import OLDER

FILES = Path(__file__).parent / "files"
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["lstm", "residual"])
@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_what_keras_2_wrote_agrees_with_what_it_gave(name, ops):
    network = cl.interop.read_keras(FILES / f"{name}.keras2.h5", ops=ops)
    report = cl.interop.verify(network, None, FILES / f"{name}.recorded.h5", tolerance=1e-5)
    assert report.ok, report


def normal(*shape):
    return RANDOM.normal(size=shape).astype("f4")


def old(kind, name, **config):
    """A layer as Keras before 3 describes it."""
    return {"class_name": kind, "config": {"name": name, **config}}


def clipped(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def same(network, x, expected, rtol=1e-5):
    np.testing.assert_allclose(network.predict(x.astype("f4")), expected, rtol=rtol, atol=1e-6)


def images_of_keras_1(border, backend="tensorflow"):
    """A description as Cortex read them, its weights, and the same network written in ours."""
    shared = {"dim_ordering": "tf", "border_mode": border}
    layers = [
        old(
            "Convolution2D",
            "c",
            nb_filter=4,
            nb_row=3,
            nb_col=2,
            subsample=[2, 1],
            activation="relu",
            bias=True,
            batch_input_shape=[None, 8, 7, 2],
            **shared,
        ),
        old("MaxPooling2D", "p", pool_size=[2, 2], strides=[2, 2], **shared),
        old("Dropout", "o", p=0.5),
        old("Flatten", "f"),
        old(
            "Dense",
            "d",
            output_dim=3,
            activation="softmax",
            bias=True,
            init="glorot_uniform",
            W_regularizer=None,
        ),
    ]
    ours = cl.Network(
        [
            cl.Conv2D(4, (3, 2), (2, 1), border, "relu"),
            cl.MaxPooling2D(2, 2, border),
            cl.Flatten(),
            cl.Dense(3, "softmax"),
        ],
        (8, 7, 2),
    )
    names = [[f"{name}_W", f"{name}_b"] for name in ("c", "d")]
    values = {key: normal(*array.shape) for key, array in ours.parameters.items()}
    for key, value in values.items():
        turned = backend == "theano" and key == "conv2d_1/kernel"
        ours.parameters[key] = value[::-1, ::-1] if turned else value
    first, second = (
        list(zip(each, [values[f"{own}/kernel"], values[f"{own}/bias"]], strict=True))
        for each, own in zip(names, ("conv2d_1", "dense_1"), strict=True)
    )
    weights = [("c", first), ("p", []), ("o", []), ("f", []), ("d", second)]
    return {"class_name": "Sequential", "config": layers}, weights, ours


@pytest.mark.parametrize("border", ["same", "valid"])
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_images_of_keras_1(border, backend, tmp_path):
    description, weights, ours = images_of_keras_1(border, backend)
    path = write_legacy(tmp_path / "old.h5", description, weights, "1.2.2", backend=backend)
    network, x = cl.interop.read_keras(path), normal(3, 8, 7, 2)
    same(network, x, ours.predict(x))
    assert network.layers == ["c", "p", "o", "f", "d"]


def gates(x, h, weights, names):
    return [x @ weights[f"W_{g}"] + h @ weights[f"U_{g}"] + weights[f"b_{g}"] for g in names]


def recurrent_of_keras_1(kind, order):
    weights = {
        f"{part}_{g}": normal(*shape)
        for g in order
        for part, shape in (("W", (3, 4)), ("U", (4, 4)), ("b", (4,)))
    }
    arrays = [(f"{part}_{g}", weights[f"{part}_{g}"]) for g in order for part in "WUb"]
    config = {
        "output_dim": 4,
        "activation": "tanh",
        "inner_activation": "hard_sigmoid",
        "return_sequences": False,
    }
    layers = [old(kind, "r", batch_input_shape=[None, 5, 3], input_dim=3, input_length=None, **config)]
    return {"class_name": "Sequential", "config": layers}, [("r", arrays)], weights


def test_an_lstm_of_keras_1_has_an_array_for_each_gate_and_its_own_hard_sigmoid(tmp_path):
    description, stored, weights = recurrent_of_keras_1("LSTM", "icfo")
    network = cl.interop.read_keras(write_legacy(tmp_path / "old.h5", description, stored, None))
    x, h, c = normal(2, 5, 3), np.zeros((2, 4)), np.zeros((2, 4))
    for step in range(5):
        i, f, g, o = gates(x[:, step], h, weights, "ifco")
        c = clipped(f) * c + clipped(i) * np.tanh(g)
        h = clipped(o) * np.tanh(c)
    same(network, x, h)


def test_a_gru_of_keras_1_resets_the_state_itself(tmp_path):
    description, stored, weights = recurrent_of_keras_1("GRU", "zrh")
    network = cl.interop.read_keras(write_legacy(tmp_path / "old.h5", description, stored, "1.0.0"))
    x, h = normal(2, 5, 3), np.zeros((2, 4))
    for step in range(5):
        z, r = (clipped(each) for each in gates(x[:, step], h, weights, "zr"))
        new = np.tanh(gates(x[:, step], r * h, weights, "h")[0])
        h = z * h + (1 - z) * new
    same(network, x, h)


@pytest.mark.parametrize("version", ["1.2.0", "2.2.4", "3.0.0"])
def test_the_version_decides_what_a_hard_sigmoid_is(version, tmp_path):
    kernel = normal(3, 4)
    layers = [
        old("Dense", "d", units=4, activation="hard_sigmoid", use_bias=False, batch_input_shape=[None, 3]),
        old("Activation", "a", activation="hard_sigmoid"),
    ]
    description, weights = (
        {"class_name": "Sequential", "config": {"name": "m", "layers": layers}},
        [("d", [("d/kernel:0", kernel)])],
    )
    network = cl.interop.read_keras(write_legacy(tmp_path / "old.h5", description, weights, version))
    newer = version.startswith("3")

    def sigmoid(x):
        return np.clip(x + 3, 0, 6) / 6 if newer else clipped(x)

    x = 4 * normal(5, 3)
    same(network, x, sigmoid(sigmoid(x @ kernel)))


def graph_of_keras_2():
    """A functional model of two inputs, of which one layer reads each; ends as triples of both kinds."""

    def node(kind, name, reads, **config):
        return {**old(kind, name, **config), "name": name, "inbound_nodes": reads}

    layers = [
        node("InputLayer", "a", [], batch_input_shape=[None, 3], dtype="float32"),
        node("InputLayer", "b", [], batch_input_shape=[None, 3], dtype="float32"),
        node("Dense", "both", [[["a", 0, 0, {}]], [["b", 0, 0, {}]]], units=3, activation="swish"),
        node(
            "LeakyReLU",
            "leaky",
            [[["both", 1, 0, {}]]],
            alpha={"class_name": "__ndarray__", "config": {"value": 0.125}},
        ),
        node("Concatenate", "joined", [[["both", 0, 0, {}], ["leaky", 0, 0, {}]]], axis=-1),
        node("BatchNormalization", "norm", [[["joined", 0, 0]]], axis=[1], center=False),
    ]
    config = {
        "name": "m",
        "layers": layers,
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": ["norm", 0, 0],
    }
    return {"class_name": "Model", "config": config}


def test_a_graph_of_keras_2(tmp_path):
    kernel, bias = normal(3, 3), normal(3)
    gamma, mean, variance = normal(6), normal(6), np.abs(normal(6)) + 1
    weights = [
        ("both", [("both/kernel:0", kernel), ("both/bias:0", bias)]),
        (
            "norm",
            [("norm/gamma:0", gamma), ("norm/moving_mean:0", mean), ("norm/moving_variance:0", variance)],
        ),
    ]
    network = cl.interop.read_keras(write_legacy(tmp_path / "old.h5", graph_of_keras_2(), weights))

    def swish(x):
        z = x @ kernel + bias
        return z / (1 + np.exp(-z))

    a, b = normal(4, 3), normal(4, 3)
    leaky = np.where(swish(b) > 0, swish(b), 0.125 * swish(b))
    joined = np.concatenate([swish(a), leaky], axis=1)
    expected = gamma * (joined - mean) / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(network.predict({"a": a, "b": b}), expected, rtol=1e-4, atol=1e-5)
    assert "both@1" in network.layers


def test_long_lists_of_names_are_in_several_attributes(tmp_path):
    description, weights, ours = images_of_keras_1("same")

    def split(file):
        names = list(file["model_weights"].attrs["layer_names"])
        del file["model_weights"].attrs["layer_names"]
        file["model_weights"].attrs["layer_names0"] = names[:2]
        file["model_weights"].attrs["layer_names1"] = names[2:]

    network = cl.interop.read_keras(write_legacy(tmp_path / "old.h5", description, weights, change=split))
    x = normal(2, 8, 7, 2)
    same(network, x, ours.predict(x))


def test_a_description_and_weights_in_two_files_may_name_layers_differently(tmp_path):
    description, weights, ours = images_of_keras_1("valid")
    (tmp_path / "model.json").write_text(json.dumps({**description, "keras_version": "1.2.2"}))
    renamed = [(f"{name}_9", arrays) for name, arrays in weights]
    path = write_legacy(tmp_path / "weights.h5", None, renamed, "1.2.2")
    x = normal(2, 8, 7, 2)
    same(cl.interop.read_keras(tmp_path / "model.json", path), x, ours.predict(x))


def test_layers_of_older_versions_by_their_names(tmp_path):
    layers = [
        layer("InputLayer", "x", batch_shape=[None, 6, 3]),
        old(
            "Convolution1D",
            "c",
            nb_filter=2,
            filter_length=2,
            border_mode="valid",
            subsample_length=1,
            bias=False,
            activation="linear",
            input_dim=3,
            input_length=None,
        ),
        old("ThresholdedReLU", "t", theta=0.5),
    ]
    kernel = normal(2, 1, 3, 2)
    path = write_legacy(tmp_path / "old.h5", sequential(layers), [("c", [("c_W", kernel)])], "1.1.0")
    x = normal(2, 6, 3)
    z = sum(x[:, k : k + 5] @ kernel[k, 0] for k in range(2))
    same(cl.interop.read_keras(path), x, np.where(z > 0.5, z, 0))
    assert set(OLDER) <= set(TRANSLATIONS)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("sum", lambda a: 2 * a), ("concat", lambda a: np.tile(a, 2)), ("max", lambda a: a)],
)
def test_merge_of_keras_1(mode, expected, tmp_path):
    def node(kind, name, reads, **config):
        return {**old(kind, name, **config), "name": name, "inbound_nodes": reads}

    layers = [
        node("InputLayer", "x", [], batch_input_shape=[None, 3]),
        node("Dense", "d", [[["x", 0, 0]]], output_dim=2, bias=False),
        node(
            "Merge",
            "m",
            [[["d", 0, 0], ["d", 0, 0]]],
            mode=mode,
            concat_axis=-1,
            mode_type="raw",
            dot_axes=-1,
        ),
    ]
    config = {"layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["m", 0, 0]]}
    kernel, x = normal(3, 2), normal(4, 3)
    path = write_legacy(
        tmp_path / "old.h5", {"class_name": "Model", "config": config}, [("d", [("d_W", kernel)])], "1.2.2"
    )
    same(cl.interop.read_keras(path), x, expected(x @ kernel))


def test_open_lengths_are_told(tmp_path):
    layers = [
        layer("InputLayer", "x", batch_shape=[None, None, 3]),
        layer("Conv1D", "c", filters=2, kernel_size=[2]),
    ]
    path = write_keras(
        tmp_path / "net.keras", sequential(layers), keyed({"conv1d": [normal(2, 3, 2), normal(2)]})
    )
    with pytest.raises(ValueError, match=r"'x' has rows of shape \(None, 3\); say input_shape="):
        cl.interop.read_keras(path)
    assert cl.interop.read_keras(path, input_shape=(9, 3)).graph.inputs == {"x": (9, 3)}
    assert cl.interop.read_keras(path, input_shape={"x": (5, 3)}).graph.inputs == {"x": (5, 3)}
    with pytest.raises(ValueError, match="does not fit"):
        cl.interop.read_keras(path, input_shape=(9, 4))
