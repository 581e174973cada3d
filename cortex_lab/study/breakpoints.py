"""Stopping before an update rather than after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study.conditions import Condition, reason
from cortex_lab.study.trace import Trace


@dataclass(frozen=True)
class Breakpoint:
    """Holds back the update of every step that would meet `condition`; made by `session.break_when`.

    `since` is the number of trace rows there were when it was set.
    """

    number: int
    condition: Condition
    since: int

    def __str__(self) -> str:
        return f"breakpoint {self.number}: {self.condition!r}"


class Breakpoints(list[Breakpoint]):
    """The breakpoints of a session, in the order they were set."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def next(self, condition: Condition, trace: Trace) -> Breakpoint:
        """One that can be put here; it has a number of its own."""
        return Breakpoint(self._count + 1, condition, len(trace))

    def put(self, made: Breakpoint) -> None:
        """Set this one, which is done once however often it is said."""
        self._count = max(self._count, made.number)
        if made.number not in [each.number for each in self]:
            self.append(made)

    def clear(self, chosen: Breakpoint | int | None = None) -> None:
        """Forget one breakpoint, itself or its number, or all; KeyError for one that is not set."""
        if not isinstance(chosen, Breakpoint) and chosen is not None:
            checks.whole("chosen", chosen)
        if chosen is None:
            super().clear()
            return
        number = chosen.number if isinstance(chosen, Breakpoint) else chosen
        kept = [each for each in self if each.number != number]
        if len(kept) == len(self):
            raise KeyError(f"there is no breakpoint {number}; set are {[each.number for each in self]}")
        self[:] = kept

    def crossed(self, trace: Trace, step: int, values: dict[str, Any]) -> str | None:
        """Why to hold back the update of `step`, given what was measured before it; None to let it go."""
        preview: Any = trace.preview(step, values)
        try:
            for each in self:
                if each.condition.met(preview, min(each.since, len(trace))):
                    return f"breakpoint {each.number}: {reason(each.condition, preview)}"
            return None
        finally:
            preview.close()
