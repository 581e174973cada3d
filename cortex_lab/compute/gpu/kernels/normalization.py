"""Normalization over the batch."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

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
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import normalization


def _moments(
    kind: int,
    x: cupy.ndarray,
    dy: cupy.ndarray,
    mean: cupy.ndarray,
    variance: cupy.ndarray,
    epsilon: float,
    first: cupy.ndarray,
    second: cupy.ndarray | None,
) -> Launch:
    rows, width = x.shape
    across, parts, share = down_columns(rows, width)
    arrays = tuple(map(given, (x, dy, mean, variance)))
    found = first, given(second), room(2 * parts * width, "float64"), counters(across)
    numbers = np.int32(rows), np.int32(width), np.int32(share)
    arguments = (np.int32(kind), *arrays, np.float32(epsilon), *found, *numbers)
    return kernel("normalization", "column_moments"), (across, parts), (256,), arguments, 0


def _normalized(
    x: cupy.ndarray,
    gamma: cupy.ndarray | None,
    beta: cupy.ndarray | None,
    mean: cupy.ndarray,
    variance: cupy.ndarray,
    out: cupy.ndarray,
    epsilon: float,
) -> Launch:
    arrays = x, given(gamma), given(beta), mean, variance, out
    arguments = (*arrays, np.float32(epsilon), np.int32(x.shape[1]), np.uint32(x.size))
    return kernel("normalization", "normalize_columns"), over(x.size), (256,), arguments, 0


def _covers(x: cupy.ndarray, *others: cupy.ndarray) -> bool:
    return flat(x, *others) and x.size > 0 and x.shape[0] < 2**31


@normalization.batch_normalize.override("gpu")
def _batch_normalize(
    ops: OpsLike,
    x: cupy.ndarray,
    gamma: cupy.ndarray | None,
    beta: cupy.ndarray | None,
    mean: cupy.ndarray,
    variance: cupy.ndarray,
    out: cupy.ndarray,
    epsilon: float,
) -> Any:
    if not _covers(x, gamma, beta, mean, variance, out):
        return NotImplemented
    means = _moments(0, x, None, None, None, epsilon, mean, None)
    spreads = _moments(1, x, None, mean, None, epsilon, variance, None)
    scaled = _normalized(x, gamma, beta, mean, variance, out, epsilon)
    return Launches([means, spreads, scaled], ["batch_normalize"])


@normalization.normalize_columns.override("gpu")
def _normalize_columns(
    ops: OpsLike,
    x: cupy.ndarray,
    gamma: cupy.ndarray | None,
    beta: cupy.ndarray | None,
    mean: cupy.ndarray,
    variance: cupy.ndarray,
    out: cupy.ndarray,
    epsilon: float,
) -> Any:
    if not _covers(x, gamma, beta, mean, variance, out):
        return NotImplemented
    launch = _normalized(x, gamma, beta, mean, variance, out, epsilon)
    return Launches([launch], ["normalize_columns"])


@normalization.batch_normalize_gradient.override("gpu")
def _batch_normalize_gradient(
    ops: OpsLike,
    x: cupy.ndarray,
    dy: cupy.ndarray,
    gamma: cupy.ndarray | None,
    mean: cupy.ndarray,
    variance: cupy.ndarray,
    d_gamma: cupy.ndarray | None,
    d_beta: cupy.ndarray | None,
    out: cupy.ndarray,
    epsilon: float,
) -> Any:
    if not _covers(x, dy, gamma, mean, variance, d_gamma, d_beta, out):
        return NotImplemented
    rows, width = x.shape
    along = room(width) if d_gamma is None else d_gamma
    total = room(width) if d_beta is None else d_beta
    launches = [_moments(2, x, dy, mean, variance, epsilon, along, total)]
    if out is not None:
        arrays = x, dy, given(gamma), mean, variance, along, total, out
        numbers = np.float32(epsilon), np.int32(width), np.int32(rows), np.uint32(x.size)
        gradient = kernel("normalization", "batch_gradient")
        launches.append((gradient, over(x.size), (256,), (*arrays, *numbers), 0))
    return Launches(launches, ["batch_normalize_gradient"])


@normalization.moving_average.override("gpu")
def _moving_average(ops: OpsLike, average: cupy.ndarray, value: Any, momentum: float) -> Any:
    if not flat(average, value) or average.shape != value.shape or not average.size:
        return NotImplemented
    numbers = np.float32(momentum), np.float32(1 - momentum), np.uint32(average.size)
    found = kernel("normalization", "moving_average")
    return once("moving_average", found, over(average.size), (average, value, *numbers))
