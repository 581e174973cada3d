"""Random numbers that are a function of where they are used, not of what was drawn before."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cortex_lab.ground import checks

SPLIT_STREAM = 2**64 - 1


def row_keys(seed: int, stream: int, n: int) -> np.ndarray:
    """One random uint64 for each of `n` rows, from Philox keyed by (seed, stream).

    Sorting rows by their keys shuffles them, and the order of any two does not depend on which others are
    there. Raw words are used because NumPy promises them, and not `permutation`, to stay the same for good.
    Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).
    """
    return np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(n)


def shuffled(keys: np.ndarray) -> np.ndarray:
    """The places of `keys` from the smallest to the largest, those that are equal in their order."""
    places = np.argsort(keys)
    found = keys[places]
    # A stable sort takes five times as long, and of 64 bits hardly any two are ever equal.
    return np.argsort(keys, kind="stable") if (found[1:] == found[:-1]).any() else places


def checked_seed(seed: int) -> int:
    return checks.seed("seed", seed)


def uniform(seed: int, stream: int, rows: np.ndarray, count: int, first: int = 0) -> np.ndarray:
    """(n, count) float64 on [0, 1), from draw `first` on: draw k of a row is of (seed, stream, row, k) alone.

    SplitMix64 at a position rather than in a sequence: Steele, Lea and Flood, Fast splittable pseudorandom
    number generators (2014).
    """
    draws = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    place = np.asarray(rows, np.uint64)[:, np.newaxis] * _MOST + draws
    place *= _GOLDEN
    place += _key(seed, stream)
    return (_mixed(place) >> np.uint64(11)) * 2.0**-53


@lru_cache(maxsize=64)
def _key(seed: int, stream: int) -> np.ndarray:
    """Where the sequence of a seed and a stream begins, (1,)."""
    key = _mixed(np.array([seed, stream], np.uint64) * _GOLDEN)
    return _mixed(key[:1] ^ (key[1:] >> np.uint64(1)))


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MOST = np.uint64(2**16)


def _mixed(words: np.ndarray) -> np.ndarray:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
