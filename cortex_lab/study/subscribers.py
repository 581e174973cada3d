"""Who wants to know what a session does."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from cortex_lab.study.events import Notice
from cortex_lab.study.gate import Gate
from cortex_lab.study.process import Process
from cortex_lab.study.settling import settled

Subscriber = Callable[[Notice], Any]


class Subscribed(NamedTuple):
    """A subscriber, whether it is told of single steps, and the part on whose behalf it is."""

    subscriber: Subscriber
    steps: bool
    part: object


class Subscribers:
    """Functions to be told of every notice. What one raises is shown once, and it is told no more."""

    def __init__(self, process: Process, gate: Gate) -> None:
        self._process = process
        self._gate = gate
        # All of a subscriber is in one place, so that it comes and goes whatever interrupts.
        self._all: dict[int, Subscribed] = {}
        self._count = 0

    @property
    def of_steps(self) -> list[Subscribed]:
        """Those to be told of single steps."""
        return [each for each in tuple(self._all.values()) if each.steps] if self._all else []

    @property
    def parts(self) -> tuple[Any, ...]:
        """On whose behalf somebody subscribed."""
        return tuple(each.part for each in tuple(self._all.values()) if each.part is not None)

    def add(self, subscriber: Subscriber, steps: bool = True, part: object = None) -> Callable[[], None]:
        """Subscribe, to single `steps` too, on behalf of `part`; returns the function that unsubscribes."""
        self._count += 1
        token = self._count

        def enter() -> Callable[[], None]:
            self._all[token] = Subscribed(subscriber, steps, part)
            return lambda: self._remove(token)

        return settled(enter, lambda error: None if error is None else self._remove(token))

    def tell(self, kind: str, detail: object = None) -> None:
        """Tell them in this thread, which is at rest meanwhile."""
        if not self._all:
            return
        told = [(token, each) for token, each in tuple(self._all.items()) if each.steps or kind != "step"]
        if not told:
            return
        notice = Notice(kind, self._process.step_number, detail)
        with self._gate.resting():
            for token, each in told:
                try:
                    each.subscriber(notice)
                except Exception:
                    self._remove(token)
                    show_once(f"a subscriber failed and was unsubscribed:\n{traceback.format_exc()}")

    def remove(self, part: object) -> None:
        """Unsubscribe what was subscribed on behalf of `part`."""
        for token in [token for token, each in tuple(self._all.items()) if each.part == part]:
            self._remove(token)

    def _remove(self, token: int) -> None:
        self._all.pop(token, None)


def show_once(message: str) -> None:
    """Show what went wrong beside the stepping, without stopping it even where warnings are errors."""
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        print(message, file=sys.stderr)
