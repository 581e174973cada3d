"""Losses that are means over elements whose target is known, with their gradients, in one pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import tanh
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels.activation_alone import log1p_of_exp, log_of_quotient
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, either, every, first_lanes, is_nan, load, store, total
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import losses

GRAIN = 16_384
NAMES = ("squared", "absolute", "huber", "sigmoid_binary", "binary")
CODES = {name: code for code, name in enumerate(NAMES)}
_F = np.float32
_ZERO, _ONE, _TWO, _HALF, _LN2, _NAN = _F(0), _F(1), _F(2), _F(0.5), _F(math.log(2)), _F(math.nan)
_LARGEST = np.finfo(_F).max
_LEAST, _MOST = _F(losses.EPSILON), _F(1 - losses.EPSILON)
_DOWN_2, _DOWN_4, _DOWN_8, _DOWN_16 = (_F(2.0**-by) for by in (2, 4, 8, 16))
_UP_2, _UP_4, _UP_8, _UP_16 = (_F(2.0**by) for by in (2, 4, 8, 16))
_BY_2, _BY_4, _BY_8, _BY_16 = (_F(by) for by in (2, 4, 8, 16))
_NO_SLOPES = np.zeros(0, np.float32)
CHUNK = 2048
"""Elements whose sum is taken in float32; such sums are added up in float64."""


@losses.elementwise_loss.override("cpu")
def elementwise_loss(
    ops: OpsLike, name: str, y: Array, target: Array, weights: Array, rows: Array, gradient: Array | None,
    parameter: float,
) -> Any:  # fmt: skip
    if name not in CODES:
        return NotImplemented
    if not plain(y, target, weights) or not writable(rows, gradient) or y.size == 0:
        return NotImplemented
    if y.shape != target.shape or not rows.shape == weights.shape == y.shape[:1]:
        return NotImplemented
    if gradient is not None and gradient.shape != y.shape:
        return NotImplemented
    slopes = _NO_SLOPES if gradient is None else gradient.reshape(-1)
    given = y.reshape(-1), target.reshape(-1), weights, rows, slopes, y.size // len(y)
    pieces = get_workers().split(len(y), -(-GRAIN * len(y) // y.size))
    kept, shift = _F(1 - parameter), _F(0.5 * parameter)
    return work(_losses, (*given, CODES[name], _F(parameter), kept, shift), pieces)


@piecework
def _losses(y, target, weights, rows, slopes, count, code, parameter, kept, shift, start, stop):
    zero, one, part = every(_ZERO), every(_ONE), np.empty(16, np.float32)
    for i in range(start, stop):
        known = _known(target, i * count, count)
        share, summed = every(np.float32(weights[i] / known)), 0.0
        for first in range(i * count, (i + 1) * count, CHUNK):
            last = min(first + CHUNK, (i + 1) * count)
            sums = zero
            for at in range(first, last, 16):
                lanes = first_lanes(last - at)
                v, t = load(y, at, lanes), load(target, at, lanes)
                unknown = is_nan(t)
                t = choose(unknown, zero, t)
                e = v - t
                if code == 0:
                    value, slope = e * e, e + e
                elif code == 1:
                    value = choose(e < zero, zero - e, e)
                    # Not a number is on neither side, and 0 times it is not either.
                    slope = choose(e > zero, one, choose(e < zero, zero - one, e * zero))
                elif code == 2:
                    most = every(parameter)
                    slope = choose(e > most, most, choose(e < zero - most, zero - most, e))
                    value = slope * (e - every(_HALF) * slope)
                elif code == 3:
                    t = t * every(kept) + every(shift)
                    value = choose(v < zero, zero, v) - v * t + log1p_of_exp(choose(v < zero, v, zero - v))
                    slope = every(_HALF) * tanh(every(_HALF) * v) + every(_HALF) - t
                else:
                    t, p = t * every(kept) + every(shift), _probability(v)
                    rest = one - p
                    # Near 0 the rest has lost the digits of p.
                    near = log_of_quotient(choose(p < every(_HALF), zero - p / (every(_TWO) - p), zero))
                    log_rest = choose(p < every(_HALF), near, _log(rest))
                    value = zero - (t * _log(p) + (one - t) * log_rest)
                    # Compilers join the two products, which of an infinite target are two infinities.
                    value = choose(either(t > every(_LARGEST), t < every(-_LARGEST)), every(_NAN), value)
                    slope = (p - t) / (p * rest)
                # Lanes past the end hold zeros, of which a loss need not be 0.
                sums = sums + choose(lanes, choose(unknown, zero, value), zero)
                if slopes.shape[0] > 0:
                    store(slopes, at, choose(unknown, zero, slope * share), lanes)
            store(part, 0, sums, first_lanes(16))
            for j in range(16):
                summed += part[j]
        rows[i] = np.float32(summed / known)


@compiled
def _known(target, start, count):
    """How many numbers there are of `count`, 1 at least."""
    zero, one = every(_ZERO), every(_ONE)
    counts = zero
    for at in range(start, start + count, 16):
        lanes = first_lanes(start + count - at)
        counts = counts + choose(lanes, choose(is_nan(load(target, at, lanes)), zero, one), zero)
    return max(total(counts), _ONE)


@compiled
def _probability(v):
    """v kept away from 0 and 1, and NaN for what can be no probability."""
    least, most = every(_LEAST), every(_MOST)
    p = choose(v < least, least, v)
    p = choose(p > most, most, p)
    return choose(either(v < every(_ZERO), v > every(_ONE)), every(_NAN), p)


@compiled
def _log(p):
    """log(p) for p from 2**-31 to 1: brought above 1/2 by powers of two."""
    powers = every(_ZERO)
    low = p < every(_DOWN_16)
    p, powers = choose(low, p * every(_UP_16), p), choose(low, every(_BY_16), powers)
    low = p < every(_DOWN_8)
    p, powers = choose(low, p * every(_UP_8), p), choose(low, powers + every(_BY_8), powers)
    low = p < every(_DOWN_4)
    p, powers = choose(low, p * every(_UP_4), p), choose(low, powers + every(_BY_4), powers)
    low = p < every(_DOWN_2)
    p, powers = choose(low, p * every(_UP_2), p), choose(low, powers + every(_BY_2), powers)
    low = p < every(_HALF)
    p, powers = choose(low, p * every(_TWO), p), choose(low, powers + every(_ONE), powers)
    return log_of_quotient((p - every(_ONE)) / (p + every(_ONE))) - powers * every(_LN2)
