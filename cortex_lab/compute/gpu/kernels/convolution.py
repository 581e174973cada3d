"""Convolutions as products of patches, which are read where they lie."""

from __future__ import annotations

from typing import Any

import cupy

from cortex_lab.compute.gpu.functions import FUNCTIONS
from cortex_lab.compute.gpu.kernels.linear import column_sums, several
from cortex_lab.compute.gpu.launches import Launch, flat
from cortex_lab.compute.gpu.products import launch
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import convolution
from cortex_lab.compute.kernels.convolution import Padding, Pair


def _geometry(
    image: cupy.ndarray,
    w: cupy.ndarray,
    outputs: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> tuple[int, ...]:
    (top, _), (left, _) = padding
    return (*image.shape[1:], *outputs.shape[1:], w.shape[1], *strides, top, left, *dilation)


def _width(channels: int, *arrays: cupy.ndarray) -> int:
    fits = (v for v in (4, 2, 1) if channels % v == 0 and all(a.data.ptr % (4 * v) == 0 for a in arrays))
    return next(fits)


def _covers(groups: int, *arrays: cupy.ndarray) -> bool:
    return groups == 1 and flat(*arrays) and all(each is None or each.size for each in arrays)


def _forward(
    x: cupy.ndarray,
    w: cupy.ndarray,
    out: cupy.ndarray,
    bias: cupy.ndarray | None,
    addend: cupy.ndarray | None,
    name: str,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> list[Launch] | None:
    height, width, channels, filters = w.shape
    shape = out.size // filters, filters, height * width * channels
    widths = _width(channels, x), _width(filters, w)
    geometry = _geometry(x, w, out, strides, padding, dilation)
    return launch(
        x, w, out, shape, (2, 0), widths, (0, filters), bias, name, addend, geometry, (channels, width)
    )


@convolution.convolve.override("gpu")
def _convolve(
    ops: OpsLike,
    x: cupy.ndarray,
    w: cupy.ndarray,
    out: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Any:
    if not _covers(groups, x, w, out):
        return NotImplemented
    return several("convolve", _forward(x, w, out, None, None, "linear", strides, padding, dilation))


@convolution.convolve_and.override("gpu")
def _convolve_and(
    ops: OpsLike,
    x: cupy.ndarray,
    w: cupy.ndarray,
    scale: cupy.ndarray | None,
    shift: cupy.ndarray | None,
    addend: cupy.ndarray | None,
    name: str,
    out: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Any:
    if scale is not None or name not in FUNCTIONS or not _covers(groups, x, w, shift, addend, out):
        return NotImplemented
    return several("convolve_and", _forward(x, w, out, shift, addend, name, strides, padding, dilation))


@convolution.slopes_and_sums.override("gpu")
def _slopes_and_sums(
    ops: OpsLike,
    name: str,
    z: cupy.ndarray | None,
    y: cupy.ndarray,
    dy: cupy.ndarray,
    dz: cupy.ndarray | None,
    total: cupy.ndarray | None,
) -> Any:
    return (
        several("slopes_and_sums", column_sums(name, z, y, dy, dz, total))
        if name != "linear"
        else NotImplemented
    )


@convolution.convolve_weight_gradient.override("gpu")
def _convolve_weight_gradient(
    ops: OpsLike,
    x: cupy.ndarray,
    dy: cupy.ndarray,
    out: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Any:
    if not _covers(groups, x, dy, out):
        return NotImplemented
    height, width, channels, filters = out.shape
    shape = height * width * channels, filters, dy.size // filters
    widths = _width(channels, x), _width(filters, dy)
    geometry, pixels = _geometry(x, out, dy, strides, padding, dilation), (dy.shape[2], dy.shape[1])
    found = launch(x, dy, out, shape, (3, 0), widths, (0, filters), geometry=geometry, divisors=pixels)
    return several("convolve_weight_gradient", found)


@convolution.convolve_input_gradient.override("gpu")
def _convolve_input_gradient(
    ops: OpsLike,
    dy: cupy.ndarray,
    w: cupy.ndarray,
    out: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Any:
    if not _covers(groups, dy, w, out):
        return NotImplemented
    height, width, channels, filters = w.shape
    shape = out.size // channels, channels, height * width * filters
    widths = _width(filters, dy), _width(filters, w)
    geometry = _geometry(out, w, dy, strides, padding, dilation)
    found = launch(dy, w, out, shape, (4, 2), widths, geometry=geometry, divisors=(filters, width))
    return several("convolve_input_gradient", found)
