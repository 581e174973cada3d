"""Normalization of each row by itself."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import (
    Launches,
    Maybe,
    counters,
    down_columns,
    flat,
    given,
    kernel,
    once,
    processors,
    room,
)
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import normalization


def _covers(x: cupy.ndarray, *others: Maybe) -> bool:
    return flat(x, *others) and x.ndim == 2 and x.size > 0


def _grid(rows: int) -> tuple[int, ...]:
    return (min(rows, 16 * processors()),)


def _normalized(
    name: str, x: cupy.ndarray, gamma: Maybe, beta: Maybe, mean: Maybe, variance: cupy.ndarray,
    out: cupy.ndarray, epsilon: float, centered: bool,
) -> Any:  # fmt: skip
    if not _covers(x, gamma, beta, mean, variance, out):
        return NotImplemented
    arrays = x, *map(given, (gamma, beta, mean, variance)), out
    numbers = np.float32(epsilon), np.int32(centered), np.int32(x.shape[0]), np.int32(x.shape[1])
    return once(name, kernel("rows", "normalize_rows"), _grid(len(x)), (*arrays, *numbers))


def _gradient(
    name: str, x: cupy.ndarray, dy: cupy.ndarray, gamma: Maybe, mean: Maybe, variance: cupy.ndarray,
    d_gamma: Maybe, d_beta: Maybe, out: cupy.ndarray, epsilon: float, centered: bool,
) -> Any:  # fmt: skip
    if not _covers(x, dy, gamma, mean, variance, d_gamma, d_beta, out):
        return NotImplemented
    rows, width = x.shape
    launches = []
    numbers = np.float32(epsilon), np.int32(centered), np.int32(rows), np.int32(width)
    if d_gamma is not None or d_beta is not None:
        across, parts, share = down_columns(rows, width)
        found = given(d_gamma), given(d_beta), room(2 * parts * width, "float64"), counters(across)
        arguments = (x, dy, given(mean), variance, *found, *numbers, np.int32(share))
        launches.append((kernel("rows", "rows_slopes"), (across, parts), (256,), arguments, 0))
    if out is not None:
        # Last, since it may write over dy.
        arguments = (x, dy, given(gamma), given(mean), variance, out, *numbers)
        launches.append((kernel("rows", "rows_gradient"), _grid(rows), (256,), arguments, 0))
    return Launches(launches, [name]) if launches else NotImplemented


@normalization.layer_normalize.override("gpu")
def _layer_normalize(
    ops: OpsLike, x: cupy.ndarray, gamma: Maybe, beta: Maybe, mean: Maybe, variance: cupy.ndarray,
    out: cupy.ndarray, epsilon: float,
) -> Any:  # fmt: skip
    return _normalized("layer_normalize", x, gamma, beta, mean, variance, out, epsilon, True)


@normalization.layer_normalize_gradient.override("gpu")
def _layer_normalize_gradient(
    ops: OpsLike, x: cupy.ndarray, dy: cupy.ndarray, gamma: Maybe, mean: Maybe, variance: cupy.ndarray,
    d_gamma: Maybe, d_beta: Maybe, out: cupy.ndarray, epsilon: float,
) -> Any:  # fmt: skip
    arrays = x, dy, gamma, mean, variance, d_gamma, d_beta, out
    return _gradient("layer_normalize_gradient", *arrays, epsilon, True)


@normalization.rms_normalize.override("gpu")
def _rms_normalize(
    ops: OpsLike, x: cupy.ndarray, gamma: Maybe, squares: cupy.ndarray, out: cupy.ndarray, epsilon: float
) -> Any:
    return _normalized("rms_normalize", x, gamma, None, None, squares, out, epsilon, False)


@normalization.rms_normalize_gradient.override("gpu")
def _rms_normalize_gradient(
    ops: OpsLike, x: cupy.ndarray, dy: cupy.ndarray, gamma: Maybe, squares: cupy.ndarray, d_gamma: Maybe,
    out: cupy.ndarray, epsilon: float,
) -> Any:  # fmt: skip
    return _gradient(
        "rms_normalize_gradient", x, dy, gamma, None, squares, d_gamma, None, out, epsilon, False
    )
