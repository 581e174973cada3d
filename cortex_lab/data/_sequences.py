"""Sequences moved in time, and parts of them left out."""

from __future__ import annotations

import numpy as np

from cortex_lab.data._changes import FEATURE_MASK, TIME_MASK, TIME_SHIFT, drawn


def shift_in_time(
    values: np.ndarray, rows: np.ndarray, seed: int, epoch: int, share: float, nearest: bool
) -> None:
    """Move (n, steps, features) by up to a share of the steps, in place; beyond the ends are zeros.

    With `nearest` it is the first or last step.
    """
    steps = values.shape[1]
    most = round(share * steps)
    by = np.floor(drawn(seed, epoch, rows, TIME_SHIFT) * (2 * most + 1)).astype(np.int64) - most
    wanted = np.arange(steps) - by
    there = np.clip(wanted, 0, steps - 1)
    values[...] = values[np.arange(len(values))[:, np.newaxis], there]
    if not nearest:
        values[wanted != there] = 0


def mask(values: np.ndarray, rows: np.ndarray, seed: int, epoch: int, share: float, axis: int) -> None:
    """Make up to a share of the steps (axis 1) or features (axis 2), one run of them, zeros in place."""
    length = values.shape[axis]
    draws = drawn(seed, epoch, rows, TIME_MASK if axis == 1 else FEATURE_MASK)
    size = np.floor(draws[:, :1] * (round(share * length) + 1))
    first = np.floor(draws[:, 1:] * (length - size + 1))
    places = np.arange(length)
    out = (places >= first) & (places < first + size)
    np.moveaxis(values, axis, 1)[out] = 0
