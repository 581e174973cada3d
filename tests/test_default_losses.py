"""The loss that is chosen where none was given: by shapes and the last layer, not by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

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
