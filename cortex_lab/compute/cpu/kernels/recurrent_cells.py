"""Simple recurrent layers and GRUs: the inputs of all steps in one product, then a product for each step."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import sigmoid, tanh
from cortex_lab.compute.cpu.jit import piecework
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
from cortex_lab.compute.cpu.kernels.activation import CODES, activate_lanes, activate_lanes_gradient
from cortex_lab.compute.cpu.microkernels.product_kernel import TALL
from cortex_lab.compute.cpu.native import clear_block, copy_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import linear
from cortex_lab.compute.kernels import recurrent as reference
from cortex_lab.compute.kernels.activation import NEEDS_INPUT
from cortex_lab.compute.kernels.recurrent_gru import gru as gru_reference
from cortex_lab.compute.kernels.recurrent_gru import gru_gradient as gru_gradient_reference
from cortex_lab.compute.work import in_turn

SIMPLE = {name: code for name, code in CODES.items() if name not in NEEDS_INPUT}
"""The activations of a simple cell, and their codes."""
GATED = -1
"""Stands where an activation's code does, for the three gates of a GRU."""
_ZERO, _ONE = np.float32(0), np.float32(1)
_NONE = np.zeros((0, 0), np.float32)
_FLAT = np.zeros(0, np.float32)
_NO_SEQUENCE = np.zeros((0, 0, 0), np.float32)


@reference.simple_rnn.override("cpu")
def simple_rnn(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, bias: Array | None, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, hidden: Array | None, last: Array | None,
    activation: str, reverse: bool,
) -> Any:  # fmt: skip
    if mask is not None or activation not in SIMPLE:
        return NotImplemented
    weights = kernel, recurrent, bias, None
    return _sequence(ops, x, *weights, start, gates, None, hidden, last, SIMPLE[activation], reverse)


