"""Philox in vectors: the same bits as the reference, 64 words at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.philox import WORDS, at_least, philox_words, upper_bits
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import held, remembered
from cortex_lab.compute.cpu.simd import LANES, choose, every, first_lanes, load, store
from cortex_lab.compute.kernels import random

GRAIN = 32_768
_BLOCKS = np.uint64(LANES)
_UNIT = np.float32(2**-24)
_ZERO = np.float32(0)
_DEEP = 1024
_NONE = np.zeros(0, np.float32)


@random.random_uniform.override("cpu")
def random_uniform(ops: Any, out: Any, seed: int, step: int, stream: int) -> Any:
    if not writable(out):
        return NotImplemented
    return held((out,), _uniform_into(out), seed, step, stream)


@random.random_normal.override("cpu")
def random_normal(ops: Any, out: Any, seed: int, step: int, stream: int) -> Any:
    if not writable(out):
        return NotImplemented
    return held((out,), _normal_into(out), seed, step, stream)


@random.dropout_mask.override("cpu")
def dropout_mask(ops: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> Any:
    if round(rate * 2**32) >= 2**32 or not writable(out):
        return NotImplemented
    return held((out,), _mask_into(rate, out, _NONE, _NONE), seed, step, stream)


@random.dropout.override("cpu")
def dropout(ops: Any, x: Any, mask: Any, out: Any, rate: float, seed: int, step: int, stream: int) -> Any:
    if round(rate * 2**32) >= 2**32 or not plain(x) or not writable(mask, out):
        return NotImplemented
    if not x.shape == mask.shape == out.shape:
        return NotImplemented
    return held((mask, x, out), _mask_into(rate, mask, x, out), seed, step, stream)


@remembered
def _uniform_into(out: Any) -> _Drawing:
    return _Drawing(_uniform, (out.reshape(-1),), _groups(out.size))


@remembered
def _normal_into(out: Any) -> _Drawing:
    half = (out.size + 1) // 2
    return _Drawing(_normal, (out.reshape(-1), half), get_workers().split(half, GRAIN // 4))


@remembered
def _mask_into(rate: float, mask: Any, x: Any, out: Any) -> _Drawing:
    dropping = np.uint64(round(rate * 2**32)), np.float32(1 / (1 - rate))
    arrays = (array.reshape(-1) for array in (mask, x, out))
    return _Drawing(_mask, (*arrays, *dropping), _groups(mask.size))


def _groups(size: int) -> list[tuple[int, int]]:
    """Pieces that begin where sixteen counters do, so that every word is the one its place asks for."""
    groups = get_workers().split(-(-size // WORDS), GRAIN // WORDS)
    return [(WORDS * i, min(WORDS * j, size)) for i, j in groups]


class _Drawing:
    """Draws numbers with a kernel, by seed, step and stream."""

    def __init__(self, kernel: Any, before: tuple[Any, ...], pieces: list[tuple[int, int]]) -> None:
        self._keys = np.zeros(5, np.uint64)
        self._work = work(kernel, (self._keys, *before), pieces, keep=False)

    def __call__(self, seed: int, step: int, stream: int) -> None:
        self._keys[:] = [part & 0xFFFFFFFF for part in (stream, step, step >> 32, seed, seed >> 32)]
        self._work()


@piecework
def _uniform(keys, out, start, stop):
    _fill(keys, out, start, stop, start // 4)


@compiled
def _fill(keys, out, start, stop, block):
    """out[start:stop] = uniform numbers from counter `block` on."""
    stream, step, step_high, seed, seed_high = keys[0], keys[1], keys[2], keys[3], keys[4]
    counter, unit = np.uint64(block), every(_UNIT)
    for at in range(start, stop, WORDS):
        words = philox_words(counter, stream, step, step_high, seed, seed_high)
        counter += _BLOCKS
        for t in range(4):
            place = at + t * LANES
            store(out, place, upper_bits(words[t]) * unit, first_lanes(stop - place))


@piecework
def _mask(keys, mask, x, out, threshold, scale, start, stop):
    """The mask and, unless x is empty, out = x * mask."""
    stream, step, step_high, seed, seed_high = keys[0], keys[1], keys[2], keys[3], keys[4]
    block = np.uint64(start // 4)
    kept, dropped = every(scale), every(_ZERO)
    for at in range(start, stop, WORDS):
        words = philox_words(block, stream, step, step_high, seed, seed_high)
        block += _BLOCKS
        for t in range(4):
            place = at + t * LANES
            lanes = first_lanes(stop - place)
            factor = choose(at_least(words[t], threshold), kept, dropped)
            store(mask, place, factor, lanes)
            if x.shape[0] > 0:
                store(out, place, load(x, place, lanes) * factor, lanes)


@piecework
def _normal(keys, out, half, start, stop):
    near, far = np.empty(_DEEP + 2 * WORDS, np.float32), np.empty(_DEEP + 2 * WORDS, np.float32)
    for first in range(start, stop, _DEEP):
        count = min(_DEEP, stop - first)
        for words, place in ((near, first), (far, half + first)):
            room = words[: place % 4 + count]
            _fill(keys, room, 0, room.shape[0], place // 4)
        for i in range(count):
            radius = math.sqrt(-2.0 * math.log(np.float64(near[first % 4 + i]) + 2.0**-24))
            angle = 2 * math.pi * np.float64(far[(half + first) % 4 + i])
            out[first + i] = np.float32(radius * math.cos(angle))
            if half + first + i < out.shape[0]:
                out[half + first + i] = np.float32(radius * math.sin(angle))
