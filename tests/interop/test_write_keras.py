"""Networks as files of Keras: Keras computes at every layer what we do, and what comes back is equal."""

from __future__ import annotations

import json
import logging
import zipfile
from collections import defaultdict

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.interop import read_keras, record, verify, write_keras
from cortex_lab.interop.keras_out import WRITTEN
from cortex_lab.nn import LAYERS
from tests.interop.keras_models import pairs
from tests.interop.keras_oracle import keras_or_skip, precision, randomize, recorded, save
from tests.nn.cases import CASES

# Ours that Keras has nothing for, as a class or with these settings; each is refused by name.
ABSENT = ("KSparse", "LocalResponseNormalization", "PositionEmbedding")
REFUSED = (
    "GELU-tanh", "LogSoftmax-rows", "LogSoftmax-groups-of-rows", "Softmax-groups", "Attention-masked",
    "MultiHeadAttention-masked", "BatchNormalization-per-element", "BatchNormalization-plain", "-ceil",
    "Pooling2D-asymmetric", "-larger", "-stateful", "Bidirectional-lstm-masked", "TimeDistributed-lstm",
    "TimeDistributed-sum", "RMSNormalization-first", "Pooling1D-explicit",
)  # fmt: skip
# What Keras on JAX cannot compute itself: values that are not as wide as keys.
NOT_IN_KERAS = ("MultiHeadAttention-three",)
PARTS = 6


def is_refused(case):
    return type(case.layer).__name__ in ABSENT or any(name in case.name for name in REFUSED)


def as_masks(case):
    """Masks read numbers in the table, and are looked for among others here."""
    return type(case.layer).__name__ == "Mask"


WRITABLE = [case for case in CASES if not is_refused(case) and not as_masks(case)]


def draw(net, seed=1):
    random = np.random.default_rng(seed)
    for held in (net.parameters, net.states):
        for name, array in held.items():
            if name.endswith("variance"):
                held[name] = random.uniform(0.5, 2, array.shape)
            elif not name.endswith(("center", "spread")):
                held[name] = 0.5 * random.normal(size=array.shape)
    return net


def side_by_side(cases, ops="cpu"):
    """One network in which each case reads inputs of its own, and what they are."""
    nodes, shapes, inputs = [], {}, {}
    for place, case in enumerate(cases):
        names = tuple(f"x{place}.{k}" for k in range(len(case.shapes)))
        nodes.append(cl.Node(case.layer, f"n{place}", names))
        shapes |= dict(zip(names, case.shapes, strict=True))
        inputs |= dict(zip(names, case.draw(3), strict=True))
    return draw(cl.Network(nodes, shapes, ops=ops)), inputs


@pytest.fixture(scope="module")
def keras():
    found = keras_or_skip()
    logging.getLogger("absl").setLevel(logging.ERROR)
    return found


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("part", range(PARTS))
def test_what_goes_out_comes_back_equal(part, ops, tmp_path):
    net, inputs = side_by_side(WRITABLE[part::PARTS], ops)
    write_keras(net, tmp_path / "net.keras")
    back, again = read_keras(tmp_path / "net.keras", ops=ops), tmp_path / "again.keras"
    assert back.graph.inputs == net.graph.inputs and list(back.graph.outputs) == list(net.graph.outputs)
    here, there = net.predict(inputs), back.predict(inputs)
    for name, values in here.items():
        np.testing.assert_array_equal(there[name], values, WRITABLE[part::PARTS][int(name[1:])].name)
    write_keras(net, again)
    assert again.read_bytes() == (tmp_path / "net.keras").read_bytes()


def spread_out(cases, most=2):
    """At most so many of each class, from its first case to its last: Keras takes its time over each."""
    of_kind = defaultdict(list)
    for case in cases:
        of_kind[type(case.layer)].append(case)
    return [
        own[round(place * (len(own) - 1) / max(most - 1, 1))]
        for own in of_kind.values()
        for place in range(min(most, len(own)))
    ]


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_keras_computes_the_same(keras, tmp_path):
    cases = spread_out(case for case in WRITABLE if case.name not in NOT_IN_KERAS)
    net, inputs = side_by_side(cases)
    write_keras(net, tmp_path / "net.keras")
    with precision(keras, single=True):
        model = keras.saving.load_model(tmp_path / "net.keras")
        found = model([inputs[name] for name in net.graph.inputs], training=False)
    theirs = {name: np.asarray(each) for name, each in zip(net.graph.outputs, found, strict=True)}
    report = verify(net, inputs, theirs)
    assert report.ok and len(report.layers) == len(cases), report


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_double_precision_stays_double(keras, tmp_path):
    net = draw(
        cl.Network(
            [cl.Conv2D(3, 3, activation="gelu"), cl.Flatten(), cl.Dense(4)], (5, 5, 2), ops="reference"
        )
    )
    write_keras(net, tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(3, 5, 5, 2))
    with precision(keras, single=False):
        given = record(keras.saving.load_model(tmp_path / "net.keras"), x)
    assert verify(net, x, given, tolerance=1e-12).ok


@pytest.mark.parametrize("case", [case for case in CASES if is_refused(case)], ids=lambda case: case.name)
def test_what_keras_does_not_have_is_refused_by_name(case, tmp_path):
    names = tuple(f"x{k}" for k in range(len(case.shapes)))
    net = cl.Network([cl.Node(case.layer, "mine", names)], dict(zip(names, case.shapes, strict=True)))
    with pytest.raises(ValueError, match="layer 'mine'"):
        write_keras(net, tmp_path / "net.keras")
    assert not list(tmp_path.iterdir())


