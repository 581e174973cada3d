"""Newton and Schulz's iteration in products of which half is found and the other half copied.

x x' and its square are symmetric. What the iteration adds up lies in the second of them, so that a step is
three products and no pass over the matrix besides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32, number, plain, writable
from cortex_lab.compute.cpu.kernels.updates import GRAIN
from cortex_lab.compute.cpu.native import gemm
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import orthogonal as reference
from cortex_lab.compute.work import Call, in_turn

BLOCK = 192
"""Rows of a symmetric product that are found at once, from the diagonal on."""
_ZERO, _ONE = np.float32(0), np.float32(1)
_A, _B, _C = (np.float32(each) for each in reference.FACTORS)
_LEAST = 1e-7


@reference.orthogonalize.override("cpu")
def orthogonalize(ops: OpsLike, matrix: Array, steps: int, out: Array) -> Any:
    if matrix.ndim != 2 or matrix.shape != out.shape or not matrix.size:
        return NotImplemented
    if not plain(matrix) or not writable(out):
        return NotImplemented
    return in_turn(*_iteration(matrix, steps, out))


@reference.update_muon.override("cpu")
def update_muon(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, learning_rate: float, momentum: float,
    steps: int,
) -> Any:  # fmt: skip
    rate = number(learning_rate, np.float64)
    if params.ndim != 2 or not params.shape == gradient.shape == mean.shape or not params.size:
        return NotImplemented
    if rate is None or not plain(gradient) or not writable(params, mean):
        return NotImplemented
    ahead = _room("ahead", *params.shape)
    pieces = get_workers().split(params.size, GRAIN)
    flat = (params.reshape(-1), gradient.reshape(-1), mean.reshape(-1), ahead.reshape(-1))
    longest = max(params.shape)
    return in_turn(
        work(_look_ahead, (*flat[1:], momentum), pieces),
        *_iteration(ahead, steps, ahead),
        work(_move, (flat[0], flat[3], rate, longest), pieces),
    )


def _iteration(matrix: Array, steps: int, out: Array) -> list[Call]:
    """The calls that make `matrix` orthogonal."""
    (rows, columns), workers = matrix.shape, get_workers()
    turned, side = int(rows > columns), min(rows, columns)
    pieces = workers.split(matrix.size, GRAIN)
    parts = np.zeros(len(pieces))
    gram, mixed, mixture = (_room(name, side, side) for name in ("gram", "mixed", "mixture"))
    # From one to the other and back, so that the last step writes into `out`.
    x, other = _room("x", rows, columns), out
    if steps % 2 == 0:
        x, other = out, x
    calls: list[Call] = [
        work(_sum_squares, (matrix.reshape(-1), parts), [(k, *piece) for k, piece in enumerate(pieces)]),
        work(_normalize, (matrix.reshape(-1), parts, x.reshape(-1)), pieces),
    ]
    blocks = [(row, min(row + BLOCK, side)) for row in range(0, side, BLOCK)]
    strips = workers.split(max(rows, columns), 16)
    for _ in range(steps):
        calls += [
            work(_square, (x, turned, gram, mixed), blocks, blas=True),
            work(_mix, (gram, mixed, mixture), blocks, blas=True),
            work(_apply, (mixture, x, turned, other), strips, blas=True),
        ]
        x, other = other, x
    return calls


def _room(name: str, *shape: int) -> Any:
    """Memory that the kernels of an update hand each other; another matrix' write over it."""
    size = int(np.prod(shape))
    return get_workers().room(0, f"orthogonal {name}", FLOAT32, size)[:size].reshape(shape)


@piecework
def _look_ahead(gradient, mean, ahead, momentum, start, stop):
    kept, new = np.float32(momentum), np.float32(1 - momentum)
    gradient, mean, ahead = gradient[start:stop], mean[start:stop], ahead[start:stop]
    for i in range(mean.shape[0]):
        slope = new * gradient[i]
        m = kept * mean[i] + slope
        mean[i] = m
        ahead[i] = kept * m + slope


@piecework
def _move(params, step, rate, longest, start, stop):
    pace = np.float32(rate[()] * 0.2 * np.sqrt(longest))
    params, step = params[start:stop], step[start:stop]
    for i in range(params.shape[0]):
        params[i] -= pace * step[i]


@piecework
def _sum_squares(x, parts, k, start, stop):
    whole = 0.0
    for block in range(start, stop, 1024):
        part = _ZERO
        for i in range(block, min(block + 1024, stop)):
            part += x[i] * x[i]
        whole += part
    parts[k] = whole


@piecework
def _normalize(x, parts, out, start, stop):
    whole = 0.0
    for k in range(parts.shape[0]):
        whole += parts[k]
    # A quotient, since infinity over infinity is no number, and times 0 neither, but 1 / infinity is 0.
    length = np.float32(np.sqrt(whole) + _LEAST)
    for i in range(start, stop):
        out[i] = x[i] / length


@piecework
def _square(x, turned, gram, mixed, row, end):
    """gram = x x' from the diagonal on and mirrored, x turned or not; mixed = c gram + b."""
    side, columns = gram.shape[0], x.shape[1]
    count, inner, right = end - row, x.shape[0] if turned else columns, side - row
    at = row if turned else row * columns
    gemm(
        turned, 1 - turned, count, right, inner, x, at, columns, x, at, columns, _ZERO, gram,
        row * side + row, side,
    )  # fmt: skip
    for i in range(row, end):
        for j in range(row, side):
            mixed[i, j] = _C * gram[i, j]
        mixed[i, i] += _B
    _mirror(gram, row, end)
    _mirror(mixed, row, end)


@piecework
def _mix(gram, mixed, mixture, row, end):
    """mixture = a + gram @ mixed, which is symmetric."""
    side = gram.shape[0]
    gemm(
        0, 0, end - row, side - row, side, gram, row * side, side, mixed, row, side, _ZERO, mixture,
        row * side + row, side,
    )  # fmt: skip
    for i in range(row, end):
        mixture[i, i] += _A
    _mirror(mixture, row, end)


@piecework
def _apply(mixture, x, turned, out, start, stop):
    """out = mixture @ x on some columns, or x @ mixture on some rows."""
    side, columns = mixture.shape[0], x.shape[1]
    if turned:
        gemm(
            0, 0, stop - start, side, side, x, start * columns, columns, mixture, 0, side, _ZERO, out,
            start * columns, columns,
        )  # fmt: skip
    else:
        gemm(0, 0, side, stop - start, side, mixture, 0, side, x, start, columns, _ZERO, out, start, columns)


@compiled
def _mirror(matrix, row, end):
    """Rows from the diagonal on become columns below it; sixteen by sixteen, for the caches."""
    for right in range(row, matrix.shape[0], 16):
        for i in range(row, end):
            for j in range(max(right, i + 1), min(right + 16, matrix.shape[0])):
                matrix[j, i] = matrix[i, j]
