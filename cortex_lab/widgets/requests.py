"""What is asked of the publisher: short things, such as an edit, that cannot wait behind a run."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from cortex_lab.ground.flag import Flag


class Requests:
    """Functions to be called in order, and flags to be raised once all before them are done.

    What the last of them raised is kept in `error`.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._before: BaseException | None = None
        self._waiting: queue.SimpleQueue[Callable[[], Any] | Flag] = queue.SimpleQueue()

    def put(self, request: Callable[[], Any] | Flag) -> None:
        self._waiting.put(request)

    def put_question(self, question: Callable[[], Any]) -> None:
        """A request that changes nothing: `error` stays what it is, unless it fails itself."""

        def ask() -> None:
            before = self._before
            question()
            self.error = before

        self.put(ask)

    def grant(self) -> None:
        """Do all that is waiting."""
        while not self._waiting.empty():
            if isinstance(request := self._waiting.get(), Flag):
                request.set()
                continue
            try:
                self._before, self.error = self.error, None
                request()
            except Exception as error:
                self.error = error

    def drop(self) -> None:
        """Forget all that is waiting, and let nobody wait for it."""
        while not self._waiting.empty():
            if isinstance(request := self._waiting.get(), Flag):
                request.set()
