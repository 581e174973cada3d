"""Softmax and its logarithm over the last axis, row by row, and their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import exp
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, either, every, first_lanes, is_nan, load, store, total
from cortex_lab.compute.kernel import Array

NAMES = ("softmax", "log_softmax")
GRAIN = 8192
"""Numbers that are worth a worker."""
_ZERO, _ONE, _LOWEST = np.float32(0), np.float32(1), np.float32(-np.inf)
_LEAST = np.float32(-87.3)


def softmax(name: str, x: Array, out: Array) -> Any:
    """What makes `out` the softmax of x, or its logarithm; `out` may be x."""
    if x.size == 0:
        return NotImplemented
    columns = x.shape[-1]
    return work(_softmax, (x.reshape(-1), columns, name == NAMES[1], out.reshape(-1)), _pieces(x, columns))


def softmax_gradient(name: str, y: Array, dy: Array, out: Array, scale: float = 1.0) -> Any:
    """What makes `out` the gradient, times `scale`, from what `softmax` gave; `out` may be dy."""
    if y.size == 0:
        return NotImplemented
    columns = y.shape[-1]
    before = (y.reshape(-1), dy.reshape(-1), columns, name == NAMES[1], np.float32(scale), out.reshape(-1))
    return work(_softmax_gradient, before, _pieces(y, columns))


def _pieces(x: Array, columns: int) -> Any:
    return get_workers().split(x.size // columns, -(-GRAIN // columns))


@compiled
def largest_lane(value, part):
    """The largest of sixteen, or the NaN among them; `part` is room for them."""
    store(part, 0, value, first_lanes(16))
    top = _LOWEST
    for i in range(16):
        if top == top and not part[i] <= top:
            top = part[i]
    return top


@compiled
def _exp(x):
    """exp(x), and 0 where it would be smaller than float32's smallest."""
    return choose(x < every(_LEAST), every(_ZERO), exp(x))


@piecework
def _softmax(x, columns, logarithm, out, start, stop):
    lowest, part = every(_LOWEST), np.empty(16, np.float32)
    for row in range(start, stop):
        at, highest, sums = row * columns, lowest, every(_ZERO)
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            value = choose(lanes, load(x, at + c, lanes), lowest)
            better = choose(is_nan(highest), value > value, either(value > highest, is_nan(value)))
            highest = choose(better, value, highest)
        top = every(largest_lane(highest, part))
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            value = _exp(load(x, at + c, lanes) - top)
            sums = sums + choose(lanes, value, every(_ZERO))
            if not logarithm:
                store(out, at + c, value, lanes)
        whole = total(sums)
        if logarithm:
            shift = every(np.float32(math.log(np.float64(whole))))
            for c in range(0, columns, 16):
                lanes = first_lanes(columns - c)
                store(out, at + c, load(x, at + c, lanes) - top - shift, lanes)
        else:
            share = every(_ONE / whole)
            for c in range(0, columns, 16):
                lanes = first_lanes(columns - c)
                store(out, at + c, load(out, at + c, lanes) * share, lanes)


@piecework
def _softmax_gradient(y, dy, columns, logarithm, scale, out, start, stop):
    factor = every(scale)
    for row in range(start, stop):
        at, sums = row * columns, every(_ZERO)
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            slope = load(dy, at + c, lanes)
            if not logarithm:
                slope = load(y, at + c, lanes) * slope
            sums = sums + slope
        across = every(total(sums))
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            value, slope = load(y, at + c, lanes), load(dy, at + c, lanes)
            value = slope - _exp(value) * across if logarithm else factor * value * (slope - across)
            store(out, at + c, value, lanes)
