"""Losses with their gradients in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import exp
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import remembered
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, load, store, total
from cortex_lab.compute.kernels import losses
from cortex_lab.compute.work import Work

GRAIN = 32_768
_ZERO, _ONE = np.float32(0), np.float32(1)
_NOTHING = np.zeros((0, 0), np.float32)


@losses.softmax_cross_entropy.override("cpu")
def softmax_cross_entropy(
    ops: Any, logits: Any, classes: Any, weights: Any, rows: Any, gradient: Any, found: Any = None
) -> Any:
    arrays = logits, classes, weights, rows, _NOTHING if gradient is None else gradient
    if found is None:
        call = _cross_entropy_said(*arrays)
        return NotImplemented if call is None else partial(_scored, call, *arrays[:-1], gradient)
    if found.shape != (2,) or found.dtype != np.float64 or not found.flags.writeable:
        return NotImplemented
    call = _cross_entropy_of(*arrays, found)
    return NotImplemented if call is None else call.holding((*arrays, found))


def _scored(call: Callable[[], list[float]], *given: Any) -> tuple[Any, Any]:
    found, hits = call()
    # A class that does not exist: the reference says so.
    return (found, int(hits)) if hits >= 0 else losses.softmax_cross_entropy.reference(np, *given)


@remembered
def _cross_entropy_said(*arrays: Any) -> Any:
    found = np.zeros(2)
    call = _cross_entropy_of(*arrays, found)
    if call is None:
        return None

    def run() -> list[float]:
        call()
        return found.tolist()

    return run


@remembered
def _cross_entropy_of(
    logits: Any, classes: Any, weights: Any, rows: Any, slopes: Any, found: Any
) -> Work | None:
    if not plain(logits, weights) or not writable(rows, slopes) or logits.ndim != 2 or len(logits) == 0:
        return None
    if classes.dtype != np.int64 or not classes.flags.c_contiguous:
        return None
    if not weights.shape == rows.shape == classes.shape == logits.shape[:1]:
        return None
    if slopes is not _NOTHING and slopes.shape != logits.shape:
        return None
    return work(_cross_entropy, (logits, classes, weights, rows, slopes, found), keep=False)


@losses.squared_error.override("cpu")
def squared_error(ops: Any, y: Any, target: Any, weights: Any, rows: Any, gradient: Any) -> Any:
    call = _squared_error_of(y, target, weights, rows, _NOTHING if gradient is None else gradient)
    return NotImplemented if call is None else call.holding((y, target, weights, rows, gradient))


@remembered
def _squared_error_of(y: Any, target: Any, weights: Any, rows: Any, slopes: Any) -> Work | None:
    if not plain(y, target, weights) or not writable(rows, slopes) or y.size == 0:
        return None
    if y.shape != target.shape or rows.shape != (len(y),) or weights.shape != rows.shape:
        return None
    if slopes is not _NOTHING and slopes.shape != y.shape:
        return None
    pieces = get_workers().split(len(y), -(-GRAIN * len(y) // y.size))
    flat = y.reshape(-1), target.reshape(-1), weights, rows, slopes.reshape(-1), y.size // len(y)
    return work(_squared_error, flat, pieces, keep=False)


@piecework
def _squared_error(y, target, weights, rows, slopes, count, start, stop):
    part = np.empty(16, np.float32)
    for i in range(start, stop):
        scale, summed = every(weights[i] * np.float32(2 / count)), 0.0
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
                summed += part[t]
        rows[i] = np.float32(summed / count)


@piecework
def _cross_entropy(logits, classes, weights, rows, slopes, results):
    """The losses and, unless `slopes` is empty, their gradient.

    The results are the losses' weighted sum, and how many classes are highest: -1 if a class does not exist.
    """
    count = logits.shape[1]
    found, hits = 0.0, 0
    # What stands there if it is left in the middle.
    results[1] = -1
    zero, wanted = every(_ZERO), slopes.shape[0] > 0
    for i in range(logits.shape[0]):
        chosen, start = classes[i], i * count
        if chosen >= count:
            return
        best = 0
        for j in range(1, count):
            score, most = logits[i, j], logits[i, best]
            # NaN counts as the highest, as NumPy has it.
            if score > most or (math.isnan(score) and not math.isnan(most)):
                best = j
        highest = logits[i, best]
        hits += best == chosen
        sums = zero
        for c in range(0, count, 16):
            lanes = first_lanes(count - c)
            value = exp(load(logits, start + c, lanes) - every(highest))
            sums = sums + choose(lanes, value, zero)
            if wanted:
                store(slopes, start + c, value, lanes)
        whole = total(sums)
        # Negative is unknown: it costs nothing and teaches nothing.
        weight = weights[i] if chosen >= 0 else _ZERO
        if wanted:
            share, scale = every(_ONE / whole), every(weight)
            for c in range(0, count, 16):
                lanes = first_lanes(count - c)
                store(slopes, start + c, scale * (share * load(slopes, start + c, lanes)), lanes)
            if chosen >= 0:
                slopes[i, chosen] -= weight
        rows[i] = np.float32(math.log(whole)) - (logits[i, chosen] - highest) if chosen >= 0 else _ZERO
        found += np.float64(weights[i]) * np.float64(rows[i])
    results[0], results[1] = found, hits
