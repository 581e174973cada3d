"""The rows that an estimator learns from, what it keeps of a fit, and the bench inside one."""

from __future__ import annotations

import numpy as np
import pandas as pd
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
def test_a_whole_weight_is_so_many_rows_whatever_their_order(name):
    options = {"layers": LAYERS[name], "epochs": 5, "random_state": 0, "class_weight": "balanced"}
    repeated = NetworkClassifier(**options).fit(np.repeat(X, COUNTS, 0), np.repeat(Y, COUNTS))
    weighted = NetworkClassifier(**options).fit(X[::-1], Y[::-1], sample_weight=COUNTS[::-1])
    np.testing.assert_array_equal(repeated.network_.params, weighted.network_.params)
    assert len(repeated.rows_) == len(weighted.rows_) == COUNTS.sum()
    np.testing.assert_array_equal(X[::-1][weighted.rows_], np.repeat(X, COUNTS, 0)[repeated.rows_])


def test_what_is_recorded_counts_every_row():
    rows, labels = np.r_[X[:20], np.repeat(X[20:21], 80, 0)], np.r_[Y[:20], np.repeat(Y[20:21], 80)]
    estimator = NetworkClassifier(epochs=1, random_state=0).fit(rows, labels)
    first = NetworkClassifier(epochs=1, random_state=0, optimizer=cl.SGD(1e-12)).fit(rows, labels)
    assert estimator.session_.trace["accuracy"][0] == pytest.approx(first.score(rows, labels))


def test_weights_that_are_no_counts_and_balanced_classes_of_unequal_rows():
    plain = NetworkClassifier([8], epochs=60, random_state=0)
    rows, labels = np.r_[X[:15], np.repeat(X[15:17], [8, 7], 0)], np.r_[[0] * 15, [1] * 15]
    balanced = NetworkClassifier([8], epochs=60, random_state=0, class_weight="balanced").fit(rows, labels)
    # As many of each class: balancing changes nothing.
    np.testing.assert_allclose(plain.fit(rows, labels).predict_proba(X), balanced.predict_proba(X), atol=1e-5)
    halves = NetworkClassifier([8], epochs=3, random_state=0).fit(X, Y, sample_weight=np.full(30, 0.5))
    assert len(halves.rows_) == 30


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


def test_memory_does_not_forget_what_a_warm_start_learned(tmp_path):
    options = {"epochs": 3, "random_state": 0, "warm_start": True}
    kept, plain = (NetworkClassifier(**options, memory=memory) for memory in (str(tmp_path), None))
    for rows in (slice(None), slice(0, 20), slice(None)):
        kept.fit(X[rows], Y[rows])
        plain.fit(X[rows], Y[rows])
    np.testing.assert_array_equal(kept.network_.params, plain.network_.params)
    assert kept.n_iter_ == plain.n_iter_ == 9


@pytest.mark.parametrize(
    "until", [cl.stalled("loss", patience=3), cl.stalled("validation_loss", patience=2), "epoch >= 3", None]
)
def test_a_callback_changes_nothing_of_when_a_fit_ends(until):
    class Silent:
        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context): ...

        def teardown(self, estimator, context): ...

    options = {"epochs": 40, "until": until, "validation": 0.2, "batch_size": 7, "random_state": 0}
    options["optimizer"] = cl.Adam(0.05)
    plain = NetworkClassifier([16], **options).fit(X, Y)
    heard = NetworkClassifier([16], **options).set_callbacks(Silent()).fit(X, Y)
    assert plain.session_.step_number == heard.session_.step_number
    np.testing.assert_array_equal(plain.network_.params, heard.network_.params)


def test_what_a_callback_raises_ends_the_fit():
    class Broken:
        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            raise RuntimeError("the log is full")

        def teardown(self, estimator, context): ...

    estimator = NetworkClassifier(epochs=5).set_callbacks(Broken())
    with pytest.raises(RuntimeError, match="the log is full"):
        estimator.fit(X, Y)
    assert estimator.n_iter_ == 1


