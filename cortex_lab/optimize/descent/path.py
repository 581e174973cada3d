"""Where a process has been: its parameters at every step, kept true through rewinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.study import Notice, Session


class Path:
    """The flat parameters of a session's process after each step; made by `follow`.

    `steps` and `points` (steps, dimension) say when and where. A rewind forgets what it undoes. `stop()` ends
    the following and keeps what is there.
    """

    def __init__(self, session: Session, read: Callable[[Any], Any], every: int) -> None:
        if every < 1:
            raise ValueError(f"a path keeps every n-th step, n at least 1, got {every}")
        self._session = session
        self._read = read
        self._every = every
        self._points: dict[int, np.ndarray] = {}
        self._keep(session.step_number)
        self.stop = session.subscribe(self._hear)

    @property
    def steps(self) -> np.ndarray:
        return np.array(list(self._points), dtype=np.int64)

    @property
    def points(self) -> np.ndarray:
        return np.stack(list(self._points.values()))

    def __len__(self) -> int:
        return len(self._points)

    def __repr__(self) -> str:
        return f"<Path of {len(self)} points of {self.points.shape[1]} parameters>"

    def _hear(self, notice: Notice) -> None:
        if notice.kind == "step" and notice.step % self._every == 0:
            self._keep(notice.step)
        elif notice.kind in ("rewind", "error"):
            self._points = {step: kept for step, kept in self._points.items() if step <= notice.step}
            # What was edited at that very step is forgotten too.
            if notice.step in self._points or not self._points:
                self._keep(notice.step)
        elif notice.kind == "edit" and notice.step in self._points:
            self._keep(notice.step)

    def _keep(self, step: int) -> None:
        self._points[step] = np.array(self._read(self._session.process), dtype=np.float64).ravel()


def follow(session: Session, read: Callable[[Any], Any] | None = None, every: int = 1) -> Path:
    """Keep the parameters of `session.process` from here on, after every `every`-th step.

    `read(process)` gives them as an array; None takes every array of `process.parameters`, in order, which is
    right for a descent. For a network's flat vector: `read=lambda training: training.network.params`.
    """
    return Path(session, read or _all_parameters, every)


def _all_parameters(process: Any) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in process.parameters.values()])
