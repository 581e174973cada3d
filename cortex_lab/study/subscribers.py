"""Who wants to know what a session does."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from cortex_lab.study.events import Notice

Subscriber = Callable[[Notice], Any]


class Subscribers:
    """Functions to be told of every notice. What one raises is shown once, and it is told no more."""

    def __init__(self) -> None:
        self._subscribers: dict[int, Subscriber] = {}
        self._count = 0

    def add(self, subscriber: Subscriber) -> Callable[[], None]:
        """Subscribe; returns the function that unsubscribes."""
        self._count += 1
        token = self._count
        self._subscribers[token] = subscriber

        def unsubscribe() -> None:
            self._subscribers.pop(token, None)

        return unsubscribe

    def __bool__(self) -> bool:
        return bool(self._subscribers)

    def tell(self, notice: Notice) -> None:
        for token, subscriber in tuple(self._subscribers.items()):
            try:
                subscriber(notice)
            except Exception:
                self._subscribers.pop(token, None)
                show_once(f"a subscriber failed and was unsubscribed:\n{traceback.format_exc()}")


def show_once(message: str) -> None:
    """Show what went wrong beside the stepping, without stopping it even where warnings are errors."""
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:
        print(message, file=sys.stderr)
