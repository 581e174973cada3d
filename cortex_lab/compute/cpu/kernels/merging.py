"""The largest or smallest of several arrays of one shape, element by element, and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, either, every, first_lanes, is_nan, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import merging
from cortex_lab.compute.work import in_turn

GRAIN = 16_384
INT32 = np.dtype(np.int32)
_ZERO, _FIRST = np.float32(0), np.int32(0)
_UP, _DOWN = np.float32(1), np.float32(-1)
_NO_WINNER = np.zeros(16, np.int32)


@merging.largest.override("cpu")
def largest(ops: OpsLike, xs: Sequence[Any], winner: Array | None, out: Array) -> Any:
    return _extreme(xs, winner, out, _UP)


@merging.smallest.override("cpu")
def smallest(ops: OpsLike, xs: Sequence[Any], winner: Array | None, out: Array) -> Any:
    return _extreme(xs, winner, out, _DOWN)


def _extreme(xs: Sequence[Any], winner: Array | None, out: Array, sign: np.float32) -> Any:
    if not plain(*xs) or not writable(out) or any(x.shape != out.shape for x in xs) or not out.size:
        return NotImplemented
    if winner is not None and not (_is_winner(winner, out) and winner.flags.writeable):
        return NotImplemented
    keep, noted = winner is not None, _NO_WINNER if winner is None else winner.reshape(-1)
    # Two at a time: `out` may be the first of them, and holds the best so far from then on.
    best, flat, pieces = xs[0].reshape(-1), out.reshape(-1), get_workers().split(out.size, GRAIN)
    calls = []
    for place, x in enumerate(xs[1:], start=1):
        given = (best, x.reshape(-1), np.int32(place), sign, keep, noted, flat)
        calls.append(work(_better, given, pieces))
        best = flat
    return in_turn(*calls)


@merging.largest_gradient.override("cpu")
def largest_gradient(ops: OpsLike, dy: Array, winner: Array, index: int, out: Array) -> Any:
    if not plain(dy) or not writable(out) or dy.shape != out.shape or not _is_winner(winner, dy):
        return NotImplemented
    given = (dy.reshape(-1), winner.reshape(-1), np.int32(index), out.reshape(-1))
    return work(_to_winner, given, get_workers().split(out.size, GRAIN))


def _is_winner(winner: Array, like: Array) -> bool:
    same = type(winner) is np.ndarray and winner.dtype == INT32 and winner.shape == like.shape
    return same and winner.flags.c_contiguous


@piecework
def _better(best, x, place, sign, keep, winner, out, start, stop):
    up = every(sign)
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        old, new = load(best, at, lanes), load(x, at, lanes)
        # The first that is not a number is the largest, and the smallest.
        beaten = either(new * up > old * up, is_nan(new))
        beaten = choose(is_nan(old), new > new, beaten)
        store(out, at, choose(beaten, new, old), lanes)
        if keep:
            before = every(_FIRST) if place == 1 else load(winner, at, lanes)
            store(winner, at, choose(beaten, every(place), before), lanes)


@piecework
def _to_winner(dy, winner, index, out, start, stop):
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        won = load(winner, at, lanes) == every(index)
        store(out, at, choose(won, load(dy, at, lanes), every(_ZERO)), lanes)
