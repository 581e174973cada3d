"""The gradient of an activation and that of the bias before it, in one pass."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32, plain, writable
from cortex_lab.compute.cpu.kernels.activation import CODES, activate_lanes_gradient
from cortex_lab.compute.cpu.kernels.linear import add_up
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import convolution
from cortex_lab.compute.kernels.activation import NEEDS_INPUT, activate_gradient
from cortex_lab.compute.kernels.linear import sum_rows
from cortex_lab.compute.work import in_turn

GRAIN = 32_768
BLOCK = 128
"""Rows that are summed before they are added to other sums, which keeps rounding errors small."""
WIDE = 128
"""Columns beyond which rows are read as they lie in memory."""
_ZERO = np.float32(0)


@convolution.slopes_and_sums.override("cpu")
def slopes_and_sums(
    ops: OpsLike, name: str, z: Any, y: Array, dy: Array, dz: Array, total: Array | None
) -> Any:
    if not plain(z, y, dy) or not writable(dz, total) or not y.shape == dy.shape == dz.shape:
        return NotImplemented
    if name not in CODES or total is None:
        slopes = activate_gradient.prepare(ops, name, z, y, dy, dz)
        return slopes if total is None else in_turn(slopes, sum_rows.prepare(ops, dz, out=total))
    columns = dz.shape[-1]
    rows = dz.size // columns
    arrays = [array.reshape(-1) for array in (z if name in NEEDS_INPUT else y, dy, dz)]
    pieces = get_workers().split(rows, -(-GRAIN // columns))
    sums = np.empty((len(pieces), columns))
    tasks = [(k, *piece) for k, piece in enumerate(pieces)]
    # Down its columns, a wide matrix would be read in lines that lie far apart.
    kernel = _differentiate_rows if columns > WIDE else _differentiate
    slopes = work(kernel, (*arrays, sums, CODES[name]), tasks, partial(_part_of_sums, columns))
    return in_turn(slopes, work(add_up, (sums, total)))


def _part_of_sums(columns: int, worker: int) -> tuple[Any]:
    return (get_workers().room(worker, "part of sums", FLOAT32, columns + 16),)


@piecework
def _differentiate(y, dy, dz, all_sums, code, k, start, stop, part):
    # Short float32 sums in registers, added up in float64: as exact as it is quick.
    sums = all_sums[k]
    columns = sums.shape[0]
    for c in range(columns):
        sums[c] = 0.0
    for block in range(start, stop, BLOCK):
        last = min(block + BLOCK, stop)
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            total = every(_ZERO)
            for row in range(block, last):
                at = row * columns + c
                slope = activate_lanes_gradient(load(y, at, lanes), load(dy, at, lanes), code, 1.0)
                store(dz, at, slope, lanes)
                total = total + slope
            store(part, 0, total, first_lanes(16))
            for t in range(min(16, columns - c)):
                sums[c + t] += part[t]


@piecework
def _differentiate_rows(y, dy, dz, all_sums, code, k, start, stop, part):
    """The same for long rows, as they lie in memory, with the sums of a block in the nearest cache."""
    sums = all_sums[k]
    columns = sums.shape[0]
    for c in range(columns):
        sums[c] = 0.0
    for block in range(start, stop, BLOCK):
        for c in range(columns):
            part[c] = _ZERO
        for row in range(block, min(block + BLOCK, stop)):
            for c in range(0, columns, 16):
                lanes, at = first_lanes(columns - c), row * columns + c
                slope = activate_lanes_gradient(load(y, at, lanes), load(dy, at, lanes), code, 1.0)
                store(dz, at, slope, lanes)
                store(part, c, load(part, c, lanes) + slope, lanes)
        for c in range(columns):
            sums[c] += part[c]
