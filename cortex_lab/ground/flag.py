"""A flag that threads wait for."""

from __future__ import annotations

import threading
from contextlib import suppress


class Flag:
    """`set` it, and one `take` that waits for that returns, the flag lowered again.

    Unlike of a `threading.Event`, all of it is done in C: an interrupt, or a fork, finds no place inside.
    """

    def __init__(self) -> None:
        self._lowered = threading.Lock()
        self._lowered.acquire()

    def set(self) -> None:
        """Raise it; nothing happens if it is raised."""
        if self._lowered.locked():
            # Somebody else may have raised it since.
            with suppress(RuntimeError):
                self._lowered.release()

    def take(self, timeout: float | None = None) -> bool:
        """Wait until it is raised, and lower it; False when the time is over first."""
        return self._lowered.acquire(
            timeout=-1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
        )
