"""What part of its values an axis shows: all that tells something, and on a scale that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cortex_lab.widgets.chart.scales import nice_ceiling

TELLING = 30.0
"""From the lowest to the highest so many times over, and most of a curve lies flat on a linear axis."""
_WINDOW = 9
_FEW = 0.02


@dataclass(frozen=True)
class Range:
    """Limits of an axis, and how many values lie `beyond` them, `farthest` being one of those."""

    limits: tuple[float, float]
    log: bool = False
    beyond: int = 0
    farthest: float = 0.0


def range_of(curves: Sequence[np.ndarray], log: bool) -> Range:
    """The range that shows the curves, of finite values, but not their spikes: a few far off all around them.

    A logarithmic one shows no value that is not positive.
    """
    shown = [values[values > 0] if log else values for values in curves]
    scaled = [np.log10(values) if log else values.astype(np.float64) for values in shown if len(values)]
    if not scaled:
        return Range((0.1, 1.0), log) if log else Range((0.0, 1.0))
    ends = np.array([_without_spikes(values) for values in scaled])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    limits = _rounded_log(low, high) if log else _rounded(low, high)
    every = np.concatenate(shown)
    outside = every[(every < limits[0]) | (every > limits[1])]
    far = np.abs((np.log10(outside) if log else outside) - (low + high) / 2)
    return Range(limits, log, len(outside), float(outside[far.argmax()]) if len(outside) else 0.0)


def wants_log(curve: np.ndarray) -> bool:
    """Whether most of a curve would lie flat on a linear axis; a curve that reaches 0 has no other."""
    if not len(curve) or not curve.min() > 0 or curve.max() <= TELLING * curve.min():
        return False
    low, high = _without_spikes(np.log10(curve))
    return high - low > np.log10(TELLING)


def _without_spikes(values: np.ndarray) -> tuple[float, float]:
    """The lowest and highest of `values` (points,), spikes aside."""
    low, high = float(values.min()), float(values.max())
    if len(values) < _WINDOW:
        return low, high
    padded = np.pad(values, _WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    # The median of each, without what `np.median` does besides: this runs for every frame.
    middles = np.partition(windows, _WINDOW // 2, axis=1)[:, _WINDOW // 2]
    noise = float(np.median(np.abs(values - middles)))
    bottom, top = float(middles.min()), float(middles.max())
    room = max(top - bottom, 12 * noise, 0.2 * abs(top), 1e-9)
    few = max(2.0, _FEW * len(values))
    if np.count_nonzero(values > top + room) <= few:
        high = float(values[values <= top + room].max())
    if np.count_nonzero(values < bottom - room) <= few:
        low = float(values[values >= bottom - room].min())
    return low, high


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Round numbers around both, and 0 among them."""
    bottom = -nice_ceiling(-low) if low < 0 else 0.0
    return bottom, nice_ceiling(high) if high > 0 else (1.0 if bottom == 0 else 0.0)


def _rounded_log(low: float, high: float) -> tuple[float, float]:
    steps = np.log10([1, 2, 5, 10])
    floor, ceiling = np.floor(low + 1e-9), np.floor(high)
    bottom = floor + steps[np.searchsorted(steps, low - floor + 1e-9, side="right") - 1]
    top = ceiling + steps[min(3, np.searchsorted(steps, high - ceiling - 1e-9))]
    if top <= bottom:
        top = bottom + steps[1]
    return float(f"{10.0**bottom:.3g}"), float(f"{10.0**top:.3g}")
