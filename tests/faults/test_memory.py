"""Memory does not grow with steps, beyond the rows recorded, nor with benches that were closed."""

from __future__ import annotations

import pytest

from tests.faults import memory
from tests.faults.tally import Tally

pytestmark = pytest.mark.skipif(not memory.STATM.exists(), reason="this system does not say")


@pytest.mark.parametrize("name", memory.STUDIES)
def test_many_steps(name):
    tally = Tally()
    memory.steps(tally, name, 15_000, most=4.0)
    assert not tally.wrong, tally.wrong


def test_many_benches():
    tally = Tally()
    memory.benches(tally, 24, most=3.0)
    assert not tally.wrong, tally.wrong
