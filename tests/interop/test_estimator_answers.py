"""What an estimator says to those who know scikit-learn's MLP, skorch or SciKeras: what to type here."""

from __future__ import annotations

import inspect
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor

import cortex_lab as cl
from cortex_lab.interop.estimators.answers import ANSWERS, OF_CLASSES, SAID, TYPED, instead

ESTIMATORS = (cl.NetworkClassifier, cl.NetworkRegressor, cl.NetworkTransformer)
PARAMETERS = sorted({name for names in (*TYPED.values(), *SAID.values()) for name in names})
SKORCH = [
    "module", "criterion", "optimizer", "lr", "max_epochs", "batch_size", "iterator_train", "iterator_valid",
    "dataset", "train_split", "callbacks", "predict_nonlinearity", "warm_start", "verbose", "device",
    "compile", "use_caching", "torch_load_kwargs", "classes",
]  # fmt: skip
SCIKERAS = [
    "model", "build_fn", "warm_start", "random_state", "optimizer", "loss", "metrics", "batch_size",
    "verbose", "validation_batch_size", "callbacks", "validation_split", "shuffle", "run_eagerly", "epochs",
    "class_weight",
]  # fmt: skip
ROWS, LABELS = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], 20)
PROSE = r", (?:once|or|and so|estimator|the inputs|its raw|a row|in steps|its)| of each| are what"
"""Where an answer goes on in words after what is to be typed."""
REMEDY = r"say |leave it out|cl\.|did you mean|fit\(X, y, |estimator|NetworkClassifier\(class_weight"


def test_a_batch_of_all_rows_holds_those_that_are_left_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = cl.NetworkClassifier([4], epochs=1, validation=0.25, random_state=0).fit(ROWS, LABELS)
    assert fitted.session_.process.batches.batch_size == 30


def _fitted(estimator: type = cl.NetworkClassifier) -> object:
    return estimator([4], epochs=1, random_state=0).fit(ROWS, LABELS)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_of_elsewhere_is_answered_when_made_and_when_set(estimator: type, name: str) -> None:
    if name in inspect.signature(estimator).parameters:
        pytest.skip("it is called so here, too")
    for told in (lambda: estimator(**{name: 1}), lambda: estimator().set_params(**{name: 1})):
        with pytest.raises((TypeError, ValueError), match=REMEDY) as said:
            told()
        assert estimator.__name__ in str(said.value)
        assert name in str(said.value)


@pytest.mark.parametrize("elsewhere", [MLPClassifier, MLPRegressor])
def test_every_parameter_of_the_mlp_of_scikit_learn_is_known(elsewhere: type) -> None:
    known = list(inspect.signature(cl.NetworkClassifier).parameters)
    unanswered = [
        name
        for name in inspect.signature(elsewhere).parameters
        if name not in known and not instead(name, known)
    ]
    assert not unanswered


@pytest.mark.parametrize("name", [*SKORCH, *SCIKERAS])
def test_every_parameter_of_skorch_and_scikeras_is_known(name: str) -> None:
    known = list(inspect.signature(cl.NetworkClassifier).parameters)
    assert name in known or instead(name, known)


@pytest.mark.parametrize("typed", TYPED)
def test_what_is_said_can_be_typed(typed: str) -> None:
    for estimator in ESTIMATORS:
        made = eval(f"estimator({typed})", {"estimator": estimator, "cl": cl})
        clone(made)
    if "loss=" not in typed:
        made = eval(f"estimator({typed})", {"estimator": cl.NetworkRegressor, "cl": cl})
        made.set_params(epochs=1).fit(ROWS, ROWS[:, 0])


@pytest.mark.parametrize("elsewhere", [MLPClassifier, MLPRegressor])
def test_what_the_mlp_of_scikit_learn_has_once_it_is_fitted_is_there_or_answered(elsewhere: type) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        theirs = elsewhere(hidden_layer_sizes=[4], max_iter=2).fit(ROWS, LABELS)
    ours = _fitted(cl.NetworkClassifier if elsewhere is MLPClassifier else cl.NetworkRegressor)
    for name in vars(theirs):
        if not name.endswith("_") or name.startswith("_"):
            continue
        if name not in ANSWERS and not hasattr(ours, name):
            pytest.fail(f"nothing is said of {name}")
        if not hasattr(ours, name):
            with pytest.raises(AttributeError, match=r"estimator\.|NetworkClassifier|the last layer"):
                getattr(ours, name)


def test_answers_about_a_fitted_estimator_are_right() -> None:
    estimator = _fitted()
    told = {"estimator": estimator, "X": ROWS, "y": LABELS}
    for name, said in ANSWERS.items():
        if hasattr(estimator, name):
            continue
        typed = re.split(PROSE, said)[0]
        if not typed.startswith("estimator.") or "(..." in typed or "validation" in said or "best(" in typed:
            continue
        if name in OF_CLASSES:
            assert hasattr(cl.NetworkClassifier, "predict_log_proba")
        assert eval(typed, told) is not None, name


@pytest.mark.parametrize("estimator", [cl.NetworkRegressor, cl.NetworkTransformer])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_numbers_have_no_classes(estimator: type, name: str) -> None:
    assert not hasattr(estimator(), name)
    with pytest.raises(AttributeError, match="NetworkClassifier"):
        getattr(estimator(), name)


@pytest.mark.parametrize("name", ["epochs", "n_epochs", "batch_size", "verbose", "validation_split"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_how_to_learn_is_not_said_to_fit(method: str, name: str) -> None:
    with pytest.raises(TypeError, match=r"set_params|leave it out|when the estimator is made") as said:
        getattr(cl.NetworkClassifier([4]), method)(ROWS, LABELS, **{name: 1})
    assert f"NetworkClassifier.{method}" in str(said.value)
