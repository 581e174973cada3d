"""The numbers beside a map, against scikit-learn's, against zadu's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from cortex_lab.embed import quality

# What zadu 0.5.4 (Jeon et al., 2023) says of `drawn(seed, n, features)`, by k; lcmc is the share of neighbors
# kept, less k / (n - 1), which is what chance would keep.
OF_ZADU = {
    (0, 60, 4, 5): (0.7175641025641025, 0.8267307692307692, 0.17192090395480225),
    (1, 150, 8, 10): (0.6768674101610905, 0.759013630731103, 0.10355257270693512),
    (2, 90, 3, 20): (0.8363211951447247, 0.8886554621848742, 0.34083645443196003),
}


def drawn(seed: int, n: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features))
    return x, x[:, :2] + 0.3 * rng.normal(size=(n, 2))


@pytest.mark.parametrize("case", OF_ZADU)
def test_as_zadu_says(case):
    *which, k = case
    x, positions = drawn(*which)
    found = quality(x, positions, k=k)
    trust, continuity, lcmc = OF_ZADU[case]
    assert found.trustworthiness == pytest.approx(trust, abs=1e-12)
    assert found.continuity == pytest.approx(continuity, abs=1e-12)
    assert found.neighborhood_preservation == pytest.approx(lcmc + k / (len(x) - 1), abs=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_as_scikit_learn_says(metric):
    x, positions = drawn(3, 80, 5)
    labels = np.where(x[:, 0] > 0, "up", "down")
    labels[:2] = ["down", "up"]
    found = quality(x, positions, labels, k=7, metric=metric)
    assert found.trustworthiness == pytest.approx(trustworthiness(x, positions, n_neighbors=7, metric=metric))
    assert found.continuity == pytest.approx(trustworthiness(positions, x, n_neighbors=7), abs=0.2)
    votes = cross_val_score(KNeighborsClassifier(7), positions, labels, cv=LeaveOneOut())
    assert found.knn_accuracy == pytest.approx(votes.mean())


def test_by_hand():
    """Four points on a line, of which the map has put the last between the first two."""
    x = np.array([[0.0], [1.0], [2.5], [4.5], [7.0]])
    positions = np.column_stack([[0.0, 1.0, 2.5, 0.4, 7.0], np.zeros(5)])
    found = quality(x, positions, ["a", "a", "b", "b", None], k=1)
    # Nearest in the map: 3, 3, 1, 0, 2, which are 3rd, 3rd, 1st, 4th and 2nd in the features.
    assert found.distortion.tolist() == [1, 1, 0, 1, 1]
    assert found.neighborhood_preservation == pytest.approx(0.2)
    assert found.trustworthiness == pytest.approx(1 - 2 / (5 * 1 * (10 - 3 - 1)) * (2 + 2 + 0 + 3 + 1))
    assert found.knn_accuracy == 0.0
    perfect = quality(x, np.column_stack([x, np.zeros(5)]), k=2)
    assert (perfect.trustworthiness, perfect.continuity, perfect.neighborhood_preservation) == (1, 1, 1)
    assert perfect.knn_accuracy is None and perfect.kl_divergence is None


def test_twins_are_as_near_as_each_other():
    x = np.repeat(np.arange(8.0)[:, None], 4, axis=0)
    positions = np.column_stack([x[:, 0] + 1e-3 * np.arange(32), np.zeros(32)])
    assert quality(x, positions, k=3).trustworthiness == 1


def test_of_many_points_a_sample_is_judged(monkeypatch):
    x, positions = drawn(5, 400, 4)
    whole = quality(x, positions, k=5)
    monkeypatch.setattr("cortex_lab.embed._quality.MOST_JUDGED", 150)
    monkeypatch.setattr("cortex_lab.embed._quality._NUMBERS_AT_ONCE", 400 * 7)
    some = quality(x, positions, k=5)
    judged = np.isfinite(some.distortion)
    assert (some.judged, judged.sum()) == (150, 150)
    np.testing.assert_array_equal(some.distortion[judged], whole.distortion[judged])
    assert some.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.03)


def test_each_number_is_explained_in_a_line():
    x, positions = drawn(6, 40, 3)
    found = quality(x, positions, np.arange(40) % 3, k=4, kl_divergence=0.5)
    frame = found.frame()
    assert list(frame.index) == [
        "kl_divergence", "trustworthiness", "continuity", "neighborhood_preservation", "knn_accuracy",
    ]  # fmt: skip
    assert frame["says"].str.len().between(30, 120).all()
    assert "trustworthiness 0." in repr(found) and "of 40 of 40 points, k = 4" in found._repr_html_()


@pytest.mark.parametrize(
    ("x", "positions", "options", "message"),
    [
        (np.eye(10), np.eye(10)[:, :2], {"k": 5}, "k=5 neighbors are too many for 10 points"),
        (np.eye(10), np.eye(9)[:, :2], {"k": 2}, r"got \(10, 10\) and \(9, 2\)"),
        (np.full((10, 2), np.nan), np.eye(10)[:, :2], {"k": 2}, "x must be .* finite numbers"),
        (np.eye(10), np.eye(10)[:, :2], {"k": 2, "metric": "far"}, "metric must be"),
        (np.eye(10, 3), np.eye(10)[:, :2], {"k": 2, "metric": "cosine"}, "all 0 at rows 3, 4, 5, 6, 7 and 2"),
        (np.eye(10), np.eye(10)[:, :2], {"k": 2, "labels": [1]}, "1 labels for 10 points"),
    ],
)
def test_what_cannot_be_judged(x, positions, options, message):
    with pytest.raises(ValueError, match=message):
        quality(x, positions, **options)
