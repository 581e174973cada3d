"""Depthwise convolutions."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import Launches, flat, kernel, once, over, processors, room
from cortex_lab.compute.gpu.products import adding
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import depthwise
from cortex_lab.compute.kernels.convolution import Padding, Pair


def _shape(
    image: cupy.ndarray,
    w: cupy.ndarray,
    outputs: cupy.ndarray,
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> tuple[Any, ...]:
    (top, _), (left, _) = padding
    sizes = *image.shape[1:], *outputs.shape[1:3], w.shape[3], w.shape[0], *strides, top, left, *dilation
    return tuple(map(np.int32, sizes))


def _covers(*arrays: cupy.ndarray) -> bool:
    return flat(*arrays) and all(each.size for each in arrays)


@depthwise.depthwise_convolve.override("gpu")
def _forward(
    ops: OpsLike, x: cupy.ndarray, w: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(x, w, out):
        return NotImplemented
    arguments = (x, w, out, *_shape(x, w, out, strides, padding, dilation), np.uint32(out.size))
    found = kernel("depthwise", "forward", KW=w.shape[1])
    return once("depthwise_convolve", found, _many(out.size), arguments)


@depthwise.depthwise_convolve_input_gradient.override("gpu")
def _input_gradient(
    ops: OpsLike, dy: cupy.ndarray, w: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(dy, w, out):
        return NotImplemented
    arguments = (dy, w, out, *_shape(out, w, dy, strides, padding, dilation), np.uint32(out.size))
    found = kernel("depthwise", "input_gradient", KW=w.shape[1])
    return once("depthwise_convolve_input_gradient", found, _many(out.size), arguments)


@depthwise.depthwise_convolve_weight_gradient.override("gpu")
def _weight_gradient(
    ops: OpsLike, x: cupy.ndarray, dy: cupy.ndarray, out: cupy.ndarray, strides: Pair, padding: Padding,
    dilation: Pair,
) -> Any:  # fmt: skip
    if not _covers(x, dy, out):
        return NotImplemented
    filters, rows = dy.shape[3], out.shape[0]
    places, across = dy.size // filters, -(-filters // 32)
    share = max(64, -(-places // max(1, 8 * processors() // (across * rows))))
    parts = -(-places // share)
    work = room(parts * out.size) if parts > 1 else out
    numbers = np.uint32(places), np.uint32(share)
    arguments = (x, dy, work, *_shape(x, out, dy, strides, padding, dilation), *numbers)
    found = kernel("depthwise", "weight_gradient", KW=out.shape[1])
    launches = [(found, (across, parts, rows), (256,), arguments, 0)]
    if parts > 1:
        launches.append(adding(work, out, parts, filters))
    return Launches(launches, ["depthwise_convolve_weight_gradient"])


def _many(count: int) -> tuple[int, ...]:
    # More blocks than elsewhere: each number takes long, and what is not begun waits for nobody.
    return (max(over(count)[0], min(-(-count // 256), 64 * processors())),)
