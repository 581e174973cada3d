"""The gradient of a convolution's weights in register tiles; for processors with AVX-512."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels._arrays import FLOAT32
from cortex_lab.compute.cpu.kernels._direct import SLACK, is_padded, vectors_for, with_border
from cortex_lab.compute.cpu.machine import has_wide_registers
from cortex_lab.compute.cpu.microkernels.convolution_kernel import (
    HEIGHTS,
    correlate_tile,
    height_for,
    multiply_tile,
)
from cortex_lab.compute.cpu.native import clear_block, copy_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import LANES, first_lanes, load, store
from cortex_lab.compute.kernel import Array
from cortex_lab.compute.work import Work

SHAPES = ((4, 2), (8, 1))
"""Channels and vectors of filters of a tile for three taps; the second where filters are few."""
BLOCK = 10_240
"""Floats of image and gradient that stay in the first-level cache while tiles go by."""
MOST = 300_000
"""Floats of weights that are summed in place, in the second-level cache."""
_ON = has_wide_registers()


def weight_gradient_pays(geometry: tuple[int, ...]) -> bool:
    """Whether tiles are faster than BLAS: not where the weights are many or each tile has little to sum."""
    _, _, channels, kh, kw, _, _, filters, _, _, _, _, _, dw, groups = geometry
    if not _ON or groups > 1 or (kw > 1 and dw > 1) or filters < 8:
        return False
    return _is_small(geometry) or (_overlaps(geometry) and kh * kw * channels * filters <= MOST)


def weight_gradient(
    x: Array, dy: Array, sums: Array, geometry: tuple[int, ...], pieces: Sequence[tuple[int, ...]]
) -> Work:
    """What finds the gradient (taps, channels, filters), flat, of each piece: (number, start and stop row).

    They go to `sums`, which is flat, one behind the other.
    """
    _, _, channels, kh, kw, out_height, out_width, filters, sh, sw, _, _, dh, dw, _ = geometry
    line = ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels
    if _overlaps(geometry) and (filters <= LANES or not _is_small(geometry)):
        # Several taps share a load, at the price of some columns of zeros.
        tall, vectors = SHAPES[filters <= LANES]
        panel = LANES * vectors
        slopes = (out_width + 2 * (kw - 1)) * (-(-filters // panel) * panel)
        at_once = min(out_height, max(1, (BLOCK - (kh - 1) * dh * line) // (line * sh + slopes)))
        kernel, setting = _sliding_kernel(tall, vectors, kw), at_once
        sizes = ((at_once - 1) * sh + (kh - 1) * dh + 1) * line + SLACK, at_once * slopes
    else:
        vectors = vectors_for(filters)
        # Six rows of four vectors are 24 sums, which with four weights and a pixel fill the registers.
        tall = 6 if vectors == 4 else height_for(kw * channels, overhang=True) or HEIGHTS[0]
        # A tile that is not filled reads on behind its taps: in the image itself, that may be behind its end.
        copied = is_padded(geometry) or kw * channels % tall > 0
        kernel, setting = _tap_kernel(tall, vectors), copied
        sizes = ((out_height - 1) * sh + (kh - 1) * dh + 1) * line + SLACK if copied else 1, 1
    before = (x.reshape(-1), dy.reshape(-1), sums, geometry, setting)
    return work(kernel, before, pieces, partial(_rooms, *sizes))


def _rooms(image: int, gradient: int, worker: int) -> tuple[Any, Any]:
    room = get_workers().room
    return room(worker, "padded image", FLOAT32, image), room(worker, "padded gradient", FLOAT32, gradient)


def _is_small(geometry: tuple[int, ...]) -> bool:
    """Whether images can be read once for each few taps, and weights once for each image."""
    height, width, channels, kh, kw, out_height, out_width, filters, *_ = geometry
    image = height * width * channels + out_height * out_width * filters
    return image <= 65_536 and kh * kw * channels * filters <= 100_000


def _overlaps(geometry: tuple[int, ...]) -> bool:
    """Whether three neighboring outputs look at the same pixels, of enough channels for a tile."""
    return geometry[9] == 1 and geometry[4] == 3 and geometry[2] >= 8


@compiled
def _spread_out(dy, padded, row, rows, width, filters, panel, border):
    """Rows of the gradient as panels of filters, with `border` zeros before and after each row."""
    to = 0
    everything = first_lanes(16)
    for p in range(0, filters, panel):
        for r in range(row, row + rows):
            # Taps that look past the ends of a row find nothing there.
            clear_block(padded, to, border * panel)
            to += border * panel
            at = r * width * filters + p
            if panel == filters:
                copy_block(padded, to, dy, at, width * panel)
                to += width * panel
            else:
                for _ in range(width):
                    for c in range(0, panel, 16):
                        store(padded, to + c, load(dy, at + c, first_lanes(filters - p - c)), everything)
                    to += panel
                    at += filters
            clear_block(padded, to, border * panel)
            to += border * panel


@cache
def _sliding_kernel(tall: int, vectors: int, taps: int) -> Any:
    panel = LANES * vectors

    def gradient_of_rows(x, dy, sums, geometry, at_once, piece, start, stop, padded, slopes):
        height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
            geometry
        )
        own = piece * kh * kw * channels * filters
        steps = out_width + taps - 1
        # With the zeros at both ends of a row of slopes, every tap of the kernel takes the same steps.
        line = steps * channels
        slope_line = (steps + taps - 1) * panel
        keep = 0
        row = start
        while row < stop:
            image, first = row // out_height, row % out_height
            count = min(at_once, out_height - first, stop - row)
            with_border(x, image, padded, 0, geometry, first, first + count)
            _spread_out(dy, slopes, row, count, out_width, filters, panel, taps - 1)
            for p in range(0, filters, panel):
                # Behind the first zeros: tap 0 begins with the first slope, the others before it.
                at = p // panel * count * slope_line + (taps - 1) * panel
                for i in range(kh):
                    for k in range(0, channels, tall):
                        correlate_tile(
                            tall, vectors, taps, padded, i * dh * line + k, 1, channels, sh * line,
                            slopes, at, panel, slope_line, count, steps,
                            sums, own + (i * taps * channels + k) * filters + p, filters, channels * filters,
                            channels - k, filters - p, keep,
                        )  # fmt: skip
            keep = 1
            row += count

    return piecework(gradient_of_rows)


@cache
def _tap_kernel(tall: int, vectors: int) -> Any:
    panel = LANES * vectors

    def gradient_of_rows(x, dy, sums, geometry, pad, piece, start, stop, padded, _):
        height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
            geometry
        )
        own = piece * kh * kw * channels * filters
        run = kw * channels
        line = ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels if pad else width * channels
        # The first rows write over what the sums held, so that nobody has to clear them.
        keep = 0
        row = start
        while row < stop:
            image, first = row // out_height, row % out_height
            last = min(out_height, first + stop - row)
            origin = (image * height + first * sh) * line
            if pad:
                with_border(x, image, padded, 0, geometry, first, last)
                origin = 0
            source = padded if pad else x
            for p in range(0, filters, panel):
                for i in range(kh):
                    for k in range(0, run, tall):
                        multiply_tile(
                            tall, vectors, source, origin + i * dh * line + k, 1, sw * channels, sh * line,
                            dy, row * out_width * filters + p, filters, out_width * filters,
                            last - first, out_width,
                            sums, own + (i * run + k) * filters + p, filters,
                            min(tall, run - k), min(panel, filters - p), keep,
                        )  # fmt: skip
            keep = 1
            row += last - first

    return piecework(gradient_of_rows)
