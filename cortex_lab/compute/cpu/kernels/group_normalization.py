"""Normalization by each row's groups of channels: each channel is summed first, and then its group."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels.linear import add_up
from cortex_lab.compute.cpu.kernels.normalization import BLOCK, GRAIN
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import normalization
from cortex_lab.compute.work import in_turn

_ZERO = np.float32(0)
_NONE, _FLAT = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)


@normalization.group_normalize.override("cpu")
def group_normalize(
    ops: OpsLike, x: Array, groups: int, gamma: Array | None, beta: Array | None, mean: Array | None,
    variance: Array | None, out: Array, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, gamma, beta) or not writable(mean, variance, out) or x.shape != out.shape or not x.size:
        return NotImplemented
    vectors = (_NONE if each is None else each for each in (gamma, beta))
    kept = (_FLAT if each is None else each for each in (mean, variance))
    before = (x.reshape(-1), *x.shape[1:], groups, *vectors, *kept, epsilon, out.reshape(-1))
    return work(_normalize, before, _pieces(x))


@normalization.group_normalize_gradient.override("cpu")
def group_normalize_gradient(
    ops: OpsLike, x: Array, dy: Array, groups: int, gamma: Array | None, mean: Array, variance: Array,
    d_gamma: Array | None, d_beta: Array | None, out: Array | None, epsilon: float,
) -> Any:  # fmt: skip
    if not plain(x, dy, gamma, mean, variance) or not writable(d_gamma, d_beta, out) or not x.size:
        return NotImplemented
    if x.shape != dy.shape:
        return NotImplemented
    pieces = _pieces(x)
    parts = np.empty((2, len(pieces), x.shape[2]))
    written = _NONE if out is None else out.reshape(-1)
    before = (x.reshape(-1), dy.reshape(-1), *x.shape[1:], groups, _NONE if gamma is None else gamma)
    before += (mean, variance, epsilon, parts, written)
    calls = [work(_differentiate, before, [(k, *piece) for k, piece in enumerate(pieces)])]
    wanted = zip(parts, (d_gamma, d_beta), strict=True)
    calls += [work(add_up, (part, slopes)) for part, slopes in wanted if slopes is not None]
    return in_turn(*calls)


def _pieces(x: Array) -> Any:
    return get_workers().split(len(x), -(-GRAIN // x[0].size))


@piecework
def _normalize(x, places, channels, groups, gamma, beta, mean, variance, epsilon, out, start, stop):
    width, part = channels // groups, np.empty(16, np.float32)
    # Made once for a piece and not for each row: asking for memory takes longer than a small row.
    sums, count = np.empty(channels), places * (channels // groups)
    center, scale, offset = np.zeros(channels, np.float32), np.empty(channels, np.float32), beta
    if beta.shape[0] == 0:
        offset = np.zeros(channels, np.float32)
    for row in range(start, stop):
        base = row * places * channels
        center[:] = _ZERO
        _sum(x, base, places, channels, center, False, part, sums)
        for group in range(groups):
            middle = np.float32(sums[group * width : (group + 1) * width].sum() / count)
            center[group * width : (group + 1) * width] = middle
            if mean.shape[0] > 0:
                mean[row, group] = middle
        # A second time over the row: the mean of squares less the square of the mean would cancel.
        _sum(x, base, places, channels, center, True, part, sums)
        for group in range(groups):
            spread = np.float32(sums[group * width : (group + 1) * width].sum() / count)
            if variance.shape[0] > 0:
                variance[row, group] = spread
            scale[group * width : (group + 1) * width] = np.float32(1 / np.sqrt(np.float64(spread) + epsilon))
        for place in range(places):
            at = base + place * channels
            for c in range(0, channels, 16):
                lanes = first_lanes(channels - c)
                value = (load(x, at + c, lanes) - load(center, c, lanes)) * load(scale, c, lanes)
                if gamma.shape[0] > 0:
                    value = value * load(gamma, c, lanes)
                store(out, at + c, value + load(offset, c, lanes), lanes)


@compiled
def _sum(x, base, places, channels, center, squared, part, sums):
    """sums = the sums of each channel's numbers, or of the squares of how far they are off the center."""
    sums[:] = 0.0
    for block in range(0, places, BLOCK):
        last = min(block + BLOCK, places)
        for c in range(0, channels, 16):
            lanes, found = first_lanes(channels - c), every(_ZERO)
            middle = load(center, c, lanes)
            for place in range(block, last):
                value = load(x, base + place * channels + c, lanes) - middle
                found = found + (value * value if squared else value)
            # Short sums in float32, which are quick, and long ones in float64, which are exact.
            store(part, 0, found, first_lanes(16))
            for t in range(min(16, channels - c)):
                sums[c + t] += part[t]


@piecework
def _differentiate(
    x, dy, places, channels, groups, gamma, mean, variance, epsilon, parts, out, piece, start, stop
):  # fmt: skip
    d_gamma, d_beta = parts[0, piece], parts[1, piece]
    d_gamma[:] = 0.0
    d_beta[:] = 0.0
    width, count = channels // groups, places * (channels // groups)
    center, scale = np.empty(channels, np.float32), np.empty(channels, np.float32)
    bend, shift = np.empty(channels, np.float32), np.empty(channels, np.float32)
    # Ones where there is no gamma: of a branch inside the loop the compiler would make two loops.
    factor = np.ones(channels, np.float32)
    if gamma.shape[0] > 0:
        factor[:] = gamma
    part, along, sums = np.empty(64, np.float32), np.empty(channels), np.empty(channels)
    for row in range(start, stop):
        base = row * places * channels
        for c in range(channels):
            center[c] = mean[row, c // width]
            scale[c] = np.float32(1 / np.sqrt(np.float64(variance[row, c // width]) + epsilon))
        along[:] = 0.0
        sums[:] = 0.0
        for block in range(0, places, BLOCK):
            last = min(block + BLOCK, places)
            for c in range(0, channels, 16):
                lanes, zero = first_lanes(channels - c), every(_ZERO)
                middle, size, weight = load(center, c, lanes), load(scale, c, lanes), load(factor, c, lanes)
                first, second, third, fourth = zero, zero, zero, zero
                for place in range(block, last):
                    at = base + place * channels + c
                    slope, value = load(dy, at, lanes), (load(x, at, lanes) - middle) * size
                    weighed = slope * weight
                    # Weighed for the group, and not for the gradients of gamma and beta: one pass.
                    first, second = first + slope * value, second + slope
                    third, fourth = third + weighed * value, fourth + weighed
                store(part, 0, first, first_lanes(16))
                store(part, 16, second, first_lanes(16))
                store(part, 32, third, first_lanes(16))
                store(part, 48, fourth, first_lanes(16))
                for t in range(min(16, channels - c)):
                    d_gamma[c + t] += part[t]
                    d_beta[c + t] += part[16 + t]
                    along[c + t] += part[32 + t]
                    sums[c + t] += part[48 + t]
        if out.shape[0] == 0:
            continue
        for group in range(groups):
            own = slice(group * width, (group + 1) * width)
            bend[own] = np.float32(along[own].sum() / count)
            shift[own] = np.float32(sums[own].sum() / count)
        for place in range(places):
            at = base + place * channels
            for c in range(0, channels, 16):
                lanes = first_lanes(channels - c)
                size = load(scale, c, lanes)
                value = (load(x, at + c, lanes) - load(center, c, lanes)) * size
                slope = load(dy, at + c, lanes) * load(factor, c, lanes)
                value = size * (slope - load(shift, c, lanes) - value * load(bend, c, lanes))
                store(out, at + c, value, lanes)
