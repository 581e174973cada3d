"""The loss that is chosen where none was given: by shapes and the last layer, not by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.activation import ACTIVATIONS, LIMITS

ROWS = 20
RANDOM = np.random.default_rng(0)
STORED = {
    "bool": lambda ids: ids > 0,
    "int64": lambda ids: ids,
    "uint8": lambda ids: ids.astype(np.uint8),
    "float32": lambda ids: ids.astype(np.float32),
    "bools kept as objects": lambda ids: (ids > 0).astype(object),
}
# The shape of an input's row, and what gives so many units for each of its places.
PLACES = {
    "one for each step": ((6, 4), lambda units, end=None: cl.Dense(units, end)),
    "one for each pixel": (
        (5, 5, 2),
        lambda units, end=None: cl.Conv2D(units, 3, padding="same", activation=end),
    ),
    "one for each voxel": ((3, 2, 2, 4), lambda units, end=None: cl.Dense(units, end)),
}


def chosen(places, units, targets, end=None):
    shape, layer = PLACES[places]
    network = cl.Network([layer(units, end)], shape)
    session = cl.train(network, (RANDOM.normal(size=(ROWS, *shape)), targets), batch_size=ROWS)
    session.step()
    return type(next(iter(session.process.objective.losses.values())))


def ids(places, classes, alone=False):
    shape = (ROWS, *PLACES[places][0][:-1])
    return np.resize(np.arange(classes), np.prod(shape)).reshape(shape + (1,) * alone)


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("places", PLACES)
def test_a_yes_or_no_for_each_place_is_one(places, stored):
    for end, loss in ((None, cl.SigmoidCrossEntropy), ("sigmoid", cl.BinaryCrossEntropy)):
        for units in (1, 3):
            marks = RANDOM.integers(0, 2, (*ids(places, 2).shape, units))
            assert chosen(places, units, STORED[stored](marks), end) is loss
        # A sigmoid for each column takes those of which one is 1 as any others.
        one_each = np.eye(3, dtype=int)[ids(places, 3)]
        softmax = cl.SoftmaxCrossEntropy
        assert chosen(places, 3, STORED[stored](one_each), end) is (loss if end else softmax)
        # One value alone, and the last axis left out, change nothing: what is asked for leads to the same.
        for same in (0, 1):
            assert chosen(places, 1, STORED[stored](np.full_like(ids(places, 2, True), same)), end) is loss
        with pytest.raises(ValueError, match=rf"{loss.__name__} wants.*give them in that shape: y.reshape"):
            chosen(places, 1, STORED[stored](ids(places, 2)), end)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("places", PLACES)
def test_class_ids_for_each_place_are_classes_whichever_occur(places, classes, alone):
    whole = ids(places, classes, alone)
    for found in (whole, np.minimum(whole, 1), whole * 0, np.where(whole == 1, -100, whole), whole % 2):
        assert chosen(places, classes, found) is cl.SoftmaxCrossEntropy
        assert chosen(places, classes, found, "softmax") is cl.CategoricalCrossEntropy


@pytest.mark.parametrize("places", PLACES)
def test_what_is_unknown_among_yes_and_no_is_said(places):
    marks = np.where(ids(places, 3, True) == 2, -1, ids(places, 3, True))
    with pytest.raises(ValueError, match=r"leave those rows out, y\[y >= 0\]"):
        chosen(places, 1, marks)


@pytest.mark.parametrize("dtypes", [("bool", "int64"), ("boolean", "Int64"), ("float64", "bool")])
def test_several_columns_of_yes_and_no_may_be_of_several_types(dtypes):
    frame = pd.DataFrame(RANDOM.integers(0, 2, (ROWS, 2)), columns=["a", "b"])
    frame = frame.astype(dict(zip(frame, dtypes, strict=True))).assign(x=RANDOM.normal(size=ROWS))
    for data in (cl.data.Dataset(frame, "x", ["a", "b"]), (frame[["x"]], frame[["a", "b"]])):
        session = cl.train(cl.Network([cl.Dense(2)], 1), data)
        assert "minimizes sigmoid_cross_entropy" in repr(session)


X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
NO_LOSS = {
    "values after a softmax": (3, "softmax", X[:, :3], r"of softmax.*numbers.*Dense\(3\) without"),
    "a value after a softmax": (1, "softmax", X[:, 0], r"of softmax.*numbers.*Dense\(1\) without"),
    "ids after sigmoids": (3, "sigmoid", np.arange(ROWS) % 3, r"of sigmoid.*Dense\(3\), a unit for each"),
    "ids after hard sigmoids": (3, "hard_sigmoid", np.arange(ROWS) % 3, r"Dense\(3\), a unit for each"),
    "more ids than sigmoids": (3, "sigmoid", np.arange(ROWS) % 5, r"Dense\(5\), a unit for each"),
    "two ids after sigmoids": (2, "sigmoid", np.arange(ROWS) % 2, r"Dense\(2\), a unit for each"),
    "words after sigmoids": (3, "sigmoid", np.array(list("abc"))[np.arange(ROWS) % 3], r"Dense\(3\), a unit"),
    "words for one unit": (
        1,
        None,
        np.array(list("abc"))[np.arange(ROWS) % 3],
        r"1 raw output, .*Dense\(3\)",
    ),
}


@pytest.mark.parametrize("case", NO_LOSS)
def test_where_no_loss_suits_the_last_layer_another_one_is_named(case):
    units, end, targets, message = NO_LOSS[case]
    with pytest.raises(ValueError, match=message) as caught:
        cl.train(cl.Network([cl.Dense(units, end)], 4), (X, targets))
    assert len(str(caught.value)) < 250


GRID = np.concatenate([np.linspace(-30, 30, 4001), [-80, 80]])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_an_activation_never_gives_is_said_of_targets(name):
    wide = cl.Network([cl.Activation(name)], (2,), ops="reference").predict(np.column_stack([GRID, -GRID]))
    low, high = LIMITS.get(name, (-np.inf, np.inf))
    assert low <= wide.min() and wide.max() <= high
    assert low == -np.inf or wide.min() - low < 1e-3 + 0.04 * (name == "softsign")
    assert high == np.inf or high - wide.max() < 1e-3 + 0.04 * (name == "softsign")
    for beyond, inside in ((low - 0.01, low + 0.01), (high + 0.01, high - 0.01)):
        if not np.isfinite(beyond):
            continue
        network = cl.Network([cl.Dense(2, name)], 4)
        cl.train(network, (X, np.full((ROWS, 2), inside)), "mse")
        for targets in (np.full((ROWS, 2), beyond), np.where(X[:, :2] == X[7, :2], beyond, inside)):
            with pytest.warns(UserWarning, match=rf"'dense_1' ends in {name}, which gives .*never reached"):
                cl.train(network, (X, targets), "huber")


SETTINGS = {
    "a limited rectifier": (cl.ReLU(max_value=2.0), 2.5, 1.5),
    "one without a slope": (cl.ReLU(threshold=1.0), -0.5, 0.5),
    "an exponential of another size": (cl.ELU(alpha=2.0), -2.5, -1.5),
    "a softmax of one unit": (cl.Dense(1, "softmax"), 0.5, 1.0),
    "a shape behind it": (cl.Dense(4, "tanh"), 1.5, 0.5),
    "a recurrent layer": (cl.LSTM(3), 1.5, 0.5),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_and_shapes_count_in_what_is_reached(case):
    layer, beyond, inside = SETTINGS[case]
    layers = [layer, cl.Reshape((2, 2))] if case == "a shape behind it" else [cl.Dense(4), layer]
    shape = (5, 4) if isinstance(layer, cl.LSTM) else (4,)
    network = cl.Network(layers, shape)
    data = [
        np.full((ROWS, *network.graph.shape(network.graph.outputs[0])), value) for value in (inside, beyond)
    ]
    cl.train(network, (np.ones((ROWS, *shape)), data[0]), "mse")
    for batches in (False, True):
        given = (np.ones((ROWS, *shape)), data[1])
        with pytest.warns(UserWarning, match="never reached"):
            cl.train(network, cl.data.Batches(*given, batch_size=8) if batches else given, "mse")


YES = (X[:, 0] > 0).astype(int)
LOGITS = {
    "chosen, one": (1, YES, None),
    "chosen, several": (2, np.column_stack([YES, YES]), None),
    "sigmoid_cross_entropy": (1, YES, "sigmoid_cross_entropy"),
    "cross_entropy": (1, YES, "cross_entropy"),
    "some unknown": (1, np.where(X[:, 1] > 0, YES, np.nan), cl.CensorLoss("sigmoid_cross_entropy")),
    "chosen, classes": (3, YES * 2, None),
    "softmax_cross_entropy": (3, YES * 2, "softmax_cross_entropy"),
}
SURE = ("linear", "sigmoid", "hard_sigmoid", "softmax")
"""Ends that have losses of their own, or hold nothing back."""


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in SURE])
@pytest.mark.parametrize("case", LOGITS)
def test_what_keeps_raw_outputs_from_being_sure_is_said(case, name):
    units, targets, loss = LOGITS[case]
    low, high = np.isfinite(LIMITS.get(name, (-np.inf, np.inf)))
    held = (low and high) if units == 3 else (low or high)
    network = cl.Network([cl.Dense(units, name)], 4)
    if not held:
        assert cl.train(network, (X, targets), loss)
        return
    with pytest.warns(UserWarning, match=f"'dense_1' ends in {name}, .*never sure; .*without activation"):
        cl.train(network, (X, targets), loss)


def test_pictures_that_are_learned_again_are_reached_by_a_sigmoid():
    pictures = RANDOM.integers(0, 256, (ROWS, 4, 4, 1)).astype(np.uint8)
    network = cl.Network([cl.Conv2D(1, 3, padding="same", activation="sigmoid")], (4, 4, 1))
    cl.train(network, (pictures, pictures))


def softmax_over(kind, axis):
    layer = cl.Softmax(axis=axis) if kind == "softmax" else cl.LogSoftmax(axis=axis)
    return [cl.Dense(3), layer]


@pytest.mark.parametrize(
    "loss", [None, "cross_entropy", "categorical_cross_entropy", "softmax_cross_entropy"]
)
@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_a_softmax_is_over_the_axis_that_has_the_classes(kind, loss):
    fits = not loss or loss in (
        "cross_entropy",
        f"{'categorical' if kind == 'softmax' else 'softmax'}_cross_entropy",
    )
    for shape in ((6, 4), (2, 6, 4)):
        x, targets = RANDOM.normal(size=(ROWS, *shape)), np.resize(np.arange(3), (ROWS, *shape[:-1]))
        for axis in (-1, *range(1, len(shape) + 1)):
            network = cl.Network(softmax_over(kind, axis), shape)
            if axis in (-1, len(shape)) and fits:
                cl.train(network, (x, targets), loss)
            else:
                with pytest.raises(
                    ValueError, match=rf"over axis {axis} of|applies softmax|no probabilities"
                ):
                    cl.train(network, (x, targets), loss)


def test_a_softmax_is_over_one_set_of_classes():
    layers = [cl.Dense(6, "softmax"), cl.Reshape((2, 3))]
    with pytest.raises(ValueError, match=r"'dense_1' is a softmax over 6 values.*'reshape_1' has 3 classes"):
        cl.train(cl.Network(layers, 4), (X, np.resize(np.arange(3), (ROWS, 2))))
