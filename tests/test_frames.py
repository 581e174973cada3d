"""Pandas objects beside arrays: on every path columns are met by name, and rows by index, or it is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

ROWS = 60
CLASSES = np.resize([0, 1, 2], ROWS)
FRAME = pd.DataFrame(np.eye(3)[CLASSES], columns=list("pqr"))
LABELS = pd.Series(CLASSES, name="y")
TURNED = FRAME[["r", "q", "p"]]
SHUFFLED = FRAME.sample(frac=1, random_state=0)
INDEX = "do not have the same index"

# How the same rows may be given to a training, and beside it.
GIVEN = {
    "dataset": lambda x, y: cl.data.Dataset(x.assign(y=np.asarray(y)), list("pqr"), "y"),
    "frame, series": lambda x, y: (x, pd.Series(np.asarray(y), x.index, name="y")),
    "frame, array": lambda x, y: (x, np.asarray(y)),
    "dict, series": lambda x, y: ({"input": x}, pd.Series(np.asarray(y), x.index, name="y")),
    "dict, array": lambda x, y: ({"input": x}, np.asarray(y)),
    "named dataset": lambda x, y: cl.data.Dataset(x.assign(y=np.asarray(y)), {"input": list("pqr")}, "y"),
}
PAIRS = {
    "frame, series": lambda x, y: (x, y),
    "frame, frame": lambda x, y: (x, y.to_frame()),
    "dict, series": lambda x, y: ({"input": x}, y),
}


def trained(data, epochs=0, inputs=3, **options):
    network = cl.Network([cl.Dense(3)], inputs)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(0.1), **options)
    if epochs:
        session.run(until=cl.epochs(epochs))
    return session


@pytest.mark.parametrize("given", GIVEN)
def test_columns_are_met_by_name_wherever_a_frame_is_given(given):
    own = GIVEN[given](FRAME, CLASSES)
    session = trained(own, 40, validation=({"input": TURNED}, CLASSES))
    network = session.network
    assert network.reads == {"input": list("pqr")}
    assert session.process.measure("validation_accuracy") == 1
    for name, way in GIVEN.items():
        assert session.score(way(TURNED, CLASSES))["accuracy"] == 1, name
        assert trained(own, validation=way(TURNED, CLASSES)) is not None
    outputs = network.predict(FRAME.to_numpy())
    for x in (TURNED, {"input": TURNED}, {"input": GIVEN["dataset"](TURNED, CLASSES)}):
        np.testing.assert_array_equal(network.predict(x), outputs)
        np.testing.assert_array_equal(network.activations(x)["dense_1"], outputs)
    with pytest.raises(KeyError, match="no column 'p'"):
        network.predict({"input": TURNED.drop(columns="p")})
    with pytest.raises(KeyError, match="no column 'p'"):
        session.score(({"input": TURNED.drop(columns="p")}, CLASSES))


def test_each_of_several_frames_is_met_by_name():
    layers = [cl.Node(cl.Add(), inputs=("a", "b")), cl.Dense(3)]
    network = cl.Network(layers, {"a": 3, "b": 3})
    other = FRAME.rename(columns={"p": "s"})
    session = cl.train(network, ({"a": FRAME, "b": other}, CLASSES), "softmax_cross_entropy", cl.Adam(0.1))
    assert network.reads == {"a": list("pqr"), "b": ["s", "q", "r"]}
    outputs = network.predict({"a": FRAME.to_numpy(), "b": other.to_numpy()})
    turned = {"a": TURNED, "b": other[["q", "r", "s"]]}
    np.testing.assert_array_equal(network.predict(turned), outputs)
    np.testing.assert_array_equal(network.predict({"a": TURNED, "b": other.to_numpy()}), outputs)
    both = FRAME.assign(s=other.s)
    np.testing.assert_array_equal(network.predict(both), outputs)
    assert session.score((turned, CLASSES)) == session.score((both, CLASSES))
    for call in (
        lambda: network.predict({"a": FRAME, "b": other.loc[SHUFFLED.index]}),
        lambda: session.score(({"a": FRAME, "b": other.loc[SHUFFLED.index]}, CLASSES)),
        lambda: cl.train(
            network, ({"a": SHUFFLED, "b": other}, CLASSES), "softmax_cross_entropy", cl.Adam(0.1)
        ),
    ):
        with pytest.raises(ValueError, match=INDEX):
            call()


@pytest.mark.parametrize("given", [*GIVEN, "arrays"])
@pytest.mark.parametrize("pair", PAIRS)
def test_rows_that_cannot_be_matched_by_index_are_refused_on_every_path(given, pair):
    arrays = FRAME.to_numpy(), CLASSES
    session = trained(arrays if given == "arrays" else GIVEN[given](FRAME, CLASSES), 40)
    mixed, right = PAIRS[pair](SHUFFLED, LABELS), PAIRS[pair](SHUFFLED, LABELS.loc[SHUFFLED.index])
    for call in (
        lambda: session.score(mixed),
        lambda: trained(session.recipe.data, validation=mixed),
        lambda: trained(mixed),
    ):
        with pytest.raises(ValueError, match=INDEX):
            call()
    if pair != "frame, frame":
        assert session.score(right)["accuracy"] == 1


@pytest.mark.parametrize(
    "given", [*GIVEN, "array, series", "dict of arrays, series", "shuffled", "shuffled dict"]
)
def test_a_weight_goes_by_the_index_that_the_data_have(given):
    data, order = {
        "array, series": ((FRAME.to_numpy(), LABELS), FRAME.index),
        "dict of arrays, series": (({"input": FRAME.to_numpy()}, LABELS), FRAME.index),
        "shuffled": ((SHUFFLED, CLASSES[SHUFFLED.index]), SHUFFLED.index),
        "shuffled dict": (({"input": SHUFFLED}, CLASSES[SHUFFLED.index]), SHUFFLED.index),
    }.get(given) or (GIVEN[given](FRAME, CLASSES), FRAME.index)
    weights = pd.Series(np.arange(ROWS) + 1.0)
    for series in (weights, weights.sample(frac=1, random_state=1), weights.loc[order].to_numpy()):
        found = trained(data, sample_weight=series).process.row_weights
        assert found.tolist() == weights.loc[order].tolist()
    with pytest.raises(ValueError, match="the index of sample_weight is not that of"):
        trained(data, sample_weight=weights.set_axis([f"row {row}" for row in range(ROWS)]))


@pytest.mark.parametrize("inputs", [lambda x: x, lambda x: {"input": x}])
def test_a_weight_with_an_order_of_its_own_is_refused_where_rows_have_none(inputs):
    data = inputs(FRAME.to_numpy()), CLASSES
    weights = pd.Series(np.arange(ROWS) + 1.0)
    assert trained(data, sample_weight=weights).process.row_weights.tolist() == weights.tolist()
    for other in (weights.sample(frac=1, random_state=1), weights.set_axis(weights.index + 1)):
        with pytest.raises(ValueError, match=r"index other than 0, 1.*sample_weight.to_numpy\(\)"):
            trained(data, sample_weight=other)
        found = trained(data, sample_weight=other.to_numpy()).process.row_weights
        assert found.tolist() == other.tolist()


@pytest.mark.parametrize("beside", ["score", "validation"])
def test_labels_of_another_kind_are_named_with_what_makes_them_alike(beside):
    for ours, theirs in ((LABELS + 1, (LABELS + 1).astype(str)), ((LABELS + 1).astype(str), LABELS + 1)):
        own = cl.data.Dataset(FRAME.assign(y=ours), list("pqr"), "y")
        for other in (FRAME.assign(y=theirs), (FRAME, theirs)):
            called = "the data to score" if beside == "score" else "validation"
            kind = "int" if ours.dtype.kind == "i" else "str"
            with pytest.raises(ValueError, match=rf"labels in 'y' of '{called}'.*\.astype\('{kind}'\)"):
                trained(own).score(other) if beside == "score" else trained(own, validation=other)
        assert trained(own).score((FRAME, theirs.astype(ours.dtype)))["loss"] > 0


@pytest.mark.parametrize("call", ["score", "validation"])
def test_a_frame_alone_beside_arrays_is_refused_with_what_is_accepted(call):
    arrays, frame = (FRAME.to_numpy(), CLASSES), FRAME.assign(y=LABELS)
    with pytest.raises(TypeError, match=r"frame alone.*give \(frame\[columns\], frame\[target\]\)"):
        trained(arrays).score(frame) if call == "score" else trained(arrays, validation=frame)
    assert trained(arrays, validation=(frame[list("pqr")], frame["y"])).score((FRAME, LABELS))["loss"] > 0


@pytest.mark.parametrize("kind", ["datetime64[s]", "timedelta64[s]", "complex128", "object"])
@pytest.mark.parametrize("table", [False, True])
def test_what_is_no_number_is_refused_with_the_words_of_training(kind, table):
    words = {"d": "numpy.timedelta64", "t": "numpy.timedelta64", "c": "x.real and x.imag", "o": "to_numeric"}
    x = np.full((4, 3), "a", object) if kind == "object" else np.zeros((4, 3), kind)
    network = cl.Network([cl.Dense(3)], 3)
    for call in (network.predict, network.activations):
        with pytest.raises((TypeError, ValueError), match=words[kind[0]]):
            call(pd.DataFrame(x) if table else x)


TIMES = 1_700_000_000 + np.arange(3 * ROWS).reshape(ROWS, 3)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64"])
@pytest.mark.parametrize("span", [1, 10**6, 10**9])
def test_each_way_out_of_numbers_that_fall_together_works(dtype, span):
    x = np.where(np.arange(3 * ROWS).reshape(ROWS, 3) < 9, 0, TIMES) if span == 10**9 else TIMES * span
    x = x.astype(dtype)
    tried = {
        "as in x - x.min": lambda x: x - x.min(axis=0),
        "give float64": lambda x: x.astype("float64"),
        "scale them": lambda x: (x - x.min(axis=0)) / x.std(axis=0),
        "number them": lambda x: np.column_stack([np.unique(c, return_inverse=True)[1] for c in x.T]),
    }
    try:
        trained((x, CLASSES))
    except ValueError as refused:
        offered = [way for name, way in tried.items() if name in str(refused)]
        assert offered
        for way in offered:
            trained((way(x), CLASSES))
    else:
        assert span == 10**9 and dtype == "float64"
