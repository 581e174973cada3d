"""scikit-learn's metrics of validation rows are what scikit-learn gives for the whole arrays."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk

import cortex_lab as cl
from cortex_lab.nn import Network, Training
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.study import Session
from tests.nn.trainings import Rows, blobs, dense

X, Y = blobs(601, seed=1)


def worst_class_recall(y_true, y_pred):
    return sk.recall_score(y_true, y_pred, average=None).min()


def scores(loss, y, targets, metrics):
    """Of outputs given by hand: a network that passes its input on."""
    y = np.asarray(y, dtype=float)
    network = Network([cl.Reshape(y.shape[1:])], y.shape[1:], ops="reference")
    objective = TotalLoss(network, loss)
    chosen = Metrics(metrics, objective)
    found = objective.score({"input": y}, objective.check_all_targets(targets), chosen)
    assert {"loss", *chosen.keys} <= set(found)
    return [found[key] for key in chosen.keys]


def test_validation_metrics_are_those_of_all_rows_at_once():
    metrics = ["f1_macro", "roc_auc_ovr", "neg_log_loss", worst_class_recall]
    training = dense(validation=(X, Y), validate_every=5, metrics=metrics)
    session = Session(training)
    session.step(10)
    logits = training.network.predict(X)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = {
        "f1_macro": sk.f1_score(Y, logits.argmax(axis=1), average="macro"),
        "roc_auc_ovr": sk.roc_auc_score(Y, p, multi_class="ovr"),
        "neg_log_loss": -sk.log_loss(Y, p),
        "worst_class_recall": worst_class_recall(Y, logits.argmax(axis=1)),
    }
    for name, value in expected.items():
        steps_, values = session.trace.recorded(f"validation_{name}")
        assert steps_.tolist() == [5, 10] and values[-1] == pytest.approx(value, rel=1e-12)
    assert session.trace["validation_neg_log_loss"][-1] == pytest.approx(-training.measure("validation_loss"))


def test_binary_outputs_of_every_form_score_alike():
    random = np.random.default_rng(0)
    logits, t = random.normal(size=80), random.integers(0, 2, 80)
    p = 1 / (1 + np.exp(-logits))
    names = ["roc_auc", "f1", "accuracy", "average_precision", "neg_brier_score", "neg_log_loss"]
    expected = [
        sk.roc_auc_score(t, p), sk.f1_score(t, p > 0.5), ((p > 0.5) == t).mean(),
        sk.average_precision_score(t, p), -sk.brier_score_loss(t, p), -sk.log_loss(t, p),
    ]  # fmt: skip
    two = np.stack([-logits / 2, logits / 2], axis=1)
    both = np.stack([1 - p, p], axis=1)
    for loss, y, targets in (
        ("sigmoid_cross_entropy", logits[:, None], t),
        ("binary_cross_entropy", p[:, None], t[:, None]),
        ("softmax_cross_entropy", two, t),
        (cl.SoftmaxCrossEntropy(one_hot=True), two, np.eye(2)[t]),
        ("categorical_cross_entropy", both, t),
        (cl.CensorLoss("sigmoid_cross_entropy"), [*logits[:, None], [9.0]], np.array([*t, np.nan])),
    ):
        np.testing.assert_allclose(scores(loss, y, targets, names), expected, rtol=1e-9)


def test_several_labels_values_and_sequences():
    random = np.random.default_rng(0)
    logits, t = random.normal(size=(70, 3)), random.integers(0, 2, (70, 3))
    t[:, 0] = 1 - t[:, 1:].max(axis=1)
    found = scores("sigmoid_cross_entropy", logits, t, ["f1_samples", "roc_auc", "average_precision"])
    p = 1 / (1 + np.exp(-logits))
    expected = [
        sk.f1_score(t, p > 0.5, average="samples"),
        sk.roc_auc_score(t, p), sk.average_precision_score(t, p),
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-12)

    y, t = random.normal(size=(70, 2, 2)), random.normal(size=(70, 2, 2))
    t[4] = np.nan
    found = scores(cl.CensorLoss("huber"), y, t, ["r2", "neg_mean_absolute_error", sk.mean_squared_error])
    a, b = np.delete(t, 4, axis=0).reshape(69, -1), np.delete(y, 4, axis=0).reshape(69, -1)
    expected = [sk.r2_score(a, b), -np.abs(a - b).mean(), ((a - b) ** 2).mean()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)

    y, t = random.normal(size=(30, 4, 3)), random.integers(-1, 3, (30, 4))
    (found,) = scores("softmax_cross_entropy", y, t, "f1_weighted")
    known = t >= 0
    assert found == pytest.approx(sk.f1_score(t[known], y.argmax(axis=2)[known], average="weighted"))

    pictures, t = random.normal(size=(20, 2, 2, 1)), random.uniform(size=(20, 2, 2, 1))
    (found,) = scores("sigmoid_cross_entropy", pictures, t, "r2")
    p = 1 / (1 + np.exp(-pictures))
    assert found == pytest.approx(sk.r2_score(t.reshape(20, 4), p.reshape(20, 4)))


def test_a_scorer_can_ask_for_probabilities_and_bring_settings():
    def sureness(y_true, y_prob):
        return y_prob.max(axis=1).mean()

    metrics = [
        sk.make_scorer(sureness, response_method="predict_proba"),
        sk.make_scorer(sk.fbeta_score, beta=2, average="micro"),
    ]
    logits, t = np.array([[0.0, 1.0, 0.5], [2.0, -1.0, 0.0], [3.0, 0.0, 0.0]]), np.array([1, 0, 1])
    sure, fbeta = scores("softmax_cross_entropy", logits, t, metrics)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert sure == pytest.approx(p.max(axis=1).mean())
    assert fbeta == pytest.approx(sk.fbeta_score(t, logits.argmax(axis=1), beta=2, average="micro"))


def two_outputs():
    x, y = blobs(60)
    layers = [
        cl.Node(cl.Dense(6, activation="tanh"), "features"),
        cl.Node(cl.Dense(3), "kind", "features"),
        cl.Node(cl.Dense(1), "size", "features"),
    ]
    targets = {"kind": y, "size": x[:, :1].astype(float)}
    losses = {"kind": "softmax_cross_entropy", "size": "mean_squared_error"}
    return Network(layers, (6,), ops="reference"), x, targets, losses


def test_several_outputs_have_metrics_by_name():
    network, x, targets, losses = two_outputs()
    metrics = {"kind": ["f1_macro", "accuracy"], "size": "r2"}
    training = Training(
        network, Rows(x, targets), losses, cl.Adam(0.01), validation=(x, targets), metrics=metrics
    )
    session = Session(training)
    session.step(8)
    predicted = network.predict(x)
    kinds = predicted["kind"].argmax(axis=1)
    assert session.trace["validation_r2['size']"][-1] == pytest.approx(
        sk.r2_score(targets["size"], predicted["size"])
    )
    assert session.trace["validation_f1_macro['kind']"][-1] == sk.f1_score(
        targets["kind"], kinds, average="macro"
    )
    assert training.measure("validation_accuracy['kind']") == training.measure("validation_accuracy")


@pytest.mark.parametrize(
    ("metrics", "complaint"),
    [
        (["f1_makro"], "no scorer 'f1_makro'; it has f1_macro"),
        ("mean_absolute_error", "neg_mean_absolute_error"),
        (["f1"], "metric 'f1' cannot be taken of output 'dense_2', which has 3 classes: .*average"),
        (["f1_macro", "f1_macro"], "two measures would be called 'f1_macro'"),
        ([lambda a, b: 0.0], "a name of its own, made with def"),
        ([3], "a metric is the name of one of scikit-learn's scorers"),
        ({"dense_9": ["r2"]}, "asked for 'dense_9', but the losses are on dense_2"),
        ([sk.confusion_matrix], r"must give one number, got a ndarray of shape \(3, 3\)"),
    ],
)
def test_what_does_not_fit_is_said_before_any_step(metrics, complaint):
    with pytest.raises(ValueError, match=complaint):
        dense(validation=(X, Y), metrics=metrics)


def test_metrics_that_do_not_suit_the_outputs_or_the_rows():
    x = np.random.default_rng(0).normal(size=(40, 2))
    refused = {"roc_auc": "cannot be taken of output 'dense_1', which are values"}
    refused["accuracy"] = "is of classes, and output 'dense_1' says values"
    for metric, told in refused.items():
        with pytest.raises(ValueError, match=f"'{metric}' {told}"):
            network = Network([cl.Dense(1)], (2,))
            data = Rows(x, x[:, :1].round())
            Training(network, data, "mean_squared_error", cl.SGD(0.1), validation=(x, x[:, :1].round()),
                     metrics=metric)  # fmt: skip
    with pytest.raises(ValueError, match=r"'roc_auc_ovr' cannot be taken .* 3 classes"):
        dense(validation=(X[Y < 2], Y[Y < 2]), metrics="roc_auc_ovr")
    with pytest.raises(ValueError, match=r"validation rows, and there are none.*split\(validation"):
        dense(metrics="f1_macro")
    network, x, targets, losses = two_outputs()
    with pytest.raises(ValueError, match="metrics for each"):
        Training(network, Rows(x, targets), losses, cl.SGD(0.1), validation=(x, targets), metrics="r2")
    with pytest.raises(ValueError, match="features"):
        losses["kind"] = cl.CenterLoss(3)
        Training(network, Rows(x, targets), losses, cl.SGD(0.1), validation=(x, targets),
                 metrics={"kind": "r2"})  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_numbers_give_nan_and_do_not_stop_the_training(value):
    training = dense(validation=(X, Y), metrics="f1_macro", layers=[cl.Dense(3)], ops="cpu")
    training.edit("weights['dense_1/kernel']", value)
    assert np.isnan(training.measure("validation_f1_macro"))
    assert (
        training.measure("validation_accuracy") == training.objective.score(*training.validation)["accuracy"]
    )


def test_a_metric_that_fails_costs_its_row_nothing_else():
    healthy = True

    def fragile(y_true, y_pred):
        if not healthy:
            raise RuntimeError("the scale broke")
        return 1.0

    metrics = ["f1_macro", fragile, "accuracy"]
    session = Session(dense(validation=(X, Y), validate_every=4, metrics=metrics))
    alone = Session(dense(validation=(X, Y), validate_every=4, metrics=["f1_macro", "accuracy"]))
    alone.step(16)
    session.step(4)
    healthy = False
    with pytest.warns(RuntimeWarning, match="the metric 'fragile' cannot be taken.*the scale broke") as told:
        session.step(8)
    assert len(told) == 1
    healthy = True
    session.step(4)
    assert session.error is None and session.fault is None
    for key in alone.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(session.trace[key], alone.trace[key], err_msg=key)
    np.testing.assert_array_equal(session.trace["validation_fragile"][3::4], [1, np.nan, np.nan, 1])


def test_metrics_go_along_with_clones_forks_rewinds_and_files(tmp_path):
    def made(**options):
        return cl.train(
            cl.Network([cl.Dense(5, activation="relu"), cl.Dense(3)], 6), blobs(), "softmax_cross_entropy",
            cl.Adam(0.01), validation=(X, Y), validate_every=4, metrics=["f1_macro", "roc_auc_ovr"],
            **options,
        )  # fmt: skip

    session = made()
    session.step(20)
    key = "validation_f1_macro"
    recorded = session.trace[key].copy()
    session.rewind(step=9)
    branch = session.fork(learning_rate=[0.01])[0]
    branch.step(11)
    session.step(11)
    np.testing.assert_array_equal(session.trace[key], recorded)
    np.testing.assert_array_equal(branch.trace[key][-11:], recorded[-11:])
    assert session.best(key).value == np.nanmax(recorded)
    session.save(tmp_path / "training.h5")
    later = made(resume_from=tmp_path / "training.h5")
    later.step(4)
    session.step(4)
    assert later.trace[key][-1] == session.trace[key][-1]
    script = session.script()
    assert "metrics=['f1_macro', 'roc_auc_ovr']" in script
    scope: dict = {}
    exec(script, scope)
    np.testing.assert_array_equal(scope["session"].trace[key], session.trace[key])


def test_any_iterable_of_names_will_do():
    training = dense(validation=(X, Y), metrics=(name for name in ("f1_macro", "accuracy")))
    assert training.clone().metrics.keys == training.metrics.keys == ("f1_macro", "accuracy")


def test_a_script_cannot_hold_a_function():
    session = cl.train(
        cl.Network([cl.Dense(3)], 6), blobs(), "softmax_cross_entropy", cl.SGD(0.1), validation=(X, Y),
        metrics=[worst_class_recall],
    )  # fmt: skip
    with pytest.raises(TypeError, match="cannot write down <function worst_class_recall"):
        session.script()


def test_a_session_scores_splits_datasets_and_arrays():
    digits = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(10)], digits.input_shape)
    session = cl.train(network, digits, "softmax_cross_entropy", cl.Adam(0.01), metrics=["f1_macro"])
    session.step(80)
    session.step(to="loss")
    found = session.score()
    x, y = digits.test.arrays()
    predicted = network.predict(x).argmax(axis=1)
    assert found["accuracy"] == pytest.approx((predicted == y).mean())
    assert found["f1_macro"] == sk.f1_score(y, predicted, average="macro")
    assert session.score(digits.test) == session.score((x, y)) == found
    other = session.score("train", metrics=["roc_auc_ovr", worst_class_recall])
    assert set(other) == {"loss", "accuracy", "roc_auc_ovr", "worst_class_recall"}
    with pytest.raises(KeyError, match="no split 'tset'"):
        session.score("tset")


OF_PROBABILITIES = [
    name
    for name in sk.get_scorer_names()
    if sk.get_scorer(name)._response_method != "predict" and name not in ("roc_auc", "average_precision")
]


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_a_class_that_no_scored_row_is_of_is_known_to_every_scorer(name):
    random = np.random.default_rng(0)
    logits, t = random.normal(size=(30, 3)), random.integers(0, 2, 30)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if name == "roc_auc_ovr":
        with pytest.raises(ValueError, match=r"'roc_auc_ovr'.* 30 rows without class 2 .*every class"):
            scores("softmax_cross_entropy", logits, t, name)
        return
    scorer = sk.get_scorer(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = scorer._sign * scorer._score_func(t, p, **{**scorer._kwargs, "labels": [0, 1, 2]})
    assert scores("softmax_cross_entropy", logits, t, name) == pytest.approx([wanted], rel=1e-9)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_a_scorer_that_cannot_do_without_a_class_names_it(name):
    with pytest.raises(ValueError, match=f"'{name}'.* without class 2 in them"):
        scores("softmax_cross_entropy", np.eye(3), np.array([0, 1, 1]), name)


@pytest.mark.parametrize("metric", ["f1_macro", "neg_log_loss", "roc_auc_ovr", worst_class_recall])
def test_where_no_target_is_known_a_metric_is_not_recorded(metric):
    session = cl.train(
        cl.Network([cl.Dense(3)], 6), blobs(), "softmax_cross_entropy", cl.SGD(0.1), metrics=[metric],
        validation=(X, np.full(len(X), -1)), validate_every=1,
    )  # fmt: skip
    session.step(2)
    for key in session.trace.keys:
        assert len(session.trace.recorded(key)[0]) == (0 if key.startswith("validation") else 2), key
    found = session.score((X, np.full(len(X), -1)))
    assert len(found) == 3 and all(np.isnan(value) for value in found.values())


def test_scikit_learn_waits_until_a_metric_is_asked_for():
    code = "import sys, cortex_lab.nn.train.metrics; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
def test_outputs_are_gathered_from_a_gpu():
    found = []
    for ops in ("gpu", "reference"):
        training = dense(
            ops=ops, layers=[cl.Dense(3)], validation=(X, Y), metrics=["f1_macro", "roc_auc_ovr"]
        )
        found.append([training.measure(f"validation_{name}") for name in ("f1_macro", "roc_auc_ovr")])
    np.testing.assert_allclose(found[0], found[1], atol=5e-3)
