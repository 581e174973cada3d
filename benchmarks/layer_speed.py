"""Every layer, forward and backward, every loss and optimizer, small and large, beside PyTorch."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable
from typing import Any

from benchmarks import Comparison, Row, say, summarize
from benchmarks.workloads import one_layer
from benchmarks.workloads.contest import PAUSE, steps_that_take
from benchmarks.workloads.layer_sizes import SIZES, TABLE
from benchmarks.workloads.loss_sizes import LOSS_TABLE

OPTIONS = {"seconds": 1.0, "only": "", "size": "", "passes": "", "alone": False}
"""`seconds` for each side of a row; `only`, `size` and `passes` take the rows in whose name they are.

With `alone` each side has one thread, whose processor time counts: for a machine that others use as well.
"""
PACKAGES = ("torch",)
BARS = {"small": 0.6, "large": 1.0}
TURN = 0.04


def run(options: Any) -> Iterable[Row]:
    """A row for each; one without a peer in PyTorch is shown and not judged."""
    from cortex_lab.optimize import OPTIMIZERS

    wanted = [(kind, name) for name in TABLE for kind in one_layer.PASSES]
    wanted += [("loss", name) for name in LOSS_TABLE] + [("update", name) for name in OPTIMIZERS]
    sides = {who: _Side(who, options.alone) for who in ("ours", "PyTorch")}
    try:
        for kind, name in wanted:
            for size in SIZES:
                if options.only in name and options.size in size and options.passes in kind:
                    yield _row(sides, kind, name, size, options.seconds)
    finally:
        for each in sides.values():
            each.end()


def _row(sides: dict[str, _Side], kind: str, name: str, size: str, seconds: float) -> Row:
    what = f"{name}, {kind}, {size}"
    there = [who for who in sides if who == "ours" or one_layer.has_peer(kind, name)]
    for who in there:
        sides[who].make(kind, name, size)
    steps = {who: steps_that_take(sides[who], TURN) for who in there}
    taken: dict[str, list[float]] = {who: [] for who in there}
    for number in range(max(5, round(seconds / TURN))):
        for who in there if number % 2 == 0 else reversed(there):
            time.sleep(PAUSE / 4)
            taken[who].append(sides[who].take(steps[who]))
    ours = summarize(taken["ours"])
    if len(there) == 1:
        return Row(what=what, value=1e3 * ours.median, unit="ms")
    comparison = Comparison(ours, summarize(taken["PyTorch"]))
    say(f"{what}: {comparison.ratio:.2f}")
    return comparison.row(what, "PyTorch eager", bar=BARS[size])


class _Side:
    """A process that does the work of one side, for as long as all rows take: starting one takes seconds."""

    def __init__(self, who: str, alone: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._who = who
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, who, alone), daemon=True)
        self._process.start()
        theirs.close()

    def make(self, *work: str) -> None:
        """Get ready for this work."""
        self._ask(work)

    def take(self, steps: int) -> float:
        """Seconds per step of that many steps."""
        return self._ask(steps)

    def end(self) -> None:
        self._ours.close()
        self._process.join(timeout=10)

    def _ask(self, what: Any) -> Any:
        self._ours.send(what)
        try:
            return self._ours.recv()
        except EOFError:
            raise RuntimeError(f"{self._who} ended with an error, which is printed above") from None


def _serve(connection: Any, who: str, alone: bool) -> None:
    make, take = one_layer.side(who, alone), None
    clock = time.process_time if alone else time.perf_counter
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            return
        if isinstance(asked, tuple):
            take = make(*asked)
            take(3)
            connection.send(None)
        else:
            assert take is not None
            began = clock()
            take(asked)
            connection.send((clock() - began) / asked)
