"""Activations and their derivatives, element by element."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.functions import FUNCTIONS
from cortex_lab.compute.gpu.launches import flat, given, kernel, once, over
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import activation


@activation.activate.override("gpu")
def _activate(ops: OpsLike, name: str, x: cupy.ndarray, out: cupy.ndarray, alpha: float = 1.0) -> Any:
    if name not in FUNCTIONS or not flat(x, out) or x.shape != out.shape or not x.size:
        return NotImplemented
    arguments = np.int32(FUNCTIONS[name]), np.float32(alpha), x, out, np.uint32(x.size)
    return once("activate", kernel("elementwise", "activate_all"), over(x.size), arguments)


@activation.activate_gradient.override("gpu")
def _activate_gradient(
    ops: OpsLike,
    name: str,
    x: cupy.ndarray,
    y: cupy.ndarray,
    dy: cupy.ndarray,
    out: cupy.ndarray,
    alpha: float = 1.0,
) -> Any:
    x = x if name in activation.NEEDS_INPUT else None
    if (
        name not in FUNCTIONS
        or not flat(x, y, dy, out)
        or len({y.shape, dy.shape, out.shape}) > 1
        or not y.size
    ):
        return NotImplemented
    arguments = np.int32(FUNCTIONS[name]), np.float32(alpha), given(x), y, dy, out, np.uint32(y.size)
    return once("activate_gradient", kernel("elementwise", "slope_all"), over(y.size), arguments)


@activation.bias_activate.override("gpu")
def _bias_activate(
    ops: OpsLike, y: cupy.ndarray, bias: cupy.ndarray | None, name: str, alpha: float = 1.0
) -> Any:
    if name not in FUNCTIONS or not flat(y, bias) or not y.size:
        return NotImplemented
    arguments = (
        np.int32(FUNCTIONS[name]),
        np.float32(alpha),
        y,
        given(bias),
        np.int32(y.shape[-1]),
        np.uint32(y.size),
    )
    return once("bias_activate", kernel("elementwise", "bias_activate_all"), over(y.size), arguments)
