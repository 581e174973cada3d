"""The LSTM, whole sequences at a time, the rows shared out; a step's gates and inputs are one product."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import sigmoid, tanh
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32, plain, writable
from cortex_lab.compute.cpu.kernels._products import turned_rooms
from cortex_lab.compute.cpu.kernels._recurrence import (
    GRAIN,
    TILES,
    add_outer,
    add_up_pieces,
    multiply_step,
    pack_kernel,
    room_of_panels,
    shared_room,
    steps_together,
    tall_rows,
)
from cortex_lab.compute.cpu.microkernels.product_kernel import TALL
from cortex_lab.compute.cpu.native import clear_block, copy_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import held, remembered
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import recurrent as reference
from cortex_lab.compute.work import Call, join

_ZERO, _ONE = np.float32(0), np.float32(1)
_NONE = np.zeros((0, 0), np.float32)
_FLAT = np.zeros(0, np.float32)


@reference.lstm.override("cpu")
def lstm(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, bias: Array | None, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, cells: Array | None, hidden: Array | None,
    last: Array | None, activation: str, recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    if mask is not None or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    arrays = (x, kernel, recurrent, bias, *(start or (None, None)), gates, cells, hidden, last)
    call = _sequence_of(*arrays, reverse)
    return NotImplemented if call is None else held(arrays, call)


@remembered
def _sequence_of(
    x: Array, kernel: Array, recurrent: Array, bias: Array | None, h: Array | None, c: Array | None,
    gates: Array, cells: Array | None, hidden: Array | None, last: Array | None, reverse: bool,
) -> Call | None:  # fmt: skip
    """What does an LSTM; None if it cannot be done here."""
    if not plain(x, kernel, recurrent, bias, h, c) or not writable(gates, cells, hidden, last):
        return None
    n, steps, features = x.shape
    units = recurrent.shape[0]
    inner, width = units + features, 4 * units
    # What is not wanted back is written all the same, for the next step to read; a step's input and the
    # output before it lie side by side, and so do the kernels they meet.
    own = {
        "cells": shared_room("cells", n, steps, units) if cells is None else None,
        "hidden": shared_room("hidden", n, steps, units) if hidden is None else None,
        "offsets": np.zeros(width, np.float32) if bias is None else None,
        "both": shared_room("both kernels", inner, width),
        "packed": room_of_panels(inner, width),
    }
    both, packed = own["both"], own["packed"]
    cells, hidden = own["cells"] if cells is None else cells, own["hidden"] if hidden is None else hidden
    offsets = own["offsets"] if bias is None else bias
    h, c = (_NONE, _NONE) if h is None else (h, c)
    begin = [
        work(_put_together, (recurrent, kernel, both), keep=False),
        work(pack_kernel, (both, 0, packed), keep=False),
    ]
    arrays = (x, both, packed, offsets, h, c, gates, cells, hidden, reverse)
    pieces = get_workers().split(n, GRAIN)
    size = tall_rows(pieces) * (inner + width + units)
    rooms = partial(_room_of_step, size)
    steps_done = work(_forward, arrays, pieces, rooms, blas=not TILES, keep=False)
    end = []
    if last is not None:
        end = [work(_copy_step, (hidden, 0 if reverse else steps - 1, last), keep=False)]
    # One work, as the rooms in it are somebody else's after it. It keeps none of the arrays that were given.
    return held(tuple(own.values()), join([*begin, steps_done, *end]))


@reference.lstm_gradient.override("cpu")
def lstm_gradient(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, cells: Array, hidden: Array, dy: Array,
    d_cell: Array | None, dx: Array | None, d_kernel: Array, d_recurrent: Array, d_bias: Array | None,
    d_start: Array | None, work: Array, activation: str, recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    if mask is not None or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    if not writable(work):
        return NotImplemented
    arrays = (x, kernel, recurrent, *(start or (None, None)), gates, cells, hidden, dy, d_cell)
    arrays += (dx, d_kernel, d_recurrent, d_bias, d_start)
    call = _differentiation_of(*arrays, reverse)
    return NotImplemented if call is None else held(arrays, call)


@remembered
def _differentiation_of(
    x: Array, kernel: Array, recurrent: Array, h: Array | None, c: Array | None, gates: Array, cells: Array,
    hidden: Array, dy: Array, d_cell: Array | None, dx: Array | None, d_kernel: Array, d_recurrent: Array,
    d_bias: Array | None, d_start: Array | None, reverse: bool,
) -> Call | None:  # fmt: skip
    """What finds the gradients of an LSTM; None if it cannot be done here."""
    if not plain(x, kernel, recurrent, h, c, gates, cells, hidden, dy, d_cell):
        return None
    if not writable(dx, d_kernel, d_recurrent, d_bias, d_start):
        return None
    h, c = (_NONE, _NONE) if h is None else (h, c)
    n, _, features = x.shape
    units, width = recurrent.shape
    # The gradient of x is found beside that of the output before, where it is wanted.
    both, begin = recurrent, []
    if dx is not None:
        both = shared_room("both kernels", units + features, width)
        begin = [work(_put_together, (recurrent, kernel, both), keep=False)]
    packed = room_of_panels(*both.shape[::-1])
    begin.append(work(pack_kernel, (both, 1, packed), keep=False))
    pieces = get_workers().split(n, GRAIN)
    # Recurrent kernel, kernel and bias side by side: what each piece sums, added up in a fixed order.
    sums = shared_room("recurrent gradients", len(pieces), (units + features + 1) * width)
    wanted = _NONE.reshape(0, 0, 0) if dx is None else dx
    ends = (_NONE if d_cell is None else d_cell), (_NONE if d_start is None else d_start)
    dy = dy.reshape(n, -1, units)
    before = (x, both, packed, h, c, gates, cells, hidden, dy, *ends, wanted, reverse, sums)
    tasks = [(k, *piece, steps_together(tall_rows([piece]))) for k, piece in enumerate(pieces)]
    size = max(
        tall_rows([(start, stop)]) * (len(both) + units + together * (units + features + width))
        for _, start, stop, together in tasks
    )
    rooms = partial(_rooms_of_gradient, size, width)
    steps_done = work(_gradient, before, tasks, rooms, blas=not TILES, keep=False)
    ending = (sums, d_recurrent, d_kernel, _FLAT if d_bias is None else d_bias)
    end = work(add_up_pieces, ending, keep=False)
    # Not the arrays that were given: they are to be forgotten when nobody else has them.
    own = (packed, sums, both if dx is not None else None)
    return held(own, join([*begin, steps_done, end]))


def _room_of_step(size: int, worker: int) -> tuple[Any]:
    return (get_workers().room(worker, "step of an LSTM", FLOAT32, size)[:size],)


def _rooms_of_gradient(size: int, width: int, worker: int) -> tuple[Any, ...]:
    return *_room_of_step(size, worker), *turned_rooms(width, worker)


@piecework
def _put_together(recurrent, kernel, both):
    size = recurrent.shape[0] * recurrent.shape[1]
    copy_block(both.reshape(-1), 0, recurrent.reshape(-1), 0, size)
    copy_block(both.reshape(-1), size, kernel.reshape(-1), 0, kernel.shape[0] * kernel.shape[1])


@piecework
def _copy_step(hidden, t, last):
    steps, units = hidden.shape[1], hidden.shape[2]
    for r in range(hidden.shape[0]):
        copy_block(last.reshape(-1), r * units, hidden.reshape(-1), (r * steps + t) * units, units)


@piecework
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
        multiply_step(seen, both.reshape(-1), 0, packed, now, rows, width, inner)
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


@piecework
def _gradient(
    x, both, packed, h, c, gates, cells, hidden, dy, d_cell, d_start, dx, reverse, sums, piece, start, stop,
    together, room, panels, tile, lines,
):  # fmt: skip
    total = sums[piece]
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
    for r in range(rows if d_cell.shape[0] > 0 else 0):
        copy_block(dc_all, r * units, d_cell.reshape(-1), (start + r) * units, units)
    # Steps whose slopes wait for their product with inputs, and whether sums are there to add it to.
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
        if place > 0 or dx.shape[0] > 0 or d_start.shape[0] > 0:
            now = slopes[held * rows * width :]
            multiply_step(now, both.reshape(-1), 1, packed, handed, rows, back, width)
        for r in range(rows if dx.shape[0] > 0 else 0):
            to = ((start + r) * steps + t) * features
            copy_block(dx.reshape(-1), to, handed, r * back + units, features)
        held += 1
        if held == together or place == 0:
            add_outer(seen, slopes, total, inner, width, held * rows, added, panels, tile, lines)
            held, added = 0, 1
    for r in range(rows if d_start.shape[0] > 0 else 0):
        to = (start + r) * 2 * units
        copy_block(d_start.reshape(-1), to, handed, r * back, units)
        copy_block(d_start.reshape(-1), to + units, dc_all, r * units, units)


@compiled
def _bend_back(
    gates, gate, cells, at_cell, past, at_past, arriving, felt, handed, at_handed, dc_all, at_dc, slopes,
    to, units,
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
