"""Depthwise convolutions."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import BLOCK, Launches, flat, kernel, once, processors, room
from cortex_lab.compute.gpu.products import adding
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import depthwise
from cortex_lab.compute.kernels.convolution import Padding, Pair


def _numbers(image: cupy.ndarray, w: cupy.ndarray, outputs: cupy.ndarray, *rest: Any) -> tuple[Any, ...]:
    padding, dilation, *last = rest
    (top, _), (left, _) = padding
    sizes = *image.shape[1:], *outputs.shape[1:3], w.shape[3], w.shape[0], top, left, *dilation, *last
    return tuple(map(np.int32, sizes))


def _kernel(name: str, w: cupy.ndarray, strides: Pair) -> Any:
    return kernel("depthwise", name, KW=w.shape[1], DOWN=strides[0], RIGHT=strides[1])


def _over_lines(array: cupy.ndarray) -> tuple[int, int]:
    """Blocks along a line of what is written, and lines, as many as a grid may have."""
    return -(-array.shape[2] * array.shape[3] // BLOCK), min(_lines(array), 65535)


def _lines(array: cupy.ndarray) -> int:
    return array.shape[0] * array.shape[1]


def _covers(*arrays: cupy.ndarray) -> bool:
    return flat(*arrays) and all(each.size for each in arrays)


@depthwise.depthwise_convolve.override("gpu")
def _forward(
    ops: OpsLike, x: cupy.ndarray, w: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(x, w, out):
        return NotImplemented
    arguments = (x, w, out, *_numbers(x, w, out, padding, dilation, _lines(out)))
    return once("depthwise_convolve", _kernel("forward", w, strides), _over_lines(out), arguments)


@depthwise.depthwise_convolve_input_gradient.override("gpu")
def _input_gradient(
    ops: OpsLike, dy: cupy.ndarray, w: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(dy, w, out):
        return NotImplemented
    arguments = (dy, w, out, *_numbers(out, w, dy, padding, dilation, _lines(out)))
    found = _kernel("input_gradient", w, strides)
    return once("depthwise_convolve_input_gradient", found, _over_lines(out), arguments)


@depthwise.depthwise_convolve_weight_gradient.override("gpu")
def _weight_gradient(
    ops: OpsLike, x: cupy.ndarray, dy: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(x, dy, out):
        return NotImplemented
    filters, rows, lines = dy.shape[3], out.shape[0], _lines(dy)
    across = -(-filters // 32)
    # Shares of 64 places at least, so that adding them up is the smaller part.
    share = max(-(-64 // dy.shape[2]), -(-lines // max(1, 8 * processors() // (across * rows))))
    parts = -(-lines // share)
    work = room(parts * out.size) if parts > 1 else out
    arguments = (x, dy, work, *_numbers(x, out, dy, padding, dilation, lines, share))
    found = _kernel("weight_gradient", out, strides)
    launches = [(found, (across, parts, rows), (256,), arguments, 0)]
    if parts > 1:
        launches.append(adding(work, out, parts, filters))
    return Launches(launches, ["depthwise_convolve_weight_gradient"])
