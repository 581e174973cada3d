"""An update that was held back: from which step one can start anew, and what has to be done to go on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cortex_lab.study.events import Event
from cortex_lab.study.history import History, replay
from cortex_lab.study.process import Process, Wholesome

OF_THE_STEP = ("gradient", "pending_update")
"""How the names of edits begin that last no longer than the step under way."""


class UpdateHeldBack(ValueError):
    """Going on was asked for, but the update about to be made is faulty and has not been repaired."""

    def __init__(self, fault: Any) -> None:
        super().__init__(
            f"{fault}\nTo go on, repair it first (an edit, such as of what is named here or of "
            "'excluded_rows'), or rewind; step(force=True) makes this update all the same"
        )


class Fault(str):
    """What a process says is wrong with an update; `last_good` is a step to rewind to, or None."""

    last_good: int | None = None

    def since(self, last_good: int | None) -> Fault:
        way_back = f"; session.rewind(step={last_good}) starts anew" if last_good is not None else ""
        fault = Fault(self + way_back)
        fault.last_good = last_good
        return fault


def last_whole_step(
    process: Process, history: History, events: Iterable[Event], completed: int
) -> int | None:
    """The last step up to `completed` after which all that the process goes on from was whole.

    What was edited between that step and the next does not count, as rewinding forgets it. None if no step
    that can be reached was whole.
    """
    if not isinstance(process, Wholesome) or process.is_whole():
        return completed
    scout: Any = process.clone()  # type: ignore[attr-defined]
    for step in reversed(history.steps):
        snapshot = history.nearest(step)[1]
        scout.restore(snapshot)
        if not scout.is_whole():
            continue
        for later in range(step + 1, completed + 1):
            replay(scout, snapshot, [event for event in events if event.step < later], later)
            if not scout.is_whole():
                return later - 1
            snapshot = scout.snapshot()
        return completed
    return None
