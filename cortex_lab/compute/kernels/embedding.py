"""Tables of vectors looked up by id, and the mask of what is padding."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel


@kernel
def look_up(xp: ModuleType, table: Array, ids: Array, out: Array) -> None:
    """out[i] = table[ids[i]]; IndexError for an id that is not in the table."""
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids come straight from an input of the network, got an array of {ids.dtype}")
    # NumPy takes -1 for the last row, and CuPy any id at all for some row.
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= len(table):
        wrong = low if low < 0 else high
        raise IndexError(
            f"there is no id {wrong} in a table of {len(table)}; ids go from 0 to {len(table) - 1}"
        )
    out[...] = table[ids]


@kernel
def look_up_gradient(xp: ModuleType, ids: Array, dy: Array, out: Array) -> None:
    """out[j] = sum of dy[i] over all i with ids[i] == j.

    The order of the additions is settled by `ids` alone: rows of one id are added in pairs, then pairs of
    pairs, so equal batches give equal bits, and rounding errors stay small.
    """
    ids = ids.reshape(-1)
    order = xp.argsort(ids, kind="stable")
    ids, sums = ids[order], dy.reshape(len(order), -1)[order]
    while True:
        place = xp.arange(len(ids)) - xp.searchsorted(ids, ids)
        second = xp.flatnonzero(place % 2 == 1)
        if len(second) == 0:
            break
        sums[second - 1] += sums[second]
        remaining = place % 2 == 0
        ids, sums = ids[remaining], sums[remaining]
    out[...] = 0
    out[ids] = sums


@kernel
def mask_steps(xp: ModuleType, x: Array, value: float, out: Array) -> None:
    """out[i, t] = 0 where all of x[i, t] is `value`, else 1."""
    differs = x != value
    out[...] = differs.any(axis=2) if x.ndim == 3 else differs