@gru_reference.override("cpu")
def gru(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, bias: Array | None,
    recurrent_bias: Array | None, mask: Array | None, start: tuple[Array, ...] | None, gates: Array,
    recalled: Array | None, hidden: Array | None, last: Array | None, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    # Where the reset gate comes before the product, a step has two of them: that is left to the reference.
    if mask is not None or not reset_after or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    weights = kernel, recurrent, bias, recurrent_bias
    return _sequence(ops, x, *weights, start, gates, recalled, hidden, last, GATED, reverse)


@reference.simple_rnn_gradient.override("cpu")
def simple_rnn_gradient(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, hidden: Array, dy: Array, dx: Array | None,
    d_kernel: Array, d_recurrent: Array, d_bias: Array | None, d_start: Array | None, work: Array,
    activation: str, reverse: bool,
) -> Any:  # fmt: skip
    if mask is not None or activation not in SIMPLE:
        return NotImplemented
    seen = x, kernel, recurrent, start, gates, None, hidden, dy
    found = dx, d_kernel, d_recurrent, None, d_bias, d_start
    return _differentiation(ops, *seen, *found, work, SIMPLE[activation], reverse)


@gru_gradient_reference.override("cpu")
def gru_gradient(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, recalled: Array, hidden: Array, dy: Array,
    dx: Array | None, d_kernel: Array, d_recurrent: Array, d_bias: Array | None,
    d_recurrent_bias: Array | None, d_start: Array | None, work: Array, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    if mask is not None or not reset_after or (activation, recurrent_activation) != ("tanh", "sigmoid"):
        return NotImplemented
    if d_bias is None:
        # As the reference has it, which makes the second from the first.
        d_recurrent_bias = None
    seen = x, kernel, recurrent, start, gates, recalled, hidden, dy
    found = dx, d_kernel, d_recurrent, d_bias, d_recurrent_bias, d_start
    return _differentiation(ops, *seen, *found, work, GATED, reverse)


def _sequence(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, bias: Array | None, recurrent_bias: Array | None,
    start: tuple[Array, ...] | None, gates: Array, recalled: Array | None, hidden: Array | None,
    last: Array | None, code: int, reverse: bool,
) -> Any:  # fmt: skip
    (h,) = start or (None,)
    if not plain(x, kernel, recurrent, bias, recurrent_bias, h) or x.size == 0:
        return NotImplemented
    if not writable(gates, recalled, hidden, last):
        return NotImplemented
    units, width = recurrent.shape
    packed, pieces = room_of_panels(units, width), get_workers().split(len(x), GRAIN)
    weights = recurrent, packed, _FLAT if recurrent_bias is None else recurrent_bias
    kept = gates, _flat(recalled), _flat(hidden), _flat(last)
    rooms = partial(_room_of_step, tall_rows(pieces) * (units + width))
    before = (*weights, _NONE if h is None else h, *kept, code, reverse)
    return in_turn(
        linear.dense.prepare(ops, _rows(x), kernel, bias, "linear", _rows(gates)),
        work(pack_kernel, (recurrent, 0, packed)),
        work(_forward, before, pieces, rooms, blas=not TILES),
    )


def _differentiation(
    ops: OpsLike, x: Array, kernel: Array, recurrent: Array, start: tuple[Array, ...] | None, gates: Array,
    recalled: Array | None, hidden: Array, dy: Array, dx: Array | None, d_kernel: Array, d_recurrent: Array,
    d_bias: Array | None, d_recurrent_bias: Array | None, d_start: Array | None, slopes: Array, code: int,
    reverse: bool,
) -> Any:  # fmt: skip
    """`slopes` is room like `gates`; `d_recurrent_bias` is that of what the recurrent product gives."""
    (h,) = start or (None,)
    if not plain(x, kernel, recurrent, h, gates, recalled, hidden, dy) or x.size == 0:
        return NotImplemented
    if not writable(dx, d_kernel, d_recurrent, d_bias, d_recurrent_bias, d_start, slopes):
        return NotImplemented
    n, units, width = len(x), *recurrent.shape
    packed, pieces = room_of_panels(width, units), get_workers().split(n, GRAIN)
    # Recurrent kernel and its bias: what each piece sums, added up in a fixed order.
    sums = shared_room("recurrent gradients", len(pieces), (units + 1) * width)
    tasks = [(k, *piece, steps_together(tall_rows([piece]))) for k, piece in enumerate(pieces)]
    size = max(
        tall_rows([(begin, end)]) * (2 * units + together * (units + width))
        for _, begin, end, together in tasks
    )
    read = (recurrent, packed, _NONE if h is None else h, gates, _flat(recalled), hidden)
    written = (_NONE if d_start is None else d_start, slopes)
    before = (*read, dy.reshape(n, -1, units), *written, code, reverse, sums)
    calls = [
        work(pack_kernel, (recurrent, 1, packed)),
        work(_backward, before, tasks, partial(_rooms_of_gradient, size, width), blas=not TILES),
        work(add_up_pieces, (sums, d_recurrent, _NONE, _flat(d_recurrent_bias))),
        linear.matmul.prepare(ops, _rows(x).T, _rows(slopes), d_kernel),
    ]
    if d_bias is not None:
        calls.append(linear.sum_rows.prepare(ops, _rows(slopes), d_bias))
    if dx is not None:
        calls.append(linear.matmul.prepare(ops, _rows(slopes), kernel.T, _rows(dx)))
    return in_turn(*calls)


def _rows(sequences: Array) -> Any:
    return sequences.reshape(-1, sequences.shape[2])


def _flat(array: Array | None) -> Any:
    return _FLAT if array is None else array.reshape(-1)


def _room_of_step(size: int, worker: int) -> tuple[Any]:
    return (get_workers().room(worker, "step of a cell", FLOAT32, size)[:size],)


def _rooms_of_gradient(size: int, width: int, worker: int) -> tuple[Any, ...]:
    return *_room_of_step(size, worker), *turned_rooms(width, worker)


@piecework
def _forward(
    recurrent, packed, shift, h, gates, recalled, hidden, last, code, reverse, start, stop, room
):  # fmt: skip
    steps, units, width = gates.shape[1], recurrent.shape[0], recurrent.shape[1]
    rows, z, one = stop - start, gates.reshape(-1), every(_ONE)
    tall = (rows + TALL - 1) // TALL * TALL
    # The state lies close together here, as in the sequences its rows may push each other out of the cache.
    state, now = room[: tall * units], room[tall * units :]
    clear_block(room, 0, room.shape[0])
    if h.shape[0] > 0:
        copy_block(state, 0, h.reshape(-1), start * units, rows * units)
    for place in range(steps):
        t = steps - 1 - place if reverse else place
        multiply_step(state, recurrent.reshape(-1), 0, packed, now, rows, width, units)
        for r in range(rows):
            row = (start + r) * steps + t
            gate, to = row * width, row * units
            for j in range(0, units, 16):
                lanes, at = first_lanes(units - j), r * width + j
                if code >= 0:
                    out = activate_lanes(load(z, gate + j, lanes) + load(now, at, lanes), code, 1.0)
                    store(z, gate + j, out, lanes)
                else:
                    by_update, by_reset = load(now, at, lanes), load(now, at + units, lanes)
                    memory = load(now, at + 2 * units, lanes)
                    if shift.shape[0] > 0:
                        by_update = by_update + load(shift, j, lanes)
                        by_reset = by_reset + load(shift, units + j, lanes)
                        memory = memory + load(shift, 2 * units + j, lanes)
                    update = sigmoid(load(z, gate + j, lanes) + by_update)
                    reset = sigmoid(load(z, gate + units + j, lanes) + by_reset)
                    candidate = tanh(load(z, gate + 2 * units + j, lanes) + reset * memory)
                    out = update * load(state, r * units + j, lanes) + (one - update) * candidate
                    store(z, gate + j, update, lanes)
                    store(z, gate + units + j, reset, lanes)
                    store(z, gate + 2 * units + j, candidate, lanes)
                    if recalled.shape[0] > 0:
                        store(recalled, to + j, memory, lanes)
                store(state, r * units + j, out, lanes)
                if hidden.shape[0] > 0:
                    store(hidden, to + j, out, lanes)
    if last.shape[0] > 0:
        copy_block(last, start * units, state, 0, rows * units)


@piecework
def _backward(
    recurrent, packed, h, gates, recalled, hidden, dy, d_start, slopes, code, reverse, sums, piece, start,
    stop, together, room, panels, tile, lines,
):  # fmt: skip
    steps, units, width = gates.shape[1], recurrent.shape[0], recurrent.shape[1]
    rows, total, one, zero = stop - start, sums[piece], every(_ONE), every(_ZERO)
    tall = (rows + TALL - 1) // TALL * TALL
    begun, every_step = h.shape[0] > 0, dy.shape[1] > 1 or steps == 1
    z, output, arriving, found = gates.reshape(-1), hidden.reshape(-1), dy.reshape(-1), slopes.reshape(-1)
    # The gradient that a step hands back: through its products, and past them.
    handed, passed = room[: tall * units], room[tall * units : tall * 2 * units]
    seen = room[tall * 2 * units : tall * (2 + together) * units]
    felt = room[tall * (2 + together) * units :]
    clear_block(room, 0, room.shape[0])
    # Steps whose slopes wait for their product with states, and whether sums are there to add it to.
    held, added = 0, 0
    for place in range(steps - 1, -1, -1):
        t = steps - 1 - place if reverse else place
        earlier = t + 1 if reverse else t - 1
        for r in range(rows):
            row, line = (start + r) * steps, (held * rows + r) * units
            if place > 0:
                copy_block(seen, line, output, (row + earlier) * units, units)
            elif begun:
                copy_block(seen, line, h.reshape(-1), (start + r) * units, units)
            else:
                clear_block(seen, line, units)
            gate, at = (row + t) * width, (held * rows + r) * width
            for j in range(0, units, 16):
                lanes = first_lanes(units - j)
                dh = load(handed, r * units + j, lanes) + load(passed, r * units + j, lanes)
                if every_step:
                    dh = dh + load(arriving, (row + t) * units + j, lanes)
                elif place == steps - 1:
                    dh = dh + load(arriving, (start + r) * units + j, lanes)
                if code >= 0:
                    slope = activate_lanes_gradient(load(z, gate + j, lanes), dh, code, 1.0)
                    store(found, gate + j, slope, lanes)
                    store(felt, at + j, slope, lanes)
                    store(passed, r * units + j, zero, lanes)
                else:
                    update, reset = load(z, gate + j, lanes), load(z, gate + units + j, lanes)
                    candidate = load(z, gate + 2 * units + j, lanes)
                    d_update = dh * (load(seen, line + j, lanes) - candidate) * update * (one - update)
                    d_candidate = dh * (one - update) * (one - candidate * candidate)
                    memory = load(recalled, (row + t) * units + j, lanes)
                    d_reset = d_candidate * memory * reset * (one - reset)
                    store(found, gate + j, d_update, lanes)
                    store(found, gate + units + j, d_reset, lanes)
                    store(found, gate + 2 * units + j, d_candidate, lanes)
                    store(felt, at + j, d_update, lanes)
                    store(felt, at + units + j, d_reset, lanes)
                    store(felt, at + 2 * units + j, d_candidate * reset, lanes)
                    store(passed, r * units + j, dh * update, lanes)
        if place > 0 or d_start.shape[0] > 0:
            now = felt[held * rows * width :]
            multiply_step(now, recurrent.reshape(-1), 1, packed, handed, rows, units, width)
        held += 1
        if held == together or place == 0:
            add_outer(seen, felt, total, units, width, held * rows, added, panels, tile, lines)
            held, added = 0, 1
    if d_start.shape[0] > 0:
        flat = d_start.reshape(-1)
        for r in range(rows):
            for j in range(0, units, 16):
                lanes = first_lanes(units - j)
                dh = load(handed, r * units + j, lanes) + load(passed, r * units + j, lanes)
                store(flat, (start + r) * units + j, dh, lanes)
