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
from cortex_lab.compute.cpu.simd import LANES, choose, every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import random
from cortex_lab.compute.kernels.random import drawn_part
from cortex_lab.compute.work import Work

GRAIN = 32_768
_BLOCKS = np.uint64(LANES)
_UNIT = np.float32(2**-24)
_ZERO = np.float32(0)
_DEEP = 1024
_NONE = np.zeros(0, np.float32)
_WORD = 2**64 - 1
_LOWER, _UPPER = np.uint64(0xFFFFFFFF), np.uint64(32)


@random.random_uniform.override("cpu")
def random_uniform(ops: OpsLike, out: Array, seed: int | Array, step: int | Array, stream: int) -> Any:
    keys = _keys(seed, step)
    if not writable(out) or keys is None:
        return NotImplemented
    first, _ = drawn_part(stream, out.shape)
    if first % 4:
        # A counter gives four words, and this begins between two of them.
        return NotImplemented
    return work(_uniform, (*keys, np.uint64(stream), out.reshape(-1), first // 4), _groups(out.size))


@random.random_normal.override("cpu")
def random_normal(ops: OpsLike, out: Array, seed: int | Array, step: int | Array, stream: int) -> Any:
    keys = _keys(seed, step)
    if not writable(out) or keys is None:
        return NotImplemented
    first, total = drawn_part(stream, out.shape)
    half = (total + 1) // 2
    if total != out.size:
        pieces = get_workers().split(out.size, GRAIN // 4)
        return work(_normal_part, (*keys, np.uint64(stream), out.reshape(-1), half, first), pieces)
    pieces = get_workers().split(half, GRAIN // 4)
    return work(_normal, (*keys, np.uint64(stream), out.reshape(-1), half), pieces)


@random.dropout_mask.override("cpu")
def dropout_mask(
    ops: OpsLike, out: Array, rate: float, seed: int | Array, step: int | Array, stream: int
) -> Any:
    keys = _keys(seed, step)
    if round(rate * 2**32) >= 2**32 or not writable(out) or keys is None:
        return NotImplemented
    first, _ = drawn_part(stream, out.shape)
    return NotImplemented if first % 4 else _masking(rate, keys, stream, first, out, _NONE, _NONE)


@random.dropout.override("cpu")
def dropout(
    ops: OpsLike, x: Array, mask: Array, out: Array, rate: float, seed: int | Array, step: int | Array,
    stream: int,
) -> Any:  # fmt: skip
    keys = _keys(seed, step)
    if round(rate * 2**32) >= 2**32 or not plain(x) or not writable(mask, out) or keys is None:
        return NotImplemented
    if not x.shape == mask.shape == out.shape:
        return NotImplemented
    first, _ = drawn_part(stream, mask.shape)
    return NotImplemented if first % 4 else _masking(rate, keys, stream, first, mask, x, out)


def _masking(
    rate: float, keys: tuple[Any, Any], stream: int, first: int, mask: Array, x: Array, out: Array
) -> Work:
    dropping = np.uint64(round(rate * 2**32)), np.float32(1 / (1 - rate))
    arrays = (array.reshape(-1) for array in (mask, x, out))
    return work(_mask, (*keys, np.uint64(stream), *arrays, *dropping, first // 4), _groups(mask.size))


def _keys(seed: int | Array, step: int | Array) -> tuple[Any, Any] | None:
    """Seed and step as arrays () of words, in their own memory where they are arrays; None for other ones."""
    found = []
    for key in (seed, step):
        if not isinstance(key, np.ndarray):
            # A negative number is taken by its bits, as the reference takes it.
            found.append(np.array(int(key) & _WORD, np.uint64))
        elif key.shape == () and key.dtype.kind in "iu" and key.itemsize == 8 and key.flags.writeable:
            # The same memory and not a copy: who captured the draw writes other keys into it.
            found.append(key.view(np.uint64))
        else:
            return None
    return found[0], found[1]


def _groups(size: int) -> list[tuple[int, int]]:
    """Pieces that begin where sixteen counters do, so that every word is the one its place asks for."""
    groups = get_workers().split(-(-size // WORDS), GRAIN // WORDS)
    return [(WORDS * i, min(WORDS * j, size)) for i, j in groups]


@piecework
def _uniform(seed, step, stream, out, block, start, stop):
    _fill(seed, step, stream, out, start, stop, block + start // 4)


@compiled
def _halves(step, seed):
    """The lower and upper 32 bits of each."""
    return step & _LOWER, step >> _UPPER, seed & _LOWER, seed >> _UPPER


@compiled
def _fill(seed, step, stream, out, start, stop, block):
    """out[start:stop] = uniform numbers from counter `block` on."""
    step, step_high, seed, seed_high = _halves(step[()], seed[()])
    counter, unit = np.uint64(block), every(_UNIT)
    for at in range(start, stop, WORDS):
        words = philox_words(counter, stream, step, step_high, seed, seed_high)
        counter += _BLOCKS
        for t in range(4):
            place = at + t * LANES
            store(out, place, upper_bits(words[t]) * unit, first_lanes(stop - place))


@piecework
def _mask(seed, step, stream, mask, x, out, threshold, scale, first, start, stop):
    """The mask and, unless x is empty, out = x * mask."""
    step, step_high, seed, seed_high = _halves(step[()], seed[()])
    block = np.uint64(first + start // 4)
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
def _normal(seed, step, stream, out, half, start, stop):
    near, far = np.empty(_DEEP + 2 * WORDS, np.float32), np.empty(_DEEP + 2 * WORDS, np.float32)
    for first in range(start, stop, _DEEP):
        count = min(_DEEP, stop - first)
        # A counter gives four words; what begins between two of them is drawn from the one before.
        for words, place in ((near, first), (far, half + first)):
            room = words[: place % 4 + count]
            _fill(seed, step, stream, room, 0, room.shape[0], place // 4)
        for i in range(count):
            # A uniform number may be 0, which has no logarithm.
            radius = math.sqrt(-2.0 * math.log(np.float64(near[first % 4 + i]) + 2.0**-24))
            angle = 2 * math.pi * np.float64(far[(half + first) % 4 + i])
            out[first + i] = np.float32(radius * math.cos(angle))
            if half + first + i < out.shape[0]:
                out[half + first + i] = np.float32(radius * math.sin(angle))


@piecework
def _normal_part(seed, step, stream, out, half, begin, start, stop):
    """out[start:stop] of draws of which `begin` come before it, and whose two halves are `half` apart."""
    near, far = np.empty(_DEEP + 2 * WORDS, np.float32), np.empty(_DEEP + 2 * WORDS, np.float32)
    at = start
    while at < stop:
        count = min(_DEEP, stop - at)
        upper = begin + at >= half
        pair = begin + at - half if upper else begin + at
        if not upper:
            count = min(count, half - pair)
        for words, place in ((near, pair), (far, half + pair)):
            room = words[: place % 4 + count]
            _fill(seed, step, stream, room, 0, room.shape[0], place // 4)
        for i in range(count):
            radius = math.sqrt(-2.0 * math.log(np.float64(near[pair % 4 + i]) + 2.0**-24))
            angle = 2 * math.pi * np.float64(far[(half + pair) % 4 + i])
            out[at + i] = np.float32(radius * (math.sin(angle) if upper else math.cos(angle)))
        at += count
