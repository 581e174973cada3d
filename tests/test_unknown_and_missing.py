"""Targets of which some or all are unknown, missing or out of bounds: said when a training is set up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.loss import LOSSES
from cortex_lab.nn.losses.regression import _Elementwise

ROWS = 24
X = np.random.default_rng(0).normal(size=(ROWS, 2))
CLASSES = np.arange(ROWS) % 3


def trained(data, loss, units=1, **options):
    network = cl.Network([cl.Dense(units, activation=options.pop("activation", None))], 2)
    return cl.train(network, data, loss, cl.SGD(0.1), batch_size=4, **options)


def as_frame(x, y):
    return pd.DataFrame(x, columns=["a", "b"]).assign(k=y)


# A number beside classes 0, 1, ...: does it say that a class is unknown? --------------------------------

FORMS = {
    "a frame and a name": lambda frame: (frame, "k"),
    "a frame and a column": lambda frame: (frame[["a", "b"]], frame.k),
    "a dataset": lambda frame: cl.data.Dataset(frame, ["a", "b"], "k"),
    "by output": lambda frame: cl.data.Dataset(frame, ["a", "b"], {"dense_1": "k"}),
}
ASKED = {"-100 among 4": [0, 1, 2, -100], "-100 and two": [-100, 1, 2], "-1 among 4": [0, 1, 2, -1],
         "-1 and 0": [-1, 0], "floats": [0.0, 1.0, 2.0, -1.0], "-100 and 0": [-100, 0]}  # fmt: skip
LABELS = {"signs": [-1, 1], "three signs": [-1, 0, 1], "several below 0": [-2, -1, 0, 1], "none": [0, 1, 2]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ASKED)
@pytest.mark.parametrize("units", [2, 3, 4])
def test_a_negative_number_among_the_labels_of_a_column_is_asked_about(case, units, form):
    frame = as_frame(X, np.resize(ASKED[case], ROWS))
    losses = "softmax_cross_entropy"
    losses = {"dense_1": losses} if form == "by output" else losses
    with pytest.raises(ValueError, match=r"'k' holds -1(00)? beside the labels .*astype\(.category.\)"):
        trained(FORMS[form](frame), losses, units)
    # The remedies work.
    mark = min(ASKED[case])
    count = len(ASKED[case])
    left = 2 if case == "-100 and two" else 4
    trained(FORMS[form](frame[frame["k"] != mark]), losses, left).step()
    trained(FORMS[form](frame.assign(k=frame.k.astype("category"))), losses, count).step()
    if case != "-1 and 0":
        trained((X, frame["k"].to_numpy()), "softmax_cross_entropy", 5).step()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LABELS)
def test_other_labels_are_classes_and_numbers_are_values(case, form):
    frame = as_frame(X, np.resize(LABELS[case], ROWS))
    losses = {"dense_1": "softmax_cross_entropy"} if form == "by output" else "softmax_cross_entropy"
    trained(FORMS[form](frame), losses, len(LABELS[case])).step()
    for labels in ASKED.values():
        squares = {"dense_1": "mean_squared_error"} if form == "by output" else "mean_squared_error"
        trained(FORMS[form](as_frame(X, np.resize(labels, ROWS))), squares).step()


# Nothing is known ------------------------------------------------------------------------------------

NOTHING = {
    "-1": (np.full(ROWS, -1), "softmax_cross_entropy", 3, None),
    "-100": (np.full(ROWS, -100), "softmax_cross_entropy", 3, None),
    "floats": (np.full(ROWS, -1.0), "softmax_cross_entropy", 3, None),
    "probabilities": (np.full(ROWS, -1), "categorical_cross_entropy", 3, "softmax"),
    "centers": (np.full(ROWS, -1), cl.CenterLoss(classes=3), 3, None),
    "censored": (np.full(ROWS, np.nan), cl.CensorLoss(), 1, None),
    "censored binary": (np.full(ROWS, np.nan), cl.CensorLoss("sigmoid_cross_entropy"), 1, None),
}


@pytest.mark.parametrize("case", NOTHING)
def test_targets_of_which_none_is_known_are_refused(case):
    y, loss, units, activation = NOTHING[case]
    with pytest.raises(ValueError, match=r"every target of 'dense_1' is unknown, so there is nothing to"):
        trained((X, y), loss, units, activation=activation)
    one = np.where(np.arange(ROWS) == 5, 0, y)
    trained((X, one), loss, units, activation=activation).step()


# Missing, or out of bounds ----------------------------------------------------------------------------

PLAIN = sorted(name for name, kind in LOSSES.items() if issubclass(kind, _Elementwise) and "." not in name)
BROKEN = {"NaN": np.nan, "infinite": np.inf, "-1": -1.0, "-100": -100.0}


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("loss", PLAIN)
def test_targets_that_a_loss_cannot_read_are_refused_before_the_first_step(loss, value):
    binary = LOSSES[loss]().predicts == "yes or no"
    y = np.where(np.isin(np.arange(ROWS), [5, 17]), BROKEN[value], np.arange(ROWS) % 2)
    activation = "sigmoid" if loss == "binary_cross_entropy" else None
    for data in ((X, y), ({"input": X}, y[:, None]), (X, {"dense_1": y})):
        losses = {"dense_1": loss} if isinstance(data[1], dict) else loss
        if value in ("-1", "-100") and not binary:
            trained(data, losses).step()
            continue
        said = "first such rows" if value in ("-1", "-100") else "missing or infinite in 2 rows, the first"
        with pytest.raises(ValueError, match=rf"{said} \[5, 17\].*leave those rows out.*CensorLoss"):
            trained(data, losses, activation=activation)
    # The remedies work.
    keep = np.isfinite(y) & (y >= 0)
    trained((X[keep], y[keep]), loss, activation=activation).step()
    trained((X, np.where(keep, y, np.nan)), cl.CensorLoss(loss), activation=activation).step()
