"""A layer's calls of kernels, found out once and made again at every step.

Between two kernels the caches are full of numbers, so each line of Python costs several times what it costs
in a loop of its own: without this a fifth of a small network's step is spent on finding out the same things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.layer import Slots


class Replayed:
    """`method(ops, slots)`, which calls nothing but kernels; from the second time on only those."""

    def __init__(self, method: Callable[[Any, Slots], None], ops: Ops, slots: Slots) -> None:
        self._method, self._ops, self._slots = method, ops, slots
        self.calls: list[Callable[[], Any]] | None = None
        """What it calls, once that is known."""
        self._again: Callable[[], Any] | None = None

    def forget(self) -> None:
        """Find out anew what it calls."""
        self.calls = self._again = None

    def __call__(self) -> None:
        if self._again is not None:
            self._again()
            return
        recording = self._ops.recording()
        self._method(recording, self._slots)
        self.calls, self._again = recording.calls, self._ops.capture(recording.calls)
