"""Inputs and targets that belong together: as many rows as each other, columns by name, wherever pairs go."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.nn import Training

ROWS, OTHERS = 24, 9
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS + OTHERS, 3)).astype(np.float32)
IDS = np.arange(ROWS + OTHERS) % 2
WORDS = np.array(["no", "yes"])[IDS]

INPUTS = {
    "an array": lambda rows: X[rows],
    "a list": lambda rows: X[rows].tolist(),
    "a frame": lambda rows: pd.DataFrame(X[rows], columns=list("abc")),
    "arrays by name": lambda rows: {"input": X[rows]},
}
# By form the units of the last layer, and the targets of some rows.
TARGETS = {
    "values": (1, lambda rows: X[rows, 0]),
    "a column": (1, lambda rows: X[rows, :1]),
    "several values": (2, lambda rows: X[rows, :2]),
    "a list": (1, lambda rows: X[rows, 0].tolist()),
    "ids": (2, lambda rows: IDS[rows]),
    "a column of ids": (2, lambda rows: IDS[rows, None]),
    "yes or no": (1, lambda rows: IDS[rows] > 0),
    "words": (2, lambda rows: WORDS[rows]),
    "words in a list": (2, lambda rows: WORDS[rows].tolist()),
    "one column per class": (2, lambda rows: np.eye(2)[IDS[rows]]),
    "by output": (1, lambda rows: {"out": X[rows, 0]}),
    "words by output": (2, lambda rows: {"out": WORDS[rows]}),
}
WRONG = {"fewer": slice(OTHERS - 4), "more": slice(ROWS + OTHERS)}


def net(units):
    return cl.Network([cl.Dense(units, name="out")], 3)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("given", INPUTS)
def test_as_many_rows_as_each_other(given, form, wrong):
    (units, targets), inputs = TARGETS[form], INPUTS[given]
    ours, theirs = slice(ROWS), slice(ROWS, ROWS + OTHERS)
    pair, other = (inputs(ours), targets(ours)), (inputs(theirs), targets(WRONG[wrong]))
    told = rf"as many rows as each other, got inputs {OTHERS}, targets {WRONG[wrong].stop}"
    session = cl.train(net(units), pair, validation=(inputs(theirs), targets(theirs)))
    assert session.score((inputs(theirs), targets(theirs))).keys() >= {"loss"}
    with pytest.raises(ValueError, match=f"of the data to score must have {told}"):
        session.score(other)
    with pytest.raises(ValueError, match=f"of validation must have {told}"):
        cl.train(net(units), pair, validation=other)
    for validation in (None, 0.3, 3):
        with pytest.raises(ValueError, match=told):
            cl.train(net(units), other, validation=validation)


FRAME = pd.DataFrame(X, columns=list("abc")).assign(value=X[:, 0], word=WORDS)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("target", ["value", "word", {"out": "value"}, {"out": "word"}, ["value", "a"]])
def test_other_rows_beside_a_table_are_as_many(target, wrong):
    columns = (
        target if isinstance(target, list) else [*target.values()] if isinstance(target, dict) else [target]
    )
    data = cl.data.Dataset(FRAME[:ROWS], inputs=["b", "c"], target=target)
    session = cl.train(cl.Network([cl.Dense(len(columns) + ("word" in columns), name="out")], 2), data)
    values = FRAME[columns if len(columns) > 1 else columns[0]][WRONG[wrong]].to_numpy()
    values = {"out": values} if isinstance(target, dict) else values
    for rows in (FRAME[["b", "c"]][ROWS:], FRAME[["b", "c"]][ROWS:].to_numpy()):
        with pytest.raises(ValueError, match="as many rows as each other"):
            session.score((rows, values))


@pytest.mark.parametrize("inputs, targets", [(8, 5), (5, 8)])
def test_batches_of_ones_own(inputs, targets):
    batch = SimpleNamespace(inputs=X[:inputs], targets=X[:targets, 0], rows=np.arange(inputs), weights=None)
    source = SimpleNamespace(fetch=lambda step: batch, batch_size=8, steps_per_epoch=2)
    with pytest.raises(ValueError, match="of a batch must have as many rows as each other"):
        cl.train(net(1), source, "mse").step()


def test_a_training_alone():
    batches = cl.data.Batches(X, X[:, 0], batch_size=8)
    for some, others in product((4, 9), (4, 9)):
        pair = X[:some], X[:others, 0]
        if some == others:
            assert Training(net(1), batches, "mse", cl.Adam(), validation=pair).validation
            continue
        with pytest.raises(ValueError, match="of validation must have as many rows as each other"):
            Training(net(1), batches, "mse", cl.Adam(), validation=pair)


# Two columns of targets, which no pair may take for each other; of classes, and of values.
COLUMNS = {
    "values": pd.DataFrame({"u": X[:, 0], "v": 9 * X[:, 2] + 5}),
    "dummies": pd.get_dummies(pd.Series(WORDS)),
}
AS_INPUTS = {"an array": X, "a frame": FRAME[list("abc")]}
OTHER_ORDERS = {
    "a frame": lambda given, targets: (FRAME[list("abc")], targets),
    "an array": lambda given, targets: (X, targets),
    "a dataset": lambda given, targets: cl.data.Dataset(
        FRAME[list("abc")].join(targets), target=list(targets.columns)
    ),
}


def pairs_of_columns(given, kind, named):
    """A session on columns of targets, and the data that it was given."""
    targets = COLUMNS[kind]
    data = (AS_INPUTS[given], {"out": targets} if named else targets)
    if named and given == "a frame":
        data = cl.data.Dataset(FRAME[list("abc")].join(targets), list("abc"), {"out": list(targets.columns)})
    session = cl.train(net(2), data, optimizer=cl.SGD(0.1))
    session.run(3, progress=False)
    return session, data


@pytest.mark.parametrize("asked", [False, True], ids=["asked alone", "asked by output"])
@pytest.mark.parametrize("named", [False, True], ids=["trained alone", "trained by output"])
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("given", AS_INPUTS)
def test_columns_of_targets_go_by_name(given, kind, named, asked):
    (session, data), targets = pairs_of_columns(given, kind, named), COLUMNS[kind]
    wrap = (lambda each: {"out": each}) if asked else (lambda each: each)
    right = session.score((AS_INPUTS[given], wrap(targets)))
    assert right == session.score((X, wrap(targets.to_numpy())))
    assert right != session.score((X, wrap(targets.to_numpy()[:, ::-1])))
    turned = targets[targets.columns[::-1]]
    for other, made in OTHER_ORDERS.items():
        if other == "a dataset":
            pair = cl.data.Dataset(FRAME[list("abc")].join(turned), list("abc"), wrap([*turned.columns]))
        else:
            pair = made(given, wrap(turned))
        assert session.score(pair) == right
        held_out = cl.train(net(2), data, validation=pair).process.validation[1]["out"]
        assert np.array_equal(held_out, targets.to_numpy(held_out.dtype))
    with pytest.raises((ValueError, KeyError)):
        session.score((AS_INPUTS[given], {"another": targets}))
    if not named and not (asked and given == "a frame"):
        alone = wrap(targets.iloc[:, 0])
        with pytest.raises((ValueError, KeyError), match=repr(targets.columns[1])):
            session.score((X, alone))


# Words and ids of the only output, by its name or not, in the training and beside it.
CODED = {
    "words": lambda rows: WORDS[rows],
    "a column of words": lambda rows: pd.Series(WORDS[rows]),
    "numbers": lambda rows: np.array([3, 7])[IDS[rows]],
    "ids": lambda rows: IDS[rows],
}


@pytest.mark.parametrize("kind", CODED)
@pytest.mark.parametrize("given", ["an array", "a dataset"])
def test_labels_of_the_only_output_are_read_alike_with_its_name_and_without(given, kind):
    ours, theirs = slice(ROWS), slice(ROWS, ROWS + OTHERS)
    labels, x = CODED[kind], AS_INPUTS["a frame"]
    found = set()
    for named in (False, True):
        if given == "a dataset":
            frame = x[ours].assign(label=np.asarray(labels(ours)))
            data = cl.data.Dataset(frame, list("abc"), {"out": "label"} if named else "label")
        else:
            data = X[ours], {"out": labels(ours)} if named else labels(ours)
        if kind == "numbers" and given == "an array":
            continue
        session = cl.train(net(2), data, "crossentropy", optimizer=cl.SGD(0.1))
        session.run(2, progress=False)
        for asked in (labels(theirs), {"out": labels(theirs)}):
            for rows in (X[theirs], x[theirs].reset_index(drop=True)):
                found.add(tuple(session.score((rows, asked)).items()))
    assert len(found) == (0 if kind == "numbers" and given == "an array" else 1)


TARGET_NAMES = ["y", "z", ["y", "z"], {"out": "y"}, {"out": "z"}, {"out": ["y", "z"]}, "inputs"]
NAMED = pd.DataFrame(X, columns=list("abc")).assign(y=X[:, 0] * 2, z=X[:, 1] - 3)


def columns_in(target):
    alone = target["out"] if isinstance(target, dict) else target
    return frozenset(alone if isinstance(alone, list) else [alone])


@pytest.mark.parametrize("asked", TARGET_NAMES, ids=str)
@pytest.mark.parametrize("trained", TARGET_NAMES, ids=str)
def test_rows_are_judged_by_the_target_that_is_asked_for_or_refused(trained, asked):
    """Never by that of the training where another is named."""
    frame = NAMED[list("abc")] if trained == "inputs" else NAMED
    units = 3 if trained == "inputs" else len(columns_in(trained))
    data = cl.data.Dataset(frame, list("abc"), trained)
    session = cl.train(net(units), data, optimizer=cl.SGD(0.1))
    session.run(2, progress=False)
    ways = [cl.data.Dataset(NAMED, list("abc"), asked)]
    if asked != "inputs":
        ways.append((NAMED, asked))
    if columns_in(asked) == columns_in(trained):
        right = session.score(data)
        assert all(session.score(way) == right for way in ways)
        return
    told = "are to be judged by .*, and the training predicts .*: give .*frame.rename"
    for way in ways:
        with pytest.raises(ValueError, match=f"the data to score {told}"):
            session.score(way)
        with pytest.raises(ValueError, match=f"validation {told}"):
            cl.train(net(units), data, validation=way)


def test_a_column_of_another_name_is_judged_by_only_as_plain_numbers():
    frame = NAMED[list("abc")]
    for asked in (NAMED["z"], NAMED[["z"]], {"out": NAMED["z"]}):
        with pytest.raises(ValueError, match="to be judged by the column 'z', and the training predicts 'y'"):
            cl.train(net(1), (frame, NAMED["y"]), validation=(frame, asked))
    session = cl.train(net(1), (frame, NAMED["y"]), validation=(frame, NAMED["z"].to_numpy()))
    np.testing.assert_array_equal(session.process.validation[1]["out"][:, 0], NAMED["z"])
    with pytest.raises(ValueError, match=r"to be judged by \['y', 'z'\], and the training predicts 'y'"):
        cl.train(net(1), (frame, NAMED["y"]), validation=(frame, NAMED[["y", "z"]]))


TWINS = {
    "inputs": (lambda twice: (twice, X[:, 0]), 3, 1),
    "inputs by name": (lambda twice: ({"input": twice}, X[:, 0]), 3, 1),
    "targets beside an array": (lambda twice: (X, twice), 3, 3),
    "targets by output": (lambda twice: (X, {"out": twice}), 3, 3),
    "targets beside a frame": (lambda twice: (FRAME[list("abc")], twice), 3, 3),
}


@pytest.mark.parametrize("case", TWINS)
def test_a_column_twice_is_refused_by_name(case):
    made, inputs, units = TWINS[case]
    twice = pd.DataFrame(X, columns=list("qpp"))
    network = cl.Network([cl.Dense(units, name="out")], inputs)
    session = cl.train(network, made(X))
    told = "more than one column 'p'"
    for typed in (
        lambda: cl.train(network, made(twice)),
        lambda: cl.train(network, made(X), validation=made(twice)),
        lambda: session.score(made(twice)),
        lambda: session.results(made(twice)),
    ):
        with pytest.raises(ValueError, match=told):
            typed()
    if "inputs" in case:
        with pytest.raises(ValueError, match=told):
            session.network.predict(twice)


@pytest.mark.parametrize("given", AS_INPUTS)
def test_columns_of_targets_by_other_names_are_refused(given):
    session, _ = pairs_of_columns(given, "dummies", False)
    for strange in (COLUMNS["values"], COLUMNS["dummies"][["yes"]]):
        for inputs in AS_INPUTS.values():
            with pytest.raises(ValueError, match=r"give frame\[\['no', 'yes'\]\]$"):
                session.score((inputs, strange))
    labels = pd.Series(WORDS)
    for inputs, alone in product(
        AS_INPUTS.values(), (labels, labels.astype("category"), WORDS, WORDS.tolist())
    ):
        with pytest.raises(ValueError, match=r"pandas.get_dummies\(y\)\[\['no', 'yes'\]\]"):
            session.score((inputs, alone))
    assert session.score((X, pd.get_dummies(labels)[["no", "yes"]]))


def test_an_index_without_a_name_is_no_column_that_was_given():
    session = cl.train(cl.Network([cl.Dense(1)], 3), (FRAME[list("abc")], FRAME["value"]))
    part = FRAME[["a", "value"]][ROWS:]
    pair, data = (part[["a"]], part["value"]), cl.data.Dataset(part, target="value")
    for other in (part, pair, data):
        with pytest.raises(KeyError, match="has no column 'b'") as told:
            session.score(other)
        assert "index" not in str(told.value)
