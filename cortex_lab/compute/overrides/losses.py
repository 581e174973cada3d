"""Losses with their gradients in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.functions import exp
from cortex_lab.compute.kernels import losses
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.simd import choose, every, first_lanes, load, store
from cortex_lab.compute.workers import get_workers

GRAIN = 32_768
_ZERO, _ONE = np.float32(0), np.float32(1)
_NOTHING = np.zeros((0, 0), np.float32)


@losses.softmax_cross_entropy.override("cpu")
def softmax_cross_entropy(ops: Any, logits: Any, classes: Any, weights: Any, rows: Any, gradient: Any) -> Any:
    if not plain(logits, weights) or not writable(rows, gradient) or logits.ndim != 2:
        return NotImplemented
    if (
        classes.dtype != np.int64
        or not classes.flags.c_contiguous
        or not len(logits) == len(classes) == len(rows)
    ):
        return NotImplemented
    if weights.shape != rows.shape or (gradient is not None and gradient.shape != logits.shape):
        return NotImplemented
    if gradient is None:
        total, hits = _cross_entropy(logits, classes, weights, rows, _NOTHING, False)
    else:
        total, hits = _cross_entropy_gradient(logits, classes, weights, rows, gradient)
    # A class that does not exist: the reference says so.
    return NotImplemented if hits < 0 else (total, hits)


@losses.squared_error.override("cpu")
def squared_error(ops: Any, y: Any, target: Any, weights: Any, rows: Any, gradient: Any) -> Any:
    if not plain(y, target, weights) or not writable(rows, gradient) or y.size == 0:
        return NotImplemented
    if y.shape != target.shape or rows.shape != (len(y),) or weights.shape != rows.shape:
        return NotImplemented
    if gradient is not None and gradient.shape != y.shape:
        return NotImplemented
    slopes = _NOTHING if gradient is None else gradient
    workers = get_workers()
    pieces = workers.split(len(y), -(-GRAIN * len(y) // y.size))
    flat = y.reshape(-1), target.reshape(-1), weights, rows, slopes.reshape(-1), y.size // len(y)
    workers.run(_squared_error, [(*flat, *piece) for piece in pieces], blas=False)
    return None


@compiled
def _squared_error(y, target, weights, rows, slopes, count, start, stop):
    part = np.empty(16, np.float32)
    for i in range(start, stop):
        scale, total = every(weights[i] * np.float32(2 / count)), 0.0
        # Short float32 sums in registers, added up in float64.
        for first in range(i * count, (i + 1) * count, 2048):
            last = min(first + 2048, (i + 1) * count)
            sums = every(_ZERO)
            for at in range(first, last, 16):
                lanes = first_lanes(last - at)
                difference = load(y, at, lanes) - load(target, at, lanes)
                sums = sums + difference * difference
                if slopes.shape[0] > 0:
                    store(slopes, at, scale * difference, lanes)
            store(part, 0, sums, first_lanes(16))
            for t in range(16):
                total += part[t]
        rows[i] = np.float32(total / count)


@compiled
def _cross_entropy_gradient(logits, classes, weights, rows, gradient):
    found, hits = _cross_entropy(logits, classes, weights, rows, gradient, True)
    if hits < 0:
        return found, hits
    count = logits.shape[1]
    slopes = gradient.reshape(-1)
    for i in range(logits.shape[0]):
        chosen = classes[i]
        scale = every(weights[i] if chosen >= 0 else _ZERO)
        for c in range(0, count, 16):
            lanes = first_lanes(count - c)
            store(slopes, i * count + c, scale * load(slopes, i * count + c, lanes), lanes)
        if chosen >= 0:
            gradient[i, chosen] -= weights[i]
    return found, hits


@compiled
def _cross_entropy(logits, classes, weights, rows, shares, keep):
    """The losses and, to `keep`, the softmax. Returns their weighted sum, and how many classes are highest.

    -1 of them if a class does not exist.
    """
    count = logits.shape[1]
    found, hits = 0.0, 0
    scores, kept = logits.reshape(-1), shares.reshape(-1)
    part = np.empty(16, np.float32)
    zero, everywhere = every(_ZERO), first_lanes(16)
    for i in range(logits.shape[0]):
        chosen = classes[i]
        if chosen >= count:
            return found, -1
        best = _first_highest(logits[i])
        highest = logits[i, best]
        hits += best == chosen
        total = zero
        for c in range(0, count, 16):
            lanes = first_lanes(count - c)
            value = exp(load(scores, i * count + c, lanes) - every(highest))
            if keep:
                store(kept, i * count + c, value, lanes)
            total = total + choose(lanes, value, zero)
        store(part, 0, total, everywhere)
        whole = part.sum()
        if keep:
            share = every(_ONE / whole)
            for c in range(0, count, 16):
                lanes = first_lanes(count - c)
                store(kept, i * count + c, share * load(kept, i * count + c, lanes), lanes)
        rows[i] = np.log(whole) - (logits[i, chosen] - highest) if chosen >= 0 else _ZERO
        found += np.float64(weights[i]) * np.float64(rows[i])
    return found, hits


@compiled
def _first_highest(scores):
    best = 0
    for j in range(1, scores.shape[0]):
        # NaN counts as the highest, as NumPy has it.
        if scores[j] > scores[best] or (np.isnan(scores[j]) and not np.isnan(scores[best])):
            best = j
    return best
