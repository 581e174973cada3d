"""Matrix products and sums."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def matmul(xp: Any, a: Any, b: Any, out: Any) -> None:
    """out = a @ b; 2-D, any of them transposed views."""
    xp.matmul(a, b, out=out)


@kernel
def sum_rows(xp: Any, a: Any, out: Any) -> None:
    """out[j] = sum over all axes but the last of a[..., j]."""
    xp.sum(a.reshape(-1, a.shape[-1]), axis=0, out=out)


@kernel
def add(xp: Any, a: Any, b: Any, out: Any) -> None:
    """out = a + b; `out` may be `a` or `b`."""
    xp.add(a, b, out=out)


@kernel
def multiply(xp: Any, a: Any, b: Any, out: Any) -> None:
    """out = a * b; `out` may be `a` or `b`."""
    xp.multiply(a, b, out=out)


@kernel
def copy(xp: Any, a: Any, out: Any) -> None:
    """out = a."""
    out[...] = a


@kernel
def take_rows(xp: Any, a: Any, rows: Any, out: Any) -> None:
    """out[i] = a[rows[i]]."""
    out[...] = a[rows]


@kernel
def norm(xp: Any, a: Any) -> float:
    """Euclidean norm of all elements, as a Python float, summed in float64."""
    return float(xp.sqrt(xp.sum(xp.square(a, dtype=xp.float64))))


@kernel
def scale_shift(xp: Any, a: Any, factor: float, shift: float, out: Any) -> None:
    """out = factor * a + shift; `out` may be `a`."""
    xp.multiply(a, factor, out=out)
    if shift:
        out += shift


@kernel
def add_scaled(xp: Any, a: Any, b: Any, factor: float, out: Any) -> None:
    """out = a + factor * b; `out` may be `a`."""
    out[...] = a + factor * b
