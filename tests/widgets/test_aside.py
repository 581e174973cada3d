"""When a view that moves by itself is called again, by a clock that its test holds; no thread runs here."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cortex_lab.ground.flag import Flag
from cortex_lab.widgets.aside import Aside


class Waiting(Flag):
    """Nobody waits for it: the clock of its aside goes on instead."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def take(self, timeout: float | None = None) -> bool:
        raised = super().take(0.0)
        self.clock.now += 0.0 if raised else timeout or 0.0
        return raised


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def aside(
    spacing: float, answers: list[float | None], urgent: tuple[int, ...] = ()
) -> tuple[Aside, list[float]]:
    """One that is nudged all the time, answers so, and ends; and when it was called.

    Somebody waits for what the nudges of the `urgent` calls ask for.
    """
    clock, called = Clock(), []

    def work() -> float | None:
        called.append(clock.now)
        one.nudge(at_once=len(called) in urgent)
        if len(called) == len(answers):
            one.close(0.0)
        return answers[len(called) - 1]

    one: Any = Aside(work, lambda: False, lambda error: None, "test", spacing=spacing, clock=clock)
    one._wake, one._hurry = Waiting(clock), Waiting(clock)
    one._loop()
    return one, called


def test_pieces_that_nudges_ask_for_keep_their_spacing() -> None:
    assert aside(0.1, [None] * 6)[1] == pytest.approx([0.1 * place for place in range(6)])
    assert aside(0.0, [None] * 6)[1] == [0.0] * 6


def test_a_nudge_while_it_goes_on_by_itself_is_heeded_at_once_after_the_spacing() -> None:
    assert aside(0.1, [5.0, 5.0, None])[1] == pytest.approx([0.0, 0.1, 0.2])


def test_a_nudge_that_somebody_waits_for_is_heeded_at_once_and_none_after_it() -> None:
    assert aside(0.1, [None] * 5, urgent=(2, 3))[1] == pytest.approx([0.0, 0.1, 0.1, 0.1, 0.2])


def test_a_nudge_that_somebody_waits_for_ends_the_spacing_of_another() -> None:
    started, done = threading.Event(), threading.Event()

    def work() -> None:
        (done if started.is_set() else started).set()

    one = Aside(work, lambda: False, lambda error: None, "test", spacing=3600.0)
    one.start()
    try:
        assert started.wait(60)
        one.nudge()
        one.nudge(at_once=True)
        assert done.wait(60), "still kept waiting by the spacing"
    finally:
        assert one.close()
