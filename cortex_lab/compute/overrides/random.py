"""Philox in registers: the same bits as the reference, a block of four words at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import random
from cortex_lab.compute.overrides._arrays import writable
from cortex_lab.compute.workers import get_workers

GRAIN = 32_768
_M0, _M1 = (np.uint64(m) for m in random.MULTIPLIERS)
_W0, _W1 = (np.uint64(w) for w in random.WEYL)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_BYTE = np.uint64(8)
_UNIT = np.float32(2**-24)


@random.random_uniform.override("cpu")
def random_uniform(ops: Any, out: Any, seed: int, step: int, stream: int) -> Any:
    return _spread(_uniform, out, seed, step, stream)


@random.dropout_mask.override("cpu")
def dropout_mask(ops: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> Any:
    return _spread(_mask, out, seed, step, stream, np.uint64(round(rate * 2**32)), np.float32(1 / (1 - rate)))


def _spread(function: Any, out: Any, seed: int, step: int, stream: int, *settings: Any) -> Any:
    if not writable(out):
        return NotImplemented
    keys = tuple(np.uint64(part & 0xFFFFFFFF) for part in (stream, step, step >> 32, seed, seed >> 32))
    flat = out.reshape(-1)
    if flat.size <= GRAIN:
        function(flat, np.uint64(0), *keys, *settings)
        return None
    workers = get_workers()
    # Pieces begin at whole blocks, so that every word is the one its place asks for.
    pieces = [(4 * i, min(4 * j, flat.size)) for i, j in workers.split(-(-flat.size // 4), GRAIN // 4)]
    workers.run(function, [(flat[i:j], np.uint64(i // 4), *keys, *settings) for i, j in pieces], blas=False)
    return None


@compiled
def _block(c0, c1, c2, c3, k0, k1):
    for _ in range(10):
        low, high = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (high >> _SHIFT) ^ c1 ^ k0, high & _LOW, (low >> _SHIFT) ^ c3 ^ k1, low & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@compiled
def _uniform(out, first, stream, step, step_high, seed, seed_high):
    whole = out.shape[0] // 4
    for b in range(whole):
        words = _block(first + np.uint64(b), stream, step, step_high, seed, seed_high)
        for t in range(4):
            out[4 * b + t] = np.float32(words[t] >> _BYTE) * _UNIT
    if 4 * whole < out.shape[0]:
        words = _block(first + np.uint64(whole), stream, step, step_high, seed, seed_high)
        for t in range(out.shape[0] - 4 * whole):
            out[4 * whole + t] = np.float32(words[t] >> _BYTE) * _UNIT


@compiled
def _mask(out, first, stream, step, step_high, seed, seed_high, threshold, scale):
    zero = np.float32(0)
    whole = out.shape[0] // 4
    for b in range(whole):
        words = _block(first + np.uint64(b), stream, step, step_high, seed, seed_high)
        for t in range(4):
            out[4 * b + t] = scale if words[t] >= threshold else zero
    if 4 * whole < out.shape[0]:
        words = _block(first + np.uint64(whole), stream, step, step_high, seed, seed_high)
        for t in range(out.shape[0] - 4 * whole):
            out[4 * whole + t] = scale if words[t] >= threshold else zero
