"""Activation functions and their derivatives.

A derivative is taken either from the activation's output (most: the input need not be kept) or from its
input. `NEEDS_INPUT` lists the second kind. Softmax and log_softmax run over the last axis.
"gelu" is the exact one, with the error function; "gelu_tanh" its approximation (Hendrycks and Gimpel 2016).
"""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Any

import numpy as np

from cortex_lab.compute.kernel import Array, kernel

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715

NEEDS_INPUT = frozenset({"gelu", "gelu_tanh", "swish", "hard_swish", "mish"})


@kernel
def activate(xp: ModuleType, name: str, x: Array, out: Array, alpha: float = 1.0) -> None:
    """out = f(x) for the activation called `name`; `out` may be `x`.

    `alpha` is the negative slope of "leaky_relu" and the scale of "elu".
    """
    if name == "relu":
        xp.maximum(x, 0, out=out)
    elif name == "leaky_relu":
        out[...] = xp.where(x > 0, x, alpha * x)
    elif name == "elu":
        # `where` is given both sides: exp of what is large and not asked for would overflow.
        out[...] = xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))
    elif name == "selu":
        out[...] = SELU_SCALE * xp.where(x > 0, x, SELU_ALPHA * xp.expm1(xp.minimum(x, 0)))
    elif name == "gelu":
        out[...] = x * _normal_cdf(xp, x)
    elif name == "gelu_tanh":
        out[...] = 0.5 * x * (1 + xp.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
    elif name == "swish":
        out[...] = x * _sigmoid(xp, x)
    elif name == "sigmoid":
        out[...] = _sigmoid(xp, x)
    elif name == "tanh":
        xp.tanh(x, out=out)
    elif name == "relu6":
        out[...] = xp.minimum(xp.maximum(x, 0), 6)
    elif name == "hard_sigmoid":
        out[...] = xp.minimum(xp.maximum(x + 3, 0), 6) / 6
    elif name == "softplus":
        out[...] = xp.logaddexp(x, xp.zeros((), x.dtype))
    elif name == "softmax":
        # Less the largest: no exp overflows, and one of them is 1, so that nothing is divided by 0.
        exponentials = xp.exp(x - x.max(axis=-1, keepdims=True))
        xp.divide(exponentials, exponentials.sum(axis=-1, keepdims=True), out=out)
    elif name == "log_softmax":
        out[...] = _log_softmax(xp, x, -1)
    elif name == "softsign":
        out[...] = x / (1 + xp.abs(x))
    elif name == "exponential":
        xp.exp(x, out=out)
    elif name == "hard_swish":
        out[...] = x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6
    elif name == "mish":
        out[...] = x * _mish_gate(xp, x)
    elif name == "linear":
        out[...] = x
    else:
        raise ValueError(f"there is no activation {name!r}")


@kernel
def activate_gradient(
    xp: ModuleType, name: str, x: Any, y: Array, dy: Array, out: Array, alpha: float = 1.0
) -> None:
    """out = dy * f'(x), given y = f(x); `x` is read only for the activations in `NEEDS_INPUT`."""
    if name == "relu":
        # A product, not a choice: what is not a number in dy must stay so.
        xp.multiply(dy, y > 0, out=out)
    elif name == "leaky_relu":
        out[...] = xp.where(y > 0, dy, alpha * dy)
    elif name == "elu":
        out[...] = dy * xp.where(y > 0, 1, y + alpha)
    elif name == "selu":
        out[...] = dy * xp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
    elif name == "gelu":
        density = xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        out[...] = dy * (_normal_cdf(xp, x) + x * density)
    elif name == "gelu_tanh":
        bend = xp.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x))
        slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x)
        out[...] = dy * 0.5 * (1 + bend + x * (1 - bend * bend) * slope)
    elif name == "swish":
        gate = _sigmoid(xp, x)
        out[...] = dy * gate * (1 + x * (1 - gate))
    elif name == "sigmoid":
        out[...] = dy * y * (1 - y)
    elif name == "tanh":
        out[...] = dy * (1 - y * y)
    elif name == "relu6":
        xp.multiply(dy, (y > 0) & (y < 6), out=out)
    elif name == "hard_sigmoid":
        xp.multiply(dy / 6, (y > 0) & (y < 1), out=out)
    elif name == "softplus":
        out[...] = dy * -xp.expm1(-y)
    elif name == "softmax":
        out[...] = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    elif name == "log_softmax":
        out[...] = dy - xp.exp(y) * dy.sum(axis=-1, keepdims=True)
    elif name == "softsign":
        out[...] = dy * (1 - xp.abs(y)) ** 2
    elif name == "exponential":
        xp.multiply(dy, y, out=out)
    elif name == "hard_swish":
        # Not what is flat at either end times x: it may be infinite there.
        out[...] = dy * xp.where(x <= -3, 0, xp.where(x < 3, x / 3 + 0.5, xp.where(x >= 3, 1, x)))
    elif name == "mish":
        gate = _mish_gate(xp, x)
        out[...] = dy * (gate + x * (1 - gate * gate) * _sigmoid(xp, x))
    elif name == "linear":
        out[...] = dy
    else:
        raise ValueError(f"there is no activation {name!r}")


