"""Augmentation, image by image on all workers: every change of an image while it is near."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import exact, exact_piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
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
    at, down, right = np.empty(width, np.int32), np.empty(width, np.float32), np.empty(width, np.float32)
    given, made, size = x.reshape(-1), out.reshape(-1), height * width * channels
    for n in range(start, stop):
        _lay_out(given[n * size : (n + 1) * size], height, width, channels, nearest, wide)
        image, m, found = made[n * size : (n + 1) * size], matrices[n], (at, down, right)
        tone = np.float32(tones[n, 0]), np.float32(tones[n, 1])
        if _move(wide, m, height, width, channels, found, tone, image):
            _move_with_care(wide, m, height, width, channels, found, tone, image)
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
def _find(m, i, height, width, channels, at, down, right):
    """Where each pixel of line i comes from: the first of four in the bordered image, and their shares."""
    # Without calls and with steps of one width, so that several pixels are found at once.
    end, last, line, channels = (
        float(height),
        float(width),
        np.int32((width + 3) * channels),
        np.int32(channels),
    )
    row_start, row_step, row_origin = m[0, 0] * i, m[0, 1], m[0, 2]
    column_start, column_step, column_origin = m[1, 0] * i, m[1, 1], m[1, 2]
    for j in range(np.uint64(width)):
        place = np.float64(np.int32(j))
        row = (row_start + row_step * place) + row_origin
        column = (column_start + column_step * place) + column_origin
        row = row if row > -1.0 else -1.0
        row = row if row < end else end
        column = column if column > -1.0 else -1.0
        column = column if column < last else last
        row, column = row + 1.0, column + 1.0
        top, left = np.int32(row), np.int32(column)
        down[j], right[j] = np.float32(row - np.float64(top)), np.float32(column - np.float64(left))
        at[j] = top * line + left * channels


@exact
def _move(wide, m, height, width, channels, found, tone, image):
    """An image out of the bordered one; whether one of its pixels is no number before its tone."""
    at, down, right = found
    factor, summand = tone
    strange, line, step = np.uint32(0), np.uint64((width + 3) * channels), np.uint64(channels)
    for i in range(height):
        _find(m, i, height, width, channels, at, down, right)
        into = np.uint64(i * width * channels)
        if channels == 1:
            # Once more for images in gray: a loop in a loop would be a third slower.
            for j in range(np.uint64(width)):
                k = np.uint64(np.uint32(at[j]))
                a, b, c, d = wide[k], wide[k + np.uint64(1)], wide[k + line], wide[k + line + np.uint64(1)]
                upper, lower = a + right[j] * (b - a), c + right[j] * (d - c)
                value = upper + down[j] * (lower - upper)
                strange |= np.uint32(value != value)
                image[into + j] = factor * value + summand
            continue
        for j in range(np.uint64(width)):
            first, before, above, place = np.uint64(np.uint32(at[j])), right[j], down[j], into + j * step
            for channel in range(step):
                k = first + channel
                a, b, c, d = wide[k], wide[k + step], wide[k + line], wide[k + line + step]
                upper, lower = a + before * (b - a), c + before * (d - c)
                value = upper + above * (lower - upper)
                strange |= np.uint32(value != value)
                image[place + channel] = factor * value + summand
    return strange != 0


@exact
def _move_with_care(wide, m, height, width, channels, found, tone, image):
    """`_move`, where some pixels are infinite, whose differences are no numbers."""
    at, down, right = found
    line = (width + 3) * channels
    for i in range(height):
        _find(m, i, height, width, channels, at, down, right)
        for j in range(width):
            for channel in range(channels):
                k = at[j] + channel
                a, b, c, d = wide[k], wide[k + channels], wide[k + line], wide[k + line + channels]
                upper, lower = a + right[j] * (b - a), c + right[j] * (d - c)
                value = upper + down[j] * (lower - upper)
                if value != value:
                    value = _mixed(a, b, c, d, down[j], right[j])
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
