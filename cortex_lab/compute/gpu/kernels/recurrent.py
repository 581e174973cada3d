"""Recurrent layers over whole sequences: products over all steps, and one kernel that walks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.functions import FUNCTIONS
from cortex_lab.compute.gpu.kernels.linear import column_sums
from cortex_lab.compute.gpu.launches import (
    Launch,
    Launches,
    Maybe,
    flat,
    given,
    kernel,
    over,
    processors,
    room,
)
from cortex_lab.compute.gpu.products import matrix_product
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import activation as activations
from cortex_lab.compute.kernels import recurrent as simple_and_lstm
from cortex_lab.compute.kernels import recurrent_gru

SIMPLE, LSTM, GRU = range(3)
GATES = {SIMPLE: 1, LSTM: 4, GRU: 3}
THREADS = 512
MOST_SHARED = 160 * 1024
"""Bytes of shared memory of one block; an H100 has 227 KiB."""
FROM_CACHE, PRODUCTS, FROM_ALL = 64, 128, 2500
"""In a cycle: bytes that a multiprocessor reads from the second cache, its multiply-adds, bytes for all."""
Start = tuple[cupy.ndarray, ...] | None
"""What h, and of an LSTM c, are before the first step; None is zero."""


class _NotCovered(Exception):
    """These arguments are for the reference."""


def _covering(prepare: Callable[..., Launches]) -> Callable[..., Any]:
    """What gives the work or, for arguments it does not cover, NotImplemented."""

    @wraps(prepare)
    def work(*arguments: Any) -> Any:
        try:
            return prepare(*arguments)
        except _NotCovered:
            return NotImplemented

    return work


@dataclass(frozen=True)
class _Sequence:
    """The sizes of one sequence, and how a block of the kernel goes about it."""

    cell: int
    rows: int
    steps: int
    units: int

    @property
    def width(self) -> int:
        return GATES[self.cell] * self.units

    @property
    def sizes(self) -> tuple[Any, ...]:
        return np.int32(self.rows), np.int32(self.steps), np.int32(self.units)

    @property
    def a_block(self) -> int:
        """Rows of one block: more of them read the kernel less often, and leave more multiprocessors idle."""
        numbers = self.units * self.width

        def cycles(rows: int) -> float:
            blocks = -(-self.rows // rows)
            alone = max(4 * numbers / FROM_CACHE, rows * numbers / PRODUCTS)
            return max(alone * -(-blocks // processors()), blocks * 4 * numbers / FROM_ALL)

        return min((1, 2, 4, 8), key=cycles)

    def launch(self, name: str, inner: int, outer: int, states: int, arguments: tuple[Any, ...]) -> Launch:
        """The launch of a kernel that multiplies by `inner` x `outer` numbers at each step.

        A block keeps `states` numbers for each unit of its rows.
        """
        rows, wide = self.a_block, 4 if outer % 4 == 0 else 1
        kept = rows * (states * self.units + self.width)
        groups = 1
        while (
            2 * groups * -(-outer // wide) <= THREADS
            and 16 * groups <= inner
            and 4 * (kept + 2 * groups * rows * outer) <= MOST_SHARED
        ):
            groups *= 2
        shared = 4 * (kept + (groups * rows * outer if groups > 1 else 0))
        if shared > MOST_SHARED:
            raise _NotCovered
        found = kernel("recurrent", name, CELL=self.cell, ROWS=rows, V=wide)
        if shared > 48 * 1024:
            found.max_dynamic_shared_size_bytes = max(shared, found.max_dynamic_shared_size_bytes)
        filled = tuple(np.int32(groups) if each is GROUPS else each for each in arguments)
        return found, (-(-self.rows // rows),), (THREADS,), filled, shared


GROUPS = object()
"""Stands among arguments for the number that `launch` finds."""


def _strides(array: Maybe, axes: int) -> tuple[Any, ...]:
    """Numbers from one to the next along the first `axes` axes; the last one must have no gaps."""
    if array is None:
        return (np.int64(0),) * axes
    gaps = array.shape[-1] > 1 and array.strides[-1] != array.itemsize
    if array.dtype != np.float32 or array.ndim != axes + 1 or gaps:
        raise _NotCovered
    return tuple(np.int64(stride // array.itemsize) for stride in array.strides[:axes])


def _functions(*names: str) -> tuple[Any, ...]:
    if any(name not in FUNCTIONS or name in activations.NEEDS_INPUT for name in names):
        raise _NotCovered
    return tuple(np.int32(FUNCTIONS[name]) for name in names)


def _starts(start: Start) -> tuple[Any, Any, Any]:
    """The arrays of h and c, and the numbers from one row to the next."""
    strides = {_strides(each, 1) for each in start or (None,)}
    if len(strides) > 1:
        raise _NotCovered
    h, c = (*(start or ()), None, None)[:2]
    return given(h), given(c), *strides.pop()


def _product(rows: cupy.ndarray, matrix: cupy.ndarray, out: cupy.ndarray, bias: Maybe = None) -> list[Launch]:
    return _had(matrix_product(rows, matrix, _rows(out), bias))


def _sums(sequence: cupy.ndarray, total: Maybe) -> list[Launch]:
    return [] if total is None else _had(column_sums("linear", None, None, sequence, None, total))


def _had(launches: list[Launch] | None) -> list[Launch]:
    if launches is None:
        raise _NotCovered
    return launches


def _over(name: str, numbers: int, *arguments: object) -> Launch:
    return kernel("recurrent", name, CELL=SIMPLE, ROWS=1, V=1), over(numbers), (256,), arguments, 0


def _rows(sequence: cupy.ndarray) -> cupy.ndarray:
    return sequence.reshape(-1, sequence.shape[-1])


@_covering
def _forward(
    cell: int, x: cupy.ndarray, weights: cupy.ndarray, recurrent: cupy.ndarray, bias: Maybe,
    recurrent_bias: Maybe, mask: Maybe, start: Start, gates: cupy.ndarray, cells: Maybe, recalled: Maybe,
    hidden: Maybe, last: Maybe, functions: tuple[str, ...], reverse: bool,
) -> Launches:  # fmt: skip
    names, (h, c, by_row) = _functions(*functions), _starts(start)
    strides, of_last = _strides(hidden, 2), _strides(last, 1)
    plain = x, weights, recurrent, bias, recurrent_bias, mask, gates, cells, recalled
    if not (flat(*plain) and x.size and gates.size):
        raise _NotCovered
    sequence = _Sequence(cell, *x.shape[:2], recurrent.shape[0])
    walk = sequence.launch(
        "forward",
        sequence.units,
        sequence.width,
        2 if cell == LSTM else 1,
        (
            *(recurrent, given(recurrent_bias), given(mask), h, c, gates),
            *map(given, (cells, recalled, hidden, last)),
            *(*sequence.sizes, GROUPS, by_row, *strides, *of_last, names[0], names[-1], np.int32(reverse)),
        ),
    )
    return Launches([*_product(_rows(x), weights, gates, bias), walk], [("simple_rnn", "lstm", "gru")[cell]])


@_covering
def _backward(
    cell: int, x: cupy.ndarray, weights: cupy.ndarray, recurrent: cupy.ndarray, mask: Maybe, start: Start,
    gates: cupy.ndarray, cells: Maybe, recalled: Maybe, hidden: Maybe, dy: cupy.ndarray, d_cell: Maybe,
    dx: Maybe, d_kernel: cupy.ndarray, d_recurrent: cupy.ndarray, d_bias: Maybe, d_recurrent_bias: Maybe,
    d_start: Maybe, work: cupy.ndarray, functions: tuple[str, ...], reverse: bool,
) -> Launches:  # fmt: skip
    names, (h, c, by_row), strides = _functions(*functions), _starts(start), _strides(hidden, 2)
    arriving, of_cell = _strides(dy, dy.ndim - 1), _strides(d_cell, 1)
    plain = x, weights, recurrent, mask, gates, cells, recalled, dx, d_kernel, d_recurrent, d_bias
    if not (flat(*plain, d_recurrent_bias, d_start, work) and x.size and gates.size):
        raise _NotCovered
    sequence = _Sequence(cell, *x.shape[:2], recurrent.shape[0])
    units, width, count = sequence.units, sequence.width, sequence.rows * sequence.steps
    turned, before = room(recurrent.size), room(count * units).reshape(count, units)
    met = room(work.size).reshape(work.shape) if cell == GRU else None
    every = dy.ndim == 3
    walk = sequence.launch(
        "backward",
        width,
        units,
        3 if cell == LSTM else 2,
        (
            *(turned, given(mask), h, c, gates, given(cells), given(recalled), hidden, dy, given(d_cell)),
            *(work, given(met), given(d_start), *sequence.sizes, GROUPS, by_row, *strides, *arriving[:2]),
            *(() if every else (np.int64(0),)),
            *(*of_cell, np.int32(every), names[0], names[-1], np.int32(reverse)),
        ),
    )
    numbers = np.int32(units), np.int32(width), np.uint32(recurrent.size)
    turning = _over("turn", recurrent.size, recurrent, turned, *numbers)
    steps = hidden, h, before, *sequence.sizes[1:], by_row, *strides, np.int32(reverse)
    shifting = _over("states_before", before.size, *steps, np.uint32(before.size))
    slopes, seen = _rows(work), _rows(work if met is None else met)
    launches = [
        turning,
        walk,
        shifting,
        *_product(_rows(x).T, slopes, d_kernel),
        *_product(before.T, seen, d_recurrent),
        *([] if dx is None else _product(slopes, weights.T, dx)),
        *_sums(work, d_bias),
        *_sums(seen, d_recurrent_bias),
    ]
    return Launches(launches, [("simple_rnn", "lstm", "gru")[cell] + "_gradient"])


@simple_and_lstm.simple_rnn.override("gpu")
def _simple_rnn(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, bias: Maybe, mask: Maybe,
    start: Start, gates: cupy.ndarray, hidden: cupy.ndarray, last: Maybe, activation: str, reverse: bool,
) -> Any:  # fmt: skip
    arrays = x, kernel, recurrent, bias, None, mask, start, gates, None, None, hidden, last
    return _forward(SIMPLE, *arrays, (activation,), reverse)


@simple_and_lstm.simple_rnn_gradient.override("gpu")
def _simple_rnn_gradient(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, mask: Maybe, start: Start,
    gates: cupy.ndarray, hidden: cupy.ndarray, dy: cupy.ndarray, dx: Maybe, d_kernel: cupy.ndarray,
    d_recurrent: cupy.ndarray, d_bias: Maybe, d_start: Maybe, work: cupy.ndarray, activation: str,
    reverse: bool,
) -> Any:  # fmt: skip
    arrays = x, kernel, recurrent, mask, start, gates, None, None, hidden, dy, None
    found = dx, d_kernel, d_recurrent, d_bias, None, d_start, work
    return _backward(SIMPLE, *arrays, *found, (activation,), reverse)


@simple_and_lstm.lstm.override("gpu")
def _lstm(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, bias: Maybe, mask: Maybe,
    start: Start, gates: cupy.ndarray, cells: Maybe, hidden: cupy.ndarray, last: Maybe, activation: str,
    recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    arrays = x, kernel, recurrent, bias, None, mask, start, gates, cells, None, hidden, last
    return _forward(LSTM, *arrays, (activation, recurrent_activation), reverse)


@simple_and_lstm.lstm_gradient.override("gpu")
def _lstm_gradient(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, mask: Maybe, start: Start,
    gates: cupy.ndarray, cells: Maybe, hidden: cupy.ndarray, dy: cupy.ndarray, d_cell: Maybe, dx: Maybe,
    d_kernel: cupy.ndarray, d_recurrent: cupy.ndarray, d_bias: Maybe, d_start: Maybe, work: cupy.ndarray,
    activation: str, recurrent_activation: str, reverse: bool,
) -> Any:  # fmt: skip
    arrays = x, kernel, recurrent, mask, start, gates, cells, None, hidden, dy, d_cell
    found = dx, d_kernel, d_recurrent, d_bias, None, d_start, work
    return _backward(LSTM, *arrays, *found, (activation, recurrent_activation), reverse)


@recurrent_gru.gru.override("gpu")
def _gru(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, bias: Maybe,
    recurrent_bias: Maybe, mask: Maybe, start: Start, gates: cupy.ndarray, recalled: Maybe,
    hidden: cupy.ndarray, last: Maybe, activation: str, recurrent_activation: str, reset_after: bool,
    reverse: bool,
) -> Any:  # fmt: skip
    if not reset_after:
        return NotImplemented
    arrays = x, kernel, recurrent, bias, recurrent_bias, mask, start, gates, None, recalled, hidden, last
    return _forward(GRU, *arrays, (activation, recurrent_activation), reverse)


@recurrent_gru.gru_gradient.override("gpu")
def _gru_gradient(
    ops: OpsLike, x: cupy.ndarray, kernel: cupy.ndarray, recurrent: cupy.ndarray, mask: Maybe, start: Start,
    gates: cupy.ndarray, recalled: Maybe, hidden: cupy.ndarray, dy: cupy.ndarray, dx: Maybe,
    d_kernel: cupy.ndarray, d_recurrent: cupy.ndarray, d_bias: Maybe, d_recurrent_bias: Maybe, d_start: Maybe,
    work: cupy.ndarray, activation: str, recurrent_activation: str, reset_after: bool, reverse: bool,
) -> Any:  # fmt: skip
    if not reset_after:
        return NotImplemented
    arrays = x, kernel, recurrent, mask, start, gates, None, recalled, hidden, dy, None
    found = dx, d_kernel, d_recurrent, d_bias, d_recurrent_bias, d_start, work
    return _backward(GRU, *arrays, *found, (activation, recurrent_activation), reverse)
