"""Matrix products in register tiles, for matrices of a few hundred rows; for processors with AVX-512.

BLAS packs both sides, which pays when both are large. Here the right side is packed a panel of 48 columns at
a time into the nearest cache, and the left one is read where it lies. What a layer does before or after its
product is done to a panel while it is in the cache.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32
from cortex_lab.compute.cpu.kernels.activation import activate_lanes
from cortex_lab.compute.cpu.machine import has_wide_registers
from cortex_lab.compute.cpu.microkernels.convolution_kernel import multiply_tile
from cortex_lab.compute.cpu.microkernels.product_kernel import PANEL, STRIDE, TALL, multiply_panel
from cortex_lab.compute.cpu.native import clear_block, copy_block, transpose_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import LANES, every, first_lanes, load, store
from cortex_lab.compute.kernel import Array
from cortex_lab.compute.work import Work

DEEP = 160
"""Most rows of a panel: 30 KB, which the first-level cache holds beside a tile's rows."""
HIGH = 256
"""Most rows of the left side that go through one panel, so that they stay in the second-level cache."""
WIDE = 22 * PANEL
"""Most columns that are packed at once for a product with a turned left side."""
MANY = 16
"""Panels that are enough to even out what workers do."""
SHORT = 32
"""Fewest rows that a panel is packed for twice."""
NARROW = 14
"""Rows of a tile that is one vector wide."""
SHARE = 400_000
"""Multiply-adds that are worth a worker."""
_ON = has_wide_registers()
_ZERO = np.float32(0)
_NONE = np.zeros(0, np.float32)
NEAR = np.zeros(DEEP // STRIDE, np.int64)
"""Places of lines where nothing lies far away."""


def tiles_fit(rows: int, columns: int) -> bool:
    """Whether tiles waste less on a product of this shape than BLAS does."""
    filled = -(-rows // TALL) * TALL * -(-columns // PANEL) * PANEL
    return _ON and rows >= 4 and 5 * rows * columns >= filled


def multiply(a: Array, b: Array, b_turned: int, out: Array, bias: Array | None = None, code: int = 0) -> Work:
    """What does out = f(a @ op(b) + bias), a (rows, inner).

    op transposes where the flag is 1, `bias` may be None.
    """
    (rows, inner), columns = a.shape, out.shape[1]
    bias = _NONE if bias is None else bias
    if _is_narrow(rows, columns, inner) and not b_turned:
        arrays = a.reshape(-1), b.reshape(-1), out.reshape(-1), bias
        return work(_multiply_narrow, (*arrays, code, rows, columns, inner))
    flat = a.reshape(-1), b.reshape(-1), b_turned, out.reshape(-1), bias, code, 1.0, columns, inner
    whole = [(0, rows, 0, columns)] if rows * columns * inner < SHARE else _pieces(rows, columns, inner)
    return work(_multiply, flat, whole, _rooms)


def multiply_turned(a: Array, b: Array, out: Array) -> Work:
    """What does out = a' @ b for a (inner, rows)."""
    (inner, rows), columns = a.shape, out.shape[1]
    arrays = a.reshape(-1), b.reshape(-1), out.reshape(-1)
    if _is_narrow(rows, columns, inner):
        return work(_multiply_narrow_turned, (*arrays, rows, columns, inner))
    whole = rows * columns * inner < SHARE
    pieces = [(0, rows, 0, columns)] if whole else _pieces(rows, columns, inner)
    width = max(end - column for _, _, column, end in pieces)
    pieces = [(*piece, 0) for piece in pieces]
    before = (*arrays, _NONE, rows, columns, inner)
    return work(multiply_turned_part, before, pieces, partial(turned_rooms, width))


def _is_narrow(rows: int, columns: int, inner: int) -> bool:
    """Whether a product is one vector wide, and little work: a layer of few classes, say."""
    return columns <= LANES and rows >= NARROW and rows * columns * inner < SHARE


def _pieces(rows: int, columns: int, inner: int) -> list[tuple[int, int, int, int]]:
    """A product in pieces (row, end, column, end): whole panels, or whole tiles if there are more rows."""
    workers = get_workers()
    if rows >= columns:
        tiles = -(-rows // TALL)
        grain = SHARE / (TALL * columns * inner)
        return [(TALL * i, min(TALL * j, rows), 0, columns) for i, j in workers.split(tiles, grain)]
    panels = -(-columns // PANEL)
    grain = SHARE / (PANEL * rows * inner)
    pieces = [(0, rows, PANEL * i, min(PANEL * j, columns)) for i, j in workers.split(panels, grain)]
    if len(pieces) <= workers.cut or panels > MANY or rows < 2 * SHORT:
        return pieces
    # A panel is so much of the product that pieces which are to even out are half as high.
    half = rows // 2 // TALL * TALL
    last = range(pieces[workers.cut][2], columns, PANEL)
    halves = [(*part, c, min(c + PANEL, columns)) for c in last for part in ((0, half), (half, rows))]
    return pieces[: workers.cut] + halves


def _rooms(worker: int) -> tuple[Any, Any, Any]:
    """A panel, a tile's rows, and the places of the lines that all tiles of a panel fetch."""
    room = partial(get_workers().room, worker)
    lines = room("lines", np.int64, HIGH // TALL * DEEP // STRIDE)
    return room("panel", FLOAT32, DEEP * PANEL), room("rows", FLOAT32, DEEP * TALL), lines


def turned_rooms(columns: int, worker: int) -> tuple[Any, Any, Any]:
    """What `multiply_turned_part` needs to work on so many columns of its product."""
    _, tile, lines = _rooms(worker)
    width = min(WIDE, -(-columns // PANEL) * PANEL)
    return get_workers().room(worker, "panels", FLOAT32, DEEP * width), tile, lines


@piecework
def _multiply(
    a, b, turned, out, bias, code, alpha, columns, inner, first, last, column, column_end, panel, rest, lines
):  # fmt: skip
    ldb = inner if turned else columns
    # From one panel to the next, in b.
    onward = PANEL * (ldb if turned else 1)
    # Blocks as deep as each other: a short last one would be packed for little work.
    blocks = (inner + DEEP - 1) // DEEP
    deep = ((inner + blocks - 1) // blocks + LANES - 1) // LANES * LANES
    for start in range(first, last, HIGH):
        stop = min(start + HIGH, last)
        whole = start + (stop - start) // TALL * TALL
        for k in range(0, inner, deep):
            depth = min(deep, inner - k)
            keep = 1 if k > 0 else 0
            places = depth // STRIDE
            # They are the same for all blocks but a last one that is not as deep.
            if k == 0 or depth < deep:
                _place_lines(lines, (stop - start + TALL - 1) // TALL * places, turned, ldb, depth)
            for i in range(TALL if whole < stop else 0):
                # The rows of the last tile that do not exist are read as well.
                if whole + i < stop:
                    copy_block(rest, i * DEEP, a, (whole + i) * inner + k, depth)
                else:
                    clear_block(rest, i * DEEP, depth)
            for p in range(column, column_end, PANEL):
                width = min(PANEL, column_end - p)
                _pack(b, turned, ldb, p, width, k, depth, panel)
                # Behind the last panel comes the first one of the next block.
                ahead = (p * ldb + k if turned else k * ldb + p) + onward
                if p + PANEL >= column_end:
                    ahead = column * ldb + k + deep if turned else (k + deep) * ldb + column
                for row in range(start, stop, TALL):
                    left, at, line = a, row * inner + k, inner
                    if row == whole:
                        left, at, line = rest, 0, DEEP
                    multiply_panel(
                        left, at, line, 1, panel, 0, depth, out, row * columns + p, columns,
                        min(TALL, stop - row), width, keep, b, ahead, lines, (row - start) // TALL * places,
                    )  # fmt: skip
                if k + depth == inner and (code > 0 or bias.shape[0] > 0):
                    finish(out, columns, start, stop, p, width, bias, code, alpha)


# The last tile of a product goes back to end with it, and finds again what it repeats.
@piecework
def _multiply_narrow(a, b, out, bias, code, rows, columns, inner):
    for row in range(0, rows, NARROW):
        first = min(row, rows - NARROW)
        multiply_tile(
            NARROW, 1, a, first * inner, inner, 1, 0, b, 0, columns, 0, 1, inner,
            out, first * columns, columns, NARROW, columns, 0,
        )  # fmt: skip
    if code > 0 or bias.shape[0] > 0:
        finish(out, columns, 0, rows, 0, columns, bias, code, 1.0)


@piecework
def _multiply_narrow_turned(a, b, out, rows, columns, inner):
    for row in range(0, rows, NARROW):
        first = min(row, rows - NARROW)
        multiply_tile(
            NARROW, 1, a, first, 1, rows, 0, b, 0, columns, 0, 1, inner,
            out, first * columns, columns, NARROW, columns, 0,
        )  # fmt: skip


@compiled
def _place_lines(lines, count, turned, ldb, depth):
    """The lines of a panel of b, from its first element; as many as there is room for."""
    high, long = (PANEL, depth) if turned else (depth, PANEL)
    # A row begins anywhere in a line, so its last element may lie in one more.
    across = (long - 1) // LANES + 2
    row = line = 0
    for i in range(count):
        lines[i] = row * ldb + min(line * LANES, long - 1)
        line += 1
        if line == across:
            row, line = min(row + 1, high - 1), 0


@compiled
def _pack(b, turned, ldb, column, width, k, depth, panel):
    """panel[i, :48] = row k + i of op(b) from `column` on; zeros beyond `width` columns."""
    if turned:
        _pack_turned(b, ldb, column, width, k, depth, panel)
    else:
        _pack_straight(b, ldb, column, width, k, depth, panel)


@compiled
def _pack_straight(b, ldb, column, width, k, depth, panel):
    for i in range(depth):
        for n in range(0, PANEL, LANES):
            value = load(b, (k + i) * ldb + column + n, first_lanes(width - n))
            store(panel, i * PANEL + n, value, first_lanes(LANES))


@compiled
def _pack_turned(b, ldb, column, width, k, depth, panel):
    for n in range(0, PANEL, LANES):
        whole = depth // LANES * LANES if n + LANES <= width else 0
        for i in range(0, whole, LANES):
            transpose_block(panel, i * PANEL + n, PANEL, b, (column + n) * ldb + k + i, ldb)
        for i in range(whole, depth):
            store(panel, i * PANEL + n, every(_ZERO), first_lanes(LANES))
            for j in range(n, min(n + LANES, width)):
                panel[i * PANEL + j] = b[(column + j) * ldb + k + i]


@compiled
def pack_all(b, turned, columns, inner, packed):
    """All panels of op(b) (inner, columns), DEEP rows at a time: what `multiply_packed` goes through."""
    at = 0
    for k in range(0, inner, DEEP):
        depth = min(DEEP, inner - k)
        for p in range(0, columns, PANEL):
            width = min(PANEL, columns - p)
            _pack(b, turned, inner if turned else columns, p, width, k, depth, packed[at:])
            at += depth * PANEL


@compiled
def multiply_packed(a, packed, out, rows, columns, inner):
    """out = a @ b, b by `pack_all`. Rows of `a` up to the next multiple of TALL are read."""
    at = 0
    for k in range(0, inner, DEEP):
        depth = min(DEEP, inner - k)
        for p in range(0, columns, PANEL):
            for row in range(0, rows, TALL):
                multiply_panel(
                    a, row * inner + k, inner, 1, packed, at, depth, out, row * columns + p, columns,
                    min(TALL, rows - row), min(PANEL, columns - p), 1 if k > 0 else 0, packed, at, NEAR, 0,
                )  # fmt: skip
            at += depth * PANEL


@compiled
def finish(out, columns, start, stop, column, width, bias, code, alpha):
    """out = f(out + bias) on rows `start` to `stop` and `width` columns; an empty bias is none."""
    for c in range(column, column + width, LANES):
        lanes = first_lanes(column + width - c)
        offset = every(_ZERO)
        if bias.shape[0] > 0:
            offset = load(bias, c, lanes)
        for row in range(start, stop):
            at = row * columns + c
            store(out, at, activate_lanes(load(out, at, lanes) + offset, code, alpha), lanes)


@piecework
def multiply_turned_part(
    a, b, out, sums, rows, columns, inner, first, last, column, column_end, added, panels, tile, lines
):  # fmt: skip
    """Part of a product with its left side turned; with `added` = 1 on top of what out and sums hold."""
    for i in range(DEEP // STRIDE):
        # Four to a row: 48 numbers fill three lines, or lie in four where they begin inside of one.
        lines[i] = min(i // 4, TALL - 1) * columns + min(i % 4 * LANES, PANEL - 1)
    for left in range(column, column_end, WIDE):
        right = min(left + WIDE, column_end)
        for k in range(0, inner, DEEP):
            depth = min(DEEP, inner - k)
            keep = 1 if k > 0 else added
            _pack_rows(b, columns, left, right, k, depth, panels)
            for p in range(left, right if sums.shape[0] > 0 else left, PANEL):
                _add_columns(panels[(p - left) * DEEP :], depth, sums, p, min(PANEL, right - p), keep)
            for row in range(first, last, TALL):
                high = min(TALL, last - row)
                lanes, tall = first_lanes(high), first_lanes(TALL)
                for i in range(depth):
                    # Put close together: one row of a lies far from the next, and every panel reads them all.
                    store(tile, i * TALL, load(a, (k + i) * rows + row, lanes), tall)
                for p in range(left, right, PANEL):
                    # What the next tile writes is fetched as well.
                    ahead = row * columns + p + PANEL
                    if p + PANEL >= right:
                        ahead = (row + TALL) * columns + left
                    multiply_panel(
                        tile, 0, 1, TALL, panels, (p - left) * DEEP, depth, out, row * columns + p, columns,
                        high, min(PANEL, right - p), keep, out, ahead, lines, 0,
                    )  # fmt: skip


# Whole rows, as they lie in memory: a processor fetches what follows in a page by itself.
@compiled
def _pack_rows(b, columns, left, right, k, depth, panels):
    """Columns left to right of rows k to k + depth, in panels that are DEEP * PANEL apart."""
    everywhere = first_lanes(LANES)
    for i in range(depth):
        for p in range(left, right, PANEL):
            for n in range(0, PANEL, LANES):
                value = load(b, (k + i) * columns + p + n, first_lanes(right - p - n))
                store(panels, (p - left) * DEEP + i * PANEL + n, value, everywhere)


@compiled
def _add_columns(panel, depth, sums, column, width, added):
    for n in range(0, width, LANES):
        lanes, total = first_lanes(width - n), every(_ZERO)
        for i in range(depth):
            total = total + load(panel, i * PANEL + n, lanes)
        if added:
            total = total + load(sums, column + n, lanes)
        store(sums, column + n, total, lanes)
