"""Recurrent layers over whole sequences: simple, LSTM and GRU, forward and backward.

x is (n, steps, features); `kernel` (features, gates * units) and `recurrent` (units, gates * units) have
their gates side by side, in Keras' order. Everything that is kept is (n, steps, ...) by the step of x it
belongs to, also when `reverse` reads the sequence from its end. `mask` is (n, steps) or None: where it is 0,
the state passes through the step unchanged. `start` holds the states before the first step, (n, units) each,
or is None for zeros.

Forward: `hidden` (n, steps, units) takes the output of every step and `last` (n, units) that of the last one
read; either may be None. What only a backward pass needs may be None too, but `gates` is always given: it
is where the work is done. Backward: `dy` is (n, steps, units), or (n, units) if only the last output was
used; `work` is room like `gates`; `dx` and `d_bias` may be None. `d_start` (n, states * units), the gradient
of `start` with its parts side by side, may be None, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.activation import activate, activate_gradient


@kernel
def simple_rnn(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, bias: Array | None, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, hidden: Array | None, last: Array | None,
    activation: str, reverse: bool,
) -> None:  # fmt: skip
    """h' = f(x @ kernel + h @ recurrent + bias); `gates` is (n, steps, units)."""
    project(xp, x, kernel, bias, gates)
    (h,) = initial(xp, start, 1, x, recurrent)
    for t in in_order(x, reverse):
        z = gates[:, t]
        z += h @ recurrent
        activate.reference(xp, activation, z, z)
        h = select(xp, mask, t, z, h)
        keep(hidden, t, h)
    if last is not None:
        last[...] = h


@kernel
def simple_rnn_gradient(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, hidden: Array, dy: Array, dx: Array | None,
    d_kernel: Array, d_recurrent: Array, d_bias: Array | None, d_start: Array | None, work: Array,
    activation: str, reverse: bool,
) -> None:  # fmt: skip
    """Gradients of `simple_rnn`, from the `gates` and `hidden` it left."""
    before = states_before(xp, hidden, start, 0, reverse)
    dh = xp.zeros((len(x), recurrent.shape[0]), x.dtype)
    for t, arriving in from_the_end(dy, x.shape[1], reverse):
        dh = dh + arriving
        dz = work[:, t]
        activate_gradient.reference(xp, activation, None, gates[:, t], select(xp, mask, t, dh, 0), dz)
        dh = dz @ recurrent.T + passed_by(xp, mask, t, dh)
    if d_start is not None:
        d_start[...] = dh
    weight_gradients(xp, x, kernel, before, work, dx, d_kernel, d_recurrent)
    if d_bias is not None:
        xp.sum(work, axis=(0, 1), out=d_bias)


@kernel
def lstm(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, bias: Array | None, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, cells: Array | None, hidden: Array | None,
    last: Array | None, activation: str, recurrent_activation: str, reverse: bool,
) -> None:  # fmt: skip
    """Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000): gates i, f, c, o.

    c' = f * c + i * candidate; h' = o * activation(c'). `start` is (h, c); `gates` (n, steps, 4 * units)
    keeps what the activations gave, `cells` (n, steps, units) every c'.
    """
    units = recurrent.shape[0]
    project(xp, x, kernel, bias, gates)
    h, c = initial(xp, start, 2, x, recurrent)
    for t in in_order(x, reverse):
        z = gates[:, t]
        z += h @ recurrent
        i, f, candidate, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        for gate, function in (
            (i, recurrent_activation),
            (f, recurrent_activation),
            (candidate, activation),
            (o, recurrent_activation),
        ):
            activate.reference(xp, function, gate, gate)
        c = select(xp, mask, t, f * c + i * candidate, c)
        h = select(xp, mask, t, o * activated(xp, activation, c), h)
        keep(cells, t, c)
        keep(hidden, t, h)
    if last is not None:
        last[...] = h


