"""The LSTM with its four gates in one product a step, whole sequences at a time, the rows shared out."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.functions import sigmoid, tanh
from cortex_lab.compute.kernels import recurrent as reference
from cortex_lab.compute.native import clear_block, copy_block, gemm
from cortex_lab.compute.overrides._arrays import FLOAT32, plain, writable
from cortex_lab.compute.overrides._direct import pack
from cortex_lab.compute.simd import LANES, every, first_lanes, load, store
from cortex_lab.compute.tiles import multiply_tile, tiles_pay
from cortex_lab.compute.workers import get_workers, workspace

GRAIN = 8
"""Rows of the batch that are worth a worker."""
_ZERO, _ONE = np.float32(0), np.float32(1)
PANEL, _TALL, _TILES = 2 * LANES, 8, tiles_pay()
_NONE = np.zeros((0, 0), np.float32)


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
    workers = get_workers()
    arrays = (
        x,
        kernel,
        recurrent,
        offsets,
        h,
        c,
        gates,
        cells,
        hidden,
        _packed("packed kernel", kernel),
        _packed("packed recurrent kernel", recurrent),
        reverse,
    )
    workers.run(_forward_piece, [(*arrays, *piece) for piece in workers.split(n, GRAIN)])
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
    # Kernel, recurrent kernel and bias side by side: what each worker sums, added up in a fixed order.
    size = (features + units + 1) * 4 * units
    partial = workspace("recurrent gradients", FLOAT32, len(pieces) * size)[: len(pieces) * size].reshape(
        -1, size
    )
    # Turned once for all steps.
    turned = np.ascontiguousarray(recurrent.T)
    arrays = (
        x,
        kernel,
        turned,
        _packed("packed recurrent kernel", turned),
        h,
        c,
        gates,
        cells,
        hidden,
        dy.reshape(n, -1, units),
    )
    into = (work, _NONE.reshape(0, 0, 0) if dx is None else dx)
    jobs = [(*arrays, *into, partial[i], reverse, *piece) for i, piece in enumerate(pieces)]
    workers.run(_gradient_piece, jobs)
    total = partial[0]
    for part in partial[1:]:
        np.add(total, part, out=total)
    sums = total.reshape(-1, 4 * units)
    d_kernel[...], d_recurrent[...] = sums[:features], sums[features:-1]
    if d_bias is not None:
        d_bias[...] = sums[-1]
    return None


def _forward_piece(*arguments: Any) -> None:
    x, cells, (start, stop) = arguments[0], arguments[7], arguments[-2:]
    size = (stop - start) * (x.shape[2] + 6 * cells.shape[2])
    _forward(*arguments, workspace("step of an LSTM", FLOAT32, size))


def _gradient_piece(*arguments: Any) -> None:
    cells, (start, stop) = arguments[7], arguments[-2:]
    size = (stop - start) * (arguments[0].shape[2] + 7 * cells.shape[2])
    _gradient(*arguments, workspace("step of an LSTM", FLOAT32, size))


def _room(name: str, *shape: int) -> Any:
    size = int(np.prod(shape))
    return workspace(name, FLOAT32, size)[:size].reshape(shape)


def _packed(name: str, weights: Any) -> Any:
    """`weights` as panels of 32 columns, for tiles to go through at every step."""
    rows, columns = weights.shape
    size = -(-columns // PANEL) * PANEL * rows
    packed = workspace(name, FLOAT32, size)[:size]
    pack(weights.reshape(-1), packed, rows, columns, PANEL)
    return packed


@compiled
def _multiply(a, b, packed, c, rows, columns, inner, keep):
    """c = a @ b, added to what c holds with `keep` = 1; in tiles where they pay, the rest by BLAS."""
    covered = rows // _TALL * _TALL if _TILES else 0
    if covered > 0:
        for p in range(0, columns, PANEL):
            for row in range(0, covered, _TALL):
                multiply_tile(
                    _TALL, 2, a, row * inner, inner, 1, 0, packed, p * inner, PANEL, 0, 1, inner,
                    c, row * columns + p, columns, _TALL, min(PANEL, columns - p), keep,
                )  # fmt: skip
    if covered < rows:
        gemm(0, 0, rows - covered, columns, inner, a, covered * inner, inner,
             b, 0, columns, np.float32(keep), c, covered * columns, columns)  # fmt: skip


@compiled
def _add_outer(a, b, c, at_c, rows, columns, inner, keep):
    """c = a' @ b for a (inner, rows) and b (inner, columns), added to what c holds with `keep` = 1."""
    covered = rows // _TALL * _TALL if _TILES else 0
    if covered > 0:
        for p in range(0, columns, PANEL):
            for row in range(0, covered, _TALL):
                multiply_tile(
                    _TALL, 2, a, row, 1, rows, 0, b, p, columns, 0, 1, inner,
                    c, at_c + row * columns + p, columns, _TALL, min(PANEL, columns - p), keep,
                )  # fmt: skip
    if covered < rows:
        gemm(1, 0, rows - covered, columns, inner, a, covered, rows,
             b, 0, columns, np.float32(keep), c, at_c + covered * columns, columns)  # fmt: skip


