"""Losses with their gradients in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.functions import exp
from cortex_lab.compute.kernels import losses
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.simd import choose, every, first_lanes, load, store

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
    if gradient is None:
        fits = _cross_entropy(logits, classes, rows, _NOTHING, False)
    elif gradient.shape == logits.shape and weights.shape == rows.shape:
        fits = _cross_entropy_gradient(logits, classes, weights, rows, gradient)
    else:
        fits = False
    # A class that does not exist: the reference says so.
    return None if fits else NotImplemented


@compiled
def _cross_entropy_gradient(logits, classes, weights, rows, gradient):
    if not _cross_entropy(logits, classes, rows, gradient, True):
        return False
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
    return True


@compiled
def _cross_entropy(logits, classes, rows, shares, keep):
    """The losses and, to `keep`, the softmax; False for a class that does not exist."""
    count = logits.shape[1]
    scores, kept = logits.reshape(-1), shares.reshape(-1)
    part = np.empty(16, np.float32)
    zero, everywhere = every(_ZERO), first_lanes(16)
    for i in range(logits.shape[0]):
        chosen = classes[i]
        if chosen >= count:
            return False
        highest = logits[i, 0]
        for j in range(count):
            highest = max(highest, logits[i, j])
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
    return True
