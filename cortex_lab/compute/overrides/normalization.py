"""Batch normalization in two passes over memory: one for the statistics, one for the result."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import normalization
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.simd import every, first_lanes, load, store
from cortex_lab.compute.workers import get_workers

GRAIN = 16_384
BLOCK = 128
_ZERO = np.float32(0)
_NONE = np.zeros(0, np.float32)


@normalization.batch_normalize.override_in_parts("cpu")
def batch_normalize(
    ops: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, out: Any, epsilon: float
) -> Any:
    if not plain(x, gamma, beta) or not writable(out, mean, variance) or x.shape != out.shape:
        return NotImplemented
    rows, features = x.shape
    # Sums of differences from a row of the batch: nothing cancels that float64 totals cannot bear.
    around, totals = x[0], _Totals(_moments, (x, x[0]), x.shape)
    scale, shift = np.empty((2, features), np.float32)
    settings = (around, rows, *_given(gamma, beta), epsilon, mean, variance, scale, shift)
    finish = _spread(_affine, (x, mean, scale, shift, out), x.shape)

    def run() -> None:
        totals.find()
        _fold(totals.parts, *settings)
        finish()

    return run


@normalization.normalize_columns.override_in_parts("cpu")
def normalize_columns(
    ops: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, out: Any, epsilon: float
) -> Any:
    if not plain(x, gamma, beta, mean, variance) or not writable(out) or x.shape != out.shape:
        return NotImplemented
    scale, shift = np.empty((2, x.shape[1]), np.float32)
    finish = _spread(_affine, (x, mean, scale, shift, out), x.shape)

    def run() -> None:
        _scale(variance, *_given(gamma, beta), epsilon, scale, shift)
        finish()

    return run


@normalization.batch_normalize_gradient.override_in_parts("cpu")
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
    totals = _Totals(_products, (x, dy, mean), x.shape)
    factors = np.empty((3, x.shape[1]), np.float32)
    given = (len(x), *_given(gamma), variance, epsilon, *_given(d_gamma, d_beta), *factors)
    finish = None if out is None else _spread(_differentiate, (x, dy, mean, *factors, out), x.shape)

    def run() -> None:
        totals.find()
        _fold_gradient(totals.parts, *given)
        if finish is not None:
            finish()

    return run


def _given(*vectors: Any) -> tuple[Any, ...]:
    """The vectors, an empty one for None."""
    return tuple(_NONE if vector is None else vector for vector in vectors)


def _spread(function: Any, arrays: tuple[Any, ...], shape: tuple[int, ...]) -> Callable[[], None]:
    """What calls `function` on pieces of the arrays' rows."""
    flat = tuple(array.reshape(-1) for array in arrays)
    pieces = get_workers().split(shape[0], -(-GRAIN // shape[1]))
    if len(pieces) == 1:
        return partial(function, *flat, *pieces[0])
    jobs = [(*flat, *piece) for piece in pieces]
    return lambda: get_workers().run(function, jobs, blas=False)


class _Totals:
    """What `function` sums of each column: `parts` (pieces, 2, features) float64."""

    def __init__(self, function: Any, arrays: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        flat = tuple(array.reshape(-1) for array in arrays)
        pieces = get_workers().split(shape[0], -(-GRAIN // shape[1]))
        self.parts = np.empty((len(pieces), 2, shape[1]))
        self._function = function
        self._jobs = [(*flat, part, *piece) for part, piece in zip(self.parts, pieces, strict=True)]

    def find(self) -> None:
        if len(self._jobs) == 1:
            self._function(*self._jobs[0])
        else:
            get_workers().run(self._function, self._jobs, blas=False)


@compiled
def _column(parts, c):
    first = second = 0.0
    for i in range(parts.shape[0]):
        first += parts[i, 0, c]
        second += parts[i, 1, c]
    return first, second


# What follows from the totals is little work, and would take NumPy twenty calls.
@compiled
def _fold(parts, around, rows, gamma, beta, epsilon, mean, variance, scale, shift):
    for c in range(mean.shape[0]):
        total, squares = _column(parts, c)
        total /= rows
        spread = squares / rows - total * total
        mean[c] = np.float32(around[c] + total)
        # What is not a number stays that.
        variance[c] = np.float32(0) if spread < 0 else np.float32(spread)
    _scale(variance, gamma, beta, epsilon, scale, shift)


@compiled
def _scale(variance, gamma, beta, epsilon, scale, shift):
    for c in range(variance.shape[0]):
        factor = 1 / np.sqrt(np.float64(variance[c]) + epsilon)
        if gamma.shape[0] > 0:
            factor *= gamma[c]
        scale[c] = np.float32(factor)
        shift[c] = beta[c] if beta.shape[0] > 0 else np.float32(0)


@compiled
def _fold_gradient(parts, rows, gamma, variance, epsilon, d_gamma, d_beta, whole, slope, constant):
    for c in range(variance.shape[0]):
        total, along = _column(parts, c)
        scale = 1 / np.sqrt(np.float64(variance[c]) + epsilon)
        along *= scale
        if d_gamma.shape[0] > 0:
            d_gamma[c] = np.float32(along)
        if d_beta.shape[0] > 0:
            d_beta[c] = np.float32(total)
        factor = scale * gamma[c] if gamma.shape[0] > 0 else scale
        whole[c] = np.float32(factor)
        slope[c] = np.float32(-factor * scale * along / rows)
        constant[c] = np.float32(-factor * total / rows)


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
