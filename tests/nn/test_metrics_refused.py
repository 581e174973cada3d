"""Which metrics are refused, and by what names they are asked for."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

import cortex_lab as cl
from cortex_lab.nn.train.metrics import FUNCTIONS, USUAL, resolve_metric
from tests.nn.trainings import blobs

X, Y = blobs(60, seed=1)
OF_VALUES = [
    name
    for name in sk.get_scorer_names()
    if sk.get_scorer(name)._score_func.__module__.endswith("_regression")
]


@pytest.mark.parametrize("end", [("softmax_cross_entropy", 2), ("sigmoid_cross_entropy", 1)])
@pytest.mark.parametrize("name", OF_VALUES)
def test_what_compares_values_is_not_taken_of_classes(name, end):
    (loss, units), (x, y) = end, (X[:40], Y[:40] > 0)
    words = np.array(["no", "yes"])[y.astype(int)]
    for metric in (name, sk.get_scorer(name), sk.get_scorer(name)._score_func):
        for targets in (y, words):
            session = cl.train(cl.Network([cl.Dense(units)], 6), (x, targets), loss)
            told = r"is of values, and output 'dense_1' says classes; .*'f1_macro'"
            with pytest.raises(ValueError, match=told):
                cl.train(cl.Network([cl.Dense(units)], 6), (x, targets), loss, validation=0.5, metrics=metric)
            with pytest.raises(ValueError, match=told):
                session.score((x, targets), metrics=[metric])


@pytest.mark.parametrize("given", ["labels", "ids", "columns"])
@pytest.mark.parametrize("name", [name for name in sk.get_scorer_names() if name not in OF_VALUES])
def test_a_metric_is_taken_all_through_a_run_or_refused_before_it(name, given):
    """With a class that no row is of, which the network may still predict."""
    kind = pd.Categorical(np.array(["ant", "bee"])[Y % 2], ["cow", "ant", "bee"])
    targets = {"labels": pd.Series(kind, name="kind"), "ids": kind.codes, "columns": np.eye(3)[kind.codes]}
    data = pd.DataFrame(X), targets[given]
    network = cl.Network([cl.Dense(3)], 6)
    network.parameters["dense_1/bias"] = [9, 0, 0]
    try:
        session = cl.train(network, data, "crossentropy", validation=0.5, validate_every=1, metrics=name)
    except ValueError as error:
        assert f"the metric {name!r} cannot be taken of output 'dense_1'" in str(error)
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        session.run(2, progress=False)
    assert len(session.trace.recorded(f"validation_{name}")[1]) == 2


@pytest.mark.parametrize("name", USUAL)
def test_usual_names_of_metrics_are_answered_with_those_of_scorers(name):
    for spelled in (name, name.upper()):
        with pytest.raises(ValueError, match=f"it has {', '.join(USUAL[name])}"):
            resolve_metric(spelled)
    assert all(resolve_metric(each) for each in USUAL[name])


CALLED = sorted({sk.get_scorer(name)._score_func.__name__ for name in sk.get_scorer_names()})


@pytest.mark.parametrize("name", CALLED)
def test_functions_of_scikit_learn_by_name_are_answered_with_their_scorers(name):
    if name not in sk.get_scorer_names():
        with pytest.raises(ValueError, match="it has ") as told:
            resolve_metric(name)
        scorers = str(told.value).partition("it has ")[2].split(", ")
        assert all(sk.get_scorer(each)._score_func.__name__ == name for each in scorers)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_metrics_without_a_scorer_are_answered_with_a_function(name):
    with pytest.raises(ValueError, match=r"it has a function: metrics=\[(sklearn.metrics.(\w+))\]$") as told:
        resolve_metric(name)
    assert resolve_metric(getattr(sk, str(told.value).rpartition(".")[2][:-1]))[0] == FUNCTIONS[name]
