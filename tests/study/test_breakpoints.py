"""Stopping before an update: breakpoints, faults, and the pending update itself."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.study import Probe, Session, above, steps
from tests.study.walker import Walker


def norms(count: int) -> np.ndarray:
    session = Session(Walker())
    session.break_when("norm < -1")
    session.step(count)
    return session.trace["norm"]


def test_a_breakpoint_stops_before_the_update_that_would_cross_it():
    expected = norms(30)
    bound = np.sort(expected)[-3]
    crossing = int(np.argmax(expected > bound))
    session = Session(Walker())
    session.break_when(f"norm > {float(bound)!r}")
    stop = session.run(until=steps(30))
    assert (stop.kind, stop.step, stop.phase) == ("breakpoint", crossing, "gradient")
    assert "breakpoint 1" in stop.reason and "norm = " in stop.reason
    assert len(session.trace) == crossing and session.step_number == crossing
    assert np.linalg.norm(session.buffers["gradient"]) == expected[crossing]
    session.step()
    assert session.step_number == crossing + 1 and session.trace["norm"][-1] == expected[crossing]


def test_stopping_and_going_on_changes_no_bit():
    plain, stopped = Session(Walker()), Session(Walker())
    plain.step(30)
    stopped.break_when(above("norm", 0.0))
    stops = 0
    while stopped.step_number < 30:
        stops += stopped.step().kind == "breakpoint"
    assert stops == 30 and stopped.process.x.tobytes() == plain.process.x.tobytes()
    assert (stopped.trace["loss"] == plain.trace["loss"]).all()


def test_breakpoints_are_listed_and_cleared():
    session = Session(Walker())
    first, second = session.break_when("norm > 0"), session.break_when(steps(3))
    assert session.breakpoints == [first, second] and str(first) == "breakpoint 1: 'norm > 0'"
    assert session.step(5).reason.startswith("breakpoint 1")
    session.clear_breakpoints(first)
    assert session.step(5).reason.startswith("breakpoint 2") and session.step_number == 2
    session.clear_breakpoints(2)
    with pytest.raises(KeyError, match="no breakpoint 2"):
        session.clear_breakpoints(2)
    session.break_when("norm > 0")
    session.clear_breakpoints()
    assert not session.breakpoints and session.step(5).kind == "step"


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ("gradient_norm['nope'] > 1", "gradient_norm['nope']", 1),
        ('norm > 1 and x["nope"] > 1', "x['nope']", 14),
        ("norm > 1 or nope < 2", "nope", 13),
    ],
)
def test_the_place_of_what_nothing_measures_is_said(text, key, place):
    session = Session(Walker())
    with pytest.raises(KeyError) as refused:
        session.break_when(text)
    assert refused.value.args[0].startswith(f"in {text!r}, at character {place}: no probe can record {key!r}")
    with pytest.raises(KeyError) as refused:
        session.record(Probe(key))
    assert refused.value.args[0].startswith(f"no probe can record {key!r}")


def test_a_breakpoint_on_what_nothing_measures_is_refused():
    session = Session(Walker())
    with pytest.raises(KeyError, match="accuracy"):
        session.break_when("norm > 1 and accuracy > 1")
    assert not session.breakpoints and session.trace.keys == ("step", "seconds", "loss", "rate")


def test_a_breakpoint_holds_on_the_way_to_a_phase_too():
    session = Session(Walker())
    session.break_when("norm > 0")
    assert session.step(to="fetch").kind == "phase"
    assert session.step(to="update").kind == "breakpoint"
    assert session.step(to="update").kind == "phase" and session.step_number == 1


def test_a_fault_is_held_back_before_its_update():
    process = Walker()
    session = Session(process)
    session.step(4)
    before = process.x.copy()
    process.harmful = 0.0
    stop = session.run()
    assert (stop.kind, stop.step, stop.phase) == ("fault", 4, "gradient") and "harmful" in stop.reason
    assert session.fault == stop.reason and (process.x == before).all()
    session.rewind(4)
    session.stop_on_fault = False
    assert session.step(2).kind == "step"


def test_the_pending_update_is_what_the_update_then_does():
    session = Session(Walker())
    session.step(3)
    session.step(to="gradient")
    before = session.process.x.copy()
    pending = session.pending_update
    assert list(pending) == ["x"] and len(pending) == 1 and "x: " in repr(pending)
    session.step()
    assert (session.process.x == before + pending["x"]).all()


def test_an_edited_pending_update_is_made_logged_and_replayed():
    session = Session(Walker())
    session.step(3)
    session.step(to="gradient")
    before = session.process.x.copy()
    pending = session.pending_update
    pending["x"] *= 2
    pending["x"] = pending["x"] + 1
    wanted = pending["x"]
    session.step()
    assert (session.process.x == before + wanted).all()
    session.step(2)
    end = session.process.x.tobytes()
    assert [event.phase for event in session.events] == ["gradient", "gradient"]
    session.rewind(4)
    assert (session.process.x == before + wanted).all()
    session.step(2)
    assert session.process.x.tobytes() == end


def test_a_pending_update_is_known_only_right_before_it():
    session = Session(Walker())
    for _ in range(2):
        with pytest.raises(LookupError, match="step\\(to='gradient'\\)"):
            _ = session.pending_update
        session.step(to="fetch")
    session.step(to="gradient")
    with pytest.raises(KeyError, match="it changes x"):
        _ = session.pending_update["y"]
    with pytest.raises(ValueError, match="shape"):
        session.pending_update["x"] = np.zeros(2)
    with pytest.raises(TypeError, match="assign zeros"):
        del session.pending_update["x"]
    assert not session.events
