"""Augmentation, image by image on all workers: every change of an image while it is near."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import exact, exact_piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.llvm import LANES
from cortex_lab.compute.cpu.microkernels.sampling import (
    between_four,
    between_four_apart,
    come_from,
    first_of_four,
    rest,
    store_apart,
    toned,
    whole_part,
)
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import any_of, both, first_lanes, is_nan, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import warp

GRAIN = 16_384
FARTHEST = 2**30
_NO_COLORS, _NO_BOXES = np.zeros((0, 3, 3)), np.zeros((0, 4), np.int64)


@warp.warp_affine.override("cpu")
def warp_affine(
    ops: OpsLike,
    x: Array,
    matrices: Array,
    tones: Array,
    nearest: bool,
    out: Array,
    colors: Array | None = None,
    boxes: Array | None = None,
) -> Any:
    if not plain(x) or not writable(out) or x.shape != out.shape or x.ndim != 4 or out.size == 0:
        return NotImplemented
    if (x.shape[1] + 3) * (x.shape[2] + 3) * x.shape[3] > FARTHEST or np.may_share_memory(x, out):
        return NotImplemented
    colors = _NO_COLORS if colors is None or x.shape[3] != 3 else colors
    boxes = _NO_BOXES if boxes is None else boxes
    for given, rows, dtype in (
        (matrices, (len(x),), np.float64), (tones, (len(x),), np.float64),
        (colors, (len(x), 0), np.float64), (boxes, (len(x), 0), np.int64),
    ):  # fmt: skip
        if given.dtype != dtype or len(given) not in rows or not given.flags.c_contiguous:
            return NotImplemented
    pieces = get_workers().split(len(x), -(-GRAIN // x[0].size))
    return work(_warp, (x, matrices, tones, nearest, out, colors, boxes), pieces)


@exact_piecework
def _warp(x, matrices, tones, nearest, out, colors, boxes, start, stop):
    _, height, width, channels = x.shape
    wide = np.zeros((height + 3) * (width + 3) * channels, np.float32)
    steps = np.empty(2 * (-(-width // LANES) * LANES))
    given, made, size = x.reshape(-1), out.reshape(-1), height * width * channels
    for n in range(start, stop):
        _lay_out(given[n * size : (n + 1) * size], height, width, channels, nearest, wide)
        image, m = made[n * size : (n + 1) * size], matrices[n]
        tone = np.float32(tones[n, 0]), np.float32(tones[n, 1])
        if _move(wide, m, height, width, channels, steps, tone, image):
            _move_with_care(wide, m, height, width, channels, tone, image)
        if len(colors):
            _color(image, colors[n])
        if len(boxes):
            top, bottom, left, last = boxes[n]
            for i in range(max(top, 0), min(bottom, height)):
                row = image[i * width * channels : (i + 1) * width * channels]
                row[max(left, 0) * channels : max(min(last, width), 0) * channels] = 0


@exact
def _lay_out(image, height, width, channels, nearest, wide):
    """The image inside a border: one line above and before it, two below and behind it."""
    line, across = (width + 3) * channels, width * channels
    for i in range(height):
        place, into = np.uint64(i * across), np.uint64((i + 1) * line + channels)
        for j in range(np.uint64(across)):
            wide[into + j] = image[place + j]
        if nearest:
            first, end = (i + 1) * line, (i + 1) * line + channels + across
            for c in range(channels):
                wide[first + c] = wide[first + channels + c]
                wide[end + c] = wide[end + channels + c] = wide[end - channels + c]
    if nearest:
        wide[:line] = wide[line : 2 * line]
        last = wide[height * line : (height + 1) * line]
        wide[(height + 1) * line : (height + 2) * line] = last
        wide[(height + 2) * line : (height + 3) * line] = last


@exact
def _steps(m, width, steps):
    """What a pixel's place in its line adds to the row and the column that it comes from."""
    for j in range(np.uint64(width)):
        place = np.float64(np.int32(j))
        steps[j], steps[np.uint64(width) + j] = m[0, 1] * place, m[1, 1] * place


@exact
def _move(wide, m, height, width, channels, steps, tone, image):
    """An image out of the bordered one; whether one of its pixels is no number before its tone."""
    factor, summand = tone
    line, room, strange = (width + 3) * channels, len(steps) // 2, np.uint32(0)
    _steps(m, room, steps)
    for i in range(height):
        from_row, from_column = m[0, 0] * i, m[1, 0] * i
        for j in range(0, width, LANES):
            lanes, into = first_lanes(width - j), (i * width + j) * channels
            row = come_from(from_row, steps, j, m[0, 2], float(height))
            column = come_from(from_column, steps, room + j, m[1, 2], float(width))
            top, left = whole_part(row), whole_part(column)
            down, right = rest(row, top), rest(column, left)
            at = first_of_four(top, left, np.int32(line), np.int32(channels))
            if channels == 1:
                value = between_four(wide, at, line, down, right)
                strange |= any_of(both(is_nan(value), lanes))
                store(image, into, toned(value, factor, summand), lanes)
                continue
            for channel in range(channels):
                value = between_four_apart(wide, at, channel, line, channels, down, right)
                strange |= any_of(both(is_nan(value), lanes))
                store_apart(image, into + channel, np.int32(channels), toned(value, factor, summand), lanes)
    return strange != 0


@exact
def _find(m, i, j, height, width):
    """Where pixel j of line i comes from: a row and a column of the bordered image."""
    row, column = m[0, 0] * i + m[0, 1] * j + m[0, 2], m[1, 0] * i + m[1, 1] * j + m[1, 2]
    return min(max(row, -1.0), float(height)) + 1.0, min(max(column, -1.0), float(width)) + 1.0


@exact
def _move_with_care(wide, m, height, width, channels, tone, image):
    """`_move`, where some pixels are infinite, whose differences are no numbers."""
    line = (width + 3) * channels
    for i in range(height):
        for j in range(width):
            row, column = _find(m, i, j, height, width)
            top, left = int(row), int(column)
            down, right = np.float32(row - top), np.float32(column - left)
            for channel in range(channels):
                k = top * line + left * channels + channel
                a, b, c, d = wide[k], wide[k + channels], wide[k + line], wide[k + line + channels]
                upper, lower = a + right * (b - a), c + right * (d - c)
                value = upper + down * (lower - upper)
                if value != value:
                    value = _mixed(a, b, c, d, down, right)
                image[(i * width + j) * channels + channel] = tone[0] * value + tone[1]


@exact
def _mixed(a, b, c, d, down, right):
    """The sum of four pixels by their shares; what has no share is not asked."""
    up, before, value = np.float32(1) - down, np.float32(1) - right, np.float32(0)
    for share, pixel in ((up * before, a), (up * right, b), (down * before, c), (down * right, d)):
        if share > 0:
            value += share * pixel
    return value


@exact
def _color(image, colors):
    """New channels of an image's three."""
    k = colors.astype(np.float32)
    for at in range(0, len(image), 3):
        r, g, b = image[at], image[at + 1], image[at + 2]
        for into in range(3):
            image[at + into] = (k[into, 0] * r + k[into, 1] * g) + k[into, 2] * b
