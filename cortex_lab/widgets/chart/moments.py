"""What a view keeps of steps gone by, to be looked back at, within a number of them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Moments(Generic[Kept]):
    """Values by what they are of and their step; of more than `most`, every second is dropped, not the last.

    What is kept of a step takes the place of what was kept of it, and of later steps, which were gone back
    from.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: dict[tuple[Hashable, int], Kept] = {}

    def keep(self, of: Hashable, step: int, value: Kept) -> None:
        kept = {key: each for key, each in self._kept.items() if key[1] <= step}
        kept[of, step] = value
        # A new dict, as somebody in another thread may be looking.
        self._kept = kept if len(kept) <= self.most else dict([*kept.items()][-1::-2][::-1])

    def at(self, of: Hashable, step: int) -> Kept | None:
        """The last one at `step` or before, or else the first after it; None without any."""
        kept = self._kept
        steps = [at for what, at in kept if what == of]
        before = [at for at in steps if at <= step]
        return kept[of, max(before) if before else min(steps)] if steps else None
