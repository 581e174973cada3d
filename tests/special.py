"""NaN and infinity planted into arrays, and answers that have them in the same places."""

from __future__ import annotations

from typing import Any

import numpy as np

SPECIAL = (np.nan, np.inf, -np.inf)


def plant(random: np.random.Generator, array: np.ndarray) -> None:
    """One to three elements of `array` become special values, all the same or not."""
    places = random.integers(0, array.size, random.integers(1, 4))
    same = random.choice(SPECIAL)
    array.reshape(-1)[places] = random.choice(SPECIAL, len(places)) if random.random() < 0.3 else same


def assert_same(found: Any, wanted: Any, rtol: float = 1e-4, atol: float = 1e-5, message: str = "") -> None:
    """NaN where NaN is wanted, each infinity where it is, and all else close, as far as float32 reaches."""
    wanted = np.asarray(wanted, np.float64)
    size = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    with np.errstate(over="ignore"):
        wanted = wanted.astype(np.float32)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol * size, err_msg=message)
