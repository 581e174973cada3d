"""Convolution in register tiles that read the image where it lies; for processors with AVX-512."""

from __future__ import annotations

from functools import cache
from typing import Any

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.native import clear_block, copy_block
from cortex_lab.compute.overrides._arrays import FLOAT32
from cortex_lab.compute.simd import LANES, first_lanes, load, store
from cortex_lab.compute.tiles import HEIGHTS, height_for, multiply_tile, tiles_pay
from cortex_lab.compute.workers import get_workers, workspace

# Floats that a tile may read beyond the last pixel it needs.
SLACK = 64
# Pixels in a row when a 1 x 1 convolution is taken as one long row of pixels cut into rows.
FLAT_ROW = 56
_ON = tiles_pay()


def forward(x: Any, w: Any, out: Any, geometry: tuple[int, ...], bare: bool) -> bool:
    """The whole convolution, if tiles can do it; False if not, and nothing is written then."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    pixels = len(x) * out_height * out_width
    if bare:
        if pixels < FLAT_ROW:
            return False
        out_width = FLAT_ROW
    tall = height_for(out_width)
    if not _ON or groups > 1 or (kw > 1 and dw > 1) or tall is None or filters < 8:
        return False
    vectors = 1 if filters <= LANES else 2
    packed = _packed(w, filters, vectors * LANES)
    kernel = _forward_kernel(tall, vectors)
    workers = get_workers()
    flat = x.reshape(-1), packed, out.reshape(-1)
    patch = kh * kw * channels
    grain = -(-2_000_000 // (patch * out_width * filters))
    if not bare:
        room = _room(geometry)
        padded = _is_padded(geometry)
        pieces = workers.split(len(x) * out_height, grain)
        workers.run(_forward_piece, [(kernel, *flat, geometry, *piece, padded and room) for piece in pieces])
        return True
    # Pixels as images of some rows, of which a worker's part of the input stays in its cache for all filters.
    rows = pixels // FLAT_ROW
    deep = max(1, min(32_768 // (FLAT_ROW * channels), -(-rows // (2 * workers.count))))
    shape = (FLAT_ROW, channels, 1, 1)
    whole = rows // deep * deep
    images = (deep, *shape, deep, FLAT_ROW, filters, 1, 1, 0, 0, 1, 1, 1)
    jobs = [(kernel, *flat, images, *piece, 0) for piece in workers.split(whole, grain)]
    workers.run(_forward_piece, jobs)
    rest = (1, *shape, 1, FLAT_ROW, filters, 1, 1, 0, 0, 1, 1, 1)
    if whole < rows:
        workers.run(
            _forward_piece,
            [
                (kernel, *flat, rest, *piece, 0)
                for piece in _shifted(workers.split(rows - whole, grain), whole)
            ],
        )
    if rows * FLAT_ROW < pixels:
        # The last pixels once more, together with as many before them as fill a row.
        start = pixels - FLAT_ROW
        ends = flat[0][start * channels :], packed, flat[2][start * filters :]
        _forward_piece(kernel, *ends, rest, 0, 1, 0)
    return True


def weight_gradient(x: Any, dy: Any, total: Any, geometry: tuple[int, ...], start: int, stop: int) -> None:
    """`total` (taps, channels, filters), flat, = the gradient from output rows `start` to `stop`."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    tall = height_for(kw * channels, overhang=True) or HEIGHTS[0]
    room = _room(geometry)
    kernel = _weight_kernel(tall, 1 if filters <= LANES else 2)
    copied = _is_padded(geometry) or kw * channels % tall > 0
    kernel(
        x, dy, total, geometry, start, stop, copied, workspace("padded image", FLOAT32, room if copied else 1)
    )


def weight_gradient_pays(geometry: tuple[int, ...]) -> bool:
    """Tiles read an image once for each few taps, the weights once for each image: both must be small."""
    height, width, channels, kh, kw, out_height, out_width, filters, _, _, _, _, _, dw, groups = geometry
    image = height * width * channels + out_height * out_width * filters
    if not _ON or groups > 1 or (kw > 1 and dw > 1) or filters < 8:
        return False
    return image <= 65_536 and kh * kw * channels * filters <= 100_000


def _forward_piece(
    kernel: Any, x: Any, w: Any, out: Any, geometry: tuple[int, ...], start: int, stop: int, room: int
) -> None:
    kernel(x, w, out, geometry, start, stop, room > 0, workspace("padded image", FLOAT32, max(room, 1)))