def test_every_layer_is_written_or_named_as_absent():
    assert {kind.__name__ for kind in WRITTEN} | {*ABSENT, "Mask"} == set(LAYERS)
    of_kind = defaultdict(list)
    for case in CASES:
        of_kind[type(case.layer).__name__].append(is_refused(case))
    assert {name for name, refused in of_kind.items() if all(refused)} == set(ABSENT)


class Mine(cl.nn.Layer):
    """A layer of one's own."""


def test_a_layer_of_ones_own_is_refused_by_name(tmp_path):
    net = cl.Network([cl.Node(Mine(), "own")], (3,))
    with pytest.raises(ValueError, match="layer 'own' is a Mine"):
        write_keras(net, tmp_path / "net.keras")


def words():
    nodes = [
        cl.Embedding(9, 5, mask_zero=True, name="words"),
        cl.LSTM(4, return_sequences=True, name="first"),
        cl.Node(cl.GRU(3), "second", ("first",)),
        cl.Node(cl.Dense(2, name="out")),
        cl.Node(cl.Mask(1.0), "seen", ("steps",)),
        cl.Node(cl.SimpleRNN(3), "third", ("steps", "seen")),
        cl.Node(cl.Mask(), "filled", ("input",)),
        cl.Node(cl.Bidirectional(cl.LSTM(2)), "both", ("first", "filled")),
    ]
    return draw(cl.Network(nodes, {"input": (6,), "steps": (6, 2)}))


def shared():
    nodes = [
        cl.Node(cl.Dense(4, "elu"), "one", ("a",)),
        cl.Node(cl.Dense(4, "elu"), "two", ("b",), shares="one"),
        cl.Node(cl.Add(), "sum", ("one", "two")),
        cl.Node(cl.Concatenate(), "joined", ("sum", "a")),
    ]
    return draw(cl.Network(nodes, {"a": (5,), "b": (5,)}, ["joined", "two"]))


def tangled():
    """Layers of one class and shape at several depths, in an order that is not Keras'; one leads nowhere."""
    random = np.random.default_rng(5)
    nodes, names = [], ["input"]
    for place in range(14):
        sources = tuple(random.choice(names[-6:], 2))
        nodes.append(cl.Node(cl.Add(), f"sum{place}", sources))
        nodes.append(cl.Node(cl.Dense(3, "tanh"), f"d{place}", (f"sum{place}",)))
        names.append(f"d{place}")
    nodes.append(cl.Node(cl.Dense(3), "nowhere", ("d3",)))
    return draw(cl.Network(nodes, (3,), ["d9", "d13", "d4", "sum11"]))


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("make", [words, shared, tangled])
def test_masks_and_shared_weights(make, keras, tmp_path):
    net, random = make(), np.random.default_rng(0)
    inputs = {name: random.normal(size=(4, *shape)) for name, shape in net.graph.inputs.items()}
    if net.ids:
        inputs["input"] = np.where(random.random((4, 6)) < 0.4, 0, random.integers(0, 9, (4, 6)))
        inputs["steps"][:, 4:] = 1.0
    write_keras(net, tmp_path / "net.keras")
    here, there = net.predict(inputs), read_keras(tmp_path / "net.keras").predict(inputs)
    with precision(keras, single=True):
        model = keras.saving.load_model(tmp_path / "net.keras")
        with zipfile.ZipFile(tmp_path / "net.keras") as packed:
            described = json.loads(packed.read("config.json"))["config"]["layers"]
        assert [each.name for each in model.operations] == [each["name"] for each in described]
        theirs = model([inputs[name] for name in net.graph.inputs] if len(inputs) > 1 else inputs["input"])
    for place, values in enumerate(here.values()):
        np.testing.assert_array_equal(list(there.values())[place], values)
        np.testing.assert_allclose(np.asarray(theirs[place]), values, rtol=1e-4, atol=1e-5)


@pytest.mark.keras
@pytest.mark.filterwarnings("default")
def test_a_model_of_keras_goes_through_us_and_back(keras, tmp_path):
    model = randomize(pairs(keras))
    given = recorded(model)
    net = read_keras(*save(model, tmp_path, "keras"))
    write_keras(net, tmp_path / "again.keras")
    inputs = list(given.inputs.values())
    for one, other in zip(
        model(inputs), keras.saving.load_model(tmp_path / "again.keras")(inputs), strict=True
    ):
        np.testing.assert_allclose(np.asarray(other), np.asarray(one), rtol=1e-6, atol=1e-6)


def test_what_cannot_be_written_is_said(tmp_path):
    net = cl.Network([cl.Dense(2)], (3,))
    with pytest.raises(ValueError, match=r"called \.keras"):
        write_keras(net, tmp_path / "net.h5")
    with pytest.raises(TypeError, match="network"):
        write_keras([cl.Dense(2)], tmp_path / "net.keras")
    with pytest.raises(OSError, match="cannot save"):
        write_keras(net, tmp_path / "nowhere" / "net.keras")
    mixed = cl.Network([cl.Node(cl.Mask(), "mask"), cl.Node(cl.Dense(2), "dense")], (3,))
    with pytest.raises(ValueError, match="'dense' reads a mask as numbers"):
        write_keras(mixed, tmp_path / "net.keras")
    with pytest.raises(ValueError, match="mask is an output"):
        write_keras(cl.Network([cl.Mask()], (3,)), tmp_path / "net.keras")
    other = [cl.Node(cl.Dense(3), "a"), cl.Node(cl.Dense(3, "relu"), "b", shares="a")]
    with pytest.raises(ValueError, match="'b' shares the weights of 'a', and is another layer"):
        write_keras(cl.Network(other, (3,)), tmp_path / "net.keras")
    assert not list(tmp_path.iterdir())
