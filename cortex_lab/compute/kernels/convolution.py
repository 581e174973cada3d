"""Two-dimensional convolution, channels last, as a sum of matrix products over the kernel's taps.

x is (n, height, width, channels), w is (kernel height, kernel width, channels / groups, filters) and
`padding` is ((top, bottom), (left, right)). Group g takes the g-th part of the channels to the g-th part of
the filters.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.activation import activate, activate_gradient

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


@kernel
def convolve(
    xp: ModuleType, x: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> None:  # fmt: skip
    """out[n, i, j, f] = sum over taps and channels of padded x * w (cross-correlation, as is the custom)."""
    padded = bordered(xp, x, padding)
    # Taps are added one after the other, and `out` comes in with anything in it.
    out[...] = 0
    for tap, window in taps(w.shape, out.shape, strides, dilation):
        for channels, filters in _groups(w.shape, groups):
            out[..., filters] += padded[window][..., channels] @ w[tap][:, filters]


@kernel
def convolve_and(
    xp: ModuleType, x: Array, w: Array, scale: Array | None, shift: Array | None, addend: Array | None,
    name: str, out: Array, strides: Pair, padding: Padding, dilation: Pair, groups: int,
) -> None:  # fmt: skip
    """out = f(scale * convolution + shift + addend) for the activation called `name`.

    `scale` and `shift` are (filters,), `addend` is of the shape of `out`, which it may be; each may be None.
    """
    found = xp.empty_like(out)
    convolve.reference(xp, x, w, found, strides, padding, dilation, groups)
    found = found if scale is None else found * scale
    for term in (shift, addend):
        found = found if term is None else found + term
    activate.reference(xp, name, found, out)


@kernel
def slopes_and_sums(
    xp: ModuleType, name: str, z: Any, y: Array, dy: Array, dz: Array, total: Array | None
) -> None:
    """dz = dy * f'(z) and total = its sums over all axes but the last; f is the activation called `name`.

    y = f(z); z is read only where the derivative needs it. `total` may be None.
    """
    activate_gradient.reference(xp, name, z, y, dy, dz)
    if total is not None:
        xp.sum(dz.reshape(-1, dz.shape[-1]), axis=0, out=total)


@kernel
def convolve_input_gradient(
    xp: ModuleType, dy: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> None:  # fmt: skip
    """out = gradient with respect to x of a convolution whose output has gradient `dy`."""
    (top, bottom), (left, right) = padding
    n, height, width, channels_in = out.shape
    # With the border, which windows hang over: what falls on it is cut off at the end.
    padded = xp.zeros((n, height + top + bottom, width + left + right, channels_in), out.dtype)
    for tap, window in taps(w.shape, dy.shape, strides, dilation):
        for channels, filters in _groups(w.shape, groups):
            padded[window][..., channels] += dy[..., filters] @ w[tap][:, filters].T
    out[...] = padded[:, top : top + height, left : left + width]


@kernel
def convolve_weight_gradient(
    xp: ModuleType, x: Array, dy: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> None:  # fmt: skip
    """out = gradient with respect to w of a convolution whose output has gradient `dy`."""
    padded = bordered(xp, x, padding)
    for tap, window in taps(out.shape, dy.shape, strides, dilation):
        for channels, filters in _groups(out.shape, groups):
            columns = padded[window][..., channels].reshape(-1, out.shape[2])
            out[tap][:, filters] = columns.T @ dy[..., filters].reshape(len(columns), -1)


def bordered(xp: ModuleType, x: Array, padding: Padding) -> Any:
    """x with a border of zeros."""
    return xp.pad(x, ((0, 0), *padding, (0, 0))) if any(map(any, padding)) else x


def taps(
    w_shape: tuple[int, ...], y_shape: tuple[int, ...], strides: Pair, dilation: Pair
) -> Iterator[tuple[Pair, tuple[slice, slice, slice]]]:
    """Each tap of the kernel with the window of the padded image it is laid over, one pixel per output."""
    height, width = y_shape[1:3]
    for i in range(w_shape[0]):
        for j in range(w_shape[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + (height - 1) * strides[0] + 1, strides[0])
            columns = slice(left, left + (width - 1) * strides[1] + 1, strides[1])
            yield (i, j), (slice(None), rows, columns)


def _groups(w_shape: tuple[int, ...], groups: int) -> Iterator[tuple[slice, slice]]:
    inputs, filters = w_shape[2], w_shape[3] // groups
    for g in range(groups):
        yield slice(g * inputs, (g + 1) * inputs), slice(g * filters, (g + 1) * filters)