def _shifted(pieces: list[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(start + by, stop + by) for start, stop in pieces]


def _is_padded(geometry: tuple[int, ...]) -> bool:
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    reach = (out_height - 1) * sh + (kh - 1) * dh + 1 - top, (out_width - 1) * sw + (kw - 1) * dw + 1 - left
    return top > 0 or left > 0 or reach[0] > height or reach[1] > width


def _room(geometry: tuple[int, ...]) -> int:
    """Floats that an image with its padding takes, as far as the kernel's taps reach."""
    _, _, channels, kh, kw, out_height, out_width, _, sh, sw, _, _, dh, dw, _ = geometry
    return ((out_height - 1) * sh + (kh - 1) * dh + 1) * (
        (out_width - 1) * sw + (kw - 1) * dw + 1
    ) * channels + SLACK


def _packed(w: Any, filters: int, panel: int) -> Any:
    """The weights as panels of `panel` filters, each (taps and channels, panel) without gaps."""
    if filters == panel:
        return w.reshape(-1)
    panels, rows = -(-filters // panel), w.size // filters
    size = panels * rows * panel
    packed = workspace("packed weights", FLOAT32, size)[:size]
    pack(w.reshape(-1), packed, rows, filters, panel)
    return packed


@compiled
def pack(w, packed, rows, filters, panel):
    to = 0
    for first in range(0, filters, panel):
        for row in range(rows):
            for c in range(0, panel, 16):
                value = load(w, row * filters + first + c, first_lanes(filters - first - c))
                store(packed, to, value, first_lanes(16))
                to += 16


@compiled
def _with_border(x, image, padded, geometry, first, last):
    """The input rows that output rows first to last of an image look at, with the padding as zeros."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    row = ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels
    border = min(left * channels, row)
    copied = min(width * channels, row - border)
    to = 0
    for iy in range(first * sh - top, (last - 1) * sh + (kh - 1) * dh + 1 - top):
        if 0 <= iy < height:
            clear_block(padded, to, border)
            copy_block(padded, to + border, x, (image * height + iy) * width * channels, copied)
            clear_block(padded, to + border + copied, row - border - copied)
        else:
            clear_block(padded, to, row)
        to += row


@cache
def _forward_kernel(tall: int, vectors: int) -> Any:
    panel = LANES * vectors

    def convolve_rows(x, w, out, geometry, start, stop, pad, padded):
        height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
            geometry
        )
        run = kw * channels
        patch = kh * run
        row = start
        while row < stop:
            image, first = row // out_height, row % out_height
            last = min(out_height, first + stop - row)
            if pad:
                _with_border(x, image, padded, geometry, first, last)
                source, origin, line = padded, 0, ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels
            else:
                source, origin, line = x, (image * height + first * sh) * width * channels, width * channels
            for p in range(0, filters, panel):
                for r in range(last - first):
                    at = origin + r * sh * line
                    to = (row + r) * out_width
                    column = 0
                    while column < out_width:
                        # The last tile of a row is moved back to end with it: some pixels are computed twice.
                        column = min(column, out_width - tall)
                        multiply_tile(
                            tall, vectors, source, at + column * sw * channels, sw * channels, 1, dh * line,
                            w, p * patch, panel, run * panel, kh, run,
                            out, (to + column) * filters + p, filters, tall, min(panel, filters - p), 0,
                        )  # fmt: skip
                        column += tall
            row += last - first

    return compiled(convolve_rows)


@cache
def _weight_kernel(tall: int, vectors: int) -> Any:
    panel = LANES * vectors

    def gradient_of_rows(x, dy, total, geometry, start, stop, pad, padded):
        height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
            geometry
        )
        run = kw * channels
        keep = 0
        row = start
        while row < stop:
            image, first = row // out_height, row % out_height
            last = min(out_height, first + stop - row)
            if pad:
                _with_border(x, image, padded, geometry, first, last)
                source, origin, line = padded, 0, ((out_width - 1) * sw + (kw - 1) * dw + 1) * channels
            else:
                source, origin, line = x, (image * height + first * sh) * width * channels, width * channels
            for p in range(0, filters, panel):
                for i in range(kh):
                    for k in range(0, run, tall):
                        multiply_tile(
                            tall, vectors, source, origin + i * dh * line + k, 1, sw * channels, sh * line,
                            dy, row * out_width * filters + p, filters, out_width * filters,
                            last - first, out_width,
                            total, (i * run + k) * filters + p, filters,
                            min(tall, run - k), min(panel, filters - p), keep,
                        )  # fmt: skip
            keep = 1
            row += last - first

    return compiled(gradient_of_rows)
