"""Maximum and average pooling over height and width, channels last.

`padding` is ((top, bottom), (left, right)); windows may hang over the padded edge (ceil mode), where they see
nothing. Padding never wins a maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from cortex_lab.compute.kernel import Array, kernel

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


@kernel
def pool_max(
    xp: ModuleType, x: Array, out: Array, winner: Array | None, size: Pair, strides: Pair, padding: Padding
) -> None:
    """out = the largest pixel of each window; `winner` (int32) = its place there, the first of equals.

    `winner` may be None when no gradient will be asked for.
    """
    out[...] = -xp.inf
    if winner is not None:
        winner[...] = 0
    for place, (pixels, outputs) in enumerate(windows(x.shape, out.shape, size, strides, padding)):
        seen, best = x[pixels], out[outputs]
        # No comparison with NaN is true, and NaN is to come out of a window that it is in.
        better = (seen > best) | xp.isnan(seen)
        if winner is not None:
            winner[outputs][better] = place
        best[better] = seen[better]


@kernel
def pool_max_gradient(
    xp: ModuleType, dy: Array, winner: Array, out: Array, size: Pair, strides: Pair, padding: Padding
) -> None:
    """out = gradient with respect to x: each window hands its gradient to its winner."""
    out[...] = 0
    for place, (pixels, outputs) in enumerate(windows(out.shape, dy.shape, size, strides, padding)):
        out[pixels] += xp.where(winner[outputs] == place, dy[outputs], 0)


@kernel
def pool_average(
    xp: ModuleType, x: Array, out: Array, size: Pair, strides: Pair, padding: Padding, count_padding: bool
) -> None:
    """out = the mean of each window, over all its places or only over those inside the image."""
    out[...] = 0
    for pixels, outputs in windows(x.shape, out.shape, size, strides, padding):
        out[outputs] += x[pixels]
    out /= xp.asarray(_counts(x.shape, out.shape, size, strides, padding, count_padding), out.dtype)


@kernel
def pool_average_gradient(
    xp: ModuleType, dy: Array, out: Array, size: Pair, strides: Pair, padding: Padding, count_padding: bool
) -> None:
    """out = gradient with respect to x: each window shares its gradient out evenly."""
    counts = xp.asarray(_counts(out.shape, dy.shape, size, strides, padding, count_padding), dy.dtype)
    share = dy / counts
    out[...] = 0
    for pixels, outputs in windows(out.shape, dy.shape, size, strides, padding):
        out[pixels] += share[outputs]


def windows(
    x_shape: tuple[int, ...], y_shape: tuple[int, ...], size: Pair, strides: Pair, padding: Padding
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """For each place of the window: the pixels there that lie inside the image, and their outputs."""
    everything = slice(None)
    for i in range(size[0]):
        rows, row_outputs = _span(i - padding[0][0], x_shape[1], y_shape[1], strides[0])
        for j in range(size[1]):
            columns, column_outputs = _span(j - padding[1][0], x_shape[2], y_shape[2], strides[1])
            yield (everything, rows, columns), (everything, row_outputs, column_outputs)


def _span(offset: int, length: int, outputs: int, stride: int) -> tuple[slice, slice]:
    first = max(0, -(offset // stride))
    last = min(outputs, (length - 1 - offset) // stride + 1)
    last = max(first, last)
    start = offset + first * stride
    return slice(start, start + max(0, (last - first - 1) * stride + 1) * (last > first), stride), slice(
        first, last
    )


def _counts(
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    size: Pair,
    strides: Pair,
    padding: Padding,
    count_padding: bool,
) -> np.ndarray:
    """Places that count in each window, (1, height, width, 1). Overhang beyond the padding never counts."""
    per_axis = []
    for axis in (0, 1):
        before, after = padding[axis]
        length = x_shape[axis + 1]
        low, high = (-before, length + after) if count_padding else (0, length)
        start = np.arange(y_shape[axis + 1]) * strides[axis] - before
        per_axis.append(np.minimum(start + size[axis], high) - np.maximum(start, low))
    return (per_axis[0][:, None] * per_axis[1][None, :])[None, :, :, None]


@kernel
def pool_global_average(xp: ModuleType, x: Array, out: Array) -> None:
    """out = the mean over all pixels, per channel; x is (n, pixels, channels), out (n, channels)."""
    xp.sum(x, axis=1, out=out)
    out /= x.shape[1]


@kernel
def pool_global_average_gradient(xp: ModuleType, dy: Array, out: Array) -> None:
    """out = gradient with respect to x, shared out evenly."""
    out[...] = dy[:, None, :]
    out /= out.shape[1]


@kernel
def pool_global_max(xp: ModuleType, x: Array, out: Array, winner: Array | None) -> None:
    """out = the largest pixel, per channel; `winner` (int32, or None) = which it was, the first of equals."""
    xp.max(x, axis=1, out=out)
    if winner is not None:
        winner[...] = x.argmax(axis=1)


@kernel
def pool_global_max_gradient(xp: ModuleType, dy: Array, winner: Array, out: Array) -> None:
    """out = gradient with respect to x: all of it to the winner."""
    pixels = xp.arange(out.shape[1])[None, :, None]
    out[...] = xp.where(pixels == winner[:, None, :], dy[:, None, :], 0)
