"""The largest and the sum along axes that lie side by side, and gradients, in one pass each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, either, every, first_lanes, is_nan, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import pooling, reducing

GRAIN = 16_384
FEWEST = 4
"""Numbers behind the axes from which on sixteen lanes are quicker than NumPy."""
INT32 = np.dtype(np.int32)
_ZERO, _LOWEST, _FIRST = np.float32(0), np.float32(-np.inf), np.int32(0)
_NO_WINNER = np.zeros(16, np.int32)


@reducing.max_along.override("cpu")
def max_along(ops: OpsLike, x: Array, axes: tuple[int, ...], winner: Array | None, out: Array) -> Any:
    if not plain(x) or not writable(out) or not _fits(x, axes) or not _is_winner(winner, out):
        return NotImplemented
    outer, length, inner = _lengths(x.shape, axes)
    keep = winner is not None
    if keep and not winner.flags.writeable:
        return NotImplemented
    noted = winner.reshape(-1) if keep else _NO_WINNER
    before = (x.reshape(-1), length, inner, keep, noted, out.reshape(-1))
    return work(_largest, before, get_workers().split(outer, -(-GRAIN // (length * inner))))


@reducing.max_along_gradient.override("cpu")
def max_along_gradient(ops: OpsLike, dy: Array, axes: tuple[int, ...], winner: Array, out: Array) -> Any:
    if not plain(dy) or not writable(out) or not _fits(out, axes) or not _is_winner(winner, dy):
        return NotImplemented
    outer, length, inner = _lengths(out.shape, axes)
    before = (dy.reshape(-1), length, inner, winner.reshape(-1), out.reshape(-1))
    return work(_to_winners, before, get_workers().split(outer, -(-GRAIN // (length * inner))))


@pooling.pool_global_max.override("cpu")
def pool_global_max(ops: OpsLike, x: Array, out: Array, winner: Array | None) -> Any:
    return max_along(ops, x, (1,), winner, out)


@pooling.pool_global_max_gradient.override("cpu")
def pool_global_max_gradient(ops: OpsLike, dy: Array, winner: Array, out: Array) -> Any:
    return max_along_gradient(ops, dy, (1,), winner, out)


@reducing.sum_along.override("cpu")
def sum_along(ops: OpsLike, x: Array, axes: tuple[int, ...], factor: float, out: Array) -> Any:
    return _sum_of(x, axes, factor, 1.0, out)


@pooling.pool_global_average.override("cpu")
def pool_global_average(ops: OpsLike, x: Array, out: Array) -> Any:
    return _sum_of(x, (1,), 1.0, x.shape[1], out)


@pooling.pool_global_average_gradient.override("cpu")
def pool_global_average_gradient(ops: OpsLike, dy: Array, out: Array) -> Any:
    if not plain(dy) or not writable(out) or not _fits(out, (1,)):
        return NotImplemented
    outer, length, inner = out.shape
    before = (dy.reshape(-1), length, inner, np.float32(length), out.reshape(-1))
    return work(_share, before, get_workers().split(outer, -(-GRAIN // (length * inner))))


def _sum_of(x: Array, axes: tuple[int, ...], factor: float, divisor: float, out: Array) -> Any:
    if not plain(x) or not writable(out) or not _fits(x, axes):
        return NotImplemented
    outer, length, inner = _lengths(x.shape, axes)
    # A product and a quotient, of which one is by 1: a mean is rounded as its reference rounds it.
    before = (x.reshape(-1), length, inner, np.float32(factor), np.float32(divisor), out.reshape(-1))
    return work(_sum, before, get_workers().split(outer, -(-GRAIN // (length * inner))))


def _fits(x: Array, axes: tuple[int, ...]) -> bool:
    together = tuple(axes) == tuple(range(axes[0], axes[-1] + 1))
    return together and x.size > 0 and math.prod(x.shape[axes[-1] + 1 :]) >= FEWEST


def _is_winner(winner: Array | None, like: Array) -> bool:
    if winner is None:
        return True
    return winner.dtype == INT32 and winner.size == like.size and winner.flags.c_contiguous


def _lengths(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, int, int]:
    """Of what lies before the axes, along them, and behind."""
    first, behind = axes[0], axes[-1] + 1
    return math.prod(shape[:first]), math.prod(shape[first:behind]), math.prod(shape[behind:])


@piecework
def _largest(x, length, inner, keep, winner, out, start, stop):
    noted = inner if keep else 0
    for row in range(start, stop):
        for c in range(0, inner, 16):
            lanes = first_lanes(inner - c)
            highest, place_of = every(_LOWEST), every(_FIRST)
            for place in range(length):
                value = load(x, (row * length + place) * inner + c, lanes)
                # The first that is not a number is the largest.
                better = either(value > highest, is_nan(value))
                better = choose(is_nan(highest), value > value, better)
                highest = choose(better, value, highest)
                place_of = choose(better, every(np.int32(place)), place_of)
            store(out, row * inner + c, highest, lanes)
            # With nothing to note, no lane is written to memory that is there: to none it would be slow.
            store(winner, (row * inner + c) * keep, place_of, first_lanes(noted - c))


@piecework
def _to_winners(dy, length, inner, winner, out, start, stop):
    nothing = every(_ZERO)
    for row in range(start, stop):
        for c in range(0, inner, 16):
            lanes = first_lanes(inner - c)
            slope, picked = load(dy, row * inner + c, lanes), load(winner, row * inner + c, lanes)
            for place in range(length):
                won = choose(picked == every(np.int32(place)), slope, nothing)
                store(out, (row * length + place) * inner + c, won, lanes)


@piecework
def _sum(x, length, inner, factor, divisor, out, start, stop):
    for row in range(start, stop):
        for c in range(0, inner, 16):
            lanes, sums = first_lanes(inner - c), every(_ZERO)
            for place in range(length):
                sums = sums + load(x, (row * length + place) * inner + c, lanes)
            store(out, row * inner + c, sums * every(factor) / every(divisor), lanes)


@piecework
def _share(dy, length, inner, divisor, out, start, stop):
    for row in range(start, stop):
        for c in range(0, inner, 16):
            lanes = first_lanes(inner - c)
            share = load(dy, row * inner + c, lanes) / every(divisor)
            for place in range(length):
                store(out, (row * length + place) * inner + c, share, lanes)
