"""How many numbers are spread, in few: what is kept of each moment of an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SAMPLED = 2048
"""Values that are looked at of an array; of more, those at fixed random places."""
LEVELS = np.linspace(0.0, 1.0, 65)
"""The shares below which the quantiles of a sketch lie."""
_PICKS: dict[int, np.ndarray] = {}


@dataclass(frozen=True, eq=False)
class Sketch:
    """Quantiles of the finite values among `size`, at `LEVELS`; `lost` are those that are not finite.

    Where none is finite the quantiles are NaN.
    """

    quantiles: np.ndarray
    size: int
    lost: int

    def shares(self, edges: np.ndarray) -> np.ndarray:
        """The share of the finite values between each edge and the next; beyond the ends, in the last."""
        if np.isnan(self.quantiles[0]):
            return np.full(len(edges) - 1, np.nan)
        below = np.interp(edges, self.quantiles, LEVELS)
        below[0], below[-1] = 0.0, 1.0
        return np.diff(below)


def sampled(array: Any, to_numpy: Any = np.asarray) -> tuple[np.ndarray, int, int]:
    """Copies of some values of an array, how many it has, and how many of all are not finite."""
    values = np.asarray(to_numpy(array)).reshape(-1)
    lost = 0
    # A sum is finite only if all that it is of is, and is had at once.
    with np.errstate(over="ignore", invalid="ignore"):
        whole = bool(np.isfinite(values.sum()))
    if not whole:
        lost = int(values.size - np.count_nonzero(np.isfinite(values)))
    return (values.copy() if values.size <= SAMPLED else values[_picks(values.size)]), values.size, lost


def sketched(values: np.ndarray, size: int, lost: int) -> Sketch:
    """The sketch of what was `sampled`."""
    finite = values[np.isfinite(values)] if lost else values
    if not len(finite):
        return Sketch(np.full(len(LEVELS), np.nan), size, lost)
    return Sketch(np.quantile(finite.astype(np.float64), LEVELS), size, lost)


def edges_of(sketches: Sequence[Sketch], bins: int) -> np.ndarray:
    """Edges of `bins` of one width that hold all but a few in a thousand of most moments."""
    known = np.array([each.quantiles for each in sketches if not np.isnan(each.quantiles[0])])
    if not len(known):
        return np.linspace(-1.0, 1.0, bins + 1)
    # Single moments far out, such as the first gradients, leave the others to be seen.
    low, high = float(np.quantile(known[:, 0], 0.02)), float(np.quantile(known[:, -1], 0.98))
    if not high > low:
        room = 0.5 * max(abs(low), 1e-6)
        return np.linspace(low - room, low + room, bins + 1)
    width = (high - low) / (bins - 1)
    # Zero lies within a bin, not between two: many values are 0 exactly.
    first = (np.floor(low / width + 0.5) - 0.5) * width
    return first + width * np.arange(bins + 2)


def _picks(size: int) -> np.ndarray:
    if size not in _PICKS:
        if len(_PICKS) > 512:
            _PICKS.clear()
        random = np.random.default_rng(0)
        _PICKS[size] = np.sort(random.integers(0, size, SAMPLED))
    return _PICKS[size]
