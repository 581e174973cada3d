"""What is measured, when, and what an observation never shows."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from cortex_lab.study import Probe, Session, every
from tests.study.walker import Bare, Walker


def test_only_what_is_due_or_asked_for_is_measured():
    process = Walker()
    session = Session(process, probes=[Probe("loss", every(2))])
    session.step(4)
    assert process.measured == [(2, "loss"), (4, "loss")]
    assert np.isnan(session.trace["loss"]).tolist() == [True, False, True, False]
    first = session.observation["norm"]
    assert session.observation["norm"] == first and process.measured.count((4, "norm")) == 1


def test_an_observation_never_shows_another_step_not_even_half_of_it():
    session = Session(Walker())
    session.step()
    old = session.observation
    loss = old["loss"]
    session.step(to="gradient")
    with pytest.raises(LookupError, match="moved on"):
        old["norm"]
    session.step()
    with pytest.raises(LookupError, match="moved on"):
        old["norm"]
    assert old["loss"] == loss and "norm" in old and len(old) == 4


def test_an_observation_first_asked_for_after_a_step_that_failed_shows_nothing_of_it():
    session = Session(Walker())
    session.step()
    session.process.fail_at = (1, "gradient")
    with pytest.raises(ArithmeticError):
        session.step()
    assert session.step_number == 1 and session.phase is None
    with pytest.raises(LookupError, match="moved on"):
        session.observation["norm"]
    assert session.observation["loss"] == session.trace["loss"][0]


def test_a_probe_can_measure_with_a_function_of_the_process():
    session = Session(Walker(), probes=[Probe("first", measure=lambda process: process.x[0])])
    session.step(3)
    assert session.trace["first"][-1] == session.process.x[0]


def test_recording_can_begin_later():
    session = Session(Walker())
    session.step(2)
    session.record(Probe("norm"))
    session.step(2)
    assert np.isnan(session.trace["norm"]).tolist() == [True, True, False, False]
    session.rewind(1)
    session.step(2)
    assert np.isnan(session.trace["norm"]).tolist() == [True, False, False]


def test_a_process_with_nothing_optional_can_be_stepped_and_rewound():
    session = Session(Bare())
    session.step(5)
    session.step(to="move")
    session.rewind(3)
    assert session.process.x == 3.0 and list(session.trace["x"]) == [1, 2, 3]
    with pytest.raises(ValueError, match="one phase"):
        session.break_when("x > 2")
    with pytest.raises(TypeError, match="Bare does not tell"):
        _ = session.pending_update


def test_recording_can_begin_from_another_thread_while_stepping():
    session = Session(Walker())
    begun = threading.Event()
    session.subscribe(lambda notice: begun.set())
    thread = threading.Thread(target=session.run)
    thread.start()
    begun.wait(60)
    session.record(Probe("norm"))
    session.break_when("loss > 1e9")
    enough, before = threading.Event(), len(session.trace)
    session.subscribe(lambda notice: enough.set() if len(session.trace) >= before + 5 else None)
    assert enough.wait(60)
    session.pause()
    thread.join(60)
    assert session.error is None and not np.isnan(session.trace["norm"][-1])