@kernel
def lstm_gradient(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, cells: Array, hidden: Array, dy: Array,
    d_cell: Array | None, dx: Array | None, d_kernel: Array, d_recurrent: Array, d_bias: Array | None,
    d_start: Array | None, work: Array, activation: str, recurrent_activation: str, reverse: bool,
) -> None:  # fmt: skip
    """Gradients of `lstm`, from the `gates`, `cells` and `hidden` it left.

    `d_cell` (n, units) arrives at the last of the cells; None stands for zeros.
    """
    units = recurrent.shape[0]
    h_before, c_before = (
        states_before(xp, hidden, start, 0, reverse),
        states_before(xp, cells, start, 1, reverse),
    )
    dh = xp.zeros((len(x), units), x.dtype)
    dc = xp.zeros_like(dh) if d_cell is None else d_cell
    for t, arriving in from_the_end(dy, x.shape[1], reverse):
        dh = dh + arriving
        z, dz = gates[:, t], work[:, t]
        i, f, candidate, o = (z[:, k * units : (k + 1) * units] for k in range(4))
        di, df, d_candidate, do = (dz[:, k * units : (k + 1) * units] for k in range(4))
        here, cell = select(xp, mask, t, dh, 0), cells[:, t]
        squashed = activated(xp, activation, cell)
        through = xp.empty_like(dh)
        activate_gradient.reference(xp, activation, None, squashed, here * o, through)
        through += select(xp, mask, t, dc, 0)
        slope = activate_gradient.reference
        slope(xp, recurrent_activation, None, i, through * candidate, di)
        slope(xp, recurrent_activation, None, f, through * c_before[:, t], df)
        slope(xp, activation, None, candidate, through * i, d_candidate)
        slope(xp, recurrent_activation, None, o, here * squashed, do)
        dh = dz @ recurrent.T + passed_by(xp, mask, t, dh)
        dc = through * f + passed_by(xp, mask, t, dc)
    if d_start is not None:
        d_start[:, :units], d_start[:, units:] = dh, dc
    weight_gradients(xp, x, kernel, h_before, work, dx, d_kernel, d_recurrent)
    if d_bias is not None:
        xp.sum(work, axis=(0, 1), out=d_bias)


def project(xp: ModuleType, x: Array, kernel: Array, bias: Array | None, out: Array) -> None:
    """out = x @ kernel + bias for all steps in one product."""
    multiply(xp, x.reshape(-1, x.shape[2]), kernel, out)
    if bias is not None:
        out += bias


def multiply(xp: ModuleType, rows: Array, matrix: Array, out: Array) -> None:
    """out = rows @ matrix, with the rows of all steps one after the other."""
    flat = out.reshape(-1, matrix.shape[1])
    xp.matmul(rows, matrix, out=flat)
    # Out of memory with gaps, reshape makes a copy.
    if not out.flags.c_contiguous:
        out[...] = flat.reshape(out.shape)


def weight_gradients(
    xp: ModuleType, x: Array, kernel: Array, before: Array, dz: Array, dx: Array | None, d_kernel: Array,
    d_recurrent: Array,
) -> None:  # fmt: skip
    """What follows for input and kernels from the gradients `dz` of all pre-activations."""
    flat = dz.reshape(-1, kernel.shape[1])
    xp.matmul(x.reshape(-1, x.shape[2]).T, flat, out=d_kernel)
    xp.matmul(before.reshape(-1, before.shape[2]).T, flat, out=d_recurrent)
    if dx is not None:
        multiply(xp, flat, kernel.T, dx)


def in_order(x: Array, reverse: bool) -> range:
    return range(x.shape[1] - 1, -1, -1) if reverse else range(x.shape[1])


def from_the_end(dy: Array, steps: int, reverse: bool) -> Iterator[tuple[int, Any]]:
    """Steps from the last one read to the first, each with the gradient that arrives at its output."""
    order = range(steps) if reverse else range(steps - 1, -1, -1)
    for place, t in enumerate(order):
        if dy.ndim == 3:
            yield t, dy[:, t]
        else:
            yield t, dy if place == 0 else 0


def initial(
    xp: ModuleType, start: tuple[Array, ...] | None, count: int, x: Array, recurrent: Array
) -> tuple[Any, ...]:
    if start is not None:
        return start
    return tuple(xp.zeros((len(x), recurrent.shape[0]), x.dtype) for _ in range(count))


def states_before(
    xp: ModuleType, states: Array, start: tuple[Array, ...] | None, index: int, reverse: bool
) -> Any:
    """For each step, the state it began with."""
    before = xp.zeros(states.shape, states.dtype)
    if reverse:
        before[:, :-1] = states[:, 1:]
    else:
        before[:, 1:] = states[:, :-1]
    if start is not None:
        before[:, -1 if reverse else 0] = start[index]
    return before


def select(xp: ModuleType, mask: Array | None, t: int, seen: Array | float, unseen: Array | float) -> Any:
    # A choice, not a product: what is not a number in a step that does not count must not come through.
    return seen if mask is None else xp.where(mask[:, t, None] > 0.5, seen, unseen)


def passed_by(xp: ModuleType, mask: Array | None, t: int, gradient: Array) -> Any:
    """The part of a state's gradient that belongs to rows which skipped step t."""
    return 0 if mask is None else xp.where(mask[:, t, None] > 0.5, 0, gradient)


def keep(states: Array | None, t: int, state: Array) -> None:
    if states is not None:
        states[:, t] = state


def activated(xp: ModuleType, name: str, x: Array) -> Any:
    out = xp.empty_like(x)
    activate.reference(xp, name, x, out)
    return out