@kernel
def bias_activate(xp: ModuleType, y: Array, bias: Array | None, name: str, alpha: float = 1.0) -> None:
    """y = f(y + bias) in place; `bias` of shape (channels,), or None."""
    if bias is not None:
        xp.add(y, bias, out=y)
    if name != "linear":
        activate.reference(xp, name, y, y, alpha)


@kernel
def softmax_across(xp: ModuleType, x: Array, out: Array) -> None:
    """out = softmax over the middle axis of x (rows, classes, places); `out` may be `x`."""
    exponentials = xp.exp(x - x.max(axis=1, keepdims=True))
    xp.divide(exponentials, exponentials.sum(axis=1, keepdims=True), out=out)


@kernel
def softmax_across_gradient(xp: ModuleType, y: Array, dy: Array, out: Array) -> None:
    """out = gradient of `softmax_across` with respect to x."""
    out[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))


@kernel
def log_softmax_across(xp: ModuleType, x: Array, out: Array) -> None:
    """out = logarithm of the softmax over the middle axis of x (rows, classes, places); `out` may be `x`."""
    out[...] = _log_softmax(xp, x, 1)


@kernel
def log_softmax_across_gradient(xp: ModuleType, y: Array, dy: Array, out: Array) -> None:
    """out = gradient of `log_softmax_across` with respect to x."""
    out[...] = dy - xp.exp(y) * dy.sum(axis=1, keepdims=True)


@kernel
def limited_relu(xp: ModuleType, x: Array, slope: float, limit: float, threshold: float, out: Array) -> None:
    """out = min(x, limit) where x > threshold, slope * (x - threshold) elsewhere; `out` may be `x`."""
    # A slope of 0 times minus infinity would be no number.
    below = slope * (x - threshold) if slope else xp.where(x <= threshold, 0, x)
    out[...] = xp.where(x > threshold, xp.minimum(x, limit), below)


@kernel
def limited_relu_gradient(
    xp: ModuleType, x: Array, dy: Array, slope: float, limit: float, threshold: float, out: Array
) -> None:
    """out = gradient of `limited_relu` with respect to x; 0 from the limit on."""
    out[...] = dy * xp.where(x > threshold, (x < limit).astype(dy.dtype), slope)


@kernel
def parametric_relu(xp: ModuleType, x: Array, slope: Array, out: Array) -> None:
    """out = x where x > 0, slope * x elsewhere; `slope` has the shape of a row, or 1 along shared axes."""
    out[...] = xp.where(x > 0, x, slope * x)


@kernel
def parametric_relu_gradient(
    xp: ModuleType, x: Array, dy: Array, slope: Array, d_slope: Array, out: Array | None
) -> None:
    """Gradients of `parametric_relu` with respect to the slope and to x (into `out`, which may be None)."""
    shared = tuple(axis + 1 for axis, length in enumerate(slope.shape) if length == 1)
    felt = xp.where(x > 0, 0, dy * x)
    xp.sum(felt, axis=(0, *shared), out=d_slope.reshape([n for n in slope.shape if n > 1]))
    if out is not None:
        out[...] = xp.where(x > 0, dy, slope * dy)


def _sigmoid(xp: ModuleType, x: Array) -> Any:
    # Through tanh: no overflow at either end, and one branchless expression.
    return 0.5 * xp.tanh(0.5 * x) + 0.5


def _mish_gate(xp: ModuleType, x: Array) -> Any:
    return xp.tanh(xp.logaddexp(x, xp.zeros((), x.dtype)))


def _log_softmax(xp: ModuleType, x: Array, axis: int) -> Any:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


def _normal_cdf(xp: ModuleType, x: Array) -> Any:
    # Neither array module has an error function of its own; SciPy comes with scikit-learn, cupyx with CuPy.
    special = importlib.import_module("scipy.special" if xp is np else "cupyx.scipy.special")
    return 0.5 * special.erfc(x * -math.sqrt(0.5))
