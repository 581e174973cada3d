"""What points are compared by, several perplexities, both ways to the gradient, and new points in a map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from cortex_lab.embed import TSNE
from cortex_lab.study import Session, below, steps

pytest.importorskip("openTSNE")


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """120 points with 6 features in 4 clusters, 30 after 30, of other lengths each."""
    centers = np.repeat(np.eye(4, 6) * [[3], [5], [7], [9]], 30, axis=0)
    return (centers + np.random.default_rng(0).normal(size=(120, 6))).astype(np.float32)


@pytest.fixture(scope="module")
def laid(clusters) -> TSNE:
    session = Session(TSNE(clusters, perplexity=10, early_iterations=60))
    session.run(until=below("moved", 2e-3) | steps(250), progress=False)
    return session.process


def affinities_by_hand(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """(n, n), by bisection: no shortcut, no neighbor left out."""
    squared, n = distances**2, len(distances)
    found = np.zeros((n, n))
    for i in range(n):
        others = np.arange(n) != i
        low, high = -50.0, 50.0
        for _ in range(200):
            middle = (low + high) / 2
            p = np.exp(-np.exp(middle) * (squared[i, others] - squared[i, others].min()))
            p /= p.sum()
            entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
            low, high = (middle, high) if entropy > np.log(perplexity) else (low, middle)
        found[i, others] = p
    return (found + found.T) / found.sum() / 2


def divergence_by_hand(p: np.ndarray, positions: np.ndarray) -> float:
    q = 1 / (1 + cdist(positions, positions) ** 2)
    np.fill_diagonal(q, 0)
    q /= q.sum()
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
@pytest.mark.parametrize("perplexities", [(8.0,), (5.0, 30.0)])
def test_divergence_is_by_the_metric_and_the_mean_of_perplexities(clusters, metric, perplexities):
    given = perplexities if len(perplexities) > 1 else perplexities[0]
    process = TSNE(clusters, perplexity=given, metric=metric)
    list(process.walk())
    if metric == "cosine":
        unit = clusters / np.linalg.norm(clusters, axis=1, keepdims=True)
        distances = cdist(unit, unit)
    else:
        distances = cdist(clusters, clusters, "cityblock" if metric == "manhattan" else metric)
    p = np.mean([affinities_by_hand(distances, each) for each in perplexities], axis=0)
    assert process.divergence() == pytest.approx(divergence_by_hand(p, process.positions), rel=1e-5)
    # What the gradient pulls by: the same, but of 3 x perplexity neighbors.
    near = process._state.points.affinities.toarray()
    assert near.sum() == pytest.approx(1) and np.abs(near - p).max() < 0.15 * p.max()


def test_cosine_does_not_see_lengths(clusters):
    longer = clusters * np.linspace(0.1, 30, 120, dtype=np.float32)[:, None]
    one, other = (TSNE(x, perplexity=10, metric="cosine") for x in (clusters, longer))
    for process in (one, other):
        for _ in range(5):
            list(process.walk())
    np.testing.assert_allclose(one.positions, other.positions, rtol=1e-3, atol=1e-6)


def test_interpolation_goes_the_way_of_the_tree(clusters):
    tree, grid = (TSNE(clusters, perplexity=10, method=method) for method in ("barnes_hut", "fft"))
    for process in (tree, grid):
        for _ in range(60):
            list(process.walk())
    assert not np.array_equal(tree.positions, grid.positions)
    assert grid.divergence() == pytest.approx(tree.divergence(), abs=0.1)
    assert grid._state.points.divergence(grid.positions) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "hamming"}, "metric must be .*euclidean.*cosine.*manhattan"),
        ({"method": "slow"}, "method must be .*auto.*barnes_hut.*fft"),
        ({"perplexity": (5, 90)}, "perplexity=90 does not suit 120 points"),
        ({"perplexity": ()}, "perplexity must be a number over 0, or several"),
    ],
)
def test_what_is_refused(clusters, options, message):
    with pytest.raises(ValueError, match=message):
        TSNE(clusters, **options)


def test_a_row_without_direction_is_refused_by_cosine(clusters):
    x = clusters.copy()
    x[[3, 70]] = 0
    with pytest.raises(ValueError, match=r"x is all 0 at rows 3, 70.*metric='euclidean'"):
        TSNE(x, metric="cosine")
    assert TSNE(x).step_number == 0


def test_new_points_go_among_those_like_them_and_the_map_stays(clusters, laid):
    before, update = laid.snapshot(), laid.buffers["update"].copy()
    bits = before["positions"].tobytes()
    rng = np.random.default_rng(5)
    new = (np.eye(4, 6) * [[3], [5], [7], [9]] + 0.3 * rng.normal(size=(4, 6))).astype(np.float32)
    found = laid.place(new)
    assert found.shape == (4, 2) and found.dtype == np.float64
    nearest = cdist(found, laid.positions).argmin(axis=1) // 30
    assert nearest.tolist() == [0, 1, 2, 3]
    after = laid.snapshot()
    assert all(after[name] is before[name] for name in before)
    assert before["positions"].tobytes() == bits and np.array_equal(laid.buffers["update"], update)


def test_new_points_are_placed_each_by_itself(clusters, laid):
    new = clusters[::17] + np.float32(0.01)
    together = laid.place(new)
    for row, place in zip(new, together, strict=True):
        np.testing.assert_allclose(laid.place(row[None])[0], place, atol=1e-9)
    radius = np.sqrt((laid.positions**2).sum(axis=1).mean())
    assert np.linalg.norm(together - laid.positions[::17], axis=1).max() < 0.25 * radius


def test_a_map_off_the_middle_takes_new_points_where_it_is(clusters, laid):
    aside = TSNE(clusters, perplexity=10, initial=laid.positions + np.array([300.0, -40.0]))
    there, here = aside.place(clusters[:3]), laid.place(clusters[:3])
    np.testing.assert_allclose(there - [300.0, -40.0], here, atol=1e-6)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (np.zeros((2, 5)), r"the 6 features of the map's, got \(2, 5\)"),
        (np.zeros(6), r"the 6 features of the map's, got \(6,\)"),
        (np.full((2, 6), np.nan), "new points are NaN or infinite at rows 0, 1"),
        (np.full((2, 6), "a"), "new must be"),
    ],
)
def test_new_points_that_do_not_fit(laid, new, message):
    with pytest.raises(ValueError, match=message):
        laid.place(new)


def test_no_new_points_are_none(laid):
    assert laid.place(np.empty((0, 6))).shape == (0, 2)
