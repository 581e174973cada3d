"""Depthwise convolution, sixteen channels at once; each channel with one filter of its own.

Channels lie side by side in memory, and no channel hears of another: a vector of them is convolved as a
number would be. Filters are read anew at each place; four places share a reading.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.kernels.linear import add_up
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import every, first_lanes, fma, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import depthwise
from cortex_lab.compute.kernels.convolution import Padding, Pair
from cortex_lab.compute.work import in_turn

GRAIN = 32_768
"""Multiply-adds in vectors below which a piece is not worth another worker."""
_ZERO = np.float32(0)


@depthwise.depthwise_convolve.override("cpu")
def depthwise_convolve(
    ops: OpsLike, x: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> Any:
    if not plain(x, w) or not writable(out) or not _single(w, x, out):
        return NotImplemented
    (top, _), (left, _) = padding
    return _convolution(x, w, out, strides, (top, left), dilation, False)


@depthwise.depthwise_convolve_input_gradient.override("cpu")
def depthwise_convolve_input_gradient(
    ops: OpsLike, dy: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> Any:
    if not plain(dy, w) or not writable(out) or not _single(w, out, dy):
        return NotImplemented
    (top, _), (left, _) = padding
    if tuple(strides) == (1, 1):
        # The same with the filters turned round, and with what of their width the padding leaves.
        before = (w.shape[0] - 1) * dilation[0] - top, (w.shape[1] - 1) * dilation[1] - left
        return _convolution(dy, w, out, strides, before, dilation, True)
    flat = dy.reshape(-1), w.reshape(-1), out.reshape(-1)
    given = (*flat, *_sizes(dy, w, out), *strides, top, left, *dilation)
    return work(_gather, given, _pieces(out, w))


@depthwise.depthwise_convolve_weight_gradient.override("cpu")
def depthwise_convolve_weight_gradient(
    ops: OpsLike, x: Array, dy: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair
) -> Any:
    if not plain(x, dy) or not writable(out) or not _single(out, x, dy):
        return NotImplemented
    (top, _), (left, _) = padding
    pieces = get_workers().split(len(x), max(1, GRAIN * 16 // (dy[0].size * out.shape[0] * out.shape[1])))
    sums = np.empty((len(pieces), out.size))
    sizes = _sizes(x, out, dy)
    given = (x.reshape(-1), dy.reshape(-1), sums, *sizes, *strides, top, left, *dilation)
    products = work(_products, given, [(k, *piece) for k, piece in enumerate(pieces)])
    return in_turn(products, work(add_up, (sums, out.reshape(-1))))


def _single(w: Array, x: Array, y: Array) -> bool:
    """Whether each channel has one filter, and the three belong together."""
    channels = w.shape[2]
    fits = w.shape[3] == 1 and x.shape[3] == y.shape[3] == channels and len(x) == len(y)
    return fits and x.size > 0 and y.size > 0


def _sizes(x: Array, w: Array, y: Array) -> tuple[int, ...]:
    return (*x.shape[1:3], *w.shape[:2], *y.shape[1:])


def _convolution(
    x: Array, w: Array, out: Array, strides: Pair, before: tuple[int, int], dilation: Pair, turned: bool
) -> Any:
    flat = x.reshape(-1), w.reshape(-1), out.reshape(-1)
    given = (*flat, *_sizes(x, w, out), *strides, *before, *dilation, turned)
    return work(_convolve, given, _pieces(out, w))


def _pieces(out: Array, w: Array) -> list[tuple[int, int]]:
    rows = out.shape[0] * out.shape[1]
    return get_workers().split(rows, max(1, GRAIN * 16 // (out.shape[2] * w.size)))


@piecework
def _convolve(
    x, w, out, height, width, tall, wide, rows, columns, channels, down, along, top, left, apart, aside,
    turned, start, stop,
):  # fmt: skip
    # Places whose window lies inside the image from left to right need no looking at its columns.
    first = min(columns, max(0, (left + along - 1) // along))
    reach = width - 1 - (wide - 1) * aside + left
    last = max(first, min(columns, reach // along + 1)) if reach >= 0 else first
    step = along * channels
    for row in range(start, stop):
        image, i = row // rows, row % rows
        above = i * down - top
        for c in range(0, channels, 16):
            lanes = first_lanes(channels - c)
            for j in range(first):
                _place(
                    x, w, out, height, width, tall, wide, channels, apart, aside, turned,
                    image, above, j * along - left, (row * columns + j) * channels + c, c, lanes,
                )  # fmt: skip
            j = first
            while j + 4 <= last:
                a0, a1, a2, a3 = every(_ZERO), every(_ZERO), every(_ZERO), every(_ZERO)
                for t in range(tall):
                    r = above + t * apart
                    if r < 0 or r >= height:
                        if not turned:
                            nothing = _of_the_border(w, t * wide, wide, channels, c, lanes)
                            a0, a1, a2, a3 = a0 + nothing, a1 + nothing, a2 + nothing, a3 + nothing
                        continue
                    at = ((image * height + r) * width + j * along - left) * channels + c
                    for u in range(wide):
                        tap = t * wide + u
                        if turned:
                            tap = tall * wide - 1 - tap
                        f = load(w, tap * channels + c, lanes)
                        a0 = fma(load(x, at, lanes), f, a0)
                        a1 = fma(load(x, at + step, lanes), f, a1)
                        a2 = fma(load(x, at + 2 * step, lanes), f, a2)
                        a3 = fma(load(x, at + 3 * step, lanes), f, a3)
                        at += aside * channels
                to = (row * columns + j) * channels + c
                store(out, to, a0, lanes)
                store(out, to + channels, a1, lanes)
                store(out, to + 2 * channels, a2, lanes)
                store(out, to + 3 * channels, a3, lanes)
                j += 4
            while j < columns:
                _place(
                    x, w, out, height, width, tall, wide, channels, apart, aside, turned,
                    image, above, j * along - left, (row * columns + j) * channels + c, c, lanes,
                )  # fmt: skip
                j += 1


@compiled
def _place(
    x, w, out, height, width, tall, wide, channels, apart, aside, turned, image, above, before, to, c, lanes
):
    """One place, whatever of its window is outside of the image."""
    total = every(_ZERO)
    for t in range(tall):
        r = above + t * apart
        for u in range(wide):
            q = before + u * aside
            tap = t * wide + u
            if r < 0 or r >= height or q < 0 or q >= width:
                if not turned:
                    total = total + _of_the_border(w, tap, 1, channels, c, lanes)
                continue
            if turned:
                tap = tall * wide - 1 - tap
            pixel = load(x, ((image * height + r) * width + q) * channels + c, lanes)
            total = fma(pixel, load(w, tap * channels + c, lanes), total)
    store(out, to, total, lanes)


@compiled
def _of_the_border(w, tap, count, channels, c, lanes):
    """Zeros times these taps: nothing, unless one of them is not finite, which is not to be hidden."""
    total = every(_ZERO)
    for t in range(tap, tap + count):
        total = fma(every(_ZERO), load(w, t * channels + c, lanes), total)
    return total


@piecework
def _gather(
    dy, w, out, rows, columns, tall, wide, height, width, channels, down, along, top, left, apart, aside,
    start, stop,
):  # fmt: skip
    """The input gradient under strides: each pixel from the outputs whose window it is in."""
    for line in range(start, stop):
        image, r = line // height, line % height
        for q in range(width):
            for c in range(0, channels, 16):
                lanes, total = first_lanes(channels - c), every(_ZERO)
                for t in range(tall):
                    above = r + top - t * apart
                    if above < 0 or above % down != 0 or above // down >= rows:
                        continue
                    for u in range(wide):
                        before = q + left - u * aside
                        if before < 0 or before % along != 0 or before // along >= columns:
                            continue
                        at = ((image * rows + above // down) * columns + before // along) * channels + c
                        f = load(w, (t * wide + u) * channels + c, lanes)
                        total = fma(load(dy, at, lanes), f, total)
                store(out, (line * width + q) * channels + c, total, lanes)


@piecework
def _products(
    x, dy, all_sums, height, width, tall, wide, rows, columns, channels, down, along, top, left, apart, aside,
    k, start, stop,
):  # fmt: skip
    # Float32 sums over an image, in registers; those of images in float64.
    sums, part = all_sums[k], np.empty(16, np.float32)
    sums[:] = 0.0
    for image in range(start, stop):
        for c in range(0, channels, 16):
            lanes = first_lanes(channels - c)
            for t in range(tall):
                for u in range(wide):
                    first = min(columns, max(0, (left - u * aside + along - 1) // along))
                    reach = width - 1 - u * aside + left
                    last = max(first, min(columns, reach // along + 1)) if reach >= 0 else first
                    a0, a1 = every(_ZERO), every(_ZERO)
                    for i in range(rows):
                        r = i * down - top + t * apart
                        line = (image * rows + i) * columns
                        if r < 0 or r >= height:
                            a1 = a1 + _of_the_border(dy, line, columns, channels, c, lanes)
                            continue
                        a1 = a1 + _of_the_border(dy, line, first, channels, c, lanes)
                        a1 = a1 + _of_the_border(dy, line + last, columns - last, channels, c, lanes)
                        at = ((image * height + r) * width + first * along - left + u * aside) * channels + c
                        of = (line + first) * channels + c
                        # Two sums, since one would wait for itself.
                        for _ in range((last - first) // 2):
                            a0 = fma(load(x, at, lanes), load(dy, of, lanes), a0)
                            at += along * channels
                            of += channels
                            a1 = fma(load(x, at, lanes), load(dy, of, lanes), a1)
                            at += along * channels
                            of += channels
                        if (last - first) % 2 == 1:
                            a0 = fma(load(x, at, lanes), load(dy, of, lanes), a0)
                    store(part, 0, a0 + a1, first_lanes(16))
                    for s in range(min(16, channels - c)):
                        sums[(t * wide + u) * channels + c + s] += part[s]
