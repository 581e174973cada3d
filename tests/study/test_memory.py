"""What a long run keeps: its rows, its snapshots within their budget, and next to nothing else."""

from __future__ import annotations

import gc
import tracemalloc

from cortex_lab.study import Session
from tests.study.walker import Walker


def test_beyond_its_rows_and_snapshots_a_long_run_keeps_nothing():
    budget, steps = 2**15, 10_000
    session = Session(Walker(), probes=[], snapshot_budget=budget)
    session.clock = lambda: 0.0
    session.process.measured = None
    session.step(100)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        session.step(steps)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    rows = 8 * session.trace._capacity * len(session.trace.keys)
    assert len(session.trace) == steps + 100 and len(session.history.steps) > 20
    assert grown - rows < budget + 20_000
