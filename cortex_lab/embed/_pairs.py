"""Affinities over all pairs of points, which the divergence of a small map is measured by."""

from __future__ import annotations

import numpy as np
from scipy.spatial import distance

_ITERATIONS = 100
_CLOSE = 1e-9
_ROWS_AT_ONCE = 128
_WIDEST = 100.0


def affinities_of_all_pairs(
    x: np.ndarray, perplexities: tuple[float, ...], manhattan: bool = False
) -> np.ndarray:
    """(n, n) symmetric, summing to 1: of each point's neighbors a perplexity counts, as t-SNE defines it.

    Of several perplexities it is the mean. A point that more others are equally near to than that is near to
    all of those alike.
    """
    x = x.astype(np.float64)
    distances, rounded = _squared_steps(x) if manhattan else _squared_distances(x)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.min(axis=1, keepdims=True)
    # Equal distances differ by what is rounded off, and of more than `perplexity` nearest that would tell.
    distances[distances - nearest < 1e-13 * rounded] = 0
    distances = np.maximum(distances - nearest, 0)
    near = _conditional(distances, perplexities[0])
    for perplexity in perplexities[1:]:
        near += _conditional(distances, perplexity)
    near += near.T
    near /= near.sum()
    return near


def _squared_steps(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `_squared_distances`, of distances along the axes (Manhattan)."""
    found = distance.squareform(distance.pdist(x, "cityblock")) ** 2
    return found, found.copy()


def _squared_distances(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of all pairs, and the size of the numbers that they are differences of."""
    x = x - x.mean(axis=0)
    square = (x**2).sum(axis=1)
    sums = square[:, None] + square
    found = np.maximum(sums - 2 * (x @ x.T), 0)
    # Of points near each other and far from the middle, the product has lost what counts.
    i, j = np.nonzero(found < 1e-6 * sums)
    for start in range(0, len(i), 2**16):
        part = slice(start, start + 2**16)
        found[i[part], j[part]] = ((x[i[part]] - x[j[part]]) ** 2).sum(axis=1)
    return found, sums


def _conditional(distances: np.ndarray, perplexity: float) -> np.ndarray:
    """Row by row, p proportional to exp(-distance * rate), with the rate at which its entropy is wanted."""
    found, nearest = np.zeros_like(distances), distances == 0
    alike = nearest.sum(axis=1)
    many = alike >= perplexity
    found[many] = nearest[many] / alike[many, None]
    others = np.flatnonzero(~many)
    for start in range(0, len(others), _ROWS_AT_ONCE):
        rows = others[start : start + _ROWS_AT_ONCE]
        found[rows] = _of_entropy(distances[rows], np.log(perplexity), int(perplexity))
    return found


def _of_entropy(distances: np.ndarray, wanted: float, near: int) -> np.ndarray:
    """By Newton's steps in the logarithm of the rate, halved where they leave what encloses it."""
    found = np.empty_like(distances)
    rate = -np.log(np.partition(distances, near, axis=1)[:, near])
    low, high = rate - _WIDEST, rate + _WIDEST
    itself = np.isinf(distances)
    distances[itself] = 0
    rows = np.arange(len(rate))
    for _ in range(_ITERATIONS):
        scaled = distances[rows] * np.exp(rate[rows, None])
        p = np.exp(-scaled)
        p[itself[rows]] = 0
        total = p.sum(axis=1)
        p /= total[:, None]
        expected = np.einsum("ij,ij->i", p, scaled)
        over = np.log(total) + expected - wanted
        found[rows] = p
        low[rows] = np.where(over > 0, rate[rows], low[rows])
        high[rows] = np.where(over < 0, rate[rows], high[rows])
        variance = np.einsum("ij,ij,ij->i", p, scaled, scaled) - expected**2
        step = np.clip(over / np.maximum(variance, np.abs(over) / 3 + 1e-30), -3, 3)
        here = rate[rows] + step
        inside = (here > low[rows]) & (here < high[rows])
        rate[rows] = np.where(inside, here, (low[rows] + high[rows]) / 2)
        rows = rows[np.abs(over) > _CLOSE]
        if not len(rows):
            break
    return found
