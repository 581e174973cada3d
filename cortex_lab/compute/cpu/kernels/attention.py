"""The softmax of attention, query by query."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import exp
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels.softmax import GRAIN, softmax_gradient
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, load, store, total
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import attention

_ZERO, _HALF, _LOWEST = np.float32(0), np.float32(0.5), np.float32(-np.inf)


@attention.attention_softmax.override("cpu")
def attention_softmax(
    ops: OpsLike, x: Array, mask: Array | None, causal: bool, scale: float, out: Array,
) -> Any:  # fmt: skip
    if not plain(x, mask) or not writable(out) or x.shape != out.shape or x.size == 0:
        return NotImplemented
    rows, heads, queries, keys = x.shape
    if mask is not None and mask.shape != (rows, keys):
        return NotImplemented
    seen, step = (np.ones(keys, np.float32), 0) if mask is None else (mask.reshape(-1), keys)
    before = (x.reshape(-1), seen, step, heads * queries, queries, keys, causal, np.float32(scale))
    pieces = get_workers().split(rows * heads * queries, -(-GRAIN // keys))
    return work(_softmax, (*before, out.reshape(-1)), pieces)


@attention.attention_softmax_gradient.override("cpu")
def attention_softmax_gradient(ops: OpsLike, y: Array, dy: Array, scale: float, out: Array) -> Any:
    if not plain(y, dy) or not writable(out) or not y.shape == dy.shape == out.shape or y.size == 0:
        return NotImplemented
    return softmax_gradient("softmax", y, dy, out, scale)


@piecework
def _softmax(x, mask, step, lines, queries, keys, causal, scale, out, start, stop):
    zero, half, lowest, factor = every(_ZERO), every(_HALF), every(_LOWEST), every(scale)
    part = np.empty(16, np.float32)
    for line in range(start, stop):
        at, at_mask = line * keys, line // lines * step
        # Keys that the query sees, before a mask.
        limit = min(line % queries + 1, keys) if causal else keys
        highest, seen = lowest, zero
        for c in range(0, limit, 16):
            lanes = first_lanes(limit - c)
            here = load(mask, at_mask + c, lanes)
            value = choose(here > half, load(x, at + c, lanes) * factor, lowest)
            highest = choose(value > highest, value, highest)
            seen = seen + choose(here > half, here, zero)
        store(part, 0, highest, first_lanes(16))
        # Sixteen maxima become one outside the loop, once for a line.
        top = _LOWEST
        for i in range(16):
            top = max(top, part[i])
        if total(seen) == _ZERO:
            top = _ZERO
        sums = zero
        for c in range(0, keys, 16):
            lanes = first_lanes(keys - c)
            here = load(mask, at_mask + c, first_lanes(max(limit - c, 0)))
            below = load(x, at + c, lanes) * factor - every(top)
            # Nothing at all, and not the least there is: times infinity, that would be infinite.
            value = choose(below == lowest, zero, exp(below))
            value = choose(here > half, value, zero)
            sums = sums + value
            store(out, at + c, value, lanes)
        whole = total(sums)
        share = every(np.float32(1) / whole if whole != _ZERO else np.float32(1))
        for c in range(0, keys, 16):
            lanes = first_lanes(keys - c)
            store(out, at + c, load(out, at + c, lanes) * share, lanes)
