"""How a trace says that nothing was recorded."""

from __future__ import annotations

import numpy as np

# What stands where nothing was recorded is a NaN too, but with a mark in its spare bits: a loss that became
# NaN is not a loss that was not measured.
MISSING = np.uint64(0x7FF8_0000_0000_0C1A).view(np.float64)


def is_recorded(column: np.ndarray) -> np.ndarray:
    """Where a trace column holds a recorded value, which may be NaN: bool of the column's shape."""
    return np.ascontiguousarray(column).view(np.uint64) != MISSING.view(np.uint64)
