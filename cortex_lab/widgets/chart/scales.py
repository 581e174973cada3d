"""Axis ranges that stay put, and curves thinned out for drawing."""

from __future__ import annotations

import math

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


class GrowingCurve:
    """A curve thinned out for drawing, which looks only at what has been added since it was asked before.

    `steps` and `values` are always all of the curve so far, both (points,). Points seen before must be as
    they were; for another curve take another object.
    """

    def __init__(self) -> None:
        self._width = 0
        self._picked = np.empty(0, np.intp)
        self._sums = np.zeros(1024)
        self._summed = 0
        self._seen = 0
        self._finite: np.ndarray | None = None

    def recorded(self, steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The points whose values are finite."""
        fresh = np.isfinite(values[self._seen :])
        if self._finite is None and not fresh.all():
            self._finite = np.arange(self._seen)
        if self._finite is not None:
            self._finite = np.concatenate([self._finite, self._seen + np.flatnonzero(fresh)])
        self._seen = max(self._seen, len(values))
        if self._finite is None:
            return steps, values
        places = self._finite[: np.searchsorted(self._finite, len(values))]
        return steps[places], values[places]

    def decimate(
        self, steps: np.ndarray, values: np.ndarray, limit: int = 1000
    ) -> tuple[np.ndarray, np.ndarray]:
        """At most `limit` points that keep every peak: the lowest and highest of each bucket.

        Bucket widths are powers of two, so buckets stay where they are while the curve grows.
        """
        if len(steps) <= limit:
            return steps, values
        width = _power_of_two(len(steps) / (limit // 2 - 1))
        if width != self._width:
            self._width, self._picked = width, np.empty(0, np.intp)
        done, whole = len(self._picked) // 2 * width, len(values) // width * width
        if whole > done:
            fresh = done + _extremes(values[done:whole].reshape(-1, width))
            self._picked = np.concatenate([self._picked, fresh])
        places = self._picked[: 2 * whole // width]
        if whole < len(values):
            places = np.concatenate([places, whole + _extremes(values[whole:].reshape(1, -1))])
        return steps[places], values[places]

    def running_mean(
        self, steps: np.ndarray, values: np.ndarray, share: int = 16, limit: int = 500
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean of the last 1/`share` of the values up to each place, at no more than `limit` places.

        The window grows with the place, so the mean neither lags at the steep beginning nor changes
        afterwards.
        """
        sums = self._sums_of(values)
        stride = _power_of_two(len(values) / (limit - 1))
        ends = np.arange(stride, len(values) + 1, stride)
        if len(values) and (not len(ends) or ends[-1] != len(values)):
            ends = np.append(ends, len(values))
        windows = np.maximum(1, ends // share)
        return steps[ends - 1], (sums[ends] - sums[ends - windows]) / windows

    def _sums_of(self, values: np.ndarray) -> np.ndarray:
        """`sums[n]` is the sum of the first n values."""
        done, length = self._summed, len(values)
        if length >= len(self._sums):
            known = self._sums[: done + 1]
            self._sums = np.zeros(2 * length + 1)
            self._sums[: done + 1] = known
        if length > done:
            fresh = self._sums[done + 1 : length + 1]
            np.cumsum(values[done:], out=fresh)
            fresh += self._sums[done]
            self._summed = length
        return self._sums


def _power_of_two(least: float) -> int:
    return 2 ** max(0, math.ceil(math.log2(max(1.0, least))))


def _extremes(buckets: np.ndarray) -> np.ndarray:
    """Places of the lowest and highest value of each bucket (buckets, width), in order, in the flat array."""
    first = np.arange(len(buckets)) * buckets.shape[1]
    ends = np.stack([buckets.argmin(axis=1), buckets.argmax(axis=1)], axis=1) + first[:, None]
    return np.sort(ends, axis=1).ravel()
