"""The LSTM, whole sequences at a time, the rows shared out; a step's gates and inputs are one product."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.functions import sigmoid, tanh
from cortex_lab.compute.cpu.jit import compiled
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32, plain, writable
from cortex_lab.compute.cpu.kernels._products import (
    DEEP,
    multiply_packed,
    multiply_turned_part,
    pack_all,
    turned_rooms,
)
from cortex_lab.compute.cpu.microkernels.convolution_kernel import tiles_pay
from cortex_lab.compute.cpu.microkernels.product_kernel import PANEL, TALL
from cortex_lab.compute.cpu.native import clear_block, copy_block, gemm
from cortex_lab.compute.cpu.pool import get_workers, workspace
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernels import recurrent as reference

GRAIN = 8
"""Rows of the batch that are worth a worker."""
_ZERO, _ONE = np.float32(0), np.float32(1)
_TILES = tiles_pay()
_NONE = np.zeros((0, 0), np.float32)
_FLAT = np.zeros(0, np.float32)


@reference.lstm.override("cpu")
def lstm(
    ops: Any,
    x: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any,
    mask: Any,
    start: Any,
    gates: Any,
    cells: Any,
    hidden: Any,
    last: Any,
    activation: str,
    recurrent_activation: str,
    reverse: bool,
) -> Any:
    if mask is not None or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    if not plain(x, kernel, recurrent, bias, *(start or ())) or not writable(gates, cells, hidden, last):
        return NotImplemented
    n, steps, _ = x.shape
    units = recurrent.shape[0]
    if cells is None:
        cells = _room("cells", n, steps, units)
    if hidden is None:
        hidden = _room("hidden", n, steps, units)
    h, c = start or (_NONE, _NONE)
    offsets = np.zeros(4 * units, np.float32) if bias is None else bias
    # A step's input and the output before it lie side by side, and so do the kernels they meet.
    both = np.concatenate((recurrent, kernel))
    arrays = (x, both, _packed(both, False), offsets, h, c, gates, cells, hidden, reverse)
    workers = get_workers()
    pieces = [(*arrays, *piece) for piece in workers.split(n, GRAIN)]
    workers.run(_forward_piece, pieces, blas=not _TILES)
    if last is not None:
        last[...] = hidden[:, 0 if reverse else steps - 1]
    return None


@reference.lstm_gradient.override("cpu")
def lstm_gradient(
    ops: Any,
    x: Any,
    kernel: Any,
    recurrent: Any,
    mask: Any,
    start: Any,
    gates: Any,
    cells: Any,
    hidden: Any,
    dy: Any,
    dx: Any,
    d_kernel: Any,
    d_recurrent: Any,
    d_bias: Any,
    work: Any,
    activation: str,
    recurrent_activation: str,
    reverse: bool,
) -> Any:
    if mask is not None or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    if not plain(x, kernel, recurrent, gates, cells, hidden, dy, *(start or ())):
        return NotImplemented
    if not writable(dx, d_kernel, d_recurrent, d_bias, work):
        return NotImplemented
    n, features = len(x), x.shape[2]
    units = recurrent.shape[0]
    h, c = start or (_NONE, _NONE)
    workers = get_workers()
    pieces = workers.split(n, GRAIN)
    # Recurrent kernel, kernel and bias side by side: what each worker sums, added up in a fixed order.
    size = (units + features + 1) * 4 * units
    partial = _room("recurrent gradients", len(pieces), size)
    # The gradient of x is found beside that of the output before, where it is wanted.
    both = recurrent if dx is None else np.concatenate((recurrent, kernel))
    wanted = _NONE.reshape(0, 0, 0) if dx is None else dx
    arrays = (x, both, _packed(both, True), h, c, gates, cells, hidden, dy.reshape(n, -1, units), wanted)
    jobs = [(*arrays, reverse, partial[i], *piece) for i, piece in enumerate(pieces)]
    workers.run(_gradient_piece, jobs, blas=not _TILES)
    total = partial[0]
    for part in partial[1:]:
        np.add(total, part, out=total)
    sums = total.reshape(-1, 4 * units)
    d_recurrent[...], d_kernel[...] = sums[:units], sums[units:-1]
    if d_bias is not None:
        d_bias[...] = sums[-1]
    return None


def _forward_piece(*arguments: Any) -> None:
    both, (start, stop) = arguments[1], arguments[-2:]
    width = both.shape[1]
    rows = -(-(stop - start) // TALL) * TALL
    _forward(*arguments, workspace("step of an LSTM", FLOAT32, rows * (len(both) + width + width // 4)))


def _gradient_piece(*arguments: Any) -> None:
    x, both, (start, stop) = arguments[0], arguments[1], arguments[-2:]
    width = both.shape[1]
    rows = -(-(stop - start) // TALL) * TALL
    together = steps_together(rows)
    size = rows * (len(both) + width // 4 + together * (width // 4 + x.shape[2] + width))
    _gradient(*arguments, together, workspace("step of an LSTM", FLOAT32, size), *turned_rooms(width))


def steps_together(rows: int) -> int:
    """Steps whose part of the kernels' gradients is summed at once, so that its product is a deep one."""
    return max(1, DEEP // rows)


def _room(name: str, *shape: int) -> Any:
    size = int(np.prod(shape))
    return workspace(name, FLOAT32, size)[:size].reshape(shape)


def _packed(weights: Any, turned: bool) -> Any:
    """`weights`, or its transpose, in panels for tiles to go through at every step."""
    inner, columns = weights.shape[::-1] if turned else weights.shape
    size = -(-columns // PANEL) * PANEL * inner
    packed = workspace("packed kernels", FLOAT32, size)[:size]
    if _TILES:
        pack_all(weights.reshape(-1), int(turned), columns, inner, packed)
    return packed


@compiled
def _multiply(a, b, turned, packed, c, rows, columns, inner):
    """c = a @ op(b); in tiles where they pay, else by BLAS."""
    if _TILES:
        multiply_packed(a, packed, c, rows, columns, inner)
    else:
        ldb = inner if turned else columns
        gemm(0, turned, rows, columns, inner, a, 0, inner, b, 0, ldb, _ZERO, c, 0, columns)


@compiled
def _add_outer(a, b, c, rows, columns, inner, added, panels, tile, lines):
    """c = a' @ b and a last row of the sums of b's columns, added to what c holds with `added` = 1."""
    if _TILES:
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


@compiled
def _forward(x, both, packed, bias, h, c, gates, cells, hidden, reverse, start, stop, room):
    steps, features = x.shape[1], x.shape[2]
    units, width = cells.shape[2], both.shape[1]
    inner = units + features
    rows = stop - start
    tall = (rows + TALL - 1) // TALL * TALL
    flat, z, cell, output = x.reshape(-1), gates.reshape(-1), cells.reshape(-1), hidden.reshape(-1)
    # What a step works on lies close together here. In the sequences its rows are a power of two apart, and
    # would push each other out of the cache.
    seen, now = room[: tall * inner], room[tall * inner : tall * (inner + width)]
    memory = room[tall * (inner + width) :]
    clear_block(room, 0, room.shape[0])
    if h.shape[0] > 0:
        for r in range(rows):
            copy_block(seen, r * inner, h, (start + r) * units, units)
            copy_block(memory, r * units, c, (start + r) * units, units)
    for place in range(steps):
        t = steps - 1 - place if reverse else place
        for r in range(rows):
            copy_block(seen, r * inner + units, flat, ((start + r) * steps + t) * features, features)
        _multiply(seen, both.reshape(-1), 0, packed, now, rows, width, inner)
        for r in range(rows):
            gate, to = ((start + r) * steps + t) * width, ((start + r) * steps + t) * units
            for j in range(0, units, 16):
                lanes = first_lanes(units - j)
                at = r * width + j
                i = sigmoid(load(now, at, lanes) + load(bias, j, lanes))
                f = sigmoid(load(now, at + units, lanes) + load(bias, units + j, lanes))
                g = tanh(load(now, at + 2 * units, lanes) + load(bias, 2 * units + j, lanes))
                o = sigmoid(load(now, at + 3 * units, lanes) + load(bias, 3 * units + j, lanes))
                value = i * g + f * load(memory, r * units + j, lanes)
                out = o * tanh(value)
                store(z, gate + j, i, lanes)
                store(z, gate + units + j, f, lanes)
                store(z, gate + 2 * units + j, g, lanes)
                store(z, gate + 3 * units + j, o, lanes)
                store(cell, to + j, value, lanes)
                store(output, to + j, out, lanes)
                store(memory, r * units + j, value, lanes)
                store(seen, r * inner + j, out, lanes)


@compiled
def _gradient(
    x, both, packed, h, c, gates, cells, hidden, dy, dx, reverse, total, start, stop, together, room,
    panels, tile, lines,
):  # fmt: skip
    steps, features, units, width = x.shape[1], x.shape[2], cells.shape[2], both.shape[1]
    inner, back = units + features, both.shape[0]
    rows = stop - start
    tall = (rows + TALL - 1) // TALL * TALL
    begun, every_step = h.shape[0] > 0, dy.shape[1] > 1 or steps == 1
    flat, output, arriving = x.reshape(-1), hidden.reshape(-1), dy.reshape(-1)
    # The gradients that a step hands back to the one before it, of its output and of its cell.
    handed, dc_all = room[: tall * back], room[tall * back : tall * (back + units)]
    seen = room[tall * (back + units) : tall * (back + units + together * inner)]
    slopes = room[tall * (back + units + together * inner) :]
    clear_block(room, 0, room.shape[0])
    held, added = 0, 0
    for place in range(steps - 1, -1, -1):
        t = steps - 1 - place if reverse else place
        earlier = t + 1 if reverse else t - 1
        for r in range(rows):
            line, row = (held * rows + r) * inner, (start + r) * steps
            if place > 0:
                copy_block(seen, line, output, (row + earlier) * units, units)
            elif begun:
                copy_block(seen, line, h, (start + r) * units, units)
            else:
                clear_block(seen, line, units)
            copy_block(seen, line + units, flat, (row + t) * features, features)
            felt = -1
            if every_step or place == steps - 1:
                felt = (row + t if every_step else start + r) * units
            past, at_past = cells.reshape(-1), (row + earlier) * units
            if place == 0:
                past, at_past = c.reshape(-1), (start + r) * units if begun else -1
            _bend_back(
                gates.reshape(-1), (row + t) * width, cells.reshape(-1), (row + t) * units, past, at_past,
                arriving, felt, handed, r * back, dc_all, r * units, slopes, (held * rows + r) * width, units,
            )  # fmt: skip
        if place > 0 or dx.shape[0] > 0:
            now = slopes[held * rows * width :]
            _multiply(now, both.reshape(-1), 1, packed, handed, rows, back, width)
        for r in range(rows if dx.shape[0] > 0 else 0):
            to = ((start + r) * steps + t) * features
            copy_block(dx.reshape(-1), to, handed, r * back + units, features)
        held += 1
        if held == together or place == 0:
            _add_outer(seen, slopes, total, inner, width, held * rows, added, panels, tile, lines)
            held, added = 0, 1


@compiled
def _bend_back(
    gates, gate, cells, at_cell, past, at_past, arriving, felt, handed, at_handed, dc_all, at_dc, slopes, to,
    units,
):  # fmt: skip
    """One row of one step: the gradients before its four activations, and that of the cell before it."""
    one = every(_ONE)
    for j in range(0, units, 16):
        lanes = first_lanes(units - j)
        dh, dc = load(handed, at_handed + j, lanes), load(dc_all, at_dc + j, lanes)
        if felt >= 0:
            dh = dh + load(arriving, felt + j, lanes)
        i, f = load(gates, gate + j, lanes), load(gates, gate + units + j, lanes)
        g, o = load(gates, gate + 2 * units + j, lanes), load(gates, gate + 3 * units + j, lanes)
        before = every(_ZERO)
        if at_past >= 0:
            before = load(past, at_past + j, lanes)
        bent = tanh(load(cells, at_cell + j, lanes))
        through = dc + dh * o * (one - bent * bent)
        store(dc_all, at_dc + j, through * f, lanes)
        store(slopes, to + j, through * g * i * (one - i), lanes)
        store(slopes, to + units + j, through * before * f * (one - f), lanes)
        store(slopes, to + 2 * units + j, through * i * (one - g * g), lanes)
        store(slopes, to + 3 * units + j, dh * bent * o * (one - o), lanes)
