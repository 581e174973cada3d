"""What happened in a session, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cortex_lab.ground.habits import Answering


@dataclass(frozen=True)
class Event:
    """Something a person changed after `step` steps were complete; replayed there after a rewind.

    `phase` is None between two steps, otherwise the phase of the next step after which it was changed.
    """

    step: int
    name: str
    value: Any
    phase: str | None = None


_TRACE = "session.trace.frame() has a row for every step, session.trace['loss'] a column"


@dataclass(frozen=True)
class Stop(Answering):
    """Why stepping ended.

    `kind` is one of "step" (as many as asked), "phase" (inside a step), "condition", "breakpoint", "fault"
    (an update that would do harm, such as one with NaN in it, has been held back), "pause" and "interrupt"
    (Ctrl-C, or the kernel's stop button).
    """

    kind: str
    reason: str
    step: int
    phase: str | None = None

    answers = dict.fromkeys(("history", "loss", "losses", "metrics", "epoch", "trace", "frame"), _TRACE)

    def __repr__(self) -> str:
        where = f"step {self.step}" if self.phase is None else f"step {self.step + 1}, after {self.phase}"
        return f"<Stop at {where}: {self.reason}>"


@dataclass(frozen=True)
class Notice:
    """What a subscriber is told: `kind` is "step", "phase", "run", "pause", "rewind", "edit" or "error".

    The `detail` of a rewind is the step gone back to, or the branch that was adopted.
    """

    kind: str
    step: int
    detail: Any = None


class SessionBusy(RuntimeError):
    """Something was asked for that has to wait until the step under way is over, and cannot wait."""
