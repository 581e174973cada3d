"""Runs that keep a pace, by a clock that the test holds."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cortex_lab.study import Pace, Session
from tests.study.walker import Walker
from tests.waiting import wait_until


class Clock:
    """Naps are over at once, and the clock has gone on; `then()` is called after each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.then: Any = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.then()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("rate", [0.5, 10, 40])
def test_steps_begin_at_even_distances_the_first_at_once(clock, rate):
    session, begun = Session(Walker()), []
    session.subscribe(lambda notice: begun.append(clock.now) if notice.kind == "step" else None)
    session.run(until=5, pace=Pace(rate, clock, clock.sleep))
    assert begun == pytest.approx([number / rate for number in range(5)])


def test_a_slow_step_is_not_made_up_for_and_a_little_is(clock):
    pace, begun = Pace(10, clock, clock.sleep), []
    for late in (0.0, 0.0, 0.04, 0.55, 0.0, 0.0):
        while not pace.due():
            pass
        begun.append(clock.now)
        clock.now += late
    assert begun == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.85, 0.95])


def test_a_change_is_heard_during_the_wait_for_a_step(clock):
    session, pace = Session(Walker()), Pace(0.001, clock, clock.sleep)
    clock.then = lambda: setattr(pace, "rate", None)
    assert session.run(until=50, pace=pace).kind == "condition" and clock.now < 1


def test_a_pause_and_visitors_are_heard_during_the_wait_for_a_step(clock):
    session, seen = Session(Walker()), []

    def visit() -> None:
        if len(seen) < 3:
            asked = threading.Thread(target=lambda: seen.append(session.at_rest(lambda: session.step_number)))
            asked.start()
            wait_until(lambda: session._gate.visitors, "a visitor")
        elif clock.now < 900:
            session.pause()

    clock.then = visit
    stop = session.run(pace=Pace(0.001, clock, clock.sleep))
    assert stop.kind == "pause" and session.step_number == 1 and clock.now < 1
    # One more may have come while the others still waited for their answer.
    wait_until(lambda: len(seen) >= 3 and {*seen} == {1}, "the visitors to be answered")


def test_a_pace_changes_no_bit_and_a_number_is_one(clock):
    fast, slow, numbered = (Session(Walker()) for _ in range(3))
    fast.run(until=7)
    slow.run(until=7, pace=Pace(3, clock, clock.sleep))
    numbered.run(until=7, pace=1e6)
    for session in (slow, numbered):
        assert session.process.x.tolist() == fast.process.x.tolist()
        assert session.trace["loss"].tolist() == fast.trace["loss"].tolist()


@pytest.mark.parametrize("pace", [0, -1, float("nan"), float("inf"), "fast", True])
def test_what_is_no_pace_is_refused(pace):
    session = Session(Walker())
    with pytest.raises((ValueError, TypeError), match="pace"):
        session.run(until=3, pace=pace)
    assert session.step_number == 0
