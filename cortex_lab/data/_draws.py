"""Random numbers that are a function of where they are used, not of what was drawn before."""

from __future__ import annotations

import operator

import numpy as np

SPLIT_STREAM = 2**64 - 1


def row_keys(seed: int, stream: int, n: int) -> np.ndarray:
    """One random uint64 for each of `n` rows, from Philox keyed by (seed, stream).

    Sorting rows by their keys shuffles them, and the order of any two does not depend on which others are
    there. Raw words are used because NumPy promises them, and not `permutation`, to stay the same for good.
    Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).
    """
    return np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(n)


def checked_seed(seed: int) -> int:
    seed = operator.index(seed)
    if not 0 <= seed < 2**64:
        raise ValueError(f"a seed is a whole number from 0 to 2**64 - 1, got {seed}")
    return seed
