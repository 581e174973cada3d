"""Contenders in processes of their own, taking turns.

In one process, the threads that one library leaves spinning for a moment after its work would slow down
whoever comes next, and every library would have to share one setting of threads.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from benchmarks import Timing, summarize

Maker = tuple[Callable[..., Callable[[int], Any]], tuple[Any, ...]]
"""A function of a module, and its arguments, that returns what takes a number of steps."""
PAUSE = 0.02
"""Seconds between two turns, for threads that spin to go to sleep."""


def contest(makers: Mapping[str, Maker], seconds: float, turn: float = 0.15) -> dict[str, Timing]:
    """Seconds per step of each contender. All take turns of `turn` seconds, for `seconds` each in all."""
    contenders = {name: _Contender(*maker) for name, maker in makers.items()}
    try:
        for contender in contenders.values():
            contender.take(3)
        # Not before the last of them has imported and compiled what it needs.
        steps = {name: steps_that_take(contender, turn) for name, contender in contenders.items()}
        samples: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(max(5, round(seconds / turn))):
            names = list(contenders) if number % 2 == 0 else list(reversed(contenders))
            for name in names:
                time.sleep(PAUSE)
                samples[name].append(contenders[name].take(steps[name]))
        return {name: summarize(taken) for name, taken in samples.items()}
    finally:
        for contender in contenders.values():
            contender.end()


class Taker(Protocol):
    """What takes a number of steps."""

    def take(self, steps: int) -> float: ...


def steps_that_take(contender: Taker, seconds: float) -> int:
    """How many steps take that long; asked again and again, since a few say little of many."""
    steps = 3
    for _ in range(5):
        steps = max(1, round(seconds / contender.take(steps)))
    return steps


class _Contender:
    def __init__(self, make: Callable[..., Any], arguments: Sequence[Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, tuple(arguments)), daemon=True)
        self._process.start()
        theirs.close()

    def take(self, steps: int) -> float:
        """Seconds per step of that many steps."""
        self._ours.send(steps)
        try:
            return self._ours.recv()
        except EOFError:
            raise RuntimeError("a contender ended with an error, which is printed above") from None

    def end(self) -> None:
        self._ours.close()
        self._process.join(timeout=10)


def _serve(connection: Any, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    take = make(*arguments)
    while True:
        try:
            steps = connection.recv()
        except EOFError:
            return
        began = time.perf_counter()
        take(steps)
        connection.send((time.perf_counter() - began) / steps)
