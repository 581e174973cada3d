"""Augmentation, image by image on all workers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import warp

GRAIN = 32_768


@warp.warp_affine.override("cpu")
def warp_affine(ops: OpsLike, x: Array, matrices: Array, tones: Array, nearest: bool, out: Array) -> Any:
    if not plain(x) or not writable(out) or x.shape != out.shape or x.ndim != 4 or out.size == 0:
        return NotImplemented
    if matrices.dtype != np.float64 or tones.dtype != np.float64 or not len(matrices) == len(x) == len(tones):
        return NotImplemented
    if not (matrices.flags.c_contiguous and tones.flags.c_contiguous):
        return NotImplemented
    pieces = get_workers().split(len(x), -(-GRAIN // x[0].size))
    return work(_warp, (x, matrices, tones, nearest, out), pieces)


@piecework
def _warp(x, matrices, tones, nearest, out, start, stop):
    _, height, width, channels = x.shape
    for n in range(start, stop):
        m, factor, summand = matrices[n], np.float32(tones[n, 0]), np.float32(tones[n, 1])
        for i in range(height):
            for j in range(width):
                at_row = m[0, 0] * i + m[0, 1] * j + m[0, 2]
                at_column = m[1, 0] * i + m[1, 1] * j + m[1, 2]
                # Far outside, where a whole number might not hold it.
                at_row = min(max(at_row, -2.0), height + 1.0)
                at_column = min(max(at_column, -2.0), width + 1.0)
                top, left = int(np.floor(at_row)), int(np.floor(at_column))
                down, right = np.float32(at_row - top), np.float32(at_column - left)
                for c in range(channels):
                    a = _pixel(x, n, top, left, c, nearest)
                    b = _pixel(x, n, top, left + 1, c, nearest)
                    d = _pixel(x, n, top + 1, left, c, nearest)
                    e = _pixel(x, n, top + 1, left + 1, c, nearest)
                    upper, lower = a + right * (b - a), d + right * (e - d)
                    value = upper + down * (lower - upper)
                    if math.isnan(value):
                        # Infinity less infinity, if not NaN itself.
                        value = _mixed(a, b, d, e, down, right)
                    out[n, i, j, c] = factor * value + summand


@compiled
def _mixed(a, b, d, e, down, right):
    """The sum of four pixels by their shares, for infinite ones, whose differences are none."""
    up, before, value = np.float32(1) - down, np.float32(1) - right, np.float32(0)
    for share, pixel in ((up * before, a), (up * right, b), (down * before, d), (down * right, e)):
        if share > 0:
            value += share * pixel
    return value


@compiled
def _pixel(x, n, row, column, channel, nearest):
    height, width = x.shape[1], x.shape[2]
    if nearest:
        row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    elif row < 0 or row >= height or column < 0 or column >= width:
        return np.float32(0)
    return x[n, row, column, channel]
