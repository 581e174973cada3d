"""Memory does not grow with steps, beyond the rows recorded, nor with benches that were closed."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from tests.faults import memory
from tests.faults.interrupts import X, Y
from tests.faults.tally import Tally

pytestmark = pytest.mark.skipif(not memory.STATM.exists(), reason="this system does not say")


@pytest.mark.parametrize("name", memory.STUDIES)
def test_many_steps(name):
    tally = Tally()
    memory.steps(tally, name, 15_000, most=4.0)
    assert not tally.wrong, tally.wrong


ASKED = {
    "predict": lambda session: session.network.predict(X),
    "predict other rows": lambda session: session.network.predict(X + np.float32(1)),
    "score": lambda session: session.score((X, Y)),
    "step": lambda session: session.step(),
    "gradient_of": lambda session: session.network.gradient_of(rows=X[:2]),
    "network_at": lambda session: session.network_at(3),
    "copy": lambda session: session.network.copy().predict(X),
    "branch": lambda session: session.branch().step(),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_is_asked_again_leaves_nothing_that_waits(ask):
    session = memory.training()
    session.step(5)
    waiting = []
    for _ in range(2):
        for _ in range(3):
            ask(session)
        gc.collect()
        waiting.append(len(weakref.finalize._registry))  # type: ignore[attr-defined]
    assert waiting[1] <= waiting[0]


def test_many_benches():
    tally = Tally()
    memory.benches(tally, 24, most=3.0)
    assert not tally.wrong, tally.wrong
