"""The divergence that t-SNE records is that of its map, never below 0."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.embed import TSNE
from cortex_lab.study import Session, below, steps

pytest.importorskip("openTSNE")


def advance(process: TSNE, n: int) -> None:
    for _ in range(n):
        for _ in process.walk():
            pass


def all_pairs(x: np.ndarray, perplexity: float) -> np.ndarray:
    """The affinities of all pairs (n, n), from the definition, by halving."""
    x, n = np.asarray(x, float), len(x)
    distances = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    p = np.zeros((n, n))
    for i, row in enumerate(distances):
        others = np.arange(n) != i
        row = row[others] - row[others].min()
        low, high = -100.0, 100.0
        for _ in range(70):
            middle = (low + high) / 2
            near = np.exp(-row * np.exp(middle))
            near /= near.sum()
            wide = -(near[near > 0] * np.log(near[near > 0])).sum() > np.log(perplexity)
            low, high = (middle, high) if wide else (low, middle)
        p[i, others] = near
    return (p + p.T) / (2 * n)


def near_ones(process: TSNE) -> np.ndarray:
    """Those that the gradient pulls by (n, n): to 3 x perplexity neighbors alone."""
    buffers = process.buffers
    indptr, near = buffers["neighbors/indptr"], buffers["neighbors/indices"]
    p = np.zeros((len(indptr) - 1,) * 2)
    p[np.repeat(np.arange(len(p)), np.diff(indptr)), near] = buffers["neighbors/affinity"]
    return p


def divergence(p: np.ndarray, positions: np.ndarray) -> float:
    """The sum of p log(p / q) over all pairs, from the definition."""
    q = 1 / (1 + ((positions[:, None] - positions[None]) ** 2).sum(axis=2))
    np.fill_diagonal(q, 0)
    q /= q.sum()
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def normal(n: int, features: int = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, features))


POINTS = {
    "four": (normal(4), 1.0),
    "few": (normal(20), 5.0),
    "normal": (normal(120), 30.0),
    "widest": (normal(100), 33.0),
    "narrowest": (normal(300), 1.0),
    "clusters": (normal(150) + 20 * np.eye(3, 5)[np.arange(150) % 3], 10.0),
    "twins": (np.repeat(normal(40), 3, axis=0), 6.0),
    "mostly the same": (np.concatenate([np.zeros((50, 5)), normal(50)]), 8.0),
    "far away": (normal(80) * [1e6, 1, 1, 1, 1e-6], 8.0),
    "bits": (np.random.default_rng(0).integers(0, 2, (120, 6)), 20.0),
    "more twins than neighbors": (np.repeat(normal(8), 15, axis=0), 8.0),
    "heavy tails": (np.random.default_rng(0).standard_cauchy((150, 3)), 20.0),
    "clusters far away": (normal(120) + 1e3 * np.eye(3, 5)[np.arange(120) % 3], 30.0),
}
# Powers of two, by which no number is rounded.
SCALES = {
    "huge": 2.0**600,
    "far beyond float32": 2.0**200,
    "large": 2.0**64,
    "small": 2.0**-64,
    "tiny": 2.0**-600,
}


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("iterations", [1, 7])
def test_divergence_is_that_of_the_map_the_step_started_from(name, iterations):
    x, perplexity = POINTS[name]
    process = TSNE(x, perplexity=perplexity, early_iterations=40, iterations_per_step=iterations)
    p = all_pairs(x, perplexity)
    for step in range(60 // iterations):
        if step == 50 // iterations:
            process.edit("exaggeration", 4.0)
        advance(process, 1)
        before = process.snapshot()["positions"]
        advance(process, 1)
        wanted = max(divergence(p, before), 0.0)
        assert process.measure("kl_divergence") == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("size", [1e-4, 3.0, 30.0, 300.0, 1e5])
def test_divergence_of_a_map_of_any_size(size):
    start = np.random.default_rng(1).normal(0, size, (200, 2)) + size
    process = TSNE(normal(200), perplexity=20, initial=start)
    advance(process, 1)
    wanted = divergence(all_pairs(normal(200), 20), start)
    assert process.measure("kl_divergence") == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("name", POINTS)
def test_divergence_of_more_points_is_over_the_neighbors_of_the_gradient(name, monkeypatch):
    monkeypatch.setattr("cortex_lab.embed._points._ALL_PAIRS_UP_TO", 0)
    x, perplexity = POINTS[name]
    process = TSNE(x, perplexity=perplexity, early_iterations=10)
    advance(process, 30)
    before = process.snapshot()["positions"]
    advance(process, 1)
    wanted = max(divergence(near_ones(process), before), 0.0)
    assert process.measure("kl_divergence") == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", SCALES)
def test_numbers_of_any_size_are_laid_out_as_those_near_one(scale, dtype):
    x = normal(80).astype("float32").astype(dtype)
    if dtype == "float32" and not 1e-30 < SCALES[scale] < 1e30:
        return
    near, far = TSNE(x, perplexity=20), TSNE((x * SCALES[scale]).astype(dtype), perplexity=20)
    for process in (near, far):
        advance(process, 20)
    np.testing.assert_allclose(far.buffers["embedding"], near.buffers["embedding"], rtol=1e-4, atol=1e-6)
    assert far.measure("kl_divergence") == pytest.approx(near.measure("kl_divergence"), rel=1e-6)


@pytest.mark.parametrize("early", [0, 60])
def test_divergence_by_interpolation_is_within_one_hundredth(early, monkeypatch):
    monkeypatch.setattr("cortex_lab.embed._points._BARNES_HUT_BELOW", 0)
    process = TSNE(normal(300), perplexity=20, early_iterations=early)
    for _ in range(4):
        advance(process, 25)
        before = process.snapshot()["positions"]
        advance(process, 1)
        assert process.measure("kl_divergence") == pytest.approx(
            divergence(near_ones(process), before), rel=0.01
        )


def test_a_condition_on_the_divergence_of_shapeless_points_is_safe():
    session = Session(TSNE(normal(200), perplexity=30))
    stop = session.run(until=below("kl_divergence", 0.5) | steps(260))
    assert stop.step == 260 and session.trace["kl_divergence"].min() > 0.5
