"""Two-dimensional depthwise convolution, channels last: every channel has filters of its own.

x is (n, height, width, channels), w is (kernel height, kernel width, channels, multiplier), and filter m of
channel c gives output channel c * multiplier + m. `padding` is ((top, bottom), (left, right)).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.convolution import Padding, Pair, bordered, taps


@kernel
def depthwise_convolve(
    xp: ModuleType, x: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> None:
    """out[n, i, j, c * multiplier + m] = sum over taps of padded x[..., c] * w[..., c, m]."""
    padded = bordered(xp, x, padding)
    out[...] = 0
    for tap, window in taps(w.shape, out.shape, strides, dilation):
        for m, filters in _multiples(w):
            out[..., filters] += padded[window] * w[tap][:, m]


@kernel
def depthwise_convolve_input_gradient(
    xp: ModuleType, dy: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> None:
    """out = gradient with respect to x of a depthwise convolution whose output has gradient `dy`."""
    (top, bottom), (left, right) = padding
    n, height, width, channels = out.shape
    padded = xp.zeros((n, height + top + bottom, width + left + right, channels), out.dtype)
    for tap, window in taps(w.shape, dy.shape, strides, dilation):
        for m, filters in _multiples(w):
            padded[window] += dy[..., filters] * w[tap][:, m]
    out[...] = padded[:, top : top + height, left : left + width]


@kernel
def depthwise_convolve_weight_gradient(
    xp: ModuleType, x: Array, dy: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> None:
    """out = gradient with respect to w of a depthwise convolution whose output has gradient `dy`."""
    padded = bordered(xp, x, padding)
    for tap, window in taps(out.shape, dy.shape, strides, dilation):
        for m, filters in _multiples(out):
            out[tap][:, m] = (padded[window] * dy[..., filters]).sum(axis=(0, 1, 2))


def _multiples(w: Array) -> Iterator[tuple[int, slice]]:
    """Each filter a channel has, with the output channels that hold it."""
    # Whole channels at a time: a last axis as short as the multiplier would make NumPy crawl.
    return ((m, slice(m, None, w.shape[3])) for m in range(w.shape[3]))
