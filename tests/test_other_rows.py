"""Rows given beside those of a training: read as it reads its own, or refused as it refuses its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data.batches import Batch

ROWS = 240
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 2))
CLASSES = np.digitize(X[:, 0], [-0.4, 0.4])


def trained(data, units=3, loss="softmax_cross_entropy", **options):
    return cl.train(cl.Network([cl.Dense(units)], 2), data, loss, cl.Adam(0.1), batch_size=60, **options)


def labeled(labels):
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(k=np.asarray(labels)[CLASSES])
    session = trained(cl.data.Dataset(frame, ["a", "b"], "k"))
    session.step(40)
    return session, frame


WAYS = {
    "dataset": lambda t: cl.data.Dataset(t.reset_index(drop=True), ["a", "b"], "k"),
    "frame": lambda t: t,
    "series": lambda t: (t[["a", "b"]], t.k),
    "array": lambda t: (t[["a", "b"]], t.k.to_numpy()),
    "list": lambda t: (t[["a", "b"]], t.k.tolist()),
    "arrays": lambda t: (t[["a", "b"]].to_numpy(), t.k.to_numpy()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "labels", [[1, 2, 3], [0, 1, 2], [10, 20, 30], [2, 1, 0], ["x", "y", "z"], [-5, 0, 1]], ids=str
)
@pytest.mark.parametrize("kept", [(0, 1, 2), (0, 1), (2,)], ids=str)
def test_labels_are_labels_however_they_are_given_or_it_is_asked_which_is_meant(way, labels, kept):
    session, frame = labeled(labels)
    some = frame[np.isin(CLASSES, kept)]
    order = np.sort(np.unique(np.asarray(labels)))
    x = some[["a", "b"]].to_numpy(np.float32)
    right = (order[session.network.predict(x).argmax(axis=1)] == some.k.to_numpy()).mean()
    try:
        found = session.score(WAYS[way](some))["accuracy"]
    except ValueError as error:
        assert "may be labels" in str(error) and way in ("array", "list", "arrays")
        assert set(some.k) <= {0, 1, 2} != set(order)
    else:
        assert found == pytest.approx(right)


NEITHER = "are neither labels of 'k', which are .*, nor class ids, which are 0 to 2"
NUMBERS = {
    "labels are words": (["1", "2", "3"], CLASSES + 1, r"for labels of 'k', .*'2', '3'; .*astype\(str\)"),
    "may be words": (["1", "2", "3"], np.maximum(CLASSES, 1), r"may be labels of 'k', .*astype\(str\)"),
    "words in full": (["01", "02", "03"], CLASSES + 1, "for labels of 'k', which are '01'"),
    "other numbers": ([10, 20, 30], CLASSES + 1, f"targets 3, which {NEITHER}"),
    "names": (["x", "y", "z"], CLASSES + 1, f"targets 3, which {NEITHER}"),
    "no such id": ([0, 1, 2], CLASSES + 1, f"targets 3, which {NEITHER}"),
    "times": (pd.to_datetime(["2020", "2021", "2022"]), CLASSES + 1, f"targets 3, which {NEITHER}"),
}


@pytest.mark.parametrize("dtype", [int, "uint8", "float32"])
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_that_are_neither_labels_nor_ids_are_refused_by_name(case, dtype):
    labels, targets, message = NUMBERS[case]
    # A network may have more units than there are labels, for those to come, unless labels are numbers.
    units = 3 if case == "other numbers" else 5
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(k=np.asarray(labels)[CLASSES])
    data = cl.data.Dataset(frame, ["a", "b"], "k")
    session, targets = trained(data, units), targets.astype(dtype)
    for given in (targets, targets.tolist(), targets[:, None]):
        with pytest.raises(ValueError, match=message):
            session.score((X, given))
        with pytest.raises(ValueError, match=message):
            trained(data, units, validation=(X, given))
    if case == "labels are words":
        assert session.score((X, (CLASSES + 1).astype(str))) == session.score(data)


def test_a_type_that_would_merge_labels_is_no_remedy():
    session, frame = labeled([False, True, True])
    with pytest.raises(ValueError, match=r"of type int, .* of type bool, .*: frame\['k'\].map"):
        session.score(frame.assign(k=CLASSES))
    with pytest.raises(ValueError, match=r"of type int, .* of type bool, .*: frame\['k'\].astype\('bool'\)"):
        session.score(frame.assign(k=CLASSES % 2))


def test_ids_of_the_training_are_ids():
    session, frame = labeled([1, 2, 3])
    assert session.score(session.dataset.arrays()) == session.score(frame)


WORDS = pd.Series(np.array(["low", "mid", "high"])[CLASSES], name="k")
TABLE = pd.DataFrame(X, columns=["a", "b"])
IN_WORDS = {
    "a column": (TABLE, WORDS),
    "categories": (TABLE, pd.Series(pd.Categorical(WORDS, ["low", "mid", "high"]), name="k")),
    "a column by name": (TABLE.assign(k=WORDS), "k"),
    "a Dataset": cl.data.Dataset(TABLE.assign(k=WORDS), ["a", "b"], "k"),
    "by output": cl.data.Dataset(TABLE.assign(k=WORDS), ["a", "b"], {"dense_1": "k"}),
    "arrays": (X, WORDS.to_numpy()),
}
IDS = {
    "whole": CLASSES,
    "floats": CLASSES.astype(float),
    "a list": CLASSES.tolist(),
    "one column": CLASSES[:, None],
    "a Series": pd.Series(CLASSES),
    "some": np.minimum(CLASSES, 1),
}


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("data", IN_WORDS)
def test_numbers_for_words_are_refused(data, ids):
    session = trained(IN_WORDS[data])
    targets = {"dense_1": IDS[ids]} if data == "by output" else IDS[ids]
    for inputs in (TABLE, X):
        if isinstance(inputs, pd.DataFrame) and ids == "a Series":
            # Two columns that belong together are a table of their own.
            continue
        for call in (
            lambda rows: session.score(rows),
            lambda rows: trained(IN_WORDS[data], validation=rows),
        ):
            with pytest.raises(ValueError, match=r"numbers for targets, .*: give the words|of type int"):
                call((inputs, targets))


@pytest.mark.parametrize("data", ["a column", "categories", "a Dataset", "arrays"])
def test_a_script_validates_on_the_words_again(data):
    session = trained(IN_WORDS[data], validation=(X[:20], WORDS.to_numpy()[:20]))
    session.step(4)
    names = {}
    exec(session.script(), names)
    assert names["session"].trace["validation_loss"][-1] == session.trace["validation_loss"][-1]


def test_a_weight_goes_by_the_index_of_the_frame():
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(k=CLASSES, v=np.arange(ROWS) + 1.0)
    shuffled = frame.sample(frac=1, random_state=0)
    named = frame.set_index(frame.index.map("row {}".format))
    for given, weights in (
        (shuffled, frame.v), (shuffled, shuffled.v), (frame, shuffled.v), (named, named.v.sample(frac=1)),
        (named, pd.Series(frame.v.to_numpy())), (shuffled, shuffled.v.to_numpy()),
    ):  # fmt: skip
        session = trained(cl.data.Dataset(given, ["a", "b"], "k"), sample_weight=weights)
        assert session.process.row_weights.tolist() == given.v.tolist()
    with pytest.raises(ValueError, match="the index of sample_weight is not that of the 240 rows"):
        trained(cl.data.Dataset(named, ["a", "b"], "k"), sample_weight=named.v.iloc[1:])


TIMES = 1_700_000_000 + np.arange(2 * ROWS).reshape(ROWS, 2)
REFUSED = {
    "signed labels": (X, np.where(CLASSES > 0, 1, -1), "a negative class id means"),
    "merged": (TIMES, CLASSES, "float32 keeps"),
    "too large": (X * 1e40, CLASSES, "beyond float32"),
    "masked inputs": (np.ma.masked_greater(X, 1), CLASSES, "numbers are masked"),
    "masked targets": (X, np.ma.masked_greater(CLASSES, 1), "numbers are masked"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_training_refuses_is_refused_everywhere(case):
    x, y, message = REFUSED[case]
    ids, units = ((CLASSES > 0).astype(int), 2) if case == "signed labels" else (CLASSES, 3)
    session = trained((X, ids), units)
    net = session.network
    calls = [
        lambda: trained((x, y), units),
        lambda: trained((X, ids), units, validation=(x, y)),
        lambda: session.score((x, y)),
    ]
    if x is not X:
        calls += [lambda: net.predict(x), lambda: net.activations(x)]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


def test_targets_that_float32_would_merge_are_refused_everywhere():
    session = trained((X, X[:, 0]), 1, "mean_squared_error")
    for call in (
        lambda: trained((X, TIMES[:, 0]), 1, "mean_squared_error"),
        lambda: trained((X, X[:, 0]), 1, "mean_squared_error", validation=(X, TIMES[:, 0])),
        lambda: session.score((X, TIMES[:, 0])),
    ):
        with pytest.raises(ValueError, match="float32 keeps"):
            call()


@pytest.mark.parametrize("key", ["loss", "accuracy"])
def test_a_batch_of_which_nothing_is_known_is_no_measurement(key):
    session = trained((X, np.where(np.arange(ROWS) < 3, CLASSES, -1)))
    assert session.run(until=cl.non_finite(key) | cl.epochs(3)).step == 12
    assert session.run(until=cl.stalled(key, patience=9) | cl.epochs(3)).step == 24
    known = [(session.process.batches.fetch(step).rows < 3).any() for step in range(24)]
    assert session.trace.recorded(key)[0].tolist() == (np.flatnonzero(known) + 1).tolist()
    assert np.isfinite(session.trace.recorded(key)[1]).all() and not all(known)


@pytest.mark.parametrize("weights", [{0: 1, 1: 3}, {False: 1, True: 3}, {np.False_: 1, np.True_: 3}], ids=str)
def test_a_bool_and_its_number_are_one_class(weights):
    for labels in (CLASSES > 0, (CLASSES > 0).astype(int)):
        frame = pd.DataFrame(X, columns=["a", "b"]).assign(k=labels)
        session = trained(cl.data.Dataset(frame, ["a", "b"], "k"), 2, class_weight=weights)
        assert session.process.row_weights.tolist() == np.where(CLASSES > 0, 3, 1).tolist()


def test_numpys_numbers_and_words_describe_a_network_too():
    assert cl.Network([cl.Dense(3)], np.int64(4)).graph.inputs == {"input": (4,)}
    assert cl.Network([cl.Dense(3)], {"input": np.int64(4)}).graph.inputs == {"input": (4,)}
    session = cl.train(
        cl.Network([cl.Dense(3), cl.Dense(3)], 2), (X, CLASSES), "softmax_cross_entropy", cl.Adam()
    )
    session.step(1)
    session.edit("frozen", np.array(["dense_1"]))
    session.step(1)
    scope: dict = {}
    exec(session.script(), scope)
    np.testing.assert_array_equal(scope["network"].params, session.network.params)


@pytest.mark.parametrize("function", ["Rosenbrock", "Himmelblau", "Beale", "Sphere"])
def test_a_descent_starts_anew_where_its_value_was_finite(function):
    session = cl.Session(cl.Descent(getattr(cl, function)(), cl.SGD(1e3)))
    session.step(50)
    session.rewind(session.fault.last_good)
    assert np.isfinite(session.process.measure("value")) and np.isfinite(session.process.gradient).all()


FRAME = pd.DataFrame(X, columns=["a", "b"])
LABELS = pd.Series(CLASSES, name="k")
BATCHES = {
    "a dataset's": ["a", "b"],
    "a dataset's, by name": {"input": ["a", "b"]},
}
HELD_OUT = {
    "in order": (FRAME, LABELS),
    "columns in another order": (FRAME[["b", "a"]], LABELS),
    "and others": (FRAME.assign(z=0.0)[["z", "b", "a"]], LABELS),
    "by name": ({"input": FRAME[["b", "a"]]}, LABELS),
}


def by_hand(batches, validation):
    network = cl.Network([cl.Dense(3)], 2)
    return cl.Training(network, batches, "softmax_cross_entropy", cl.Adam(), validation=validation)


def on_batches(batches, validation):
    return trained(batches, validation=validation).process


@pytest.mark.parametrize("made", [by_hand, on_batches])
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("held_out", HELD_OUT)
def test_batches_of_columns_meet_other_rows_by_name(made, batches, held_out):
    x, _ = HELD_OUT[held_out]
    data = cl.data.Dataset(FRAME.assign(k=CLASSES), BATCHES[batches], "k")
    training, right = made(data.batches(60), HELD_OUT[held_out]), made(data.batches(60), (X, CLASSES))
    assert training.measure("validation_loss") == right.measure("validation_loss")
    again, _ = training.checked_rows(x, LABELS)
    np.testing.assert_array_equal(again["input"], X.astype(np.float32))
    np.testing.assert_array_equal(training.network.predict(x), training.network.predict(X))
    with pytest.raises(KeyError, match="no column 'b'"):
        made(data.batches(60), (FRAME[["a"]], LABELS))
    # What the network has learned in one order it does not go on with in another.
    swapped = cl.data.Dataset(FRAME.assign(k=CLASSES), ["b", "a"], "k").batches(60)
    training.whole_step()
    with pytest.raises(ValueError, match=r"the network was trained on the columns .*'a', 'b'"):
        cl.Training(training.network, swapped, "softmax_cross_entropy", cl.Adam())


@pytest.mark.parametrize("made", [by_hand, on_batches])
@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_rows_whose_indexes_differ_are_refused_by_hand_too(made, part):
    arrays = cl.data.Batches(X, CLASSES, batch_size=60)
    x, y = (FRAME[::-1], LABELS) if part == "inputs" else (FRAME, LABELS[::-1])
    for call in (
        lambda: made(arrays, (x, y)),
        lambda: made(arrays, ({"input": x}, y)),
        lambda: made(arrays, None).checked_rows(x, y),
        lambda: made(Served(x, y), None).rehearse("fetch"),
    ):
        with pytest.raises(ValueError, match="do not have the same index, so which rows belong together"):
            call()


class Served:
    """Batches of one's own."""

    batch_size, steps_per_epoch = ROWS, 1

    def __init__(self, x, y):
        self.batch = Batch(x, y, np.arange(ROWS))

    def fetch(self, step):
        return self.batch
