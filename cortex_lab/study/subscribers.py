"""Who wants to know what a session does."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from cortex_lab.study.events import Notice
from cortex_lab.study.gate import Gate
from cortex_lab.study.process import Process
from cortex_lab.study.settling import settled

Subscriber = Callable[[Notice], Any]


class Subscribers:
    """Functions to be told of every notice. What one raises is shown once, and it is told no more."""

    def __init__(self, process: Process, gate: Gate) -> None:
        self._process = process
        self._gate = gate
        self._all: dict[int, Subscriber] = {}
        self.of_steps: dict[int, Subscriber] = {}
        self.parts: dict[int, Any] = {}
        self._count = 0

    def add(self, subscriber: Subscriber, steps: bool = True, part: object = None) -> Callable[[], None]:
        """Subscribe, to single `steps` too, on behalf of `part`; returns the function that unsubscribes."""
        self._count += 1
        token = self._count

        def enter() -> Callable[[], None]:
            self._all[token] = subscriber
            if steps:
                self.of_steps[token] = subscriber
            if part is not None:
                self.parts[token] = part
            return lambda: self._remove(token)

        return settled(enter, lambda error: None if error is None else self._remove(token))

    def tell(self, kind: str, detail: object = None) -> None:
        """Tell them in this thread, which is at rest meanwhile."""
        told = self.of_steps if kind == "step" else self._all
        if not told:
            return
        notice = Notice(kind, self._process.step_number, detail)
        with self._gate.resting():
            for token, subscriber in tuple(told.items()):
                try:
                    subscriber(notice)
                except Exception:
                    self._remove(token)
                    show_once(f"a subscriber failed and was unsubscribed:\n{traceback.format_exc()}")

    def remove(self, part: object) -> None:
        """Unsubscribe what was subscribed on behalf of `part`."""
        for token in [token for token, each in self.parts.items() if each == part]:
            self._remove(token)

    def _remove(self, token: int) -> None:
        def leave(_: BaseException | None = None) -> None:
            for each in (self._all, self.of_steps, self.parts):
                each.pop(token, None)  # type: ignore[attr-defined]

        settled(leave, leave)


def show_once(message: str) -> None:
    """Show what went wrong beside the stepping, without stopping it even where warnings are errors."""
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        print(message, file=sys.stderr)
