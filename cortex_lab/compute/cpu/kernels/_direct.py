"""Convolution in register tiles that read the image where it lies; for processors with AVX-512."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32
from cortex_lab.compute.cpu.machine import has_wide_registers
from cortex_lab.compute.cpu.microkernels.convolution_kernel import REGISTERS, slide_tile
from cortex_lab.compute.cpu.native import clear_block, copy_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import LANES, choose, every, first_lanes, is_finite, load, store
from cortex_lab.compute.kernel import Array
from cortex_lab.compute.work import Work, join

HEIGHTS = (4, 6, 7, 8, 12, 14, 16)
"""Pixels that a tile may have; few, as each is compiled on its own."""
PRODUCTS = {1: 14, 2: 12, 4: 6}
"""Pixels of a tile by its vectors of filters, where no two windows share a pixel."""
WEIGHTS = 8_192
"""Floats of packed weights that stay in the first-level cache while pixels go by."""
PIXELS = 12_288
"""Floats of images that stay in the first-level cache."""
IMAGES = 131_072
"""Floats of images that stay in the second-level cache while weights go by."""
LIGHT = 100_000
"""Multiply-adds for an image up to which tiles have one height: few kernels to compile, and little lost."""
THIN = 64
"""Channels from which pixels of a strided 1 x 1 convolution are put side by side first."""
SLACK = 64
"""Floats that a tile may read beyond the last pixel it needs."""
_ON = has_wide_registers()
_ZERO, _ONE, _LOWEST = np.float32(0), np.float32(1), np.float32(-np.inf)
_NONE = np.zeros(0, np.float32)
PLAIN = (None, None, None, False)
"""The ending that leaves a convolution as it is."""


def forward(
    x: Array, w: Array, out: Array, geometry: tuple[int, ...], ending: tuple[Any, ...] = PLAIN
) -> Work | None:
    """What does the whole convolution, if tiles can do it; None if not.

    `ending` is (scale, shift, addend, relu): factors and terms of the filters, an array of the output's
    shape, each of which may be None, and whether what is negative becomes zero.
    """
    scale, shift, addend = (_NONE if array is None else array.reshape(-1) for array in ending[:3])
    relu = ending[3]
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    # Of fewer filters most lanes would be empty, and taps that leave pixels out share none.
    if not _ON or groups > 1 or (kw > 1 and dw > 1) or filters < 8:
        return None
    strided = (sh, sw) != (1, 1)
    enough = len(x) * out_height * out_width >= max(PRODUCTS.values())
    if kh == kw == 1 and enough and not is_padded(geometry) and not (strided and channels < THIN):
        seen, begin = _thinned(x, out_height, out_width, sh, sw) if strided else (x, [])
        rest = _multiply_pixels(seen, w, out, channels, filters, (scale, shift, addend, relu))
        return join([*begin, *rest])
    plan = _window_plan(geometry)
    if plan is None:
        return None
    kernel, panel, depth, at_once, room = plan
    packed, pack = _packing(w, channels, filters, panel, depth, scale)
    before = (x.reshape(-1), packed, out.reshape(-1), geometry, depth, at_once, room > 0)
    grain = -(-2_000_000 // (kh * kw * channels * out_width * filters))
    pieces = get_workers().split(len(x) * out_height, grain)
    ending = (scale, shift, addend, relu)
    return join([pack, work(kernel, (*before, ending), pieces, partial(_padded_image, room))])


@cache
def _window_plan(geometry: tuple[int, ...]) -> tuple[Any, int, int, int, int] | None:
    """The kernel, its filters and channels at a time, output rows at a time, and room for padded images."""
    _, _, channels, kh, kw, out_height, out_width, filters, sh, sw, _, _, dh, dw, _ = geometry
    light = kh * kw * channels * out_height * out_width * filters <= LIGHT
    shape = tile_shape(out_width, filters, kw, sw, HEIGHTS[:1] if light else HEIGHTS)
    if shape is None:
        return None
    tall, vectors = shape
    panel = vectors * LANES
    lines, line = (
        (out_height - 1) * sh + (kh - 1) * dh + 1,
        ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels,
    )
    # Few weights: pixels should stay in the first-level cache. Many: weights should be read seldom.
    limit = min(IMAGES, max(PIXELS, 4 * kh * kw * channels * filters))
    images = limit // (lines * line)
    at_once = images * out_height if images else max(1, (limit // line - (kh - 1) * dh - 1) // sh + 1)
    room = (max(1, images) * lines * line + SLACK) if is_padded(geometry) else 0
    kernel = _window_kernel(tall, vectors, kw, sw if kw > 1 else 1, channels == 1 and kw > 1 and not light)
    return kernel, panel, _depth(channels, kh * kw * panel), at_once, room


def tile_shape(
    out_width: int, filters: int, kw: int, sw: int, heights: tuple[int, ...] = HEIGHTS
) -> tuple[int, int] | None:
    """Pixels, one of `heights`, and vectors of filters of a tile, to be done in the least time.

    None if none fits.
    """
    vectors = 1 if filters <= LANES or 2 * kw + 8 >= REGISTERS else 2

    def time(tall: int) -> float:
        pixels = (tall - 1) * sw + kw
        # Cycles of a step: two multiply-adds in each, or a load and a little more, whichever takes longer.
        return -(-out_width // tall) * (1 + max(tall * kw * vectors / 2, 1.1 * (pixels + kw * vectors)))

    fitting = [tall for tall in heights if tall <= out_width and (tall + kw) * vectors < REGISTERS]
    return (min(fitting, key=time), vectors) if fitting else None


def vectors_for(filters: int) -> int:
    """Vectors of filters of a tile that waste the least."""
    return 1 if filters <= LANES else 2 if (filters - 1) % 64 < 32 else 4


def _multiply_pixels(
    x: Array, w: Array, out: Array, channels: int, filters: int, ending: tuple[Any, ...]
) -> list[Work]:
    vectors = vectors_for(filters)
    depth = _depth(channels, vectors * LANES)
    packed, pack = _packing(w, channels, filters, vectors * LANES, depth, ending[0])
    grain = max(PRODUCTS[vectors], -(-2_000_000 // (channels * filters)))
    pieces = get_workers().split(out.size // filters, grain)
    before = (x.reshape(-1), packed, out.reshape(-1), channels, filters, depth, ending)
    return [pack, work(_product_kernel(PRODUCTS[vectors], vectors), before, pieces)]


def _thinned(x: Array, out_height: int, out_width: int, sh: int, sw: int) -> tuple[Any, list[Work]]:
    """The pixels that strides of a 1 x 1 convolution look at, side by side, and what puts them there."""
    rows = len(x) * out_height
    size = rows * out_width * x.shape[3]
    thin = get_workers().room(0, "thinned image", FLOAT32, size)[:size]
    settings = (*x.shape[1:], out_height, out_width, sh, sw)
    pieces = get_workers().split(rows, -(-65_536 * rows // size))
    return thin, [work(_thin, (x.reshape(-1), thin, *settings), pieces)]


@piecework
def _thin(x, thin, height, width, channels, out_height, out_width, sh, sw, start, stop):
    for row in range(start, stop):
        image, line = row // out_height, row % out_height * sh
        for column in range(out_width):
            at = ((image * height + line) * width + column * sw) * channels
            copy_block(thin, (row * out_width + column) * channels, x, at, channels)


def _padded_image(room: int, worker: int) -> tuple[Any]:
    return (get_workers().room(worker, "padded image", FLOAT32, max(room, 1)),)


def _depth(channels: int, floats: int) -> int:
    """Channels taken at a time, of which each has `floats` packed weights: equal parts that fit the cache."""
    parts = -(-channels * floats // WEIGHTS)
    return -(-channels // min(parts, channels))


def is_padded(geometry: tuple[int, ...]) -> bool:
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    reach = (out_height - 1) * sh + (kh - 1) * dh + 1 - top, (out_width - 1) * sw + (kw - 1) * dw + 1 - left
    return top > 0 or left > 0 or reach[0] > height or reach[1] > width


def _packing(w: Array, channels: int, filters: int, panel: int, depth: int, scale: Array) -> tuple[Any, Work]:
    """Memory for packed weights, and what packs them: panels of filters, in parts of `depth` channels.

    A part is (kh, depth, kw, panel). The next convolution uses the memory as well.
    """
    # The last panel goes beyond the filters: a tile multiplies whole vectors, and finds zeros there.
    panels = -(-filters // panel)
    kh, kw = w.shape[:2]
    size = kh * kw * channels * panel
    # Of one room, whoever packs: one work has the pool at a time, and fills it before it reads it.
    packed = get_workers().room(0, "packed weights", FLOAT32, panels * size)
    settings = (scale, kh, kw, channels, filters, panel, depth)
    pieces = get_workers().split(panels, -(-131_072 // size), turns=1)
    return packed, work(_pack, (w.reshape(-1), packed, *settings), pieces)


@piecework
def _pack(w, packed, scale, kh, kw, channels, filters, panel, depth, start, stop):
    everything, one = first_lanes(16), every(_ONE)
    # As a mask and not as a branch, of which the compiler would make two copies of the loops.
    scaled = filters if scale.shape[0] > 0 else 0
    to = start * kh * kw * channels * panel
    for first in range(start * panel, stop * panel, panel):
        for begin in range(0, channels, depth):
            for i in range(kh):
                for k in range(begin, min(begin + depth, channels)):
                    for j in range(kw):
                        at = ((i * kw + j) * channels + k) * filters
                        for c in range(first, first + panel, 16):
                            lanes = first_lanes(filters - c)
                            value = load(w, at + c, lanes)
                            held = first_lanes(scaled - c)
                            factor = choose(held, load(scale, c, held), one)
                            # Infinity times a weight may be of either sign; it waits for their sum (`_end`).
                            factor = choose(is_finite(factor), factor, one)
                            store(packed, to, value * factor, everything)
                            to += 16


@compiled
def pack(w, packed, rows, filters, panel):
    nothing = w[:0]
    _pack(w, packed, nothing, 1, 1, rows, filters, panel, rows, 0, (filters + panel - 1) // panel)


@compiled
def with_border(x, image, padded, to, geometry, first, last):
    """The input rows that output rows first to last of an image look at, with the padding as zeros."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    row = ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels
    border = min(left * channels, row)
    copied = min(width * channels, row - border)
    for iy in range(first * sh - top, (last - 1) * sh + (kh - 1) * dh + 1 - top):
        if 0 <= iy < height:
            clear_block(padded, to, border)
            copy_block(padded, to + border, x, (image * height + iy) * width * channels, copied)
            clear_block(padded, to + border + copied, row - border - copied)
        else:
            clear_block(padded, to, row)
        to += row


