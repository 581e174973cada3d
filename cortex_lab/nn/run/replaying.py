"""A layer's calls of kernels, found out once and made again at every step.

Between two kernels the caches are full of numbers, so each line of Python costs several times what it costs
in a loop of its own: without this a fifth of a small network's step is spent on finding out the same things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cortex_lab.compute.kernel import REGISTRY
from cortex_lab.compute.work import joined
from cortex_lab.nn.contract.layer import Slots


class Replayed:
    """`method(ops, slots)`, which calls nothing but kernels; from the second time on only those."""

    def __init__(self, method: Callable[[Any, Slots], None], ops: Any, slots: Slots) -> None:
        self._method, self._ops, self._slots = method, ops, slots
        self.calls: list[Callable[[], Any]] | None = None
        """What it calls, once that is known."""

    def __call__(self) -> None:
        if self.calls is None:
            recording = _Recording(self._ops)
            self._method(recording, self._slots)
            self.calls = joined(recording.calls)
        else:
            for call in self.calls:
                call()


class _Recording:
    """Stands in for an `Ops`: its kernels do their work and are remembered."""

    def __init__(self, ops: Any) -> None:
        self._ops = ops
        self.calls: list[Callable[[], Any]] = []

    def __getattr__(self, name: str) -> Any:
        kernel = REGISTRY.get(name)
        if kernel is None:
            return getattr(self._ops, name)

        def call(*args: Any, **options: Any) -> Any:
            prepared = kernel.prepare(self._ops, *args, **options)
            result = prepared()
            self.calls.append(prepared)
            return result

        return call
