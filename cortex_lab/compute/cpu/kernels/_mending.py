"""Sums of a convolution that NaN or infinity got into through the zeros of a border.

Tiles share their loads by multiplying what lies beyond a sum by zero, which is nothing as long as it is
finite. Every sum that is not a number is therefore found once more from what belongs to it alone.
"""

from __future__ import annotations

import numpy as np

from cortex_lab.compute.cpu.jit import compiled, piecework
from cortex_lab.compute.cpu.simd import (
    choose,
    either,
    every,
    first_lanes,
    is_finite,
    is_nan,
    load,
    store,
    total,
)

_ZERO, _ONE, _NAN = (np.float32(x) for x in (0, 1, np.nan))


@piecework
def mend_weight_gradient(x, dy, out, geometry):
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    zero = every(_ZERO)
    # Hardly ever more than this one look at the sums.
    if not _some(out, 0, out.shape[0], True):
        return
    for weight in range(kh * kw * channels):
        i, j, k = weight // channels // kw, weight // channels % kw, weight % channels
        for c in range(0, filters, 16):
            at, lanes = weight * filters + c, first_lanes(filters - c)
            if not _some(out, at, min(16, filters - c), True):
                continue
            sums = zero
            for row in range(dy.shape[0] // (out_width * filters)):
                image, iy = row // out_height, row % out_height * sh - top + i * dh
                part = zero
                for column in range(out_width):
                    ix, value = column * sw - left + j * dw, _ZERO
                    if 0 <= iy < height and 0 <= ix < width:
                        value = x[((image * height + iy) * width + ix) * channels + k]
                    part = part + every(value) * load(dy, (row * out_width + column) * filters + c, lanes)
                sums = sums + part
            found = load(out, at, lanes)
            store(out, at, choose(is_nan(found), sums, found), lanes)


@piecework
def mend_input_gradient(dy, w, out, geometry):
    """`w` is turned around: the gradient is a convolution of dy, whose border belongs to no sum."""
    height, width, channels, kh, kw, out_height, out_width, filters, sh, sw, top, left, dh, dw, groups = (
        geometry
    )
    # Zeros of a border spoil a sum by weights that are not finite, and by nothing else.
    if not _some(w, 0, w.shape[0], False):
        return
    for pixel in range(out.shape[0] // filters):
        row, column = pixel // out_width, pixel % out_width
        image, y0, x0 = row // out_height, row % out_height - top, column - left
        for c in range(0, filters, 16):
            at, lanes = pixel * filters + c, first_lanes(filters - c)
            if not _some(out, at, min(16, filters - c), True):
                continue
            sums = every(_ZERO)
            for tap in range(kh * kw):
                iy, ix = y0 + tap // kw * dh, x0 + tap % kw * dw
                if 0 <= iy < height and 0 <= ix < width:
                    place = ((image * height + iy) * width + ix) * channels
                    for k in range(channels):
                        weights = load(w, (tap * channels + k) * filters + c, lanes)
                        sums = sums + every(dy[place + k]) * weights
            found = load(out, at, lanes)
            store(out, at, choose(is_nan(found), sums, found), lanes)


@compiled
def _some(values, start, count, only_nan):
    """Whether some of the values are NaN; or infinite, unless `only_nan`."""
    zero, one, not_a_number = every(_ZERO), every(_ONE), every(_NAN)
    wild = is_nan(zero)
    for at in range(start, start + count, 16):
        value = load(values, at, first_lanes(start + count - at))
        if not only_nan:
            # Infinity becomes NaN, so that there is one question to ask.
            value = choose(is_finite(value), value, not_a_number)
        wild = either(wild, is_nan(value))
    return total(choose(wild, one, zero)) > 0
