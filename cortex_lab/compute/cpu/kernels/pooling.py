"""Pooling in one pass: the maximum and its winner together, the gradient written where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.native import clear_block
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, either, every, first_lanes, is_nan, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import pooling
from cortex_lab.compute.kernels.pooling import Padding, Pair
from cortex_lab.compute.work import Work

GRAIN = 16_384
INT32 = np.dtype(np.int32)
_ZERO, _LOWEST, _FIRST = np.float32(0), np.float32(-np.inf), np.int32(0)
_NO_WINNER = np.zeros((1, 1, 1, 16), np.int32)


@pooling.pool_max.override("cpu")
def pool_max(
    ops: OpsLike, x: Array, out: Array, winner: Array | None, size: Pair, strides: Pair, padding: Padding
) -> Any:
    if not plain(x) or not writable(out) or not _is_winner(winner, out):
        return NotImplemented
    keep = winner is not None
    return _of_images(_largest, x, (x, out, winner if keep else _NO_WINNER, keep), size, strides, padding)


@pooling.pool_max_gradient.override("cpu")
def pool_max_gradient(
    ops: OpsLike, dy: Array, winner: Array, out: Array, size: Pair, strides: Pair, padding: Padding
) -> Any:
    if not plain(dy) or not writable(out) or winner is None or not _is_winner(winner, dy):
        return NotImplemented
    return _of_images(_to_winners, out, (dy, winner, out), size, strides, padding)


@pooling.pool_average.override("cpu")
def pool_average(
    ops: OpsLike, x: Array, out: Array, size: Pair, strides: Pair, padding: Padding, count_padding: bool
) -> Any:
    if not plain(x) or not writable(out):
        return NotImplemented
    share = _shares(x, out, size, strides, padding, count_padding)
    return _of_images(_mean, x, (x, out, share), size, strides, padding)


@pooling.pool_average_gradient.override("cpu")
def pool_average_gradient(
    ops: OpsLike, dy: Array, out: Array, size: Pair, strides: Pair, padding: Padding, count_padding: bool
) -> Any:
    if not plain(dy) or not writable(out):
        return NotImplemented
    share = _shares(out, dy, size, strides, padding, count_padding)
    return _of_images(_share_out, out, (dy, out, share), size, strides, padding)


def _is_winner(winner: Array | None, like: Array) -> bool:
    if winner is None:
        return True
    return (
        winner.dtype == INT32
        and winner.shape == like.shape
        and winner.flags.c_contiguous
        and winner.flags.writeable
    )


def _shares(x: Array, out: Array, size: Pair, strides: Pair, padding: Padding, count_padding: bool) -> Any:
    # Divided once here: a product is many times as quick in the loops.
    counts = pooling._counts(x.shape, out.shape, size, strides, padding, count_padding)
    return (1 / counts[0, :, :, 0]).astype(np.float32)


def _of_images(
    kernel: Callable[..., Any],
    images: Array,
    arrays: tuple[Any, ...],
    size: Pair,
    strides: Pair,
    padding: Padding,
) -> Work:
    """What calls `kernel` on pieces of the images, with the arrays and how windows lie on an image."""
    pieces = get_workers().split(len(images), -(-GRAIN // max(1, images[0].size)))
    return work(kernel, (*arrays, *size, *strides, padding[0][0], padding[1][0]), pieces)


@piecework
def _largest(x, out, winner, keep, kh, kw, sh, sw, top, left, start, stop):
    _, height, width, channels = x.shape
    lowest, first = every(_LOWEST), every(_FIRST)
    # No branches in the loops: the compiler would make a copy of them for every combination.
    noted = channels if keep else 0
    for image in range(start, stop):
        for row in range(out.shape[1]):
            y0 = row * sh - top
            for column in range(out.shape[2]):
                x0 = column * sw - left
                to = ((image * out.shape[1] + row) * out.shape[2] + column) * channels
                for c in range(0, channels, 16):
                    lanes = first_lanes(channels - c)
                    highest, place_of = lowest, first
                    for i in range(max(0, -y0), min(kh, height - y0)):
                        for j in range(max(0, -x0), min(kw, width - x0)):
                            at = ((image * height + y0 + i) * width + x0 + j) * channels + c
                            value = load(x, at, lanes)
                            better = either(value > highest, is_nan(value))
                            highest = choose(better, value, highest)
                            place_of = choose(better, every(np.int32(i * kw + j)), place_of)
                    store(out, to + c, highest, lanes)
                    # Nothing is written to memory that is there: nothing to memory that is not is slow.
                    store(winner, (to + c) * keep, place_of, first_lanes(noted - c))


@piecework
def _to_winners(dy, winner, out, kh, kw, sh, sw, top, left, start, stop):
    _, height, width, channels = out.shape
    nothing = every(_ZERO)
    size = height * width * channels
    # Windows side by side write every pixel once: there is nothing to clear and nothing to add to.
    tiled = kh == sh and kw == sw and top == 0 and left == 0
    tiled = tiled and dy.shape[1] * kh == height and dy.shape[2] * kw == width
    cleared, added_to = (0, 0) if tiled else (size, channels)
    for image in range(start, stop):
        # Image by image, so that the cleared pixels are still in the cache when they are added to.
        clear_block(out, image * size, cleared)
        for row in range(dy.shape[1]):
            y0 = row * sh - top
            for column in range(dy.shape[2]):
                x0 = column * sw - left
                origin = ((image * dy.shape[1] + row) * dy.shape[2] + column) * channels
                for c in range(0, channels, 16):
                    lanes = first_lanes(channels - c)
                    held = first_lanes(added_to - c)
                    slope, place_of = load(dy, origin + c, lanes), load(winner, origin + c, lanes)
                    for i in range(max(0, -y0), min(kh, height - y0)):
                        for j in range(max(0, -x0), min(kw, width - x0)):
                            at = ((image * height + y0 + i) * width + x0 + j) * channels + c
                            won = choose(place_of == every(np.int32(i * kw + j)), slope, nothing)
                            store(out, at, load(out, at, held) + won, lanes)


@piecework
def _mean(x, out, share, kh, kw, sh, sw, top, left, start, stop):
    _, height, width, channels = x.shape
    for image in range(start, stop):
        for row in range(out.shape[1]):
            y0 = row * sh - top
            for column in range(out.shape[2]):
                x0 = column * sw - left
                part = every(share[row, column])
                to = ((image * out.shape[1] + row) * out.shape[2] + column) * channels
                for c in range(0, channels, 16):
                    lanes = first_lanes(channels - c)
                    total = every(_ZERO)
                    for i in range(max(0, -y0), min(kh, height - y0)):
                        for j in range(max(0, -x0), min(kw, width - x0)):
                            at = ((image * height + y0 + i) * width + x0 + j) * channels + c
                            total = total + load(x, at, lanes)
                    store(out, to + c, total * part, lanes)


@piecework
def _share_out(dy, out, share, kh, kw, sh, sw, top, left, start, stop):
    _, height, width, channels = out.shape
    size = height * width * channels
    for image in range(start, stop):
        clear_block(out, image * size, size)
        for row in range(dy.shape[1]):
            y0 = row * sh - top
            for column in range(dy.shape[2]):
                x0 = column * sw - left
                part = every(share[row, column])
                origin = ((image * dy.shape[1] + row) * dy.shape[2] + column) * channels
                for c in range(0, channels, 16):
                    lanes = first_lanes(channels - c)
                    slope = load(dy, origin + c, lanes) * part
                    for i in range(max(0, -y0), min(kh, height - y0)):
                        for j in range(max(0, -x0), min(kw, width - x0)):
                            at = ((image * height + y0 + i) * width + x0 + j) * channels + c
                            store(out, at, load(out, at, lanes) + slope, lanes)
