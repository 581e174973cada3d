"""Rows mixed with others, and what that makes of their targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.data._changes import MIXTURE, drawn


@dataclass(frozen=True, eq=False)
class Mixture:
    """With which rows some are mixed: `others` (n,) row numbers.

    `shares` (n,) float32 are what is left of the row itself in its target. `boxes` (n, 4), top, bottom, left
    and right, are where the other picture takes its place; where one is empty the whole row is mixed.
    """

    others: np.ndarray
    shares: np.ndarray
    boxes: np.ndarray

    def of_inputs(self, own: np.ndarray, others: np.ndarray) -> None:
        """Mix the inputs (n, ...), `own` in place."""
        cut = self.boxes[:, 0] < self.boxes[:, 1]
        for place in np.flatnonzero(cut):
            top, bottom, left, right = self.boxes[place]
            own[place, top:bottom, left:right] = others[place, top:bottom, left:right]
        if not cut.all():
            shares = np.where(cut, np.float32(1), self.shares)
            _blend(own, others, shares)

    def of_targets(self, own: np.ndarray, others: np.ndarray) -> None:
        """Mix the targets (n, ...), or weights, of the rows with those of the others, in place."""
        _blend(own, others, self.shares)


def _blend(own: np.ndarray, others: np.ndarray, shares: np.ndarray) -> None:
    share = shares.astype(own.dtype).reshape(-1, *[1] * (own.ndim - 1))
    # Where nothing is mixed in, what the other holds does not matter.
    mixed = np.flatnonzero(shares < 1)
    own[mixed] = share[mixed] * own[mixed] + (1 - share[mixed]) * others[mixed]


def mixture(
    mixup: float, cutmix: float, rows: np.ndarray, seed: int, epoch: int, among: np.ndarray, shape: tuple
) -> Mixture:
    """Drawn from (seed, epoch, row): another row out of all `among`, and how much of it."""
    from scipy.special import betaincinv

    draws = drawn(seed, epoch, rows, MIXTURE)
    others = np.asarray(among)[(draws[:, 1] * len(among)).astype(np.int64)]
    boxes = np.zeros((len(draws), 4), np.int64)
    cut = draws[:, 2] < (0.5 if mixup and cutmix else float(cutmix > 0))
    shape_of_shares = np.where(cut, cutmix, mixup)
    shares = betaincinv(shape_of_shares, shape_of_shares, draws[:, 0])
    # Of a tiny parameter, nearly all shares are 0 or 1, and some beyond what numbers can tell apart.
    shares = np.where(np.isfinite(shares), shares, np.round(draws[:, 0]))
    if cut.any():
        size = np.array(shape[:2])
        half = np.sqrt(1 - shares)[:, np.newaxis] * size / 2
        middle = draws[:, 3:5] * size
        first = np.clip(np.round(middle - half), 0, size).astype(np.int64)
        last = np.clip(np.round(middle + half), 0, size).astype(np.int64)
        last = np.where((last <= first).any(axis=1, keepdims=True), first, last)
        boxes[cut] = np.stack([first[:, 0], last[:, 0], first[:, 1], last[:, 1]], axis=1)[cut]
        area = (last - first).prod(axis=1) / size.prod()
        shares = np.where(cut, 1 - area, shares)
        # An empty box mixes nothing, of the row as of its target.
    return Mixture(others, shares.astype(np.float32), boxes)
