"""Batch normalization in two passes over memory: one for the statistics, one for the result."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import normalization
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.simd import every, first_lanes, load, store
from cortex_lab.compute.workers import get_workers, workspace

GRAIN = 16_384
BLOCK = 128
_ZERO = np.float32(0)


@normalization.batch_normalize.override("cpu")
def batch_normalize(
    ops: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, out: Any, epsilon: float
) -> Any:
    if not plain(x, gamma, beta) or not writable(out, mean, variance) or x.shape != out.shape:
        return NotImplemented
    # Sums of differences from a row of the batch: nothing cancels that float64 totals cannot bear.
    around = x[0]
    totals = _totals(_moments, (x, around), x.shape) / len(x)
    average = around + totals[0]
    spread = np.maximum(totals[1] - totals[0] * totals[0], 0)
    mean[...], variance[...] = average, spread
    _scaled(x, gamma, beta, average, spread, out, epsilon)
    return None


@normalization.normalize_columns.override("cpu")
def normalize_columns(
    ops: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, out: Any, epsilon: float
) -> Any:
    if not plain(x, gamma, beta, mean, variance) or not writable(out) or x.shape != out.shape:
        return NotImplemented
    _scaled(x, gamma, beta, mean.astype(np.float64), variance.astype(np.float64), out, epsilon)
    return None


@normalization.batch_normalize_gradient.override("cpu")
def batch_normalize_gradient(
    ops: Any,
    x: Any,
    dy: Any,
    gamma: Any,
    mean: Any,
    variance: Any,
    d_gamma: Any,
    d_beta: Any,
    out: Any,
    epsilon: float,
) -> Any:
    if not plain(x, dy, gamma, mean, variance) or not writable(d_gamma, d_beta, out) or x.shape != dy.shape:
        return NotImplemented
    totals = _totals(_products, (x, dy, mean), x.shape)
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    along = totals[1] * scale
    if d_gamma is not None:
        d_gamma[...] = along
    if d_beta is not None:
        d_beta[...] = totals[0]
    if out is not None:
        whole = scale if gamma is None else scale * gamma
        factors = (whole, -whole * scale * along / len(x), -whole * totals[0] / len(x))
        settings = (x, dy, mean, *(factor.astype(np.float32) for factor in factors), out)
        _spread(_differentiate, settings, x.shape)
    return None


def _scaled(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, out: Any, epsilon: float) -> None:
    scale = 1 / np.sqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = np.zeros_like(scale) if beta is None else beta
    settings = (x, *(vector.astype(np.float32) for vector in (mean, scale, shift)), out)
    _spread(_affine, settings, x.shape)


def _spread(function: Any, arrays: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    arrays = tuple(array.reshape(-1) for array in arrays)
    workers = get_workers()
    pieces = workers.split(shape[0], -(-GRAIN // shape[1]))
    if len(pieces) == 1:
        function(*arrays, *pieces[0])
    else:
        workers.run(function, [(*arrays, *piece) for piece in pieces])


def _totals(function: Any, arrays: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """What `function` sums of each column, (2, features) float64, added up in the order of the pieces."""
    workers = get_workers()
    arrays = tuple(array.reshape(-1) for array in arrays)
    pieces = workers.split(shape[0], -(-GRAIN // shape[1]))
    size = 2 * shape[1]
    memory = workspace("column totals", np.float64, len(pieces) * size)[: len(pieces) * size]
    partial = memory.reshape(len(pieces), 2, shape[1])
    if len(pieces) == 1:
        function(*arrays, partial[0], *pieces[0])
    else:
        workers.run(function, [(*arrays, partial[i], *piece) for i, piece in enumerate(pieces)])
    return partial.sum(axis=0)


@compiled
def _moments(x, around, totals, start, stop):
    features = totals.shape[1]
    totals[:] = 0.0
    zero = every(_ZERO)
    part = np.empty(32, np.float32)
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center = load(around, c, lanes)
            total, squares = zero, zero
            for row in range(block, last):
                value = load(x, row * features + c, lanes) - center
                total = total + value
                squares = squares + value * value
            _gather_up(total, squares, part, totals, c)


@compiled
def _products(x, dy, mean, totals, start, stop):
    features = totals.shape[1]
    totals[:] = 0.0
    zero = every(_ZERO)
    part = np.empty(32, np.float32)
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center = load(mean, c, lanes)
            total, along = zero, zero
            for row in range(block, last):
                slope = load(dy, row * features + c, lanes)
                total = total + slope
                along = along + slope * (load(x, row * features + c, lanes) - center)
            _gather_up(total, along, part, totals, c)


@compiled
def _gather_up(first, second, part, totals, c):
    lanes = first_lanes(16)
    store(part, 0, first, lanes)
    store(part, 16, second, lanes)
    for t in range(min(16, totals.shape[1] - c)):
        totals[0, c + t] += part[t]
        totals[1, c + t] += part[16 + t]


@compiled
def _affine(x, mean, scale, shift, out, start, stop):
    features = mean.shape[0]
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center, factor, offset = load(mean, c, lanes), load(scale, c, lanes), load(shift, c, lanes)
            for row in range(block, last):
                at = row * features + c
                store(out, at, (load(x, at, lanes) - center) * factor + offset, lanes)


@compiled
def _differentiate(x, dy, mean, scale, along, offset, out, start, stop):
    features = mean.shape[0]
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center, factor = load(mean, c, lanes), load(scale, c, lanes)
            slope, constant = load(along, c, lanes), load(offset, c, lanes)
            for row in range(block, last):
                at = row * features + c
                value = factor * load(dy, at, lanes) + slope * (load(x, at, lanes) - center) + constant
                store(out, at, value, lanes)
