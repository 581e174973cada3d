"""What all recurrent cells share: a step's product, and the sums of their weights' gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32
from cortex_lab.compute.cpu.kernels._products import DEEP, multiply_packed, multiply_turned_part, pack_all
from cortex_lab.compute.cpu.machine import has_wide_registers
from cortex_lab.compute.cpu.microkernels.product_kernel import PANEL, TALL
from cortex_lab.compute.cpu.native import copy_block, gemm
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store

GRAIN = 8
"""Rows of the batch that are worth a worker."""
TILES = has_wide_registers()
_ZERO = np.float32(0)


def tall_rows(pieces: Sequence[tuple[int, int]]) -> int:
    """Rows of the tiles that cover the longest piece."""
    return max(-(-(stop - start) // TALL) * TALL for start, stop in pieces)


def steps_together(rows: int) -> int:
    """Steps whose part of the kernels' gradients is summed at once, so that its product is a deep one."""
    return max(1, DEEP // rows)


def shared_room(name: str, *shape: int) -> Any:
    """Memory that kernels of one work hand each other; the next work's write over it."""
    size = int(np.prod(shape))
    return get_workers().room(0, name, FLOAT32, size)[:size].reshape(shape)


def room_of_panels(inner: int, columns: int) -> Any:
    return shared_room("packed kernels", -(-columns // PANEL) * PANEL * inner)


@piecework
def pack_kernel(weights, turned, packed):
    """`weights`, or its transpose, in panels for tiles to go through at every step."""
    if TILES:
        inner, columns = weights.shape
        if turned:
            inner, columns = columns, inner
        pack_all(weights.reshape(-1), turned, columns, inner, packed)


@piecework
def add_up_pieces(sums, d_recurrent, d_kernel, d_bias):
    total = sums[0]
    # Piece by piece, so that each number is the same sum whoever found its parts.
    for k in range(1, sums.shape[0]):
        part = sums[k]
        for j in range(total.shape[0]):
            total[j] += part[j]
    width = d_recurrent.shape[1]
    inner = d_recurrent.shape[0] + d_kernel.shape[0]
    copy_block(d_recurrent.reshape(-1), 0, total, 0, d_recurrent.shape[0] * width)
    copy_block(d_kernel.reshape(-1), 0, total, d_recurrent.shape[0] * width, d_kernel.shape[0] * width)
    copy_block(d_bias, 0, total, inner * width, d_bias.shape[0])


@compiled
def multiply_step(a, b, turned, packed, c, rows, columns, inner):
    """c = a @ op(b); in tiles where they pay, else by BLAS."""
    if TILES:
        multiply_packed(a, packed, c, rows, columns, inner)
    else:
        ldb = inner if turned else columns
        gemm(0, turned, rows, columns, inner, a, 0, inner, b, 0, ldb, _ZERO, c, 0, columns)


@compiled
def add_outer(a, b, c, rows, columns, inner, added, panels, tile, lines):
    """c = a' @ b and a last row of the sums of b's columns, added to what c holds with `added` = 1."""
    if TILES:
        sums = c[rows * columns : (rows + 1) * columns]
        multiply_turned_part(
            a, b, c, sums, rows, columns, inner, 0, rows, 0, columns, added, panels, tile, lines
        )  # fmt: skip
        return
    gemm(1, 0, rows, columns, inner, a, 0, rows, b, 0, columns, np.float32(added), c, 0, columns)
    for j in range(0, columns, 16):
        lanes = first_lanes(columns - j)
        sums = every(_ZERO)
        if added:
            sums = load(c, rows * columns + j, lanes)
        for i in range(inner):
            sums = sums + load(b, i * columns + j, lanes)
        store(c, rows * columns + j, sums, lanes)
