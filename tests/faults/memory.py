"""What stays in memory after many steps, and after many benches, beyond what was asked for."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cortex_lab as cl
from tests.faults.interrupts import X, Y
from tests.faults.tally import Tally

STATM = Path("/proc/self/statm")
FOR_STEPS, FOR_BENCHES = 12.0, 5.0
"""MB that a million steps and a thousand benches may leave."""


def resident() -> float:
    """MB of main memory that this process has."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def training(budget: int = 2**20) -> Any:
    network = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(2)], 3, seed=0)
    return cl.train(
        network, (X, Y), "softmax_cross_entropy", cl.Adam(1e-3), batch_size=8, snapshot_budget=budget
    )


def descent(budget: int = 2**20) -> Any:
    return cl.Session(cl.Descent(cl.Sphere(), cl.SGD(1e-6)), snapshot_budget=budget)


STUDIES: dict[str, Callable[[], Any]] = {
    "a training": training,
    "a training with the usual budget": lambda: training(256 * 2**20),
    "a descent": descent,
}


def asked_for(session: Any) -> float:
    """MB of the rows recorded, with the room for more, and of snapshots."""
    columns = session.trace._columns.values()
    return (sum(column.nbytes for column in columns) + session.history.nbytes) / 1e6


def steps(tally: Tally, name: str, count: int, most: float = FOR_STEPS) -> None:
    session = STUDIES[name]()
    session.step(2000)
    before = resident() - asked_for(session)
    with tally.one(f"{count} steps of {name}"):
        session.step(count)
        left = resident() - asked_for(session) - before
        assert len(session.trace) == count + 2000 and left <= most, f"{left:.1f} MB"


def benches(tally: Tally, count: int, most: float = FOR_BENCHES) -> None:
    from cortex_lab.widgets import Bench

    session = training()

    def look(times: int) -> None:
        for _ in range(times):
            bench = Bench(session)
            bench.step(1)
            bench.wait().close()

    look(20)
    before = resident()
    with tally.one(f"{count} benches"):
        look(count)
        assert resident() - before <= most, f"{resident() - before:.1f} MB"
