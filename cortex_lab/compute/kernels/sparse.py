"""Competition within a row."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def keep_largest(xp: Any, x: Any, k: int, kept: Any, out: Any) -> None:
    """out = x where it is among the `k` largest of its row (of equals, the first), 0 elsewhere.

    x, out: (rows, features), out may be x. `kept` (rows, features) is 1 where a value stayed and 0 elsewhere,
    or None when no gradient will be asked for.
    """
    threshold = xp.partition(x, -k, axis=1)[:, -k, None]
    above, equal = x > threshold, x == threshold
    room = k - above.sum(axis=1, keepdims=True)
    mask = xp.empty_like(x) if kept is None else kept
    mask[...] = above | (equal & (equal.cumsum(axis=1) <= room))
    xp.multiply(x, mask, out=out)
