"""Matrix products and sums."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.functions import FUNCTIONS
from cortex_lab.compute.gpu.launches import (
    Launch,
    Launches,
    counters,
    down_columns,
    flat,
    given,
    kernel,
    once,
    over,
    room,
)
from cortex_lab.compute.gpu.products import matrix_product
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import linear


def column_sums(
    name: str,
    z: cupy.ndarray | None,
    y: cupy.ndarray,
    dy: cupy.ndarray,
    dz: cupy.ndarray | None,
    total: cupy.ndarray | None,
) -> list[Launch] | None:
    """total = sums over all axes but the last of dz = dy * f'(z), or of dy for "linear"."""
    if name not in FUNCTIONS or not flat(z, y, dy, dz, total) or not dy.size or dy.size > 2**31 - 1:
        return None
    width = dy.shape[-1]
    rows = dy.size // width
    across, parts, share = down_columns(rows, width)
    work, counted = (room(parts * width), counters(across)) if parts > 1 else (None, None)
    arrays = tuple(map(given, (z, y, dy, dz, total, work, counted)))
    numbers = np.int32(rows), np.int32(width), np.int32(share)
    arguments = (np.int32(FUNCTIONS[name]), *arrays, *numbers)
    return [(kernel("columns", "columns"), (across, parts), (256,), arguments, 0)]


def several(name: str, *launches: list[Launch] | None) -> Any:
    """The work that is these launches; NotImplemented if some of them are not to be had."""
    if any(each is None for each in launches):
        return NotImplemented
    return Launches([each for some in launches for each in some or ()], [name])


@linear.matmul.override("gpu")
def _matmul(ops: OpsLike, a: cupy.ndarray, b: cupy.ndarray, out: cupy.ndarray) -> Any:
    return several("matmul", matrix_product(a, b, out))


@linear.dense.override("gpu")
def _dense(
    ops: OpsLike, x: cupy.ndarray, w: cupy.ndarray, bias: cupy.ndarray | None, name: str, out: cupy.ndarray
) -> Any:
    return several("dense", matrix_product(x, w, out, bias, name))


@linear.dense_gradient.override("gpu")
def _dense_gradient(
    ops: OpsLike,
    x: cupy.ndarray,
    name: str,
    z: cupy.ndarray | None,
    y: cupy.ndarray,
    dy: cupy.ndarray,
    dz: cupy.ndarray | None,
    dw: cupy.ndarray,
    d_bias: cupy.ndarray | None,
) -> Any:
    launches = []
    if name != "linear" or d_bias is not None:
        launches.append(column_sums(name, z, y, dy, dz, d_bias))
    slopes = dy if name == "linear" else dz
    return several("dense_gradient", *launches, matrix_product(x.T, slopes, dw))


@linear.sum_rows.override("gpu")
def _sum_rows(ops: OpsLike, a: cupy.ndarray, out: cupy.ndarray) -> Any:
    return several("sum_rows", column_sums("linear", None, None, a, None, out))


def _alike(*arrays: cupy.ndarray) -> bool:
    return flat(*arrays) and len({each.shape for each in arrays}) == 1 and arrays[0].size > 0


@linear.add.override("gpu")
def _add(ops: OpsLike, a: cupy.ndarray, b: cupy.ndarray, out: cupy.ndarray) -> Any:
    if not all(hasattr(each, "flags") for each in (a, b)) or not _alike(a, b, out):
        return NotImplemented
    return once("add", kernel("elementwise", "add_all"), over(a.size), (a, b, out, np.uint32(a.size)))


@linear.multiply.override("gpu")
def _multiply(ops: OpsLike, a: cupy.ndarray, b: cupy.ndarray, out: cupy.ndarray) -> Any:
    single = isinstance(b, (int, float))
    if not (_alike(a, out) if single else hasattr(b, "flags") and _alike(a, b, out)):
        return NotImplemented
    factor = (given(None), np.float32(b)) if single else (b, np.float32(1))
    return once(
        "multiply", kernel("elementwise", "multiply_all"), over(a.size), (a, *factor, out, np.uint32(a.size))
    )


@linear.pick_rows.override("gpu")
def _pick_rows(ops: OpsLike, a: cupy.ndarray, rows: cupy.ndarray, scale: float, out: cupy.ndarray) -> Any:
    kinds = {("uint8", "float32"): 0, ("float32", "float32"): 1, ("int64", "int64"): 2, ("uint8", "int64"): 3}
    kind = kinds.get((a.dtype.name, out.dtype.name))
    if kind is None or not (a.flags.c_contiguous and out.flags.c_contiguous) or not flat(rows, dtype="int64"):
        return NotImplemented
    if not out.size:
        return NotImplemented
    numbers = np.int32(kind), np.int32(out.size // len(rows)), np.float32(scale), np.uint32(out.size)
    return once("pick_rows", kernel("elementwise", "pick_rows"), over(out.size), (a, rows, out, *numbers))


@linear.copy.override("gpu")
def _copy(ops: OpsLike, a: cupy.ndarray, out: cupy.ndarray) -> Any:
    if not hasattr(a, "get") or not _alike(a, out):
        return NotImplemented
    return once("copy", kernel("elementwise", "copy_all"), over(a.size), (a, out, np.uint32(a.size)))
