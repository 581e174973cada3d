"""Convolution as matrix products of patches, a tile at a time, so that its patches never leave the cache."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels import _correlate, _direct
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32, plain, writable
from cortex_lab.compute.cpu.kernels._mending import mend_input_gradient, mend_weight_gradient
from cortex_lab.compute.cpu.native import clear_block, copy_block, gemm
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import convolution
from cortex_lab.compute.kernels.activation import activate, bias_activate
from cortex_lab.compute.kernels.convolution import Padding, Pair
from cortex_lab.compute.work import Call, Work, in_turn, join

TILE = 131_072
"""Elements of patches made at a time: half a megabyte, which the second-level caches of today hold."""
_ZERO, _ONE = np.float32(0), np.float32(1)


@convolution.convolve.override("cpu")
def convolve(
    ops: OpsLike, x: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair, groups: int
) -> Any:
    if not plain(x, w) or not writable(out):
        return NotImplemented
    geometry = _geometry(x.shape, w.shape, out.shape, strides, padding, dilation, groups)
    return _convolution(x, w, out, geometry)


@convolution.convolve_and.override("cpu")
def convolve_and(
    ops: OpsLike, x: Array, w: Array, scale: Array | None, shift: Array | None, addend: Array | None,
    name: str, out: Array, strides: Pair, padding: Padding, dilation: Pair, groups: int,
) -> Any:  # fmt: skip
    if not plain(x, w, scale, shift, addend) or not writable(out):
        return NotImplemented
    geometry = _geometry(x.shape, w.shape, out.shape, strides, padding, dilation, groups)
    # Tiles write products before they read the addend, which must not be what they have written over.
    same = addend is not None and np.may_share_memory(addend, out)
    relu = name == "relu"
    whole = None if same else _direct.forward(x, w, out, geometry, (scale, shift, addend, relu))
    if whole is not None:
        if relu or name == "linear":
            return whole
        return in_turn(whole, activate.prepare(ops, name, out, out))
    found = np.empty_like(out) if same else out
    calls: list[Call] = [_convolution(x, w, found, geometry)]
    if scale is not None:
        calls.append(partial(np.multiply, found, scale, out=found))
    calls.append(bias_activate.prepare(ops, found, shift, "linear" if addend is not None else name))
    if addend is not None:
        calls += [partial(np.add, found, addend, out=out), activate.prepare(ops, name, out, out)]
    return in_turn(*calls)


@convolution.convolve_weight_gradient.override("cpu")
def convolve_weight_gradient(
    ops: OpsLike, x: Array, dy: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Any:  # fmt: skip
    if not plain(x, dy) or not writable(out):
        return NotImplemented
    geometry = _geometry(x.shape, out.shape, dy.shape, strides, padding, dilation, groups)
    # Pieces go by rows of output and not by weights, of which there may be few.
    # Each piece has a sum of its own, so few of them; they are added in a fixed order.
    pieces = get_workers().split(len(x) * dy.shape[1], _grain(geometry), turns=2)
    tasks = [(k, *piece) for k, piece in enumerate(pieces)]
    count, total, flat = len(pieces), out.reshape(-1), (x.reshape(-1), dy.reshape(-1))
    sums = total if count == 1 else get_workers().room(0, "weight gradients", FLOAT32, count * out.size)
    adding = [work(_add_parts, (sums, total, count))] if count > 1 else []
    if _correlate.weight_gradient_pays(geometry):
        found = _correlate.weight_gradient(x, dy, sums, geometry, tasks)
        return join([found, *adding, work(mend_weight_gradient, (*flat, total, geometry))])
    found = work(_weight_gradient, (*flat, sums, geometry), tasks, partial(_room, geometry), blas=True)
    return join([found, *adding])


@convolution.convolve_input_gradient.override("cpu")
def convolve_input_gradient(
    ops: OpsLike, dy: Array, w: Array, out: Array, strides: Pair, padding: Padding, dilation: Pair,
    groups: int,
) -> Any:  # fmt: skip
    if not plain(dy, w) or not writable(out):
        return NotImplemented
    turned = _turned_padding(w.shape, padding, dilation)
    small = out.shape[1] * out.shape[2] <= 1.3 * dy.shape[1] * dy.shape[2]
    if strides == (1, 1) and groups == 1 and small and turned is not None:
        # As a convolution of dy with the kernel turned around: nothing to scatter.
        weights = np.empty((*w.shape[:2], w.shape[3], w.shape[2]), FLOAT32)
        geometry = _geometry(dy.shape, weights.shape, out.shape, strides, turned, dilation, 1)
        turn = work(_turn_around, (w, weights))
        mend = work(mend_input_gradient, (dy.reshape(-1), weights.reshape(-1), out.reshape(-1), geometry))
        return join([turn, _convolution(dy, weights, out, geometry), mend])
    geometry = _geometry(out.shape, w.shape, dy.shape, strides, padding, dilation, groups)
    flat = dy.reshape(-1), w.reshape(-1), out.reshape(-1)
    pieces = get_workers().split(len(out), 1)
    return work(_input_gradient, (*flat, geometry), pieces, partial(_room, geometry), blas=True)


def _convolution(x: Array, w: Array, out: Array, geometry: tuple[int, ...]) -> Work:
    """What does a convolution, by tiles or by BLAS."""
    whole = _direct.forward(x, w, out, geometry)
    if whole is not None:
        return whole
    flat = x.reshape(-1), w.reshape(-1), out.reshape(-1)
    pieces = get_workers().split(len(x) * out.shape[1], _grain(geometry))
    return work(_forward, (*flat, geometry), pieces, partial(_room, geometry), blas=True)


def _geometry(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> tuple[int, ...]:
    """Everything the compiled loops need to know, as one tuple of integers."""
    return (
        *x_shape[1:], *w_shape[:2], *y_shape[1:], *strides, padding[0][0], padding[1][0], *dilation, groups,
    )  # fmt: skip


def _turned_padding(w_shape: tuple[int, ...], padding: Padding, dilation: Pair) -> Padding | None:
    extents = [(length - 1) * step for length, step in zip(w_shape[:2], dilation, strict=True)]
    turned = tuple(
        (extent - before, extent - after) for extent, (before, after) in zip(extents, padding, strict=True)
    )
    return turned if min(map(min, turned)) >= 0 else None  # type: ignore[return-value]


def _patch(geometry: tuple[int, ...]) -> int:
    """Elements of a patch: a kernel's taps times the channels of a group."""
    return geometry[3] * geometry[4] * (geometry[2] // geometry[-1])


def _grain(geometry: tuple[int, ...]) -> int:
    """Rows of output pixels that are work enough for one worker: about 50 microseconds."""
    return -(-2_000_000 // (_patch(geometry) * geometry[6] * geometry[7]))


def _room(geometry: tuple[int, ...], worker: int) -> tuple[int, Any]:
    """Rows of output pixels in a tile, and a worker's memory for their patches."""
    row = _patch(geometry) * geometry[6]
    rows = max(1, TILE // row)
    return rows, get_workers().room(worker, "patches", FLOAT32, rows * row)


@piecework
def _turn_around(w, weights):
    """A kernel that goes back from outputs to inputs: (kh, kw, filters, channels), its taps in reverse."""
    kh, kw, channels, filters = w.shape
    for i in range(kh):
        for j in range(kw):
            for k in range(channels):
                for n in range(filters):
                    weights[kh - 1 - i, kw - 1 - j, n, k] = w[i, j, k, n]


# Part by part, in their order: the same sum whoever found the parts, and the loop inside is one of vectors.
@piecework
def _add_parts(sums, total, count):
    size = total.shape[0]
    for j in range(size):
        total[j] = sums[j] + sums[size + j]
    for i in range(2, count):
        for j in range(size):
            total[j] += sums[i * size + j]


@piecework
def _forward(x, w, out, geometry, start, stop, tile, patches):
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    inputs, outputs = channels // groups, filters // groups
    patch = kh * kw * inputs
    # Where pixels are patches, BLAS reads them where they lie.
    bare = patch == inputs and sh == 1 and sw == 1 and top == 0 and left == 0
    bare = bare and out_height == height and out_width == width
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        pixels = (last - first) * out_width
        at = first * out_width
        for g in range(groups):
            if bare:
                gemm(0, 0, pixels, outputs, patch, x, at * channels + g * inputs, channels,
                     w, g * outputs, filters, _ZERO, out, at * filters + g * outputs, filters)  # fmt: skip
            elif inputs == 1:
                _gather_taps(x, patches, geometry, first, last, g)
                gemm(1, 0, pixels, outputs, patch, patches, 0, pixels,
                     w, g * outputs, filters, _ZERO, out, at * filters + g * outputs, filters)  # fmt: skip
            else:
                _gather(x, patches, geometry, first, last, g)
                gemm(0, 0, pixels, outputs, patch, patches, 0, patch,
                     w, g * outputs, filters, _ZERO, out, at * filters + g * outputs, filters)  # fmt: skip


@piecework
def _weight_gradient(x, dy, sums, geometry, piece, start, stop, tile, patches):
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    inputs, outputs = channels // groups, filters // groups
    patch = kh * kw * inputs
    bare = patch == inputs and sh == 1 and sw == 1 and top == 0 and left == 0
    bare = bare and out_height == height and out_width == width
    for first in range(start, stop, tile):
        last = min(first + tile, stop)
        pixels = (last - first) * out_width
        at = first * out_width
        # BLAS does not read what it multiplies by 0, so the first tile may find anything there.
        kept = _ZERO if first == start else _ONE
        for g in range(groups):
            to = piece * patch * filters + g * outputs
            if bare:
                gemm(1, 0, patch, outputs, pixels, x, at * channels + g * inputs, channels,
                     dy, at * filters + g * outputs, filters, kept, sums, to, filters)  # fmt: skip
            elif inputs == 1:
                _gather_taps(x, patches, geometry, first, last, g)
                gemm(0, 0, patch, outputs, pixels, patches, 0, pixels,
                     dy, at * filters + g * outputs, filters, kept, sums, to, filters)  # fmt: skip
            else:
                _gather(x, patches, geometry, first, last, g)
                gemm(1, 0, patch, outputs, pixels, patches, 0, patch,
                     dy, at * filters + g * outputs, filters, kept, sums, to, filters)  # fmt: skip


@piecework
def _input_gradient(dy, w, out, geometry, start, stop, tile, patches):
    # Whole images only: patches overlap, and no pixel may belong to two workers.
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    inputs, outputs = channels // groups, filters // groups
    patch = kh * kw * inputs
    size = height * width * channels
    clear_block(out, start * size, (stop - start) * size)
    for first in range(start * out_height, stop * out_height, tile):
        last = min(first + tile, stop * out_height)
        at = first * out_width * filters
        for g in range(groups):
            gemm(0, 1, (last - first) * out_width, patch, outputs, dy, at + g * outputs, filters,
                 w, g * outputs, filters, _ZERO, patches, 0, patch)  # fmt: skip
            _scatter(patches, out, geometry, first, last, g)


@compiled
def _gather(x, patches, geometry, first, last, group):
    """patches[pixel, tap, channel] of the output rows first to last (counted through all images)."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    inputs = channels // groups
    run = kw * inputs
    whole = dw == 1 and groups == 1
    to = 0
    for r in range(first, last):
        image, row = r // out_height, r % out_height
        for column in range(out_width):
            ix = column * sw - left
            # Most patches lie inside: a row of their taps is then one block.
            inside = ix >= 0 and ix + kw <= width and whole
            for i in range(kh):
                iy = row * sh - top + i * dh
                at = ((image * height + iy) * width + ix) * channels
                if iy < 0 or iy >= height:
                    clear_block(patches, to, run)
                elif inside:
                    copy_block(patches, to, x, at, run)
                else:
                    for j in range(kw):
                        if 0 <= ix + j * dw < width:
                            copy_block(
                                patches, to + j * inputs, x, at + j * dw * channels + group * inputs, inputs
                            )
                        else:
                            clear_block(patches, to + j * inputs, inputs)
                to += run


@compiled
def _gather_taps(x, patches, geometry, first, last, group):
    """The same transposed, patches[tap, pixel], for one channel: whole rows of pixels are copied."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    pixels = (last - first) * out_width
    for i in range(kh):
        for j in range(kw):
            to = (i * kw + j) * pixels
            offset = j * dw - left
            # The columns whose tap lies in the image; all others see zeros.
            low = min(out_width, max(0, -(offset // sw)))
            high = max(low, min(out_width, (width - 1 - offset) // sw + 1))
            for r in range(first, last):
                image, row = r // out_height, r % out_height
                iy = row * sh - top + i * dh
                at = ((image * height + iy) * width + offset) * channels + group
                if iy < 0 or iy >= height:
                    clear_block(patches, to, out_width)
                else:
                    clear_block(patches, to, low)
                    clear_block(patches, to + high, out_width - high)
                    if sw == 1 and channels == 1:
                        copy_block(patches, to + low, x, at + low, high - low)
                    else:
                        for column in range(low, high):
                            patches[to + column] = x[at + column * sw * channels]
                to += out_width


@compiled
def _scatter(patches, out, geometry, first, last, group):
    """Add every patch to the pixels it was taken from."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    inputs = channels // groups
    run = kw * inputs
    whole = dw == 1 and groups == 1
    begin = 0
    for r in range(first, last):
        image, row = r // out_height, r % out_height
        for column in range(out_width):
            ix = column * sw - left
            inside = ix >= 0 and ix + kw <= width and whole
            for i in range(kh):
                iy = row * sh - top + i * dh
                at = ((image * height + iy) * width + ix) * channels
                if 0 <= iy < height:
                    if inside:
                        _add_to(out[at : at + run], patches[begin : begin + run])
                    else:
                        for j in range(kw):
                            if 0 <= ix + j * dw < width:
                                place, source = at + j * dw * channels + group * inputs, begin + j * inputs
                                _add_to(out[place : place + inputs], patches[source : source + inputs])
                begin += run


@compiled
def _add_to(total, part):
    for t in range(total.shape[0]):
        total[t] += part[t]
