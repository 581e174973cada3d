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


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("given", AS_INPUTS)
def test_columns_of_targets_go_by_name(given, kind, named):
    (session, data), targets = pairs_of_columns(given, kind, named), COLUMNS[kind]
    wrap = (lambda each: {"out": each}) if named else (lambda each: each)
    right = session.score((AS_INPUTS[given], wrap(targets)))
    assert right == session.score((X, wrap(targets.to_numpy())))
    assert right != session.score((X, wrap(targets.to_numpy()[:, ::-1])))
    turned = targets[targets.columns[::-1]]
    for other, made in OTHER_ORDERS.items():
        if named and other == "a dataset":
            pair = cl.data.Dataset(FRAME[list("abc")].join(turned), list("abc"), {"out": [*turned.columns]})
        else:
            pair = made(given, wrap(turned))
        assert session.score(pair) == right
        held_out = cl.train(net(2), data, validation=pair).process.validation[1]["out"]
        assert np.array_equal(held_out, targets.to_numpy(held_out.dtype))


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
