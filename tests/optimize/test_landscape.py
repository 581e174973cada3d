"""Landscapes: grids, planes of principal components, and the paths in them."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import (
    SGD,
    Adam,
    Ellipsoid,
    Himmelblau,
    Log,
    Objective,
    Rosenbrock,
    Sphere,
    landscape,
    log,
    scipy_path,
    weight_landscape,
)
from cortex_lab.optimize.descent.landscape import principal_plane
from cortex_lab.study import steps


def test_in_two_dimensions_it_is_the_function_itself() -> None:
    logs = [log(Himmelblau(), optimizer, until=steps(30)) for optimizer in (SGD(0.01), Adam(0.1))]
    seen = landscape(*logs, resolution=21)
    assert seen.explained == 1.0 and seen.labels == ("x", "y") and seen.title == "Himmelblau"
    assert seen.z.shape == (21, 21)
    x, y = np.meshgrid(seen.x, seen.y)
    np.testing.assert_allclose(seen.z, Himmelblau().value(np.stack([x, y], -1)))
    for track, made in zip(seen.tracks, logs, strict=True):
        np.testing.assert_allclose(track.xy, made.points)
        np.testing.assert_array_equal(track.values, made.frame["value"])
    np.testing.assert_allclose(seen.minima, Himmelblau().minima)
    every = np.concatenate([made.points for made in logs] + [Himmelblau().minima])
    assert seen.x[0] < every[:, 0].min() and seen.x[-1] > every[:, 0].max()
    assert seen.y[0] < every[:, 1].min() and seen.y[-1] > every[:, 1].max()


def test_above_that_it_is_the_plane_that_shows_most_of_the_path() -> None:
    made = log(Rosenbrock(6), Adam(0.02), until=steps(100))
    seen = landscape(made, resolution=15)
    np.testing.assert_allclose(seen.axes @ seen.axes.T, np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(seen.origin, made.final)
    track = seen.tracks[0]
    np.testing.assert_allclose(track.xy[-1], 0, atol=1e-12)
    np.testing.assert_allclose(track.xy, (made.points - seen.origin) @ seen.axes.T)
    place = seen.origin + seen.x[3] * seen.axes[0] + seen.y[7] * seen.axes[1]
    assert seen.z[7, 3] == pytest.approx(Rosenbrock(6).value(place))
    # No other plane leaves less of the path out.
    centered = made.points - made.points.mean(axis=0)
    kept = ((centered @ seen.axes.T) ** 2).sum() / (centered**2).sum()
    assert seen.explained == pytest.approx(kept) and kept > 0.8
    random = np.random.default_rng(0)
    for _ in range(20):
        other = np.linalg.qr(random.standard_normal((6, 2)))[0]
        assert ((centered @ other) ** 2).sum() / (centered**2).sum() <= kept


def test_a_path_within_a_plane_is_shown_whole() -> None:
    random = np.random.default_rng(1)
    plane = np.linalg.qr(random.standard_normal((5, 2)))[0].T
    points = random.standard_normal(5) + random.standard_normal((12, 2)) @ plane
    origin, axes, explained = principal_plane(points)
    assert explained == pytest.approx(1)
    np.testing.assert_allclose((points - origin) @ axes.T @ axes, points - origin, atol=1e-12)


def test_a_straight_path_still_gets_a_plane() -> None:
    made = log(Sphere(4), SGD(0.1), until=steps(10))
    seen = landscape(made, resolution=5)
    np.testing.assert_allclose(seen.axes @ seen.axes.T, np.eye(2), atol=1e-12)
    assert seen.explained == pytest.approx(1) and seen.y[-1] > seen.y[0]
    still = log(Sphere(4), SGD(0.0), until=steps(3))
    seen = landscape(still, resolution=5)
    assert np.isfinite(seen.z).all() and seen.x[-1] > seen.x[0]


def test_minima_are_shown_only_if_they_lie_in_the_plane() -> None:
    function = Ellipsoid(4)
    straight = Log(function, "by hand", np.outer(np.linspace(1, 0.5, 5), np.ones(4)), _values(5))
    assert landscape(straight, resolution=5).minima.shape == (1, 2)
    beside = Log(function, "by hand", np.add(straight.points, [0, 0, 0, 1]), _values(5))
    assert landscape(beside, resolution=5).minima.shape == (0, 2)


def _values(rows: int):
    import pandas as pd

    return pd.DataFrame({"value": np.zeros(rows)})


def test_a_divergence_does_not_spoil_the_picture() -> None:
    made = log(Rosenbrock(), SGD(0.01, momentum=0.9), until=steps(500))
    seen = landscape(made, resolution=9, bounds=((-2, 2), (-2, 2)))
    assert np.isfinite(seen.z).all()
    assert (seen.x[0], seen.x[-1], seen.y[0], seen.y[-1]) == (-2, 2, -2, 2)
    assert 0 < len(seen.tracks[0].xy) == len(seen.tracks[0].values) < len(made.points)
    far = landscape(log(Rosenbrock(4), SGD(0.01, momentum=0.9), until=steps(500)), resolution=5)
    assert np.isfinite(far.tracks[0].xy).all() and 0 < far.explained <= 1


def test_frames() -> None:
    seen = landscape(log(Rosenbrock(), Adam(0.05), until=steps(9)), scipy_path(Rosenbrock()), resolution=7)
    frame = seen.frame()
    assert list(frame.columns) == ["x", "y", "value"] and len(frame) == 49
    at = frame.iloc[10]
    assert at["value"] == pytest.approx(Rosenbrock().value(at[["x", "y"]].to_numpy()))
    paths = seen.paths()
    assert paths["path"].unique().tolist() == ["Adam(0.05)", "scipy BFGS"]
    assert (paths["path"] == "Adam(0.05)").sum() == 10


def test_the_loss_surface_around_the_weights_of_a_network() -> None:
    random = np.random.default_rng(0)
    inputs = random.standard_normal((30, 3))
    targets = np.tanh(inputs @ [1.0, -1.0, 0.5])

    def loss(w: np.ndarray) -> float:
        return float(((np.tanh(inputs @ w[:3]) * w[3] - targets) ** 2).mean())

    def gradient(w: np.ndarray) -> np.ndarray:
        hidden = np.tanh(inputs @ w[:3])
        error = 2 * (hidden * w[3] - targets) / len(targets)
        return np.append(inputs.T @ (error * w[3] * (1 - hidden**2)), error @ hidden)

    made = log(Objective(loss, gradient, [0.1, 0.2, -0.3, 0.5], "network"), Adam(0.05), until=steps(120))
    seen = weight_landscape(made.points, loss, resolution=11, name="adam")
    assert seen.z.shape == (11, 11) and seen.tracks[0].name == "adam" and seen.explained > 0.7
    np.testing.assert_allclose(seen.tracks[0].values, made.frame["value"])
    same = landscape(made, resolution=11, margin=0.25)
    np.testing.assert_allclose(same.z, seen.z)


def test_bad_input(tmp_path) -> None:
    sphere = log(Sphere(), SGD(0.1), until=steps(3))
    with pytest.raises(ValueError, match="around at least one log"):
        landscape()
    with pytest.raises(ValueError, match="the logs are of different functions"):
        landscape(sphere, log(Rosenbrock(), SGD(0.001), until=steps(3)))
    with pytest.raises(ValueError, match="at least 2 variables"):
        landscape(log(Sphere(1), SGD(0.1), until=steps(3)))
    with pytest.raises(ValueError, match="resolution must be a whole number from 2"):
        landscape(sphere, resolution=1)
    with pytest.raises(ValueError, match=r"at least 3 points \(steps, weights\), got shape \(2, 5\)"):
        weight_landscape(np.zeros((2, 5)), lambda w: 0.0)
    mine = log(
        Objective(lambda x: float(x @ x), lambda x: 2 * x, [1.0, 2.0], "mine"), SGD(0.1), until=steps(3)
    )
    mine.save(tmp_path / "mine.npz")
    with pytest.raises(ValueError, match="has only the name of its function"):
        landscape(Log.load(tmp_path / "mine.npz"))
