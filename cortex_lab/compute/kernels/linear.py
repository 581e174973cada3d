"""Matrix products and sums."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.activation import activate_gradient, bias_activate


@kernel
def matmul(xp: ModuleType, a: Array, b: Array, out: Array) -> None:
    """out = a @ b; 2-D, any of them transposed views."""
    xp.matmul(a, b, out=out)


@kernel
def dense(xp: ModuleType, x: Array, w: Array, bias: Array | None, name: str, out: Array) -> None:
    """out = f(x @ w + bias) for the activation called `name`; `bias` (units,) or None."""
    xp.matmul(x, w, out=out)
    bias_activate.reference(xp, out, bias, name)


@kernel
def dense_gradient(
    xp: ModuleType, x: Array, name: str, z: Array | None, y: Array, dy: Array, dz: Array | None, dw: Array,
    d_bias: Array | None,
) -> None:  # fmt: skip
    """dz = dy * f'(z), dw = x' @ dz, d_bias = the sums of dz's columns.

    f is the activation called `name` and y = f(z); z is read only where the derivative needs it. With
    "linear" nothing is written to `dz`, which may be None; `d_bias` may be None.
    """
    if name == "linear":
        dz = dy
    else:
        activate_gradient.reference(xp, name, z, y, dy, dz)
    xp.matmul(x.T, dz, out=dw)
    if d_bias is not None:
        xp.sum(dz, axis=0, out=d_bias)


@kernel
def sum_rows(xp: ModuleType, a: Array, out: Array) -> None:
    """out[j] = sum over all axes but the last of a[..., j]."""
    xp.sum(a.reshape(-1, a.shape[-1]), axis=0, out=out)


@kernel
def add(xp: ModuleType, a: Array, b: Array, out: Array) -> None:
    """out = a + b; `out` may be `a` or `b`."""
    xp.add(a, b, out=out)


@kernel
def multiply(xp: ModuleType, a: Array, b: Array | float, out: Array) -> None:
    """out = a * b; `out` may be `a` or `b`."""
    xp.multiply(a, b, out=out)


@kernel
def copy(xp: ModuleType, a: Array, out: Array) -> None:
    """out = a."""
    out[...] = a


@kernel
def take_rows(xp: ModuleType, a: Array, rows: Array, out: Array) -> None:
    """out[i] = a[rows[i]]."""
    out[...] = a[rows]


@kernel
def pick_rows(xp: ModuleType, a: Array, rows: Array, scale: float, out: Array) -> None:
    """out[i] = scale * a[rows[i]], in the dtype of `out`, which may have its rows in another shape."""
    picked = a[rows].reshape(out.shape)
    out[...] = picked if scale == 1 else xp.multiply(picked, out.dtype.type(scale), dtype=out.dtype)


@kernel
def norm(xp: ModuleType, a: Array) -> float:
    """Euclidean norm of all elements, as a Python float, summed in float64."""
    return float(xp.sqrt(xp.sum(xp.square(a, dtype=xp.float64))))


@kernel
def scale_shift(xp: ModuleType, a: Array, factor: float, shift: float, out: Array) -> None:
    """out = factor * a + shift; `out` may be `a`."""
    xp.multiply(a, factor, out=out)
    if shift:
        out += shift


@kernel
def add_scaled(xp: ModuleType, a: Array, b: Array, factor: float, out: Array) -> None:
    """out = a + factor * b; `out` may be `a`."""
    out[...] = a + factor * b
