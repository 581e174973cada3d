"""Batch normalization in two passes over memory: one for the statistics, one for the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, is_finite, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import normalization
from cortex_lab.compute.work import Work, in_turn

GRAIN = 16_384
BLOCK = 128
"""Rows that are summed as float32, in registers, before they go to totals in float64."""
_ZERO, _ONE = np.float32(0), np.float32(1)
_NONE = np.zeros(0, np.float32)


@normalization.batch_normalize.override("cpu")
def batch_normalize(
    ops: OpsLike, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    out: Array, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, gamma, beta) or not writable(out, mean, variance) or x.shape != out.shape:
        return NotImplemented
    rows, features = x.shape
    # Sums of differences from a row of the batch: nothing cancels that float64 totals cannot bear.
    parts, totals = _totals(_moments, (x, x[0]), x.shape)
    scale, shift = np.empty((2, features), np.float32)
    settings = (x[0], rows, *_given(gamma, beta), epsilon, mean, variance, scale, shift)
    finish = _spread(_affine, (x, mean, scale, shift, out), x.shape)
    return in_turn(totals, work(_fold, (parts, *settings)), finish)


@normalization.normalize_columns.override("cpu")
def normalize_columns(
    ops: OpsLike, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    out: Array, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, gamma, beta, mean, variance) or not writable(out) or x.shape != out.shape:
        return NotImplemented
    scale, shift = np.empty((2, x.shape[1]), np.float32)
    begin = work(_scale, (variance, *_given(gamma, beta), epsilon, scale, shift))
    return in_turn(begin, _spread(_affine, (x, mean, scale, shift, out), x.shape))


@normalization.batch_normalize_gradient.override("cpu")
def batch_normalize_gradient(
    ops: OpsLike, x: Array, dy: Array, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, dy, gamma, mean, variance) or not writable(d_gamma, d_beta, out) or x.shape != dy.shape:
        return NotImplemented
    parts, totals = _totals(_products, (x, dy, mean), x.shape)
    factors = np.empty((4, x.shape[1]), np.float32)
    given = (len(x), *_given(gamma), variance, epsilon, *_given(d_gamma, d_beta), *factors)
    calls = [totals, work(_fold_gradient, (parts, *given))]
    if out is not None:
        calls.append(_spread(_differentiate, (x, dy, mean, *factors, out), x.shape))
    return in_turn(*calls)


def _given(*vectors: Array | None) -> tuple[Any, ...]:
    """The vectors, an empty one for None."""
    return tuple(_NONE if vector is None else vector for vector in vectors)


def _spread(kernel: Callable[..., Any], arrays: tuple[Any, ...], shape: tuple[int, ...]) -> Work:
    """What calls `kernel` on pieces of the arrays' rows."""
    flat = tuple(array.reshape(-1) for array in arrays)
    return work(kernel, flat, get_workers().split(shape[0], -(-GRAIN // shape[1])))


def _totals(kernel: Callable[..., Any], arrays: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, Work]:
    """What `kernel` sums of each column, (pieces, 2, features) float64, and the call that does."""
    flat = tuple(array.reshape(-1) for array in arrays)
    pieces = get_workers().split(shape[0], -(-GRAIN // shape[1]))
    parts = np.empty((len(pieces), 2, shape[1]))
    return parts, work(kernel, (*flat, parts), [(k, *piece) for k, piece in enumerate(pieces)])


@compiled
def _column(parts, c):
    first = second = 0.0
    for i in range(parts.shape[0]):
        first += parts[i, 0, c]
        second += parts[i, 1, c]
    return first, second


# What follows from the totals is little work, and would take NumPy twenty calls.
@piecework
def _fold(parts, around, rows, gamma, beta, epsilon, mean, variance, scale, shift):
    for c in range(mean.shape[0]):
        total, squares = _column(parts, c)
        total /= rows
        spread = squares / rows - total * total
        # As `_moments` has it: from what is infinite nothing can be subtracted.
        mean[c] = np.float32((around[c] if np.isfinite(around[c]) else _ZERO) + total)
        # What is not a number stays that.
        variance[c] = np.float32(0) if spread < 0 else np.float32(spread)
    _scale(variance, gamma, beta, epsilon, scale, shift)


@piecework
def _scale(variance, gamma, beta, epsilon, scale, shift):
    for c in range(variance.shape[0]):
        factor = 1 / np.sqrt(np.float64(variance[c]) + epsilon)
        if gamma.shape[0] > 0:
            factor *= gamma[c]
        scale[c] = np.float32(factor)
        shift[c] = beta[c] if beta.shape[0] > 0 else np.float32(0)


@piecework
def _fold_gradient(parts, rows, gamma, variance, epsilon, d_gamma, d_beta, whole, slope, constant, after):
    for c in range(variance.shape[0]):
        total, along = _column(parts, c)
        scale = 1 / np.sqrt(np.float64(variance[c]) + epsilon)
        along *= scale
        if d_gamma.shape[0] > 0:
            d_gamma[c] = np.float32(along)
        if d_beta.shape[0] > 0:
            d_beta[c] = np.float32(total)
        # An infinite gamma comes after all sums, which would cancel it.
        after[c] = gamma[c] if gamma.shape[0] > 0 and not np.isfinite(gamma[c]) else _ONE
        factor = scale * gamma[c] if gamma.shape[0] > 0 and after[c] == _ONE else scale
        whole[c] = np.float32(factor)
        slope[c] = np.float32(-factor * scale * along / rows)
        constant[c] = np.float32(-factor * total / rows)


@piecework
def _moments(x, around, parts, k, start, stop):
    totals = parts[k]
    features = totals.shape[1]
    totals[:] = 0.0
    zero = every(_ZERO)
    part = np.empty(32, np.float32)
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center = load(around, c, lanes)
            center = choose(is_finite(center), center, zero)
            total, squares = zero, zero
            for row in range(block, last):
                value = load(x, row * features + c, lanes) - center
                total = total + value
                squares = squares + value * value
            _gather_up(total, squares, part, totals, c)


@piecework
def _products(x, dy, mean, parts, k, start, stop):
    totals = parts[k]
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


@piecework
def _affine(x, mean, scale, shift, out, start, stop):
    features = mean.shape[0]
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            # For a block of rows at a time: these stay in registers, and the rows in the cache.
            center, factor, offset = load(mean, c, lanes), load(scale, c, lanes), load(shift, c, lanes)
            for row in range(block, last):
                at = row * features + c
                store(out, at, (load(x, at, lanes) - center) * factor + offset, lanes)


@piecework
def _differentiate(x, dy, mean, scale, along, offset, after, out, start, stop):
    features = mean.shape[0]
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            center, factor = load(mean, c, lanes), load(scale, c, lanes)
            slope, constant = load(along, c, lanes), load(offset, c, lanes)
            last_factor = load(after, c, lanes)
            for row in range(block, last):
                at = row * features + c
                value = factor * load(dy, at, lanes) + slope * (load(x, at, lanes) - center) + constant
                store(out, at, value * last_factor, lanes)
