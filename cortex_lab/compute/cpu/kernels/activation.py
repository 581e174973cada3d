"""Activations in one pass over memory, with exp and tanh that vectorize."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.functions import expm1_of_negative, sigmoid, tanh
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.kernels import activation_alone as alone
from cortex_lab.compute.cpu.kernels import softmax
from cortex_lab.compute.cpu.kernels._arrays import plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, load, store
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import activation
from cortex_lab.compute.kernels.activation import GELU_CUBIC, GELU_SCALE, SELU_ALPHA, SELU_SCALE
from cortex_lab.compute.work import Call, in_turn

NAMES = ("linear", "relu", "tanh", "sigmoid", "leaky_relu", "elu", "selu", "gelu_tanh", "swish")
CODES = {name: code for code, name in enumerate(NAMES)}
GRAIN = 32_768

_ZERO, _ONE, _THREE, _HALF = (np.float32(x) for x in (0, 1, 3, 0.5))
_ALPHA, _SCALE = np.float32(SELU_ALPHA), np.float32(SELU_SCALE)
_BEND, _CUBIC = np.float32(GELU_SCALE), np.float32(GELU_CUBIC)


@activation.activate.override("cpu")
def activate(ops: OpsLike, name: str, x: Array, out: Array, alpha: float = 1.0) -> Any:
    if not plain(x) or not writable(out) or x.shape != out.shape:
        return NotImplemented
    if name in softmax.NAMES:
        return softmax.softmax(name, x, out)
    if name in alone.CODES:
        return _spread(alone.activate, alone.part, (x, out), (alone.CODES[name], alpha))
    if name not in CODES:
        return NotImplemented
    return _spread(_activate, _part, (x, out), (CODES[name], alpha))


@activation.activate_gradient.override("cpu")
def activate_gradient(
    ops: OpsLike, name: str, x: Any, y: Array, dy: Array, out: Array, alpha: float = 1.0
) -> Any:
    if not plain(x, y, dy) or not writable(out) or not y.shape == dy.shape == out.shape:
        return NotImplemented
    if name in activation.NEEDS_INPUT:
        y = x
        if y is None or y.shape != out.shape:
            return NotImplemented
    if name in softmax.NAMES:
        return softmax.softmax_gradient(name, y, dy, out)
    if name in alone.CODES:
        ways = alone.activate_gradient, alone.part_of_gradient
        return _spread(*ways, (y, dy, out), (alone.CODES[name], alpha))
    if name not in CODES:
        return NotImplemented
    return _spread(_activate_gradient, _part_of_gradient, (y, dy, out), (CODES[name], alpha))


@activation.bias_activate.override("cpu")
def bias_activate(ops: OpsLike, y: Array, bias: Array | None, name: str, alpha: float = 1.0) -> Any:
    if not plain(bias) or not writable(y):
        return NotImplemented
    if name in alone.CODES or name in softmax.NAMES:
        shift = activation.bias_activate.prepare(ops, y, bias, "linear")
        return in_turn(shift, activation.activate.prepare(ops, name, y, y))
    if name not in CODES:
        return NotImplemented
    if bias is None:
        return in_turn() if name == "linear" else _spread(_activate, _part, (y, y), (CODES[name], alpha))
    if bias.shape != y.shape[-1:]:
        return NotImplemented
    rows = y.reshape(-1, y.shape[-1])
    given = (rows, bias, CODES[name], alpha)
    if y.size <= GRAIN:
        return partial(_bias_activate, *given)
    pieces = get_workers().split(len(rows), -(-GRAIN // rows.shape[1]))
    return work(_part_with_bias, given, pieces)


def _spread(
    whole: Callable[..., Any], part: Callable[..., Any], arrays: tuple[Any, ...], settings: tuple[Any, ...]
) -> Call:
    """What calls `whole` on flat arrays of so few elements, or `part` on pieces of them."""
    given = (*(array.reshape(-1) for array in arrays), *settings)
    size = arrays[0].size
    # Whoever does it once pays for the looking as well: for few elements that is most of it.
    return partial(whole, *given) if size <= GRAIN else work(part, given, get_workers().split(size, GRAIN))


@piecework
def _part(x, out, code, alpha, start, stop):
    _activate(x[start:stop], out[start:stop], code, alpha)


@piecework
def _part_of_gradient(y, dy, out, code, alpha, start, stop):
    _activate_gradient(y[start:stop], dy[start:stop], out[start:stop], code, alpha)


@piecework
def _part_with_bias(rows, bias, code, alpha, start, stop):
    _bias_activate(rows[start:stop], bias, code, alpha)


@compiled
def _bias_activate(rows, bias, code, alpha):
    columns = rows.shape[1]
    values = rows.reshape(-1)
    for at in range(0, values.shape[0], columns):
        for c in range(0, columns, 16):
            lanes = first_lanes(columns - c)
            value = load(values, at + c, lanes) + load(bias, c, lanes)
            store(values, at + c, activate_lanes(value, code, alpha), lanes)


@compiled
def _activate(x, out, code, alpha):
    for at in range(0, x.shape[0], 16):
        lanes = first_lanes(x.shape[0] - at)
        store(out, at, activate_lanes(load(x, at, lanes), code, alpha), lanes)


@compiled
def _activate_gradient(y, dy, out, code, alpha):
    for at in range(0, y.shape[0], 16):
        lanes = first_lanes(y.shape[0] - at)
        slopes = activate_lanes_gradient(load(y, at, lanes), load(dy, at, lanes), code, alpha)
        store(out, at, slopes, lanes)


@compiled
def activate_lanes(v, code, alpha):
    """f(v) for sixteen numbers and the f that `code` names."""
    # `code` stays the same for a whole array, so compilers move the question out of the loop.
    zero, one, half = every(_ZERO), every(_ONE), every(_HALF)
    if code == 1:
        # In this order NaN, which is not below 0, is what comes out.
        v = choose(v < zero, zero, v)
    elif code == 2:
        v = tanh(v)
    elif code == 3:
        v = sigmoid(v)
    elif code == 4:
        v = choose(v > zero, v, every(np.float32(alpha)) * v)
    elif code == 5:
        v = choose(v > zero, v, every(np.float32(alpha)) * expm1_of_negative(v))
    elif code == 6:
        v = every(_SCALE) * choose(v > zero, v, every(_ALPHA) * expm1_of_negative(v))
    elif code == 7:
        v = half * v * (one + tanh(every(_BEND) * (v + every(_CUBIC) * v * v * v)))
    elif code == 8:
        v = v * sigmoid(v)
    return v


@compiled
def activate_lanes_gradient(v, d, code, alpha):
    """d * f'(x), from v = f(x), or from v = x for the activations that need their input."""
    zero, one, half = every(_ZERO), every(_ONE), every(_HALF)
    if code == 1:
        # A product, not a choice: what is not a number in d must stay so.
        d = d * choose(v > zero, one, zero)
    elif code == 2:
        d = d * (one - v * v)
    elif code == 3:
        d = d * v * (one - v)
    elif code == 4:
        d = choose(v > zero, d, every(np.float32(alpha)) * d)
    elif code == 5:
        d = d * choose(v > zero, one, v + every(np.float32(alpha)))
    elif code == 6:
        d = d * choose(v > zero, every(_SCALE), v + every(_SCALE * _ALPHA))
    elif code == 7:
        bend = tanh(every(_BEND) * (v + every(_CUBIC) * v * v * v))
        rise = every(_BEND) * (one + every(_THREE * _CUBIC) * v * v)
        d = d * half * (one + bend + v * (one - bend * bend) * rise)
    elif code == 8:
        gate = sigmoid(v)
        d = d * gate * (one + v * (one - gate))
    return d
