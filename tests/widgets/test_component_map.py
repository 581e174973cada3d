"""A layer's activations by their principal and independent components, as scikit-learn finds them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

import cortex_lab as cl
from cortex_lab.widgets import ComponentMap, NothingToShow

DRAW = np.random.default_rng(0)
SOURCES = DRAW.uniform(-1, 1, size=(400, 2))
MIXED = (SOURCES @ np.array([[1.0, 0.6], [0.4, 1.0]])).astype(np.float32)


def session_of(x, *layers, y=None):
    net = cl.Network([*layers, cl.Dense(1, name="out")], x.shape[1])
    return cl.train(net, (x, x[:, 0] if y is None else y), "mse", validation=None)


def straight(units, name="inner", activation=None):
    """A layer that gives its inputs again."""
    return cl.Dense(units, name=name, activation=activation, kernel_initializer="identity")


def alike(found, wanted):
    """Whether columns are each other's, but for their sign."""
    return np.abs(np.corrcoef(found, wanted)[0, 1])


def test_the_principal_components_are_those_of_scikit_learn():
    x = DRAW.normal(size=(80, 5)).astype(np.float32) * [3, 2, 1, 1, 0.1]
    session = session_of(x.astype(np.float32), cl.Dense(4, name="inner", activation="tanh"))
    session.step(3)
    view = ComponentMap(session)
    assert view.layer == "inner"
    data, made = view.look(), PCA(2)
    wanted = made.fit_transform(session.network.activations(session.process.batches.inputs)["inner"])
    for at in (0, 1):
        assert alike(data.places[:, at], wanted[:, at]) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(data.shares, made.explained_variance_ratio_, rtol=1e-4)
    assert f"step 3, principal components with {data.shares[0]:.0%}" in view.drawing().caption
    view.layer = "out"
    assert len(view.look().shares) == 1 and not view.look().places[:, 1].any()


def test_independent_components_are_the_sources():
    view = ComponentMap(session_of(MIXED, straight(2)), method="ICA")
    data = view.look()
    assert data.converged and np.allclose(data.places.std(axis=0), 1, atol=1e-2)
    of_each = [[alike(data.places[:, at], SOURCES[:, source]) for source in (0, 1)] for at in (0, 1)]
    assert np.sort(np.max(of_each, axis=1)).min() > 0.99
    view.method = "PCA"
    of_each = [[alike(view.look().places[:, at], SOURCES[:, source]) for source in (0, 1)] for at in (0, 1)]
    assert np.max(of_each) < 0.9
    np.testing.assert_array_equal(ComponentMap(view.session, method="ICA").look().places, data.places)


def test_what_does_not_settle_is_said():
    x = DRAW.normal(size=(60, 2)).astype(np.float32)
    view = ComponentMap(session_of(x, straight(2)), method="ICA")
    assert view.look().converged == ("not settled" not in view.drawing().caption)


NOTHING = {
    "rows that are alike": (np.ones((20, 3), np.float32), "All rows are alike to .*\nChoose another layer"),
    "nearly so": (1 + 1e-7 * DRAW.normal(size=(20, 3)).astype(np.float32), "All rows are alike to .inner."),
}


@pytest.mark.parametrize("method", ["PCA", "ICA"])
@pytest.mark.parametrize("case", NOTHING)
def test_where_there_is_nothing_to_see(case, method):
    x, said = NOTHING[case]
    with pytest.raises(NothingToShow, match=said):
        ComponentMap(session_of(x, straight(3), y=np.arange(20.0)), method=method).look()


@pytest.mark.parametrize("method", ["PCA", "ICA"])
@pytest.mark.parametrize("rows", [2, 3, 400])
def test_few_rows_and_one_direction(rows, method):
    line = np.linspace(-1, 1, rows, dtype=np.float32)[:, None] * np.array([1, 2, -1], np.float32)
    data = ComponentMap(session_of(line, straight(3)), method=method).look()
    assert data.places.shape == (rows, 2) and len(data.shares) == 1 and not data.places[:, 1].any()
    assert alike(data.places[:, 0], line[:, 0]) == pytest.approx(1)


def test_weights_that_are_not_finite_say_what_to_do():
    session = session_of(MIXED, straight(2))
    session.network.params[...] = np.nan
    with pytest.raises(NothingToShow, match=r"not finite.*\n.*session.diagnose\(\)"):
        ComponentMap(session).look()


def test_rows_and_colors_and_wrong_names():
    labels = np.array(["no", "yes"])[(MIXED[:, 0] > 0).astype(int)]
    session = cl.train(cl.Network([straight(2), cl.Dense(2)], 2), (MIXED, labels), validation=0.25)
    frame = ComponentMap(session, rows=50).frame()
    assert list(frame) == ["component_1", "component_2", "label"] and len(frame) == 50
    held = session.process.batches.rows
    assert not set(frame.index) & set(held)
    for wrong, said in (({"method": "pca"}, "method must be 'PCA' or 'ICA'"), ({"rows": 1}, "at least 2")):
        with pytest.raises(ValueError, match=said):
            ComponentMap(session, **wrong)
    with pytest.raises(KeyError, match="no layer 'dense'"):
        ComponentMap(session, "dense")
