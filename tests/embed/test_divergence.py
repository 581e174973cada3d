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


def divergence(process: TSNE, positions: np.ndarray) -> float:
    """The sum of p log(p / q) over all pairs, from the definition."""
    buffers = process.buffers
    indptr, near = buffers["neighbors/indptr"], buffers["neighbors/indices"]
    p = np.zeros((len(positions),) * 2)
    p[np.repeat(np.arange(len(positions)), np.diff(indptr)), near] = buffers["neighbors/affinity"]
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
}


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("iterations", [1, 7])
def test_divergence_is_that_of_the_map_the_step_started_from(name, iterations):
    x, perplexity = POINTS[name]
    process = TSNE(x, perplexity=perplexity, early_iterations=40, iterations_per_step=iterations)
    for step in range(60 // iterations):
        if step == 50 // iterations:
            process.edit("exaggeration", 4.0)
        advance(process, 1)
        before = process.snapshot()["positions"]
        advance(process, 1)
        wanted = max(divergence(process, before), 0.0)
        assert process.measure("kl_divergence") == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("size", [1e-4, 3.0, 30.0, 300.0, 1e5])
def test_divergence_of_a_map_of_any_size(size):
    start = np.random.default_rng(1).normal(0, size, (600, 2)) + size
    process = TSNE(normal(600), perplexity=20, initial=start)
    advance(process, 1)
    assert process.measure("kl_divergence") == pytest.approx(divergence(process, start), rel=1e-6)


@pytest.mark.parametrize("early", [0, 60])
def test_divergence_by_interpolation_is_within_one_hundredth(early, monkeypatch):
    monkeypatch.setattr("cortex_lab.embed._points._BARNES_HUT_BELOW", 0)
    process = TSNE(normal(300), perplexity=20, early_iterations=early)
    for _ in range(4):
        advance(process, 25)
        before = process.snapshot()["positions"]
        advance(process, 1)
        assert process.measure("kl_divergence") == pytest.approx(divergence(process, before), rel=0.01)


def test_a_condition_on_the_divergence_of_shapeless_points_is_safe():
    session = Session(TSNE(normal(200), perplexity=30))
    stop = session.run(until=below("kl_divergence", 0.5) | steps(260))
    assert stop.step == 260 and session.trace["kl_divergence"].min() > 0.5
