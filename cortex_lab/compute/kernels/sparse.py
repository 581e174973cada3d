"""Competition within a row."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel


@kernel
def keep_largest(xp: ModuleType, x: Array, k: int, kept: Array | None, out: Array) -> None:
    """out = x where it is among the `k` largest of its row (of equals, the first), 0 elsewhere.

    NaN counts as infinite, and stays NaN even where it is not kept.

    x, out: (rows, features), out may be x. `kept` (rows, features) is 1 where a value stayed and 0 elsewhere,
    or None when no gradient will be asked for.
    """
    unknown = xp.isnan(x)
    ranks = xp.where(unknown, xp.inf, x)
    threshold = xp.partition(ranks, -k, axis=1)[:, -k, None]
    above, equal = ranks > threshold, ranks == threshold
    room = k - above.sum(axis=1, keepdims=True)
    mask = xp.empty_like(x) if kept is None else kept
    mask[...] = above | (equal & (equal.cumsum(axis=1) <= room))
    # A product would make NaN of what is minus infinity and dropped.
    out[...] = xp.where((mask > 0) | unknown, x, 0)
