"""Batches that a thread reads before they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from cortex_lab.ground import forks


class Ahead:
    """The batches of the next `count` steps, read by one thread while the one before them is used.

    What a step's batch is does not depend on it: one that is not there is read at once, and an error of the
    thread is raised at the step it belongs to.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._lock = forks.freed(threading.Lock())
        self.after_fork()
        forks.told(self)

    def after_fork(self) -> None:
        # A forked child has no such thread.
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: dict[int, Future] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Ahead, (self.count,)

    def fetch(self, fetch: Callable[[int], Any], step: int) -> Any:
        with self._lock:
            job = self._jobs.pop(step, None)
            coming = range(step + 1, step + 1 + self.count)
            for other in [other for other in self._jobs if other not in coming]:
                self._jobs.pop(other).cancel()
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "batches ahead")
            for other in coming:
                if other not in self._jobs:
                    self._jobs[other] = self._pool.submit(_read, fetch, other)
        return _read(fetch, step) if job is None else job.result()


def _read(fetch: Callable[[int], Any], step: int) -> Any:
    batch = fetch(step)
    # Their arrays are copied out of the data when they are first looked at.
    _ = batch.inputs, batch.targets
    return batch
