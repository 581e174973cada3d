"""Rows drawn by weight instead of once each."""

from __future__ import annotations

import numpy as np

from cortex_lab.data._rows import Rows


def drawn(words: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Places among `weights`, (n,), as many as there are random `words`, as often as the weights say."""
    ends = np.cumsum(weights)
    places = np.searchsorted(ends, (words >> np.uint64(11)) * 2.0**-53 * ends[-1], side="right")
    # A product may be rounded up to the very end, where no row with a weight needs to be.
    return np.minimum(places, np.flatnonzero(weights)[-1])


def weights_by_class(targets: Rows, rows: np.ndarray, name: str) -> np.ndarray:
    """A weight for each of the `rows`: classes count alike, whatever their size; unknown ones not at all."""
    if targets.dtype != np.int64 or targets.shape not in ((), (1,)):
        raise ValueError(
            f"{name!r} are {targets.dtype} of shape {targets.shape}, which are no classes to balance; give "
            "weights of your own: .weighted(weights)"
        )
    ids = targets.take(rows).reshape(-1)
    known, found = ids >= 0, np.zeros(len(ids))
    if not known.any():
        raise ValueError(f"no row of {name!r} has a known class to balance")
    counts = np.bincount(ids[known])
    found[known] = 1.0 / counts[ids[known]]
    return found


def refuse_small(batch_size: int, rows: int, shares: int) -> None:
    """ValueError for batches of which not each of so many shares has a row."""
    last = rows % batch_size or batch_size
    if min(batch_size, last) >= shares:
        return
    sizes = (size for size in range(batch_size, shares - 1, -1) if (rows % size or size) >= shares)
    size = next(sizes, None)
    say = f"choose another batch_size, such as {size}" if size else "take fewer of them"
    raise ValueError(
        f"a batch of {min(batch_size, last)} rows has none for each of {shares} shares, and there is one of "
        f"{rows} rows with batch_size {batch_size}; {say}"
    )
