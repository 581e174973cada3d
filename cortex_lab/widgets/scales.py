"""Axis ranges that stay put, and curves thinned out for drawing."""

from __future__ import annotations

import numpy as np

_STEPS = np.array([1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0])


def nice_ceiling(value: float) -> float:
    """The smallest round number at or above `value`, which must be positive and finite."""
    power = 10.0 ** np.floor(np.log10(value))
    factor = _STEPS[np.searchsorted(_STEPS, value / power - 1e-9)]
    return float(f"{factor * power:.12g}")


class StickyLimit:
    """An upper limit that grows at once when exceeded, but shrinks only when less than `share` is used."""

    def __init__(self, share: float = 0.4, smallest: float = 1e-6) -> None:
        self.share = share
        self.smallest = smallest
        self.value = 0.0

    def cover(self, value: float) -> float:
        value = max(float(value), self.smallest)
        if np.isfinite(value) and not self.share * self.value <= value <= self.value:
            self.value = nice_ceiling(value)
        return self.value


def decimate(steps: np.ndarray, values: np.ndarray, limit: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """At most `limit` points of a curve that keep every peak: the lowest and highest of each bucket.

    Bucket widths are powers of two, so buckets stay where they are while the curve grows.
    """
    if len(steps) <= limit:
        return steps, values
    width = 2 ** int(np.ceil(np.log2(len(steps) / (limit // 2 - 1))))
    whole = len(steps) // width
    buckets = values[: whole * width].reshape(whole, width)
    first = np.arange(whole) * width
    ends = np.sort(np.stack([first + buckets.argmin(axis=1), first + buckets.argmax(axis=1)], axis=1), axis=1)
    tail = values[whole * width :]
    picked = ends.ravel()
    if len(tail):
        last = whole * width + np.sort([tail.argmin(), tail.argmax()])
        picked = np.concatenate([picked, last])
    return steps[picked], values[picked]


def running_mean(
    steps: np.ndarray, values: np.ndarray, share: int = 16, limit: int = 500
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the last 1/`share` of the values up to each place, at no more than `limit` places.

    The window grows with the place, so the mean neither lags at the steep beginning nor changes afterwards.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    stride = max(1, 2 ** int(np.ceil(np.log2(max(1, len(values)) / (limit - 1)))))
    ends = np.arange(stride, len(values) + 1, stride)
    if len(values) and (not len(ends) or ends[-1] != len(values)):
        ends = np.append(ends, len(values))
    windows = np.maximum(1, ends // share)
    return steps[ends - 1], (sums[ends] - sums[ends - windows]) / windows
