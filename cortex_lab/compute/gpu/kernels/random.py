"""Random numbers and what they drop."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import NOTHING, Maybe, flat, kernel, once, over
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import random
from cortex_lab.compute.kernels.random import drawn_part

Key = cupy.ndarray | int
"""A number, or an array () that holds it when the kernel runs."""


def _keys(seed: Key, step: Key, stream: int) -> tuple[Any, ...] | None:
    """Seed and step, each as an array () to be read and as it is, and the stream; None for other arrays."""
    found: list[Any] = []
    for key in (seed, step):
        if hasattr(key, "dtype") and hasattr(key, "get"):
            if key.shape != () or key.dtype.kind not in "iu" or key.dtype.itemsize != 8:
                return None
            found += [key, np.uint64(0)]
        else:
            found += [NOTHING, np.uint64(int(key) % 2**64)]
    return *found, np.uint32(stream % 2**32)


@random.random_uniform.override("gpu")
def _random_uniform(ops: OpsLike, out: cupy.ndarray, seed: Key, step: Key, stream: int) -> Any:
    keys = _keys(seed, step, stream)
    # These kernels draw from the first word on, which rows in the middle of a batch do not.
    if keys is None or not flat(out) or not out.size or drawn_part(stream, out.shape)[0]:
        return NotImplemented
    found = kernel("random", "uniform")
    return once("random_uniform", found, over(-(-out.size // 4)), (out, *keys, np.uint32(out.size)))


def _drop(
    name: str, x: Maybe, mask: cupy.ndarray, out: Maybe, rate: float, seed: Key, step: Key, stream: int
) -> Any:
    keys = _keys(seed, step, stream)
    if keys is None or not flat(x, mask, out) or not mask.size or not 0 <= rate < 1:
        return NotImplemented
    if drawn_part(stream, mask.shape)[0]:
        return NotImplemented
    arrays = (mask if x is None else x, mask, NOTHING if out is None else out)
    kept = np.uint64(round(rate * 2**32)), np.float32(1 / (1 - rate))
    arguments = (*arrays, *kept, *keys, np.uint32(mask.size))
    return once(name, kernel("random", "dropout"), over(-(-mask.size // 4)), arguments)


@random.dropout_mask.override("gpu")
def _dropout_mask(ops: OpsLike, out: cupy.ndarray, rate: float, seed: Key, step: Key, stream: int) -> Any:
    return _drop("dropout_mask", None, out, None, rate, seed, step, stream)


@random.dropout.override("gpu")
def _dropout(
    ops: OpsLike, x: cupy.ndarray, mask: cupy.ndarray, out: cupy.ndarray, rate: float, seed: Key, step: Key,
    stream: int,
) -> Any:  # fmt: skip
    if not x.shape == mask.shape == out.shape:
        return NotImplemented
    return _drop("dropout", x, mask, out, rate, seed, step, stream)
