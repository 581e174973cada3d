"""Activations that no product or convolution applies at its end: in one pass, in vectors.

Those of `activation` are compiled into every kernel that ends in one, which is why the rarer ones are here.
"""

from __future__ import annotations

import math

import numpy as np

from cortex_lab.compute.cpu.functions import exp, expm1_of_negative, sigmoid
from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.simd import choose, every, first_lanes, fma, load, store

NAMES = ("gelu", "relu6", "hard_sigmoid", "softplus", "softsign", "exponential", "hard_swish", "mish")
CODES = {name: code for code, name in enumerate(NAMES)}

_F = np.float32
_ZERO, _ONE, _TWO, _THREE, _SIX, _HALF, _SIXTH = (_F(x) for x in (0, 1, 2, 3, 6, 0.5, 1 / 6))
_THIRD, _FAR, _LARGE, _E = _F(1 / 3), _F(20), _F(80), _F(math.e)
_LEAST, _LOWEST = _F(-87.3), np.finfo(np.float32).min
_ROOT, _DENSITY = _F(math.sqrt(0.5)), _F(1 / math.sqrt(2 * math.pi))
# erfc(z) = t exp(-z^2 + P(t)), t = 1 / (1 + z / 2), to 1.2e-7 of its value (Press et al., Numerical Recipes,
# section 6.2): Chebyshev's, so that tails are as exact as the middle.
_P0, _P1, _P2, _P3, _P4 = (_F(c) for c in (-1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806))
_P5, _P6, _P7, _P8, _P9 = (_F(c) for c in (0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277))
# log(1 + u) = 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = u / (2 + u), at most 1/3 for u in 0..1.
_L3, _L5, _L7, _L9, _L11, _L13 = (_F(2 / d) for d in (3, 5, 7, 9, 11, 13))


@piecework
def part(x, out, code, alpha, start, stop):
    activate(x[start:stop], out[start:stop], code, alpha)


@piecework
def part_of_gradient(y, dy, out, code, alpha, start, stop):
    activate_gradient(y[start:stop], dy[start:stop], out[start:stop], code, alpha)


@compiled
def activate(x, out, code, alpha):
    for at in range(0, x.shape[0], 16):
        lanes = first_lanes(x.shape[0] - at)
        store(out, at, _value(load(x, at, lanes), code), lanes)


@compiled
def activate_gradient(y, dy, out, code, alpha):
    for at in range(0, y.shape[0], 16):
        lanes = first_lanes(y.shape[0] - at)
        store(out, at, _slope(load(y, at, lanes), load(dy, at, lanes), code), lanes)


@compiled
def _value(v, code):
    """f(v) for sixteen numbers and the f that `code` names."""
    # Where two sides are compared, NaN takes the one that keeps it; and what is flat is exactly so, since an
    # infinite v is no number times 0, and infinite times what is nearly 0.
    zero, one = every(_ZERO), every(_ONE)
    if code == 0:
        v = v * _normal_cdf(v)
    elif code == 1:
        v = choose(v < zero, zero, v)
        v = choose(v > every(_SIX), every(_SIX), v)
    elif code == 2:
        v = _hard_sigmoid(v)
    elif code == 3:
        v = _softplus(v)
    elif code == 4:
        v = v / (one + choose(v < zero, zero - v, v))
    elif code == 5:
        # The last power of two that there is has no room for what is multiplied by it.
        v = choose(v > every(_LARGE), every(_E) * exp(v - one), _exp(v))
    elif code == 6:
        v = v * _hard_sigmoid(v)
    elif code == 7:
        share = _mish_share(v)
        v = v * _mish_gate(v, share)
    return v