@compiled
def _end(out, first, last, filters, ending):
    """What comes after the products, of pixels first to last."""
    scale, shift, addend, relu = ending
    for c in range(scale.shape[0]):
        if not np.isfinite(scale[c]):
            for pixel in range(first, last):
                out[pixel * filters + c] *= scale[c]
    # No branches in the loops: the compiler would make a copy of them for every combination.
    floor = every(_ZERO if relu else _LOWEST)
    shifted, added = shift.shape[0] > 0, addend.shape[0] > 0
    if not (shifted or added or relu):
        return
    for pixel in range(first, last):
        for c in range(0, filters, 16):
            lanes = first_lanes(filters - c)
            at = pixel * filters + c
            value = load(out, at, lanes) + load(shift, c, first_lanes(filters - c if shifted else 0))
            value = value + load(addend, at, first_lanes(filters - c if added else 0))
            store(out, at, choose(value < floor, floor, value), lanes)


@cache
def _window_kernel(tall: int, vectors: int, taps: int, by: int, single: bool) -> Any:
    panel = LANES * vectors

    def convolve_rows(x, w, out, geometry, depth, at_once, pad, ending, start, stop, padded):
        height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
            geometry
        )
        patch = kh * kw * channels
        pixel = 1 if single else channels if kw > 1 else sw * channels
        line = ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels if pad else width * channels
        lines = (out_height - 1) * sh + (kh - 1) * dh + 1 if pad else height
        row = start
        while row < stop:
            # Some rows of an image, or some whole images.
            count = min(at_once, stop - row)
            if row % out_height > 0 or count < out_height:
                count = min(count, out_height - row % out_height)
            else:
                count = count // out_height * out_height
            image, first = row // out_height, row % out_height
            origin = image * lines * line + first * sh * line
            if pad:
                for i in range((count + out_height - 1) // out_height):
                    last = min(first + count, out_height)
                    with_border(x, image + i, padded, i * lines * line, geometry, first, last)
                origin = 0
            source = padded if pad else x
            for p in range(0, filters, panel):
                for k in range(0, channels, depth):
                    deep = min(depth, channels - k)
                    weights = p * patch + k * kh * kw * panel
                    for r in range(count):
                        at = origin + (r // out_height * lines + r % out_height * sh) * line + k
                        to = (row + r) * out_width
                        column = 0
                        while column < out_width:
                            # The last tile of a row is moved back to end with it, and skips what it repeats.
                            begin = min(column, out_width - tall)
                            slide_tile(
                                tall, vectors, taps, by, source, at + begin * sw * channels, pixel, dh * line,
                                w, weights, kh, deep,
                                out, (to + begin) * filters + p, filters, column - begin, filters - p,
                                1 if k > 0 else 0,
                            )  # fmt: skip
                            column += tall
            _end(out, row * out_width, (row + count) * out_width, filters, ending)
            row += count

    return piecework(convolve_rows)


@cache
def _product_kernel(tall: int, vectors: int) -> Any:
    panel = LANES * vectors

    def multiply_pixels(x, w, out, channels, filters, depth, ending, start, stop):
        # Whole tiles of pixels that stay in the second-level cache while all filters go by.
        at_once = max(4 * tall, IMAGES // channels // tall * tall)
        for first in range(start, stop, at_once):
            last = min(first + at_once, stop)
            for p in range(0, filters, panel):
                for k in range(0, channels, depth):
                    deep = min(depth, channels - k)
                    for pixel in range(first, last, tall):
                        # The last one is moved back here, too.
                        begin = min(pixel, last - tall)
                        slide_tile(
                            tall, vectors, 1, 1, x, begin * channels + k, channels, 0,
                            w, p * channels + k * panel, 1, deep,
                            out, begin * filters + p, filters, pixel - begin, filters - p,
                            1 if k > 0 else 0,
                        )  # fmt: skip
            _end(out, first, last, filters, ending)

    return piecework(multiply_pixels)
