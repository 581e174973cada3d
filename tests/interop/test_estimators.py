"""Networks as scikit-learn's estimators: its own checks, and all that estimators are put into."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import cortex_lab as cl
from cortex_lab.interop.estimators import NetworkClassifier, NetworkRegressor, NetworkTransformer

ESTIMATORS = (NetworkClassifier, NetworkRegressor, NetworkTransformer)


@parametrize_with_checks([kind() for kind in ESTIMATORS], xfail_strict=True)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        # What the engine says of unscaled rows and the like is for people.
        warnings.simplefilter("ignore", UserWarning)
        check(estimator)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def flowers(iris):
    X, y = iris
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def quick(**options):
    return NetworkClassifier(
        **{"layers": (16,), "epochs": 30, "optimizer": cl.Adam(5e-2), "random_state": 0} | options
    )


def test_a_fit_is_the_training_that_train_makes(iris):
    X, y = iris
    fitted = quick(batch_size=32).fit(X, y)
    net = cl.Network([cl.Dense(16, activation="relu"), cl.Dense(3)], input_shape=4, seed=fitted.seed_)
    session = cl.train(net, (X, y), optimizer=cl.Adam(5e-2), batch_size=32, seed=fitted.seed_)
    session.run(cl.epochs(30), progress=False)
    np.testing.assert_array_equal(net.params, fitted.network_.params)
    assert fitted.n_iter_ == 30 and fitted.score(X, y) > 0.95
    np.testing.assert_array_equal(fitted.rows_, np.arange(150))


def test_words_come_back(flowers):
    X, y = flowers
    fitted = quick().fit(X, y)
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    assert (fitted.predict(X) == y).mean() > 0.95
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict_proba(X))
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)


# Going on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", ["auto", 32])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_warm_start_is_one_uninterrupted_fit(kind, batch_size, iris):
    X, y = iris
    options = {"layers": (8,), "random_state": 3, "batch_size": batch_size}
    whole = kind(epochs=7, **options).fit(X, y)
    parts = kind(epochs=3, warm_start=True, **options).fit(X, y)
    parts.set_params(epochs=4).fit(X, y)
    np.testing.assert_array_equal(whole.network_.params, parts.network_.params)
    assert parts.n_iter_ == whole.n_iter_ == 7


@pytest.mark.parametrize("copied", ["", "pickled"])
def test_a_warm_start_on_new_rows_keeps_weights_and_the_optimizers_memory(copied, iris):
    X, y = iris
    first = quick(warm_start=True, epochs=2).fit(X[::2], y[::2])
    if copied:
        first = pickle.loads(pickle.dumps(first))
    state, before = first._optimizer_state(), first.network_.params.copy()
    assert state["updates"] > 0
    first.set_params(epochs=1).fit(X[1::2], y[1::2])
    assert first._optimizer_state()["updates"] == state["updates"] + 1
    assert first.session_.network is first.network_
    assert not np.array_equal(before, first.network_.params)
    # An optimizer that was changed begins anew.
    first.set_params(optimizer__learning_rate=1e-3).fit(X[1::2], y[1::2])
    assert first._optimizer_state()["updates"] == 1


def test_a_warm_start_refuses_another_network(iris):
    fitted = quick(warm_start=True).fit(*iris)
    with pytest.raises(ValueError, match=r"layers is another.*warm_start=False"):
        fitted.set_params(layers=(8,)).fit(*iris)


def test_without_warm_start_a_fit_begins_anew(iris):
    fitted = quick(epochs=2)
    first = fitted.fit(*iris).network_.params.copy()
    np.testing.assert_array_equal(first, fitted.fit(*iris).network_.params)


def test_partial_fit_goes_on(flowers):
    X, y = flowers
    fitted = quick()
    for part in np.array_split(np.random.default_rng(0).permutation(150), 50):
        fitted.partial_fit(X[part], y[part], classes=["virginica", "setosa", "versicolor"])
    assert fitted._optimizer_state()["updates"] == 50 and fitted.score(X, y) > 0.8
    with pytest.raises(ValueError, match=r"'rose'.*partial_fit"):
        fitted.partial_fit(X[:3], np.array(["rose", "setosa", "setosa"]))
    with pytest.raises(ValueError, match="not the same as on last call"):
        fitted.partial_fit(X[:3], y[:3], classes=["setosa", "rose"])


def test_halving_goes_on_where_a_shorter_fit_ended(iris, tmp_path):
    rates = {"optimizer__learning_rate": [1e-4, 1e-3, 1e-2]}
    options = {"resource": "epochs", "max_resources": 18, "min_resources": 2, "cv": 3, "refit": True}
    plain = HalvingGridSearchCV(quick(), rates, **options).fit(*iris)
    kept = HalvingGridSearchCV(quick(memory=str(tmp_path)), rates, **options).fit(*iris)
    np.testing.assert_array_equal(plain.cv_results_["mean_test_score"], kept.cv_results_["mean_test_score"])
    ours, theirs = kept.best_estimator_, plain.best_estimator_
    np.testing.assert_array_equal(ours.network_.params, theirs.network_.params)
    assert any(path.stem.endswith("-2") for path in tmp_path.iterdir())
    longer = clone(ours).set_params(epochs=ours.epochs + 1).fit(*iris)
    # Only what was new was run: what it goes on from was not recorded again.
    assert longer.session_.first_step == ours.session_.step_number


def test_memory_does_not_mix_up_what_differs(iris, tmp_path):
    X, y = iris
    options = {"memory": str(tmp_path), "epochs": 2}
    quick(**options).fit(X, y)
    for other in (
        {"optimizer": cl.Adam(2e-2)},
        {"layers": (15,)},
        {"random_state": 1},
        {"class_weight": "balanced"},
    ):
        assert quick(**options).set_params(**other).fit(X, y).session_.first_step == 0, other
    assert quick(**options).fit(X[:-1], y[:-1]).session_.first_step == 0
    assert quick(**options).fit(X, y).session_.step_number == 2


# Where estimators are put --------------------------------------------------------------------------


def test_nested_settings_are_searched(iris):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), quick()),
        {
            "networkclassifier__optimizer__learning_rate": [1e-5, 1e-2],
            "networkclassifier__layers": [(8,), (8, 8)],
        },
        cv=3,
    ).fit(*iris)
    assert search.best_params_["networkclassifier__optimizer__learning_rate"] == 1e-2
    assert search.best_estimator_[-1].session_.process.optimizer.learning_rate == 1e-2


def test_settings_that_there_are_not():
    with pytest.raises(ValueError, match=r"'rate'.*learning_rate"):
        quick(optimizer="adam").set_params(optimizer__rate=1)
    with pytest.raises(ValueError, match="layers__units"):
        quick().set_params(layers__units=1)
    with pytest.raises(ValueError, match="Invalid parameter 'nope'"):
        quick().set_params(nope__units=1)
    assert quick().set_params(optimizer="sgd", optimizer__momentum=0.9).optimizer == cl.SGD(momentum=0.9)
    assert quick(optimizer="sgd").get_params()["optimizer__momentum"] == 0.0


def test_cross_validation_in_several_processes(flowers):
    found = cross_validate(quick(), *flowers, cv=3, n_jobs=2, return_estimator=True)
    assert found["test_score"].min() > 0.8
    np.testing.assert_array_equal(
        found["estimator"][0].network_.params,
        cross_validate(quick(), *flowers, cv=3, return_estimator=True)["estimator"][0].network_.params,
    )


def test_in_a_stack_calibrated_and_permuted(iris):
    X, y = iris
    stack = StackingClassifier([("net", quick()), ("other", quick(layers=(4,)))], cv=3).fit(X, y)
    assert stack.score(X, y) > 0.9
    assert CalibratedClassifierCV(quick(), cv=3).fit(X, y).predict_proba(X).shape == (150, 3)
    assert cross_val_predict(quick(), X, y, cv=3, method="predict_proba").shape == (150, 3)
    important = permutation_importance(quick().fit(X, y), X, y, n_repeats=3, random_state=0).importances_mean
    assert important[2:].min() > important[:2].max()


def test_a_frame_of_words_numbers_and_pictures(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(place=np.array(["n", "s", "w"])[y])
    fitted = quick().fit(frame, y)
    assert fitted.score(frame, y) == 1
    np.testing.assert_array_equal(fitted.predict(frame.iloc[:5]), fitted.predict(frame)[:5])
    np.testing.assert_array_equal(list(fitted.feature_names_in_), list(frame))
    encoded = ColumnTransformer(
        [("words", OneHotEncoder(sparse_output=False), ["place"])], remainder="passthrough"
    )
    assert make_pipeline(encoded, quick()).fit(frame, y).score(frame, y) == 1
    digits = cl.data.load("digits")
    pictures = digits.frame[["image"]].iloc[:200]
    labels = digits.frame["label"].iloc[:200].to_numpy()
    net = NetworkClassifier(
        [cl.Conv2D(4, 3), cl.Flatten()], optimizer=cl.Adam(1e-2), random_state=0, epochs=30
    )
    assert net.fit(pictures, labels).score(pictures, labels) > 0.9


def test_pictures_in_an_array():
    X, y = load_digits(return_X_y=True)
    X = (X[:300] / 16).reshape(-1, 8, 8, 1)
    net = NetworkClassifier([cl.Conv2D(4, 3, activation="relu"), cl.Flatten()], epochs=20, random_state=0)
    assert net.set_params(optimizer__learning_rate=1e-2).fit(X, y[:300]).score(X, y[:300]) > 0.9
    codes = NetworkTransformer(network=net, layer="flatten_1").fit(X)
    assert codes.transform(X).shape == (300, 144)
    assert NetworkTransformer((8,), epochs=1).fit_transform(X[:50]).shape == (50, 8)


def test_several_yes_or_no(iris):
    X, y = iris
    marks = np.stack([y == 0, y != 1], axis=1).astype(int)
    fitted = quick(epochs=100).fit(X, marks)
    assert (fitted.predict(X) == marks).mean() > 0.95
    assert fitted.predict_proba(X).shape == (150, 2)
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        quick().fit(X, np.stack([y, y], axis=1))
    assert (
        MultiOutputClassifier(quick()).fit(X, np.stack([y, 2 - y], axis=1)).score(X, np.stack([y, 2 - y], 1))
        > 0.9
    )


def test_prices(iris):
    X = iris[0]
    price = 300_000 + 50_000 * X[:, 0] - 20_000 * X[:, 2]
    net = NetworkRegressor((32,), epochs=200, random_state=0, optimizer=cl.Adam(1e-2))
    scaled = TransformedTargetRegressor(net, transformer=StandardScaler()).fit(X, price)
    assert scaled.score(X, price) > 0.98
    both = np.stack([X[:, 0], X[:, 1] + X[:, 2]], axis=1)
    assert net.fit(X, both).predict(X).shape == (150, 2) and net.score(X, both) > 0.98


def test_an_autoencoder_gives_its_code(iris):
    X = iris[0]
    code = NetworkTransformer((8, 2), activation="tanh", epochs=300, random_state=0, optimizer=cl.Adam(1e-2))
    assert code.fit_transform(X).shape == (150, 2)
    assert [node.out_shape for node in code.network_.graph.nodes.values()] == [(8,), (2,), (8,), (4,)]
    assert list(code.get_feature_names_out()) == ["networktransformer0", "networktransformer1"]
    assert ((code.network_.predict(X) - X) ** 2).mean() < 0.15
    assert make_pipeline(code, quick()).fit(*iris).score(*iris) > 0.85
    with pytest.raises(ValueError, match="no layer 'dense_9'; there are dense_1"):
        code.set_params(layer="dense_9").fit(X)
    with pytest.raises(ValueError, match="TableVectorizer"):
        code.fit(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))


# Files, interrupts, faults -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_pickled_and_read_in_another_process(kind, iris, tmp_path):
    X, y = iris
    fitted = kind((8,), epochs=2, random_state=0).fit(X, y)
    said = fitted.transform(X) if hasattr(fitted, "transform") else fitted.predict(X)
    with open(tmp_path / "fitted.pkl", "wb") as file:
        pickle.dump((fitted, X, said), file)
    code = (
        "import pickle, sys, numpy as np\n"
        "fitted, X, said = pickle.load(open(sys.argv[1], 'rb'))\n"
        "ours = fitted.transform(X) if hasattr(fitted, 'transform') else fitted.predict(X)\n"
        "np.testing.assert_array_equal(ours, said)\n"
        "try: fitted.session_\n"
        "except AttributeError as error: assert 'stayed behind' in str(error)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "fitted.pkl")], check=True)


def test_an_interrupted_fit_is_whole(iris):
    def press(notice):
        if notice.kind == "step":
            signal.raise_signal(signal.SIGINT)

    class Press:
        def setup(self, estimator, context):
            self.seen = 0

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            self.seen += 1
            if self.seen == 3:
                estimator.session_.subscribe(press)

        def teardown(self, estimator, context):
            pass

    estimator = quick().set_callbacks(Press())
    with pytest.raises(KeyboardInterrupt, match="fitted as far as step"):
        estimator.fit(*iris)
    assert 3 <= estimator.n_iter_ < 30
    assert estimator.predict(iris[0]).shape == (150,)


def test_a_fit_that_would_leave_nan_says_so(iris):
    X, y = iris
    with pytest.raises(FloatingPointError, match="session_ stands there"):
        NetworkRegressor(optimizer=cl.SGD(1e6), random_state=0).fit(X, y)


def test_callbacks_hear_of_each_epoch(iris):
    X, y = iris
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = quick(epochs=5).set_callbacks(monitor, ProgressBar()).fit(X, y)
    scores = monitor.get_logs().data_as_pandas
    scores = scores[scores["task_name"] == "epoch"]["accuracy"].to_numpy()
    assert len(scores) == 5 and scores[-1] == fitted.score(X, y) > scores[0]
    plain = quick(epochs=5).fit(X, y)
    np.testing.assert_array_equal(fitted.network_.params, plain.network_.params)


def test_a_callback_may_end_a_fit(iris):
    class Enough:
        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            return fitted_estimator.score(*iris) > 0.5

        def teardown(self, estimator, context): ...

    fitted = quick(epochs=500).set_callbacks(Enough()).fit(*iris)
    assert 0 < fitted.n_iter_ < 500


def test_until_ends_a_fit_sooner(iris):
    fitted = quick(epochs=500, until="loss < 0.3").fit(*iris)
    assert 0 < fitted.n_iter_ < 500 and fitted.session_.trace["loss"][-1] < 0.3


# Bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
        ({"optimizer": "adamm"}, "adam"),
        ({"activation": "relo"}, "relu"),
        ({"until": "lss < 1"}, "lss"),
        ({"layers": (0,)}, "units"),
    ],
)
def test_bad_parameters_are_named(change, message, iris):
    with pytest.raises((ValueError, TypeError, KeyError), match=message):
        quick(**change).fit(*iris)


def test_bad_rows_are_named(iris):
    X, y = iris
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(TypeError, match="parse"):
        from scipy.sparse import csr_array

        quick().fit(csr_array(X), y)
    with pytest.raises(ValueError, match="one class only, 1"):
        quick().fit(X[:3], [1, 1, 1])
    with pytest.raises(ValueError, match="at least one non-zero"):
        quick().fit(X, y, sample_weight=np.zeros(150))
    assert quick().fit(X[::60, :1], y[::60]).predict(X[:2, :1]).shape == (2,)
