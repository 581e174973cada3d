"""What does not fit is said by `train`, about the layer and the column, and not by some later step."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

ROWS = 40
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
IDS = np.arange(ROWS) % 3
VALUES = RANDOM.normal(size=ROWS).astype(np.float32)
FRAME = pd.DataFrame({"age": VALUES, "rooms": IDS, "price": VALUES, "kind": np.array(list("abc"))[IDS]})


def net(width=4, units=3, **options):
    return cl.Network([cl.Dense(5), cl.Dense(units, name="head", **options)], width)


def picture_net(shape):
    return cl.Network([cl.Conv2D(2, 3), cl.Flatten(), cl.Dense(3)], shape)


def several():
    dense = [cl.Node(cl.Dense(3), "a", ("l",)), cl.Node(cl.Dense(3), "b", ("r",))]
    entries = [*dense, cl.Node(cl.Add(), "c", ("a", "b"))]
    return cl.Network(entries, {"l": 4, "r": 2})


SHAPES = {
    "rows too short": (
        lambda: cl.train(net(5), (X, IDS)),
        r"'dense_1'.*\(5,\).*\(4,\); say input_shape=\(4,\)",
    ),
    "columns": (
        lambda: cl.train(net(5, 1), (FRAME[["age", "rooms", "price"]], "price")),
        r"'age', 'rooms' give rows of shape \(2,\)",
    ),
    "one input of two": (lambda: cl.train(several(), ({"l": X, "r": X}, IDS)), r"input 'r' .*'b'.*\(4,\)"),
    "no channel": (
        lambda: cl.train(picture_net((8, 8, 1)), (np.zeros((ROWS, 8, 8)), IDS)),
        r"x\[\.\.\., None\]",
    ),
    "channels first": (
        lambda: cl.train(picture_net((8, 8, 3)), (np.zeros((ROWS, 3, 8, 8)), IDS)),
        r"transpose\(0, 2, 3, 1\)",
    ),
    "flat pictures": (
        lambda: cl.train(picture_net((8, 8, 1)), (np.zeros((ROWS, 64)), IDS)),
        r"reshape\(-1, 8, 8, 1\)",
    ),
    "batches of one's own": (
        lambda: cl.train(net(5), cl.data.Batches(X, IDS, batch_size=8), "cross_entropy"),
        r"say input_shape=\(4,\)",
    ),
    "units for a value": (
        lambda: cl.train(net(4, 5), (X, VALUES), "mse"),
        r"'head'.*end the network in Dense\(1\)",
    ),
    "units for two columns": (
        lambda: cl.train(net(1, 1), cl.data.Dataset(FRAME, ["age"], ["price", "rooms"]), "mse"),
        r"columns 'price', 'rooms'.*Dense\(2\)",
    ),
    "a class for each step": (
        lambda: cl.train(
            cl.Network([cl.LSTM(2, return_sequences=True), cl.Dense(3)], (8, 4)),
            (np.zeros((ROWS, 8, 4)), IDS),
            "softmax_cross_entropy",
        ),
        "return_sequences=False",
    ),
    "rows in the shape": (lambda: net((None, 4)), r"leave the rows out: input_shape=\(4,\)"),
    "lengths that are open": (lambda: picture_net((None, None, 3)), "pad or crop"),
}
CLASSES = {
    "in a column": (
        lambda: (net(1, 2), cl.data.Dataset(FRAME, ["age"], "kind")),
        r"'head'.*'kind'.*\(a, b, c\)",
    ),
    "as words": (lambda: (net(4, 2), (X, FRAME["kind"])), r"'head'.*3 classes \(a, b, c\): give it 3 units"),
    "as ids": (lambda: (net(4, 2), (X, IDS)), r"3 classes.*give it 3 units; first such rows \[2, 5"),
    "in the last row alone": (
        lambda: (net(), (X, np.r_[IDS[:-1], 7])),
        r"8 classes.*give it 8 units.*\[39\]",
    ),
    "in floats": (lambda: (net(), (X, VALUES)), "class ids are whole numbers.*'mean_squared_error'"),
    "in a column of floats": (
        lambda: (net(1), cl.data.Dataset(FRAME, ["age"], "price")),
        "column 'price' holds numbers.*pandas.cut",
    ),
    "after a softmax": (lambda: (net(activation="softmax"), (X, IDS)), "'head' already applies softmax"),
    "after a softmax layer": (
        lambda: (cl.Network([cl.Dense(3), cl.Softmax()], 4), (X, IDS)),
        "'softmax_1' already applies softmax",
    ),
    "after a softmax and a new shape": (
        lambda: (cl.Network([cl.Dense(3, activation="softmax"), cl.Reshape(3)], 4), (X, IDS)),
        "already applies",
    ),
    "of one unit": (lambda: (net(4, 1), (X, IDS)), "at least 2"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_do_not_fit_are_said_before_a_step(case):
    make, message = SHAPES[case]
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("case", CLASSES)
def test_classes_that_do_not_fit_are_said_before_a_step(case):
    make, message = CLASSES[case]
    network, data = make()
    with pytest.raises(ValueError, match=message):
        cl.train(network, data, "softmax_cross_entropy")


def test_yes_or_no_that_is_neither_is_said_before_a_step():
    with pytest.raises(ValueError, match=r"targets from 0 to 1.*\[39\]"):
        cl.train(net(4, 1), (X, np.r_[np.zeros(ROWS - 1), 3.0]), "bce")


FAR = pd.DataFrame({"age": VALUES, "built": 1960 + 30 * VALUES, "price": 3e5 + 9e4 * VALUES})
BEGIN, END = (
    cl.Normalization().adapt(FAR[["age", "built"]]),
    cl.Normalization(invert=True).adapt(FAR["price"]),
)
FORMS = {
    "a frame and a column": (FAR, "price"),
    "a Dataset": cl.data.Dataset(FAR, target="price").split(test=0.2),
    "frame and column": (FAR[["age", "built"]], FAR["price"]),
    "arrays": (FAR[["age", "built"]].to_numpy(), FAR["price"].to_numpy()),
    "batches of one's own": cl.data.Batches(
        FAR[["age", "built"]].to_numpy(), FAR[["price"]].to_numpy(), batch_size=8
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbers_far_from_0_to_1_are_said_with_what_to_type(form):
    for begin, end in ((0, 0), (0, 1), (1, 0), (1, 1)):
        layers = [*[BEGIN] * begin, cl.Dense(4), cl.Dense(1), *[END] * end]
        session = cl.train(cl.Network(layers, 2), FORMS[form], "mse")
        named, said = form not in ("arrays", "batches of one's own"), repr(session)
        x, y = ("session.dataset", "session.dataset") if named else ("x", "y")
        assert (f"cl.Normalization().adapt({x})" in said) == (not begin)
        assert (f"cl.Normalization(invert=True).adapt({y})" in said) == (not end)
        assert ("such as 'built'" in said) == (named and not begin)


def test_of_numbers_near_0_to_1_nothing_is_said():
    assert "Normalization" not in repr(cl.train(net(4, 1), (X, VALUES), "mse"))
