"""How fast a bench runs: from a step a second, which can be watched, to as fast as it goes."""

from __future__ import annotations

from collections.abc import Iterable

from cortex_lab.ground import checks
from cortex_lab.study import Condition, Pace, Session
from cortex_lab.widgets.status import speed_of

SLOW_MOTION = 10.0
"""Steps a second at which every one of them can be seen."""
RATES = (1.0, 3.0, 10.0, 30.0, 100.0, None)


class Speed:
    """Runs a session at so many steps a second at most; None is as fast as it goes."""

    def __init__(self, session: Session, rate: float | None) -> None:
        self._session = session
        self._pace = Pace()
        self.runs = False
        """Whether it is this that steps, and no cell."""
        self.hint = ""
        """What to say of a run, such as how it ends."""
        self.rate = rate

    @property
    def rate(self) -> float | None:
        return self._pace.rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._pace.rate = None if rate is None else checks.number("speed", rate, over=0)

    def run(self, until: Condition | str | int | None = None) -> None:
        """Step until the condition is met, or until paused, at the rate of each moment."""
        self.runs = True
        try:
            self._session.run(until, pace=self._pace)
        finally:
            self.runs = False

    @property
    def hurries(self) -> bool:
        """Whether the training goes as fast as it can, so that whatever else is done slows it down."""
        rate, possible = self.rate, speed_of(self._session)
        waits = self.runs and rate is not None and (possible is None or rate < possible / 2)
        return self._session.running and not waits

    @property
    def measured(self) -> float | None:
        """Steps a second as somebody sees them who looks at the bench; None before there are two."""
        found = speed_of(self._session)
        return found if found is None or not self.runs or self.rate is None else min(found, self.rate)


def named(rate: float | None) -> str:
    """What a rate is called."""
    return "as fast as it goes" if rate is None else f"{rate:g} step{'' if rate == 1 else 's'}/s"


def choices(rate: float | None, before: Iterable[float | None] = ()) -> dict[str, float | None]:
    """Rates to choose from by what they are called, `rate` among them, and those there were `before`."""
    known = sorted({rate, *RATES, *before}, key=lambda each: float("inf") if each is None else each)
    return {named(each): each for each in known}
