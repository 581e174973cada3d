"""Stepping, stopping and being told."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from cortex_lab.study import Probe, Session, SessionBusy, steps
from tests.study.walker import Walker


def test_steps_by_phase_and_whole_steps_give_the_same_bits():
    whole, phased = Session(Walker()), Session(Walker())
    for _ in range(20):
        whole.step()
        for phase in phased.phases:
            stop = phased.step(to=phase)
        assert stop.phase is None and phased.phase is None
        assert phased.process.x.tobytes() == whole.process.x.tobytes()
    assert (phased.trace["loss"] == whole.trace["loss"]).all()
    assert phased.step_number == len(phased.trace) == 20


def test_a_step_stops_right_after_the_phase_named_and_buffers_can_be_read_there():
    session = Session(Walker())
    before = session.process.x.copy()
    stop = session.step(to="gradient")
    assert (stop.kind, stop.step, stop.phase) == ("phase", 0, "gradient")
    assert session.phase == "gradient" and session.step_number == 0 and len(session.trace) == 0
    assert (session.buffers["gradient"] == before + session.buffers["noise"]).all()
    assert (session.buffers["x"] == before).all()
    session.step()
    assert session.step_number == 1 and session.phase is None


def test_a_half_step_counts_as_one_of_n():
    session = Session(Walker())
    session.step(to="fetch")
    session.step(3)
    assert session.step_number == 3


def test_a_phase_already_passed_is_that_of_the_next_step():
    session = Session(Walker())
    session.step(to="gradient")
    stop = session.step(to="fetch")
    assert session.step_number == 1 and stop.phase == "fetch"


def test_bad_requests_are_refused_and_change_nothing():
    session = Session(Walker())
    session.step(2)
    with pytest.raises(ValueError, match="rewind"):
        session.step(-1)
    with pytest.raises(KeyError, match="fetch, gradient, update"):
        session.step(to="backward")
    with pytest.raises(KeyError, match=r"accuracy.*nothing records"):
        session.run(until="accuracy > 0.5")
    with pytest.raises(KeyError, match="loss, rate, norm"):
        session.record(Probe("accuracy"))
    with pytest.raises(KeyError, match="rate, x and gradient"):
        session.edit("momentum", 0.9)
    with pytest.raises(TypeError, match="condition is wanted"):
        session.run(until=5.5)
    assert session.step_number == 2 and not session.events and not session.running


def test_a_run_stops_on_its_condition_and_says_why():
    session = Session(Walker())
    stop = session.run(until=steps(7))
    assert (stop.kind, stop.step) == ("condition", 7) and "steps(n=7)" in stop.reason
    assert session.last_stop is stop
    assert repr(stop) == f"<Stop at step 7: {stop.reason}>"


def test_a_run_can_be_paused_from_another_thread_and_resumed():
    session = Session(Walker())
    begun = threading.Event()
    session.subscribe(lambda notice: begun.set() if notice.step == 5 else None)
    stops = []
    thread = threading.Thread(target=lambda: stops.append(session.run(until=steps(10**9))))
    thread.start()
    assert begun.wait(60)
    session.pause()
    thread.join(60)
    assert not thread.is_alive() and stops[0].kind == "pause" and not session.running
    assert session.step_number == len(session.trace) >= 5


def test_resume_goes_on_until_the_condition_of_the_last_run():
    session = Session(Walker())
    session.subscribe(lambda notice: session.pause() if notice.kind == "step" and notice.step == 4 else None)
    assert session.run(until=steps(10)).kind == "pause"
    stop = session.resume()
    assert stop.kind == "condition" and session.step_number == 10


def test_pause_when_idle_is_harmless():
    session = Session(Walker())
    session.pause()
    assert session.step(3).step == 3


def test_a_second_thread_cannot_step_a_running_session():
    session = Session(Walker())
    begun = threading.Event()
    session.subscribe(lambda notice: begun.set())
    thread = threading.Thread(target=session.run, name="the trainer")
    thread.start()
    begun.wait(60)
    for call in (session.step, session.run, lambda: session.rewind(0)):
        with pytest.raises(SessionBusy, match="the trainer"):
            call()
    session.pause()
    thread.join(60)
    assert session.step().kind == "step"


@pytest.mark.parametrize("where", ["subscriber", "visitor"])
def test_nobody_at_rest_can_step_the_session_that_called_it(where):
    session = Session(Walker())
    seen = []

    def step(*_):
        try:
            session.step()
        except SessionBusy as error:
            seen.append(error)

    if where == "subscriber":
        session.subscribe(lambda notice: step() if notice.kind == "step" else None)
        session.step()
    else:
        session.between_steps(step).result(60)
    assert len(seen) == 1
    session.step()


def test_ctrl_c_is_a_pause_with_the_state_whole():
    session = Session(Walker())
    handler = signal.getsignal(signal.SIGINT)
    session.subscribe(
        lambda notice: (
            os.kill(os.getpid(), signal.SIGINT) if (notice.kind, notice.step) == ("step", 3) else None
        )
    )
    stop = session.run()
    assert stop.kind == "interrupt" and "session.resume()" in stop.reason
    assert session.step_number == len(session.trace) == 3 and session.phase is None
    assert signal.getsignal(signal.SIGINT) is handler
    assert session.step(2).step == 5


def test_a_second_ctrl_c_breaks_a_step_that_never_ends():
    process = Walker()
    session = Session(process)
    session.step(2)
    before = process.x.copy()

    def hang(phase):
        if phase == "gradient":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second one was not raised")

    process.tap = hang
    with pytest.raises(KeyboardInterrupt):
        session.run()
    process.tap = None
    assert session.step_number == 2 and (process.x == before).all() and not session.running
    session.step()
