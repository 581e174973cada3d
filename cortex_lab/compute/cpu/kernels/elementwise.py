"""Sums, products and scales of large arrays, element by element: as fast as memory, on all cores.

In vectors, since loops over elements that a compiler finds vectors for took half as long again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import linear

GRAIN = 65_536
"""Up to so many elements NumPy is as quick as anything."""


@linear.add.override("cpu")
def add(ops: OpsLike, a: Array, b: Array, out: Array) -> Any:
    return _of_two(_add, a, b, out)


@linear.multiply.override("cpu")
def multiply(ops: OpsLike, a: Array, b: Array | float, out: Array) -> Any:
    return _of_two(_multiply, a, b, out)


@linear.add_scaled.override("cpu")
def add_scaled(ops: OpsLike, a: Array, b: Array, factor: float, out: Array) -> Any:
    return _of_two(_add_scaled, a, b, out, np.float32(factor))


@linear.scale_shift.override("cpu")
def scale_shift(ops: OpsLike, a: Array, factor: float, shift: float, out: Array) -> Any:
    if out.size <= GRAIN or not plain(a) or not writable(out) or a.shape != out.shape:
        return NotImplemented
    before = (a.reshape(-1), out.reshape(-1), np.float32(factor), np.float32(shift))
    return work(_scale_shift, before, get_workers().split(out.size, GRAIN))


def _of_two(kernel: Callable[..., Any], a: Array, b: Any, out: Array, *settings: Any) -> Any:
    if out.size <= GRAIN or not plain(a, b) or not writable(out) or not a.shape == b.shape == out.shape:
        return NotImplemented
    before = (a.reshape(-1), b.reshape(-1), out.reshape(-1), *settings)
    return work(kernel, before, get_workers().split(out.size, GRAIN))


@piecework
def _add(a, b, out, start, stop):
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        store(out, at, load(a, at, lanes) + load(b, at, lanes), lanes)


@piecework
def _multiply(a, b, out, start, stop):
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        store(out, at, load(a, at, lanes) * load(b, at, lanes), lanes)


@piecework
def _add_scaled(a, b, out, factor, start, stop):
    scale = every(factor)
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        store(out, at, load(a, at, lanes) + scale * load(b, at, lanes), lanes)


@piecework
def _scale_shift(a, out, factor, shift, start, stop):
    scale, moved = every(factor), every(shift)
    for at in range(start, stop, 16):
        lanes = first_lanes(stop - at)
        store(out, at, scale * load(a, at, lanes) + moved, lanes)
