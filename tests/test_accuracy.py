"""Accuracy is what one would reckon by hand, for every form of targets that has one; others have none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset
from cortex_lab.nn.contract.loss import LOSSES

RANDOM = np.random.default_rng(3)
ROWS = 45
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
STEPS = RANDOM.normal(size=(ROWS, 5, 4)).astype(np.float32)
YES = RANDOM.integers(0, 2, ROWS)
YES_OF_STEPS = RANDOM.integers(0, 2, (ROWS, 5, 1))
IDS = RANDOM.integers(0, 3, ROWS)
IDS_OF_STEPS = RANDOM.integers(0, 3, (ROWS, 5))
PICTURE = RANDOM.random((ROWS, 4, 1)).astype(np.float32)
CENSORED = np.where(RANDOM.random((ROWS, 1)) < 0.3, np.nan, YES[:, None])


def over(limit):
    return lambda y, t: ((y > limit) == t.reshape(y.shape))[~np.isnan(t.reshape(y.shape))].mean()


def highest(y, t):
    return (y.argmax(axis=-1) == t)[t >= 0].mean()


def of_columns(y, t):
    return (y.argmax(axis=-1) == t.argmax(axis=-1)).mean()


# By what it is: the last layers, inputs, targets, the loss, and how one would reckon it, if one can.
FORMS = {
    "one raw output": ([cl.Dense(1)], X, YES, None, over(0)),
    "bools": ([cl.Dense(1)], X, YES > 0, "bce", over(0)),
    "a column": ([cl.Dense(1)], X, YES[:, None].astype(float), None, over(0)),
    "a sigmoid": ([cl.Dense(1, "sigmoid")], X, YES, None, over(0.5)),
    "a hard sigmoid": ([cl.Dense(1), cl.HardSigmoid()], X, YES, None, over(0.5)),
    "smoothed": ([cl.Dense(1)], X, YES, cl.SigmoidCrossEntropy(label_smoothing=0.1), over(0)),
    "partly known": ([cl.Dense(1)], X, CENSORED, cl.CensorLoss("sigmoid_cross_entropy"), over(0)),
    "partly known, of a sigmoid": (
        [cl.Dense(1, "sigmoid")], X, CENSORED, cl.CensorLoss("binary_cross_entropy"), over(0.5),
    ),
    "yes or no for each step": ([cl.Dense(1)], STEPS, YES_OF_STEPS, None, over(0)),
    "class ids": ([cl.Dense(3)], X, IDS, None, highest),
    "class ids, some unknown": ([cl.Dense(3)], X, np.where(YES, IDS, -1), None, highest),
    "class ids for each step": ([cl.Dense(3)], STEPS, IDS_OF_STEPS, None, highest),
    "class ids of a softmax": ([cl.Dense(3, "softmax")], X, IDS, None, highest),
    "one column per class": ([cl.Dense(3)], X, np.eye(3)[IDS], None, of_columns),
    "one column per class, whole": ([cl.Dense(3)], X, np.eye(3, dtype=int)[IDS], None, of_columns),
    "one column per class of a softmax": ([cl.Dense(3, "softmax")], X, np.eye(3)[IDS], None, of_columns),
    "one column per class, smoothed": (
        [cl.Dense(3)], X, np.eye(3)[IDS], cl.SoftmaxCrossEntropy(0.2, one_hot=True), of_columns,
    ),
    "one column per class for each step": ([cl.Dense(3)], STEPS, np.eye(3)[IDS_OF_STEPS], None, of_columns),
    "shares of classes": ([cl.Dense(3)], X, RANDOM.dirichlet(np.ones(3), ROWS), None, of_columns),
    "several yes or no": ([cl.Dense(3)], X, RANDOM.integers(0, 2, (ROWS, 3)), None, None),
    "shares of yes": ([cl.Dense(1)], X, RANDOM.random(ROWS), "bce", None),
    "a picture of shares": ([cl.Dense(1, "sigmoid")], PICTURE, PICTURE, "bce", None),
    "bytes of a picture": (
        [cl.Dense(1, "sigmoid")], *[(PICTURE[..., None] * 255).astype(np.uint8)] * 2, "bce", None,
    ),
    "values": ([cl.Dense(1)], X, X[:, 0], None, None),
    "values of 0 and 1": ([cl.Dense(1)], X, YES, "mse", None),
    "absolute": ([cl.Dense(1)], X, X[:, 0], "mae", None),
    "outliers": ([cl.Dense(1)], X, X[:, 0], "huber", None),
    "features": ([cl.Dense(4)], X, IDS, cl.CenterLoss(classes=3), None),
}  # fmt: skip


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("form", FORMS)
def test_accuracy_is_what_one_reckons_by_hand(form, ops):
    layers, x, targets, loss, by_hand = FORMS[form]
    network = cl.Network(layers, x.shape[1:], ops=ops, seed=2)
    # The last batch of an epoch is smaller, and the validation rows are others.
    told = {"validation": (x[:20], targets[:20]), "validate_every": 1}
    session = cl.train(network, (x, targets), loss, batch_size=20, **told)
    for _ in range(4):
        session.step(to="loss" if "loss" in session.process.phases else "update")
        rows, y = session.process.batch.rows, session.network.predict(x)
        session.step()
        if by_hand is None:
            found = {*session.trace.frame(), *session.score((x, targets))}
            assert not {"accuracy", "validation_accuracy"} & found
            continue
        assert session.trace["accuracy"][-1] == pytest.approx(by_hand(y[rows], targets[rows]), rel=1e-12)
        y = session.network.predict(x)
        assert session.score((x, targets))["accuracy"] == pytest.approx(by_hand(y, targets), rel=1e-12)
        found = session.trace["validation_accuracy"][-1]
        assert found == pytest.approx(by_hand(y[:20], targets[:20]), rel=1e-12)
        # So has scikit-learn it.
        measured = session.score((x, targets), metrics=["accuracy"])["accuracy"]
        assert measured == pytest.approx(by_hand(y, targets), rel=1e-12)


def test_every_loss_is_among_them():
    losses = set()
    for layers, x, targets, loss, _ in FORMS.values():
        losses |= set(cl.train(cl.Network(layers, x.shape[1:]), (x, targets), loss).process.losses.values())
    assert {type(each).__name__ for each in losses} == {LOSSES[name].__name__ for name in LOSSES}


def test_words_and_other_rows_have_it_too():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": np.array(["no", "yes"])[YES]})
    session = cl.train(cl.Network([cl.Dense(1)], 2), Dataset(frame, target="kind"), validation=0.3)
    session.run(cl.epochs(2), progress=False)
    said = (session.network.predict(frame)[:, 0] > 0) == (frame.kind == "yes")
    assert session.score(frame)["accuracy"] == pytest.approx(said.mean())
    assert np.isfinite(session.trace["validation_accuracy"][-1])
    assert session.best("accuracy").value == np.nanmax(session.trace["accuracy"])


def test_shares_among_other_rows_have_none():
    session = cl.train(cl.Network([cl.Dense(1)], 4), (X, YES))
    scored = session.score((X, RANDOM.random(ROWS)))
    assert np.isnan(scored["accuracy"]) and np.isfinite(scored["loss"])
