"""Matrix products on all cores, and sums."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels import _products
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels._products import finish
from cortex_lab.compute.cpu.kernels.activation import CODES
from cortex_lab.compute.cpu.kernels.activation import _activate_gradient as bend_back
from cortex_lab.compute.cpu.native import gemm
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import linear
from cortex_lab.compute.kernels.activation import NEEDS_INPUT, bias_activate
from cortex_lab.compute.kernels.convolution import slopes_and_sums
from cortex_lab.compute.work import in_turn

# OpenBLAS itself uses one thread up to this many multiply-adds; such products need neither limit nor pool.
SMALL_PRODUCT = 262_144
SMALL_SUM = 65_536
_ZERO = np.float32(0)
_NONE, _FLAT = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)


@linear.matmul.override("cpu")
def matmul(ops: OpsLike, a: Array, b: Array, out: Array) -> Any:
    # A transposed view is taken for what it is a view of, with a flag: nothing is copied.
    a_turned, b_turned = not a.flags.c_contiguous, not b.flags.c_contiguous
    if a_turned:
        a = a.T
    if b_turned:
        b = b.T
    if a.ndim != 2 or b.ndim != 2 or not plain(a, b) or not writable(out):
        return NotImplemented
    inner = a.shape[0] if a_turned else a.shape[1]
    rows, columns = out.shape
    wanted = (
        (inner, rows) if a_turned else (rows, inner),
        (columns, inner) if b_turned else (inner, columns),
    )
    if (a.shape, b.shape) != wanted or out.size == 0 or inner == 0:
        return NotImplemented
    turned = (int(a_turned), int(b_turned))
    if rows * columns * inner <= SMALL_PRODUCT:
        return work(_product, (a, b, out, *turned), [(0, rows, 0, columns)])
    if _products.tiles_fit(rows, columns) and not (a_turned and b_turned):
        if a_turned:
            return _products.multiply_turned(a, b, out)
        return _products.multiply(a, b, int(b_turned), out)
    workers = get_workers()
    # BLAS packs the whole of the matrix that is not split, in every worker: split the larger side.
    if rows >= columns:
        pieces = [(i, j, 0, columns) for i, j in workers.split(rows, 16)]
    else:
        pieces = [(0, rows, i, j) for i, j in workers.split(columns, 16)]
    return work(_product, (a, b, out, *turned), pieces, blas=True)


@linear.dense.override("cpu")
def dense(ops: OpsLike, x: Array, w: Array, bias: Array | None, name: str, out: Array) -> Any:
    (rows, inner), columns = x.shape, out.shape[1]
    if name in CODES and w.shape == (inner, columns) and len(out) == rows and w.size > 0:
        small = rows * columns * inner <= SMALL_PRODUCT
        if (small or _products.tiles_fit(rows, columns)) and plain(x, w, bias) and writable(out):
            if small:
                return work(_small_dense, (x, w, _NONE if bias is None else bias, out, CODES[name]))
            return _products.multiply(x, w, 0, out, bias, CODES[name])
    product = linear.matmul.prepare(ops, x, w, out)
    if bias is None and name == "linear":
        return product
    return in_turn(product, bias_activate.prepare(ops, out, bias, name))


@linear.dense_gradient.override("cpu")
def dense_gradient(
    ops: OpsLike, x: Array, name: str, z: Array | None, y: Array, dy: Array, dz: Array | None, dw: Array,
    d_bias: Array | None,
) -> Any:  # fmt: skip
    (rows, inner), columns = x.shape, dw.shape[1]
    source, slopes, written = None, dy, None
    if name != "linear":
        source, slopes, written = (z if name in NEEDS_INPUT else y), dz, dz
    fits = 0 < rows * columns * inner <= SMALL_PRODUCT and name in CODES
    fits = fits and dw.shape == (inner, columns) and dy.shape == (rows, columns)
    if fits and plain(x, dy, source) and writable(dw, written, d_bias):
        bent = (_FLAT, _FLAT) if written is None else (source, written)
        return work(_small_gradient, (x, dy, *bent, dw, _NONE if d_bias is None else d_bias, CODES[name]))
    calls = []
    if name != "linear":
        calls.append(slopes_and_sums.prepare(ops, name, z, y, dy, dz, d_bias))
    elif d_bias is not None:
        calls.append(linear.sum_rows.prepare(ops, dy, d_bias))
    return in_turn(*calls, linear.matmul.prepare(ops, x.T, slopes, dw))


# One call for what would be three: with a product this small, calls are much of the time.
@piecework
def _small_dense(x, w, bias, out, code):
    rows, inner = x.shape
    columns = w.shape[1]
    gemm(0, 0, rows, columns, inner, x, 0, inner, w, 0, columns, _ZERO, out, 0, columns)
    finish(out.reshape(-1), columns, 0, rows, 0, columns, bias, code, 1.0)


@piecework
def _small_gradient(x, dy, source, dz, dw, d_bias, code):
    rows, inner = x.shape
    columns = dw.shape[1]
    # An empty array and not None, for which all of it would be compiled a second time.
    slopes = dy
    if dz.shape[0] > 0:
        slopes = dz
        bend_back(source.reshape(-1), dy.reshape(-1), dz.reshape(-1), code, 1.0)
    gemm(1, 0, inner, columns, rows, x, 0, inner, slopes, 0, columns, _ZERO, dw, 0, columns)
    values = slopes.reshape(-1)
    for c in range(0, d_bias.shape[0], 16):
        lanes, total = first_lanes(columns - c), every(_ZERO)
        for start in range(0, rows, 128):
            part = every(_ZERO)
            for i in range(start, min(start + 128, rows)):
                part = part + load(values, i * columns + c, lanes)
            total = total + part
        store(d_bias, c, total, lanes)


@piecework
def _product(a, b, out, a_turned, b_turned, row, row_end, column, column_end):
    inner = a.shape[0] if a_turned else a.shape[1]
    at_a = row if a_turned else row * a.shape[1]
    at_b = column * b.shape[1] if b_turned else column
    gemm(
        a_turned, b_turned, row_end - row, column_end - column, inner, a, at_a, a.shape[1],
        b, at_b, b.shape[1], _ZERO, out, row * out.shape[1] + column, out.shape[1],
    )  # fmt: skip


@linear.sum_rows.override("cpu")
def sum_rows(ops: OpsLike, a: Array, out: Array) -> Any:
    if not plain(a) or not writable(out) or out.shape != a.shape[-1:]:
        return NotImplemented
    rows = a.reshape(-1, a.shape[-1])
    pieces = get_workers().split(len(rows), -(-SMALL_SUM // rows.shape[1]))
    parts = np.empty((len(pieces), rows.shape[1]))
    sums = work(_sum_rows, (rows, parts), [(k, *piece) for k, piece in enumerate(pieces)])
    return in_turn(sums, work(add_up, (parts, out)))


@piecework
def _sum_rows(rows, parts, k, start, stop):
    total = parts[k]
    # Short float32 sums in registers, added up in float64: as exact as it is quick.
    columns = rows.shape[1]
    values = rows.reshape(-1)
    part = np.empty(16, np.float32)
    total[:] = 0.0
    for block in range(start, stop, 128):
        last = min(block + 128, stop)
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            sums = every(_ZERO)
            for i in range(block, last):
                sums = sums + load(values, i * columns + c, lanes)
            store(part, 0, sums, first_lanes(16))
            for t in range(min(16, columns - c)):
                total[c + t] += part[t]


@piecework
def add_up(parts, out):
    for j in range(parts.shape[1]):
        total = 0.0
        for i in range(parts.shape[0]):
            total += parts[i, j]
        out[j] = np.float32(total)


@linear.norm.override("cpu")
def norm(ops: OpsLike, a: Array) -> Any:
    if not plain(a) or a.size > 2**40:
        return NotImplemented
    return partial(_norm, a.reshape(-1))


@compiled
def _norm(values):
    # In float64, where the square of no float32 is infinite.
    total = 0.0
    for i in range(values.shape[0]):
        value = np.float64(values[i])
        total += value * value
    return np.sqrt(total)
