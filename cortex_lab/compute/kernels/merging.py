"""Several arrays made one, and handed back their share."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel


@kernel
def largest(xp: ModuleType, xs: Sequence[Any], winner: Array | None, out: Array) -> None:
    """out = elementwise maximum of `xs`; `winner` (int32) = which of them it was, the first of equals.

    `winner` may be None when no gradient will be asked for, and `out` may be xs[0]. Inputs are broadcast.
    """
    if winner is not None:
        # Before the maximum: that may be written over the first of them.
        winner[...] = xp.stack(xp.broadcast_arrays(*xs)).argmax(axis=0)
    xp.maximum(xs[0], xs[1], out=out)
    for x in xs[2:]:
        xp.maximum(out, x, out=out)


@kernel
def smallest(xp: ModuleType, xs: Sequence[Any], winner: Array | None, out: Array) -> None:
    """out = elementwise minimum of `xs`; all else as in `largest`."""
    if winner is not None:
        winner[...] = xp.stack(xp.broadcast_arrays(*xs)).argmin(axis=0)
    xp.minimum(xs[0], xs[1], out=out)
    for x in xs[2:]:
        xp.minimum(out, x, out=out)


@kernel
def largest_gradient(xp: ModuleType, dy: Array, winner: Array, index: int, out: Array) -> None:
    """out = gradient of `largest`, or of `smallest`, with respect to xs[index]."""
    out[...] = xp.where(winner == index, dy, 0)


@kernel
def sum_copies(xp: ModuleType, a: Array, out: Array) -> None:
    """out = a summed along the axes in which `out`, of as many, has length 1: broadcasting undone."""
    axes = tuple(axis for axis, length in enumerate(out.shape) if length == 1)
    xp.sum(a, axis=axes, out=out, keepdims=True)


@kernel
def put_columns(xp: ModuleType, x: Array, start: int, out: Array) -> None:
    """out[:, start : start + width] = x, for x of shape (rows, width)."""
    out[:, start : start + x.shape[1]] = x


@kernel
def get_columns(xp: ModuleType, x: Array, start: int, out: Array) -> None:
    """out = x[:, start : start + width], for out of shape (rows, width)."""
    out[...] = x[:, start : start + out.shape[1]]
