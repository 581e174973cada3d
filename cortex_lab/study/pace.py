"""How fast a run goes."""

from __future__ import annotations

import time
from collections.abc import Callable

from cortex_lab.ground import checks

NAP = 0.02
"""Seconds from one look at what else is wanted to the next, while a step is not yet due."""


class Pace:
    """So many steps a second at most; None is as fast as it goes. Whoever keeps to it hears of changes."""

    def __init__(
        self,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._last: float | None = None
        self.rate = rate

    @property
    def rate(self) -> float | None:
        """Steps a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = None if rate is None else float(checks.number("rate", rate, over=0))

    def begin(self) -> None:
        """The next step is due at once."""
        self._last = None

    def due(self) -> bool:
        """Whether the next step is due, which then counts as begun; if not, a nap was taken."""
        rate, now = self._rate, self._clock()
        between = 0.0 if rate is None else 1 / rate
        expected = now if self._last is None else self._last + between
        if expected > now:
            self._sleep(min(NAP, expected - now))
            return False
        # Steps keep their distance on the whole, but what was missed is not made up for.
        self._last = expected if now - expected < between else now
        return True