def test_a_session_that_was_stepped_on_is_gone_on_from():
    options = {"batch_size": 10, "random_state": 0, "optimizer": cl.Adam(0.02)}
    stepped = NetworkClassifier(epochs=2, **options).fit(X, Y)
    stepped.session_.run(6, progress=False)
    whole = NetworkClassifier(epochs=4, **options).fit(X, Y)
    for each in (stepped, whole):
        each.partial_fit(X[:20], Y[:20])
    np.testing.assert_array_equal(stepped.network_.params, whole.network_.params)


def test_a_parameter_that_was_changed_in_place_is_another():
    weights = {0: 1.0, 1: 1.0}
    options = {"epochs": 3, "random_state": 0, "warm_start": True}
    changed = NetworkClassifier(class_weight=weights, **options).fit(X, Y)
    weights[1] = 20.0
    changed.fit(X, Y)
    other = NetworkClassifier(class_weight={0: 1.0, 1: 1.0}, **options).fit(X, Y)
    other.set_params(class_weight={0: 1.0, 1: 20.0}).fit(X, Y)
    np.testing.assert_array_equal(changed.network_.params, other.network_.params)
    layers = [8]
    listed = NetworkClassifier(layers, **options).fit(X, Y)
    layers.append(4)
    with pytest.raises(ValueError, match="layers is another"):
        listed.fit(X, Y)


def test_a_layer_of_an_estimator_wants_its_columns():
    frame = pd.DataFrame(X, columns=list("abcd"))
    net = NetworkClassifier((5,), epochs=2, random_state=0).fit(frame, Y)
    codes = NetworkTransformer(network=net, layer="dense_1").fit(frame)
    before = codes.transform(frame)
    with pytest.raises(ValueError, match="in that order"):
        NetworkTransformer(network=net, layer="dense_1").fit(frame[list("dcba")])
    net.partial_fit(frame, Y)
    np.testing.assert_array_equal(codes.transform(frame), before)


def test_a_schedule_of_ones_own_and_a_warm_start():
    estimator = NetworkClassifier(epochs=2, warm_start=True, optimizer=cl.Adam(lambda updates: 1e-3))
    assert estimator.fit(X, Y).fit(X, Y).n_iter_ == 4


def test_labels_that_a_fold_lacks_and_labels_of_several_kinds():
    with pytest.warns(UserWarning, match="class_weight has 2"):
        NetworkClassifier(epochs=1, class_weight={0: 1, 1: 1, 2: 5}).fit(X, Y)
    with pytest.raises(TypeError, match="NoneType, str"):
        NetworkClassifier(epochs=1).fit(X, np.array(["a", None] * 15, dtype=object))


def test_rows_of_a_frame_stay_rows_of_a_frame():
    frame = pd.DataFrame({"n": X[:, 0], "c": pd.Categorical(np.where(Y, 3, 4))})
    estimator = NetworkClassifier(epochs=2).fit(frame, Y)
    with pytest.raises(ValueError) as told:
        estimator.predict(frame.assign(c=np.where(Y, 3, 5)))
    assert "5" in str(told.value)
    with pytest.raises(TypeError, match="frame with words"):
        estimator.predict(X[:, :2])
    with pytest.raises(ValueError, match="of 30 rows"):
        estimator.predict(frame.assign(n=frame["n"].where(frame.index > 0)))


def test_a_fit_that_a_callback_ended_is_not_kept_as_a_whole_one(tmp_path):
    class Enough:
        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context): ...

        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch"

        def teardown(self, estimator, context): ...

    options = {"epochs": 4, "random_state": 0, "memory": str(tmp_path)}
    assert NetworkClassifier(**options).set_callbacks(Enough()).fit(X, Y).n_iter_ == 1
    assert NetworkClassifier(**options).fit(X, Y).session_.first_step == 0
