"""Sums, means and maxima along axes, and products along them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel

Axes = tuple[int, ...]
SHORTEST = 1e-7
"""What a vector is divided by if it is shorter, as in Keras."""


@kernel
def sum_along(xp: ModuleType, x: Array, axes: Axes, factor: float, out: Array) -> None:
    """out = factor * the sum of x along `axes`; which `out` has with length 1."""
    xp.sum(x, axis=axes, keepdims=True, out=out)
    if factor != 1:
        out *= factor


@kernel
def sum_along_gradient(xp: ModuleType, dy: Array, factor: float, out: Array) -> None:
    """out = gradient of `sum_along` with respect to x; dy has the axes that were summed with length 1."""
    out[...] = dy
    if factor != 1:
        out *= factor


@kernel
def max_along(xp: ModuleType, x: Array, axes: Axes, winner: Array | None, out: Array) -> None:
    """out = the largest of x along `axes`, which out has with length 1.

    `winner` (int32, as out, or None) = which it was, counted along the axes: the first of equals.
    """
    xp.max(x, axis=axes, keepdims=True, out=out)
    if winner is not None:
        winner[...] = _together(xp, x, axes).argmax(axis=-1).reshape(out.shape)


@kernel
def max_along_gradient(xp: ModuleType, dy: Array, axes: Axes, winner: Array, out: Array) -> None:
    """out = gradient of `max_along` with respect to x: all of it to the winner."""
    moved = xp.moveaxis(out, axes, range(out.ndim - len(axes), out.ndim))
    lengths = moved.shape[out.ndim - len(axes) :]
    places = xp.arange(_size(lengths)).reshape(lengths)
    picked, passed = (xp.moveaxis(each, axes, range(out.ndim - len(axes), out.ndim)) for each in (winner, dy))
    moved[...] = xp.where(places == picked, passed, 0)


@kernel
def dot_rows(xp: ModuleType, a: Array, b: Array, out: Array) -> None:
    """out[n, i, j] = sum over k of a[n, i, k] * b[n, j, k]."""
    xp.matmul(a, b.transpose(0, 2, 1), out=out)


@kernel
def dot_rows_gradient(
    xp: ModuleType, a: Array, b: Array, dy: Array, da: Array | None, db: Array | None,
) -> None:  # fmt: skip
    """Gradients of `dot_rows` with respect to a and b, each of which may be None."""
    if da is not None:
        xp.matmul(dy, b, out=da)
    if db is not None:
        xp.matmul(dy.transpose(0, 2, 1), a, out=db)


@kernel
def unit_length(xp: ModuleType, x: Array, norms: Array, out: Array) -> None:
    """out = x over its Euclidean norm along the last axis; `out` may be x, `norms` keeps the divisors."""
    norms[...] = xp.maximum(xp.sqrt(xp.sum(x * x, axis=-1)), SHORTEST)
    xp.divide(x, norms[..., None], out=out)


@kernel
def unit_length_gradient(xp: ModuleType, y: Array, dy: Array, norms: Array, out: Array) -> None:
    """out = gradient of `unit_length` with respect to x; `out` may be dy."""
    across = xp.sum(dy * y, axis=-1, keepdims=True) * (norms > SHORTEST)[..., None]
    out[...] = (dy - y * across) / norms[..., None]


def _together(xp: ModuleType, x: Array, axes: Axes) -> Any:
    moved = xp.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
    return moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)


def _size(lengths: Axes) -> int:
    size = 1
    for length in lengths:
        size *= length
    return size