@compiled
def _slope(v, d, code):
    """d * f'(x), from v = f(x), or from v = x for the activations that need their input."""
    zero, one = every(_ZERO), every(_ONE)
    if code == 0:
        d = d * (_normal_cdf(v) + v * every(_DENSITY) * _vanishing(every(-_HALF) * v * v))
    elif code == 1:
        # Products, not choices: what is not a number in d must stay so.
        d = d * choose(v > zero, choose(v < every(_SIX), one, zero), zero)
    elif code == 2:
        d = d * choose(v > zero, choose(v < one, every(_SIXTH), zero), zero)
    elif code == 3:
        d = d * (zero - expm1_of_negative(zero - v))
    elif code == 4:
        rest = one - choose(v < zero, zero - v, v)
        d = d * rest * rest
    elif code == 5:
        d = d * v
    elif code == 6:
        d = d * _hard_swish_slope(v)
    elif code == 7:
        share = _mish_share(v)
        gate = _mish_gate(v, share)
        # 1 - gate^2 without the difference of two numbers that are nearly one.
        d = d * (gate + v * share * (one + gate) * sigmoid(v))
    return d


@compiled
def _hard_swish_slope(v):
    """0 up to -3, 1 from 3 on, v / 3 + 1/2 between; NaN for what is none."""
    between = fma(v, every(_THIRD), every(_HALF))
    upper = choose(v < every(_THREE), between, every(_ONE))
    # NaN is not above -3, nor up to it.
    return choose(v > every(-_THREE), upper, choose(v < every(_ZERO), every(_ZERO), v))


@compiled
def _exp(x):
    """exp(x), and exactly 0 of minus infinity alone: infinite slopes times 0 would be no number."""
    return choose(x < every(_LOWEST), every(_ZERO), exp(x))


@compiled
def _vanishing(x):
    """exp(x), and 0 where it would be smaller than float32's smallest."""
    return choose(x < every(_LEAST), every(_ZERO), exp(x))


@compiled
def _hard_sigmoid(v):
    six = every(_SIX)
    v = v + every(_THREE)
    v = choose(v < every(_ZERO), every(_ZERO), v)
    return choose(v > six, six, v) * every(_SIXTH)


@compiled
def _softplus(v):
    """log(1 + exp(v)) = max(v, 0) + log(1 + exp(-|v|))."""
    zero = every(_ZERO)
    return choose(v < zero, zero, v) + log1p_of_exp(choose(v < zero, v, zero - v))


@compiled
def log1p_of_exp(v):
    """log(1 + exp(v)) for v <= 0."""
    u = _exp(v)
    return log_of_quotient(u / (every(_TWO) + u))


@compiled
def log_of_quotient(s):
    """log((1 + s) / (1 - s)) for s from -1/3 to 1/3."""
    q = s * s
    series = fma(q, fma(q, fma(q, every(_L13), every(_L11)), every(_L9)), every(_L7))
    return s * fma(q, fma(q, fma(q, series, every(_L5)), every(_L3)), every(_TWO))


@compiled
def _normal_cdf(v):
    """The normal distribution function, erfc(-v / sqrt 2) / 2."""
    zero, one, half = every(_ZERO), every(_ONE), every(_HALF)
    z = v * every(_ROOT)
    size = choose(z < zero, zero - z, z)
    t = one / fma(size, half, one)
    p = fma(t, fma(t, fma(t, every(_P9), every(_P8)), every(_P7)), every(_P6))
    p = fma(t, fma(t, fma(t, p, every(_P5)), every(_P4)), every(_P3))
    p = fma(t, fma(t, fma(t, p, every(_P2)), every(_P1)), every(_P0))
    tail = half * t * _vanishing(p - size * size)
    return choose(z > zero, one - tail, tail)


@compiled
def _mish_share(v):
    """1 - tanh(softplus(v)) = 2 / (n + 2) with n = e (e + 2), e = exp(v); 0 where n is infinite."""
    two = every(_TWO)
    e = _exp(v)
    return two / fma(e, e + two, two)


@compiled
def _mish_gate(v, share):
    """tanh(softplus(v)) = n / (n + 2)."""
    e = _exp(v)
    gate = e * (e + every(_TWO)) * share * every(_HALF)
    return choose(v > every(_FAR), every(_ONE), gate)
