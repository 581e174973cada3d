"""The rows that an estimator learns from, what it keeps of a fit, and the bench inside one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

import cortex_lab as cl
from cortex_lab.interop.estimators import LiveBench, NetworkClassifier, NetworkRegressor, NetworkTransformer

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
Y = (X[:, 0] > 0).astype(int)
COUNTS = rng.integers(0, 4, size=30)
LAYERS = {
    "dense": [8],
    "dropout": [8, cl.Dropout(0.3)],
    "noise": [cl.GaussianNoise(0.1), 8],
    "batch normalization": [8, cl.BatchNormalization()],
    "layer normalization": [8, cl.LayerNormalization()],
}


@pytest.mark.parametrize("name", LAYERS)
def test_equal_rows_are_one_where_that_is_the_same_training(name):
    alone = name in ("dense", "layer normalization")
    twice = NetworkClassifier(LAYERS[name], epochs=5, random_state=0).fit(np.repeat(X, 2, 0), np.repeat(Y, 2))
    assert len(twice.rows_) == (30 if alone else 60)
    if alone:
        once = NetworkClassifier(LAYERS[name], epochs=5, random_state=0)
        once.fit(X[::-1], Y[::-1], sample_weight=np.full(30, 2.0))
        np.testing.assert_array_equal(once.network_.params, twice.network_.params)
        np.testing.assert_array_equal(X[::-1][once.rows_], np.repeat(X, 2, 0)[twice.rows_])


def test_rows_of_weight_0_are_left_out_of_small_batches_too():
    options = {"epochs": 3, "batch_size": 7, "random_state": 0}
    kept = COUNTS > 0
    one = NetworkRegressor(**options).fit(X, X[:, 1], sample_weight=kept.astype(float))
    other = NetworkRegressor(**options).fit(X[kept], X[kept, 1])
    np.testing.assert_array_equal(one.network_.params, other.network_.params)
    np.testing.assert_array_equal(one.rows_, np.flatnonzero(kept))


def test_a_kept_fit_of_as_many_epochs_is_a_fit_like_any_other(tmp_path):
    options = {"epochs": 2, "random_state": 0, "memory": str(tmp_path)}
    first = NetworkClassifier(**options).fit(X, Y)
    again = NetworkClassifier(**options).fit(X, Y)
    assert again.n_iter_ == first.n_iter_ == 2
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))
    again.set_params(warm_start=True, epochs=1).fit(X, Y)
    assert again.n_iter_ == 3
    other = NetworkClassifier(**options | {"epochs": 1}).fit(X, Y)
    assert other.n_iter_ == 1 and other.session_.first_step == 0


def test_a_fit_that_fails_leaves_nothing_that_answers():
    estimator = NetworkClassifier(epochs=2).fit(X, Y)
    with pytest.raises(ValueError, match="adam"):
        estimator.set_params(optimizer="adamm").fit(X, np.array(["no", "yes"])[Y])
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    assert estimator.set_params(optimizer="adam").fit(X, Y).predict(X).shape == (30,)


def test_a_bench_inside_a_fit():
    live = LiveBench(map=False)
    estimator = NetworkClassifier(epochs=3, random_state=0).set_callbacks(live).fit(X, Y)
    try:
        (bench,) = live.benches
        assert bench.session is estimator.session_ and bench.session.step_number == 3
    finally:
        for bench in live.benches:
            bench.close()
    plain = NetworkClassifier(epochs=3, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(estimator.network_.params, plain.network_.params)


def test_a_layer_of_a_trained_network_also_where_it_is_cloned():
    net = NetworkClassifier((5,), epochs=2, random_state=0).fit(X, Y)
    codes = NetworkTransformer(network=net, layer="dense_1").fit(X)
    assert codes.transform(X).shape == (30, 5)
    for network in (net.network_, FrozenEstimator(net)):
        cloned = clone(NetworkTransformer(network=network, layer="dense_1")).fit(X)
        np.testing.assert_array_equal(cloned.transform(X), codes.transform(X))
    with pytest.raises(ValueError, match=r"clone.*estimator.network_"):
        clone(codes).fit(X)
