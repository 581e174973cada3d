"""Maximum pooling over height and width, channels last."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import flat, given, kernel, once
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import pooling
from cortex_lab.compute.kernels.pooling import Padding, Pair


def _numbers(
    each: cupy.ndarray, image: cupy.ndarray, out: cupy.ndarray, size: Pair, strides: Pair, padding: Padding
) -> tuple[Any, ...]:
    """What both kernels want to know, of which there is a thread for each number of `each`."""
    numbers = (*image.shape[1:], *out.shape[1:3], *size, *strides, padding[0][0], padding[1][0])
    return np.uint32(each.size), *map(np.int32, numbers)


@pooling.pool_max.override("gpu")
def _pool_max(
    ops: OpsLike,
    x: cupy.ndarray,
    out: cupy.ndarray,
    winner: cupy.ndarray | None,
    size: Pair,
    strides: Pair,
    padding: Padding,
) -> Any:
    if not flat(x, out) or not flat(winner, dtype="int32") or not out.size:
        return NotImplemented
    arguments = x, out, given(winner), *_numbers(out, x, out, size, strides, padding)
    return once("pool_max", kernel("pooling", "pool_max"), (-(-out.size // 256),), arguments)


@pooling.pool_max_gradient.override("gpu")
def _pool_max_gradient(
    ops: OpsLike,
    dy: cupy.ndarray,
    winner: cupy.ndarray | None,
    out: cupy.ndarray,
    size: Pair,
    strides: Pair,
    padding: Padding,
) -> Any:
    if not flat(dy, out) or not flat(winner, dtype="int32") or not out.size:
        return NotImplemented
    arguments = dy, winner, out, *_numbers(out, out, dy, size, strides, padding)
    return once(
        "pool_max_gradient", kernel("pooling", "pool_max_gradient"), (-(-out.size // 256),), arguments
    )