@compiled
def _forward(
    x, kernel, recurrent, bias, h, c, gates, cells, hidden, packed_kernel, packed, reverse, start, stop, room
):
    steps, features = x.shape[1], x.shape[2]
    units = recurrent.shape[0]
    width = 4 * units
    rows = stop - start
    flat, z, cell, output = x.reshape(-1), gates.reshape(-1), cells.reshape(-1), hidden.reshape(-1)
    # What a step works on lies close together here. In the sequences its rows are a power of two apart, and
    # would push each other out of the cache.
    seen, now = room[: rows * features], room[rows * features : rows * (features + width)]
    memory = room[rows * (features + width) :]
    for place in range(steps):
        t = steps - 1 - place if reverse else place
        for r in range(rows):
            copy_block(seen, r * features, flat, ((start + r) * steps + t) * features, features)
            if place == 0 and h.shape[0] > 0:
                copy_block(memory, r * units, h, (start + r) * units, units)
                copy_block(memory, (rows + r) * units, c, (start + r) * units, units)
        _multiply(seen, kernel, packed_kernel, now, rows, width, features, 0)
        if place > 0 or h.shape[0] > 0:
            _multiply(memory, recurrent, packed, now, rows, width, units, 1)
        for r in range(rows):
            gate, to = ((start + r) * steps + t) * width, ((start + r) * steps + t) * units
            for j in range(0, units, 16):
                lanes = first_lanes(units - j)
                at = r * width + j
                i = sigmoid(load(now, at, lanes) + load(bias, j, lanes))
                f = sigmoid(load(now, at + units, lanes) + load(bias, units + j, lanes))
                g = tanh(load(now, at + 2 * units, lanes) + load(bias, 2 * units + j, lanes))
                o = sigmoid(load(now, at + 3 * units, lanes) + load(bias, 3 * units + j, lanes))
                value = i * g
                if place > 0 or h.shape[0] > 0:
                    value = value + f * load(memory, (rows + r) * units + j, lanes)
                out = o * tanh(value)
                store(z, gate + j, i, lanes)
                store(z, gate + units + j, f, lanes)
                store(z, gate + 2 * units + j, g, lanes)
                store(z, gate + 3 * units + j, o, lanes)
                store(cell, to + j, value, lanes)
                store(output, to + j, out, lanes)
                store(memory, (rows + r) * units + j, value, lanes)
                store(memory, r * units + j, out, lanes)


@compiled
def _gradient(
    x, kernel, turned, packed, h, c, gates, cells, hidden, dy, dz, dx, total, reverse, start, stop, room
):  # fmt: skip
    steps, features = x.shape[1], x.shape[2]
    units = turned.shape[1]
    width = 4 * units
    rows = stop - start
    at = start * steps
    begun = h.shape[0] > 0
    flat, output = x.reshape(-1), hidden.reshape(-1)
    z, slopes, state = gates.reshape(-1), dz.reshape(-1), cells.reshape(-1)
    arriving = dy.reshape(-1)
    every_step = dy.shape[1] > 1 or steps == 1
    one = every(_ONE)
    carried, before = room[: 2 * rows * units], room[2 * rows * units : 3 * rows * units]
    now, seen = room[3 * rows * units : 7 * rows * units], room[7 * rows * units :]
    clear_block(carried, 0, 2 * rows * units)
    for place in range(steps - 1, -1, -1):
        t = steps - 1 - place if reverse else place
        earlier = t + 1 if reverse else t - 1
        for r in range(rows):
            copy_block(seen, r * features, flat, ((start + r) * steps + t) * features, features)
            if place > 0:
                copy_block(before, r * units, output, ((start + r) * steps + earlier) * units, units)
            elif begun:
                copy_block(before, r * units, h, (start + r) * units, units)
            dh_at, dc_at, row = r * units, (rows + r) * units, (start + r) * steps
            felt = (row + t if every_step else start + r) * units
            for j in range(0, units, 16):
                lanes = first_lanes(units - j)
                dh, dc = load(carried, dh_at + j, lanes), load(carried, dc_at + j, lanes)
                if every_step or place == steps - 1:
                    dh = dh + load(arriving, felt + j, lanes)
                gate = (row + t) * width + j
                i, f = load(z, gate, lanes), load(z, gate + units, lanes)
                g, o = load(z, gate + 2 * units, lanes), load(z, gate + 3 * units, lanes)
                past = every(_ZERO)
                if place > 0:
                    past = load(state, (row + earlier) * units + j, lanes)
                elif begun:
                    past = load(c.reshape(-1), (start + r) * units + j, lanes)
                bent = tanh(load(state, (row + t) * units + j, lanes))
                through = dc + dh * o * (one - bent * bent)
                di, df = through * g * i * (one - i), through * past * f * (one - f)
                dg, do = through * i * (one - g * g), dh * bent * o * (one - o)
                store(carried, dc_at + j, through * f, lanes)
                near = r * width + j
                store(now, near, di, lanes)
                store(now, near + units, df, lanes)
                store(now, near + 2 * units, dg, lanes)
                store(now, near + 3 * units, do, lanes)
            copy_block(slopes, (row + t) * width, now, r * width, width)
        # What this step adds to the gradients of both kernels, while its slopes are in the cache.
        keep = 0 if place == steps - 1 else 1
        _add_outer(seen, now, total, 0, features, width, rows, keep)
        if place > 0 or begun:
            _add_outer(before, now, total, features * width, units, width, rows, keep)
        elif steps == 1:
            clear_block(total, features * width, units * width)
        if place > 0:
            _multiply(now, turned, packed, carried, rows, units, width, 0)
    if dx.shape[0] > 0:
        gemm(0, 1, rows * steps, features, width, slopes, at * width, width, kernel, 0, width, _ZERO,
             dx, at * features, features)  # fmt: skip
    for j in range(0, width, 16):
        lanes = first_lanes(width - j)
        sums = every(_ZERO)
        for row in range(at, at + rows * steps):
            sums = sums + load(slopes, row * width + j, lanes)
        store(total, (features + units) * width + j, sums, lanes)
