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
_LOG_2 = math.log(2)
# The bits of float64: what carries m into the next power of two from root 2 on, and what puts it back.
_ONE_BITS, _HALF_ROOT = (int(np.float64(x).view(np.int64)) for x in (1.0, math.sqrt(0.5)))
_UP_TO_ROOT, _FRACTION = _ONE_BITS - _HALF_ROOT, 2**52 - 1
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
    cosines, sines = np.empty(_DEEP), np.empty(_DEEP)
    bits = cosines.view(np.int64)
    for first in range(start, stop, _DEEP):
        count = min(_DEEP, stop - first)
        # A counter gives four words; what begins between two of them is drawn from the one before.
        for words, place in ((near, first), (far, half + first)):
            room = words[: place % 4 + count]
            _fill(seed, step, stream, room, 0, room.shape[0], place // 4)
        at_near, at_far = first % 4, (half + first) % 4
        for i in range(count):
            sines[i] = far[at_far + i]
            # A uniform number may be 0, which has no logarithm.
            cosines[i] = near[at_near + i] + 2.0**-24
        _box_muller(cosines, sines, bits, count)
        for i in range(count):
            out[first + i] = np.float32(cosines[i])
        for i in range(min(count, out.shape[0] - half - first)):
            out[half + first + i] = np.float32(sines[i])


@piecework
def _normal_part(seed, step, stream, out, half, begin, start, stop):
    """out[start:stop] of draws of which `begin` come before it, and whose two halves are `half` apart."""
    near, far = np.empty(_DEEP + 2 * WORDS, np.float32), np.empty(_DEEP + 2 * WORDS, np.float32)
    cosines, sines = np.empty(_DEEP), np.empty(_DEEP)
    bits = cosines.view(np.int64)
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
            cosines[i], sines[i] = near[pair % 4 + i] + 2.0**-24, far[(half + pair) % 4 + i]
        _box_muller(cosines, sines, bits, count)
        for i in range(count):
            out[at + i] = np.float32(sines[i] if upper else cosines[i])
        at += count


@compiled
def _box_muller(u, turn, bits, count):
    """u = sqrt(-2 log u) cos(2 pi turn), and turn = the same with sin; `bits` are those of u.

    Its loops have no calls and no branches, so that compilers find vectors for them. In float64, with series
    that end at 1e-14: numbers are rounded once, where they become float32.
    """
    for i in range(count):
        # u = m * 2**e, m between the roots of 1/2 and 2: log u = e log 2 + 2 (s + s**3 / 3 + ...).
        raised = bits[i] + _UP_TO_ROOT
        e = np.float64((raised >> 52) - 1023)
        bits[i] = (raised & _FRACTION) + _HALF_ROOT
        m = u[i]
        s = (m - 1.0) / (m + 1.0)
        q = s * s
        series = 1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19)))
        series = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * series))))
        u[i] = math.sqrt(-2.0 * (e * _LOG_2 + 2.0 * s * (1.0 + q * series)))
    for i in range(count):
        # The nearest quarter, and the angle from there, at most pi / 4.
        quarter = math.floor(4.0 * turn[i] + 0.5)
        angle = 2 * math.pi * (turn[i] - 0.25 * quarter)
        q = angle * angle
        sine = 1 / 362880 - q * (1 / 39916800 - q * (1 / 6227020800 - q * (1 / 1307674368000)))
        sine = angle * (1.0 - q * (1 / 6 - q * (1 / 120 - q * (1 / 5040 - q * sine))))
        cosine = 1 / 40320 - q * (1 / 3628800 - q * (1 / 479001600 - q * (1 / 87178291200)))
        cosine = 1.0 - q * (1 / 2 - q * (1 / 24 - q * (1 / 720 - q * cosine)))
        odd = (quarter == 1.0) | (quarter == 3.0)
        along, across = (sine, cosine) if odd else (cosine, sine)
        along = -along if (quarter == 1.0) | (quarter == 2.0) else along
        across = -across if (quarter == 2.0) | (quarter == 3.0) else across
        radius = u[i]
        u[i], turn[i] = radius * along, radius * across
