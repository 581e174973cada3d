"""exp and its relatives on sixteen lanes, in float32."""

from __future__ import annotations

import numpy as np

from cortex_lab.compute.cpu.jit import compiled
from cortex_lab.compute.cpu.simd import choose, either, every, fma, is_nan, nearest, power_of_two

_F = np.float32
# ln 2 in two parts, the first of so few bits that its products with whole numbers are exact (Cody and
# Waite, Software manual for the elementary functions, 1980).
_LOG2_E, _LN2_HIGH, _LN2_LOW = _F(1.4426950408889634), _F(-0.693359375), _F(2.12194440e-4)
# Taylor's series of exp to the sixth power: on |r| <= ln(2)/2 its error is under 2e-7 of the value.
_E2, _E3, _E4, _E5, _E6 = (_F(1 / d) for d in (2, 6, 24, 120, 720))
_ZERO, _ONE, _TWO, _HALF, _LOW, _HIGH = _F(0), _F(1), _F(2), _F(0.5), _F(-87.3), _F(88.7)
# tanh x = x - x^3/3 + 2x^5/15 - ..., used below 0.3, where 1 - 2 / (exp(2x) + 1) would cancel.
_T3, _T5, _T7, _T9 = _F(-1 / 3), _F(2 / 15), _F(-17 / 315), _F(62 / 2835)
_SMALL = _F(0.3)


@compiled
def exp(x):
    """exp(x) to 3e-7 relative; 1.2e-38 below -87.3, infinite above 88.7."""
    # Within these bounds the exponent's bits hold the power; beyond, they would run over into the sign.
    low, high = every(_LOW), every(_HIGH)
    bounded = choose(x > low, x, low)
    bounded = choose(bounded < high, bounded, high)
    whole = nearest(bounded * every(_LOG2_E))
    r = fma(whole, every(_LN2_LOW), fma(whole, every(_LN2_HIGH), bounded))
    series = fma(r, fma(r, every(_E6), every(_E5)), every(_E4))
    series = fma(r, fma(r, series, every(_E3)), every(_E2))
    one = every(_ONE)
    value = fma(r, fma(r, series, one), one) * power_of_two(whole)
    return choose(is_nan(x), x, value)


@compiled
def tanh(x):
    """tanh(x) to 3e-7."""
    one, square = every(_ONE), x * x
    series = fma(square, fma(square, every(_T9), every(_T7)), every(_T5))
    near = fma(x * square, fma(square, series, every(_T3)), x)
    # Far out exp is infinite, which leaves 1: no case of its own.
    far = one - every(_TWO) / (exp(x + x) + one)
    return choose(square < every(_SMALL * _SMALL), near, far)


@compiled
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    one = every(_ONE)
    return one / (one + exp(every(_ZERO) - x))


@compiled
def expm1_of_negative(x):
    """exp(x) - 1 for x <= 0, and 0 above; through tanh(x / 2), so that nothing cancels near 0."""
    zero = every(_ZERO)
    half = tanh(choose(either(x < zero, is_nan(x)), x, zero) * every(_HALF))
    return (half + half) / (every(_ONE) - half)
