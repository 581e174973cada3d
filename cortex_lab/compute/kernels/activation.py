"""Activation functions and their derivatives.

A derivative is taken either from the activation's output (most: the input need not be kept) or from its
input. `NEEDS_INPUT` lists the second kind. Softmax runs over the last axis.
"""

from __future__ import annotations

import math
from typing import Any

from cortex_lab.compute.kernel import kernel

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715

NEEDS_INPUT = frozenset({"gelu", "swish"})


@kernel
def activate(xp: Any, name: str, x: Any, out: Any, alpha: float = 1.0) -> None:
    """out = f(x) for the activation called `name`; `out` may be `x`.

    `alpha` is the negative slope of "leaky_relu" and the scale of "elu".
    """
    if name == "relu":
        xp.maximum(x, 0, out=out)
    elif name == "leaky_relu":
        out[...] = xp.where(x > 0, x, alpha * x)
    elif name == "elu":
        out[...] = xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))
    elif name == "selu":
        out[...] = SELU_SCALE * xp.where(x > 0, x, SELU_ALPHA * xp.expm1(xp.minimum(x, 0)))
    elif name == "gelu":
        out[...] = 0.5 * x * (1 + xp.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
    elif name == "swish":
        out[...] = x * _sigmoid(xp, x)
    elif name == "sigmoid":
        out[...] = _sigmoid(xp, x)
    elif name == "tanh":
        xp.tanh(x, out=out)
    elif name == "softplus":
        out[...] = xp.logaddexp(x, xp.zeros((), x.dtype))
    elif name == "softmax":
        exponentials = xp.exp(x - x.max(axis=-1, keepdims=True))
        xp.divide(exponentials, exponentials.sum(axis=-1, keepdims=True), out=out)
    elif name == "linear":
        out[...] = x
    else:
        raise ValueError(f"there is no activation {name!r}")


@kernel
def activate_gradient(xp: Any, name: str, x: Any, y: Any, dy: Any, out: Any, alpha: float = 1.0) -> None:
    """out = dy * f'(x), given y = f(x); `x` is read only for the activations in `NEEDS_INPUT`."""
    if name == "relu":
        xp.multiply(dy, y > 0, out=out)
    elif name == "leaky_relu":
        out[...] = xp.where(y > 0, dy, alpha * dy)
    elif name == "elu":
        out[...] = dy * xp.where(y > 0, 1, y + alpha)
    elif name == "selu":
        out[...] = dy * xp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
    elif name == "gelu":
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
    elif name == "softplus":
        out[...] = dy * -xp.expm1(-y)
    elif name == "softmax":
        out[...] = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    elif name == "linear":
        out[...] = dy
    else:
        raise ValueError(f"there is no activation {name!r}")


@kernel
def bias_activate(xp: Any, y: Any, bias: Any, name: str, alpha: float = 1.0) -> None:
    """y = f(y + bias) in place; `bias` of shape (channels,), or None."""
    if bias is not None:
        xp.add(y, bias, out=y)
    if name != "linear":
        activate.reference(xp, name, y, y, alpha)


def _sigmoid(xp: Any, x: Any) -> Any:
    # Through tanh: no overflow at either end, and one branchless expression.
    return 0.5 * xp.tanh(0.5 * x) + 0.5
