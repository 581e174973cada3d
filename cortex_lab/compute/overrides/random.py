"""Philox in vectors: the same bits as the reference, 64 words at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import random
from cortex_lab.compute.overrides._arrays import plain, writable
from cortex_lab.compute.philox import WORDS, at_least, philox_words, upper_bits
from cortex_lab.compute.simd import LANES, choose, every, first_lanes, load, store
from cortex_lab.compute.workers import get_workers

GRAIN = 32_768
_BLOCKS = np.uint64(LANES)
_UNIT = np.float32(2**-24)
_ZERO = np.float32(0)
_DEEP = 1024
_NONE = np.zeros(0, np.float32)


@random.random_uniform.override("cpu")
def random_uniform(ops: Any, out: Any, seed: int, step: int, stream: int) -> Any:
    return _spread(_uniform, (out,), seed, step, stream)


@random.dropout_mask.override("cpu")
def dropout_mask(ops: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> Any:
    if round(rate * 2**32) >= 2**32:
        return NotImplemented
    return _spread(_mask, (out, _NONE, _NONE), seed, step, stream, *_dropping(rate))


@random.dropout.override("cpu")
def dropout(ops: Any, x: Any, mask: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> Any:
    if round(rate * 2**32) >= 2**32 or not plain(x) or not x.shape == mask.shape == out.shape:
        return NotImplemented
    return _spread(_mask, (mask, x, out), seed, step, stream, *_dropping(rate))


def _dropping(rate: float) -> tuple[np.uint64, np.float32]:
    return np.uint64(round(rate * 2**32)), np.float32(1 / (1 - rate))


@random.random_normal.override("cpu")
def random_normal(ops: Any, out: Any, seed: int, step: int, stream: int) -> Any:
    if not writable(out):
        return NotImplemented
    flat = out.reshape(-1)
    half = (flat.size + 1) // 2
    workers = get_workers()
    pieces = workers.split(half, GRAIN // 4)
    keys = _keys(seed, step, stream)
    workers.run(_normal, [(flat, half, *piece, *keys) for piece in pieces], blas=False)
    return None


def _keys(seed: int, step: int, stream: int) -> tuple[np.uint64, ...]:
    return tuple(np.uint64(part & 0xFFFFFFFF) for part in (stream, step, step >> 32, seed, seed >> 32))


def _spread(function: Any, arrays: tuple[Any, ...], seed: int, step: int, stream: int, *settings: Any) -> Any:
    if not writable(arrays[0], arrays[-1]):
        return NotImplemented
    keys, flat = _keys(seed, step, stream), [array.reshape(-1) for array in arrays]
    size = flat[0].size
    if size <= GRAIN:
        function(*flat, np.uint64(0), *keys, *settings)
        return None
    workers = get_workers()
    # Pieces begin where sixteen counters do, so that every word is the one its place asks for.
    pieces = [(WORDS * i, min(WORDS * j, size)) for i, j in workers.split(-(-size // WORDS), GRAIN // WORDS)]
    jobs = [(*(array[i:j] for array in flat), np.uint64(i // 4), *keys, *settings) for i, j in pieces]
    workers.run(function, jobs, blas=False)
    return None


@compiled
def _uniform(out, block, stream, step, step_high, seed, seed_high):
    unit = every(_UNIT)
    for at in range(0, out.shape[0], WORDS):
        words = philox_words(block, stream, step, step_high, seed, seed_high)
        block += _BLOCKS
        for t in range(4):
            place = at + t * LANES
            store(out, place, upper_bits(words[t]) * unit, first_lanes(out.shape[0] - place))


@compiled
def _mask(mask, x, out, block, stream, step, step_high, seed, seed_high, threshold, scale):
    """The mask and, unless x is empty, out = x * mask."""
    kept, dropped = every(scale), every(_ZERO)
    for at in range(0, mask.shape[0], WORDS):
        words = philox_words(block, stream, step, step_high, seed, seed_high)
        block += _BLOCKS
        for t in range(4):
            place = at + t * LANES
            lanes = first_lanes(mask.shape[0] - place)
            factor = choose(at_least(words[t], threshold), kept, dropped)
            store(mask, place, factor, lanes)
            if x.shape[0] > 0:
                store(out, place, load(x, place, lanes) * factor, lanes)


@compiled
def _normal(out, half, start, stop, stream, step, step_high, seed, seed_high):
    near, far = np.empty(_DEEP + 2 * WORDS, np.float32), np.empty(_DEEP + 2 * WORDS, np.float32)
    for first in range(start, stop, _DEEP):
        count = min(_DEEP, stop - first)
        for words, place in ((near, first), (far, half + first)):
            room = words[: place % 4 + count]
            _uniform(room, np.uint64(place // 4), stream, step, step_high, seed, seed_high)
        for i in range(count):
            radius = math.sqrt(-2.0 * math.log(np.float64(near[first % 4 + i]) + 2.0**-24))
            angle = 2 * math.pi * np.float64(far[(half + first) % 4 + i])
            out[first + i] = np.float32(radius * math.cos(angle))
            if half + first + i < out.shape[0]:
                out[half + first + i] = np.float32(radius * math.sin(angle))
