"""Normalization of each row by itself: layer normalization, and by the root mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels.linear import add_up
from cortex_lab.compute.cpu.kernels.normalization import BLOCK, GRAIN
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, load, store, total
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import normalization
from cortex_lab.compute.work import Call, in_turn

_ZERO = np.float32(0)
_NONE = np.zeros(0, np.float32)


@normalization.layer_normalize.override("cpu")
def layer_normalize(
    ops: OpsLike, x: Array, gamma: Array | None, beta: Array | None, mean: Array | None,
    variance: Array | None, out: Array, epsilon: float,
) -> Any:  # fmt: skip
    return _normalization(x, gamma, beta, mean, variance, out, epsilon, centered=True)


@normalization.rms_normalize.override("cpu")
def rms_normalize(
    ops: OpsLike, x: Array, gamma: Array | None, squares: Array | None, out: Array, epsilon: float,
) -> Any:  # fmt: skip
    return _normalization(x, gamma, None, None, squares, out, epsilon, centered=False)


@normalization.layer_normalize_gradient.override("cpu")
def layer_normalize_gradient(
    ops: OpsLike, x: Array, dy: Array, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> Any:  # fmt: skip
    return _differentiation(x, dy, gamma, mean, variance, d_gamma, d_beta, out, epsilon)


@normalization.rms_normalize_gradient.override("cpu")
def rms_normalize_gradient(
    ops: OpsLike, x: Array, dy: Array, gamma: Array | None, squares: Array, d_gamma: Array | None,
    out: Array | None, epsilon: float,
) -> Any:  # fmt: skip
    return _differentiation(x, dy, gamma, None, squares, d_gamma, None, out, epsilon)


def _normalization(
    x: Array, gamma: Array | None, beta: Array | None, mean: Array | None, variance: Array | None,
    out: Array, epsilon: float, centered: bool,
) -> Any:  # fmt: skip
    if not plain(x, gamma, beta) or not writable(mean, variance, out) or x.shape != out.shape or not x.size:
        return NotImplemented
    given = (_or_none(each) for each in (gamma, beta, mean, variance))
    before = (x.reshape(-1), x.shape[1], *given, epsilon, centered, out.reshape(-1))
    return work(_normalize, before, _pieces(x))


def _differentiation(
    x: Array, dy: Array, gamma: Array | None, mean: Array | None, variance: Array | None,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, dy, gamma, mean, variance) or not writable(d_gamma, d_beta, out) or not x.size:
        return NotImplemented
    if x.shape != dy.shape:
        return NotImplemented
    features, pieces, calls = x.shape[1], _pieces(x), list[Call]()
    read = (x.reshape(-1), dy.reshape(-1), features, _or_none(mean), variance, epsilon)
    if d_gamma is not None or d_beta is not None:
        # Before the gradient of x, which may be written over dy.
        parts = np.empty((2, len(pieces), features))
        calls.append(work(_products, (*read, parts), [(k, *piece) for k, piece in enumerate(pieces)]))
        wanted = zip(parts, (d_gamma, d_beta), strict=True)
        calls += [work(add_up, (part, slopes)) for part, slopes in wanted if slopes is not None]
    if out is not None:
        calls.append(work(_differentiate, (*read, _or_none(gamma), out.reshape(-1)), pieces))
    return in_turn(*calls)


def _or_none(vector: Array | None) -> Any:
    return _NONE if vector is None else vector


def _pieces(x: Array) -> Any:
    return get_workers().split(len(x), -(-GRAIN // x.shape[1]))


@piecework
def _normalize(x, features, gamma, beta, mean, variance, epsilon, centered, out, start, stop):
    zero, count = every(_ZERO), np.float32(features)
    for row in range(start, stop):
        at, sums, squares = row * features, zero, zero
        if centered:
            for c in range(0, features, 16):
                sums = sums + load(x, at + c, first_lanes(features - c))
        middle = total(sums) / count
        center = every(middle)
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            # Beyond the end there are zeros, which lie off the center.
            value = choose(lanes, load(x, at + c, lanes) - center, zero)
            squares = squares + value * value
        spread = total(squares) / count
        if mean.shape[0] > 0:
            mean[row] = middle
        if variance.shape[0] > 0:
            variance[row] = spread
        scale = every(np.float32(1 / np.sqrt(np.float64(spread) + epsilon)))
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            value = (load(x, at + c, lanes) - center) * scale
            if gamma.shape[0] > 0:
                value = value * load(gamma, c, lanes)
            if beta.shape[0] > 0:
                value = value + load(beta, c, lanes)
            store(out, at + c, value, lanes)


@piecework
def _products(x, dy, features, mean, variance, epsilon, parts, k, start, stop):
    """The sums of dy times what is normalized, and of dy, over the rows of a piece."""
    first, second = parts[0, k], parts[1, k]
    first[:] = 0.0
    second[:] = 0.0
    zero = every(_ZERO)
    part, scales = np.empty(32, np.float32), np.empty(BLOCK, np.float32)
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for row in range(block, last):
            scales[row - block] = np.float32(1 / np.sqrt(np.float64(variance[row]) + epsilon))
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            along, sums = zero, zero
            for row in range(block, last):
                slope, value = load(dy, row * features + c, lanes), load(x, row * features + c, lanes)
                if mean.shape[0] > 0:
                    value = value - every(mean[row])
                along = along + slope * (value * every(scales[row - block]))
                sums = sums + slope
            store(part, 0, along, first_lanes(16))
            store(part, 16, sums, first_lanes(16))
            for t in range(min(16, features - c)):
                first[c + t] += part[t]
                second[c + t] += part[16 + t]


@piecework
def _differentiate(x, dy, features, mean, variance, epsilon, gamma, out, start, stop):
    zero, count, centered = every(_ZERO), np.float32(features), mean.shape[0] > 0
    for row in range(start, stop):
        at, along, sums = row * features, zero, zero
        scale = every(np.float32(1 / np.sqrt(np.float64(variance[row]) + epsilon)))
        center = every(mean[row]) if centered else zero
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            slope = load(dy, at + c, lanes)
            if gamma.shape[0] > 0:
                slope = slope * load(gamma, c, lanes)
            value = (load(x, at + c, lanes) - center) * scale
            # Beyond the end the slope is 0, which times what is infinite would be NaN.
            along = along + choose(lanes, slope * value, zero)
            sums = sums + slope
        bend = every(total(along) / count)
        shift = every(total(sums) / count) if centered else zero
        for c in range(0, features, 16):
            lanes = first_lanes(features - c)
            slope = load(dy, at + c, lanes)
            if gamma.shape[0] > 0:
                slope = slope * load(gamma, c, lanes)
            value = (load(x, at + c, lanes) - center) * scale
            store(out, at + c, scale * (slope - shift - value * bend), lanes)
