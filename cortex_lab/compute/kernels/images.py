"""Images made larger or smaller, channels last, and axes put in another order."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.convolution import Padding


@kernel
def pad_image(xp: ModuleType, x: Array, out: Array, border: Padding) -> None:
    """out = x with a border of zeros, ((top, bottom), (left, right)) pixels wide."""
    out[...] = 0
    out[_inside(out, border)] = x


@kernel
def crop_image(xp: ModuleType, x: Array, out: Array, border: Padding) -> None:
    """out = x without a border of ((top, bottom), (left, right)) pixels."""
    out[...] = x[_inside(x, border)]


@kernel
def upsample_nearest(xp: ModuleType, x: Array, out: Array) -> None:
    """out = x with each pixel repeated; the shapes say how often."""
    n, height, width, channels = x.shape
    rows, columns = out.shape[1] // height, out.shape[2] // width
    out.reshape(n, height, rows, width, columns, channels)[...] = x[:, :, None, :, None, :]


@kernel
def upsample_nearest_gradient(xp: ModuleType, dy: Array, out: Array) -> None:
    """out = gradient with respect to x: the sum over each pixel's copies."""
    n, height, width, channels = out.shape
    rows, columns = dy.shape[1] // height, dy.shape[2] // width
    xp.sum(dy.reshape(n, height, rows, width, columns, channels), axis=(2, 4), out=out)


@kernel
def upsample_bilinear(xp: ModuleType, x: Array, out: Array) -> None:
    """out = x interpolated linearly between pixel centers and held constant beyond the outermost ones."""
    n, height, width, channels = x.shape
    taller = _enlarge(xp, x.reshape(n, height, -1), out.shape[1] // height)
    rows = taller.reshape(-1, width, channels)
    out[...] = _enlarge(xp, rows, out.shape[2] // width).reshape(out.shape)


@kernel
def upsample_bilinear_gradient(xp: ModuleType, dy: Array, out: Array) -> None:
    """out = gradient with respect to x: each output hands its gradient to the pixels it was mixed from."""
    n, height, width, channels = out.shape
    rows = dy.reshape(-1, dy.shape[2], channels)
    narrower = _gather(xp, rows, dy.shape[2] // width).reshape(n, dy.shape[1], -1)
    out[...] = _gather(xp, narrower, dy.shape[1] // height).reshape(out.shape)


@kernel
def permute_axes(xp: ModuleType, x: Array, out: Array, axes: tuple[int, ...]) -> None:
    """out = x with its axes in the order `axes`."""
    out[...] = x.transpose(axes)


def _inside(array: Array, border: Padding) -> tuple[slice, slice, slice]:
    (top, bottom), (left, right) = border
    return slice(None), slice(top, array.shape[1] - bottom), slice(left, array.shape[2] - right)


def _enlarge(xp: ModuleType, x: Array, factor: int) -> Any:
    """x (n, length, m) interpolated to (n, length * factor, m)."""
    n, length, m = x.shape
    out = xp.empty((n, length, factor, m), x.dtype)
    # Beyond its ends the image goes on as it ends.
    before = xp.concatenate([x[:, :1], x[:, :-1]], axis=1)
    after = xp.concatenate([x[:, 1:], x[:, -1:]], axis=1)
    for phase, place in _places(factor):
        neighbor = before if place < 0 else after
        out[:, :, phase] = (1 - abs(place)) * x + abs(place) * neighbor
    return out.reshape(n, length * factor, m)


def _gather(xp: ModuleType, dy: Array, factor: int) -> Any:
    """The transpose of `_enlarge`: dy (n, length * factor, m) summed to (n, length, m)."""
    n, longer, m = dy.shape
    parts = dy.reshape(n, longer // factor, factor, m)
    total = xp.zeros((n, longer // factor, m), dy.dtype)
    for phase, place in _places(factor):
        part = parts[:, :, phase]
        total += (1 - abs(place)) * part
        share = abs(place) * part
        if place < 0:
            total[:, :-1] += share[:, 1:]
            total[:, 0] += share[:, 0]
        else:
            total[:, 1:] += share[:, :-1]
            total[:, -1] += share[:, -1]
    return total


def _places(factor: int) -> Iterator[tuple[int, float]]:
    """Where each of the `factor` outputs of a pixel lies, from its center, in pixels: -1/2 to 1/2."""
    return ((phase, (phase + 0.5) / factor - 0.5) for phase in range(factor))
