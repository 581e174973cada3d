"""Which metrics are refused, and by what names they are asked for."""

from __future__ import annotations

import inspect
import re
import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

import cortex_lab as cl
from cortex_lab.nn.train.metric_kinds import FUNCTIONS, USUAL, resolve_metric
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


FUNCTIONS_OF_ALL = [
    name
    for name in sk.__all__
    if not isinstance(getattr(sk, name), (type, ModuleType)) and not name.endswith(("scorer", "scorer_names"))
]
OF_ORDER = ["average_precision", *(name for name in sk.get_scorer_names() if name.startswith("roc_auc"))]
ENDS = {"values": ("mse", 1, lambda y: 1.0 + y), "classes": ("crossentropy", 2, lambda y: y)}


def said_of(says, metric):
    """What a training says of a metric, as a text where it refuses; targets and answers are whole numbers."""
    loss, units, made = ENDS[says]
    network = cl.Network([cl.Dense(units)], 6)
    network.parameters["dense_1/kernel"], network.parameters["dense_1/bias"] = 0, 1
    try:
        session = cl.train(network, (X[:40], made(Y[:40] % 2)), loss, metrics=metric, validation=0.5)
    except ValueError as error:
        return str(error)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        return list(session.score("validation").values())[-1]


@pytest.mark.parametrize("name", sk.get_scorer_names())
def test_no_scorer_of_classes_is_taken_of_values(name):
    for metric in (name, sk.get_scorer(name)):
        said = said_of("values", metric)
        if name in OF_VALUES:
            assert isinstance(said, float)
        elif name not in OF_ORDER:
            assert "is of classes, and output 'dense_1' says values; of those there are 'r2'" in said


@pytest.mark.parametrize("name", FUNCTIONS_OF_ALL)
@pytest.mark.parametrize("says", ENDS)
def test_a_function_of_scikit_learn_is_of_what_is_given_or_refused_by_name(says, name):
    function = getattr(sk, name)
    said = said_of(says, [function])
    first, second = [*inspect.signature(function).parameters][:2]
    room = function.__module__.split(".")[2]
    if first not in ("y_true", "y1", "labels_true"):
        assert f"sklearn's {name} takes " in said and "def metric(y_true, y_pred)" in said
    elif isinstance(said, float):
        predicted, of_values = second in ("y_pred", "y2", "labels_pred"), room == "_regression"
        assert (predicted and of_values == (says == "values")) or (says, room) == ("values", "_ranking")
    else:
        told = "must give one number|cannot be taken of|is of (classes|values|probabilities)"
        assert re.match(f"the metric '{name}' ({told})", said)


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
