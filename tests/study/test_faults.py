"""After an update was held back: nothing goes on by itself, and every step that is named is whole."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.optimize import SGD, Descent, Paraboloid
from cortex_lab.optimize.descent.studies import script
from cortex_lab.study import Session, UpdateHeldBack, steps
from tests.study.walker import Walker


def at_fault(step: int = 6, harmful: float = np.inf) -> Session:
    """A session that stands at a fault: of a NaN put in after `step`, which is no edit to be repeated."""
    session = Session(Walker())
    session.step(step)
    session.process.harmful = harmful
    if harmful == np.inf:
        session.edit("x", [np.nan, 0, 0])
    assert session.run(steps(3)).kind == "fault" and session.phase == "gradient"
    return session


GOINGS = {
    "step": lambda session, **force: session.step(**force),
    "steps": lambda session, **force: session.step(3, **force),
    "to": lambda session, **force: session.step(to="update", **force),
    "to the next": lambda session, **force: session.step(to="fetch", **force),
    "run": lambda session, **force: session.run(until=steps(1), **force),
    "resume": lambda session, **force: session.resume(**force),
}


@pytest.mark.parametrize("going", GOINGS.values(), ids=GOINGS)
def test_nothing_goes_on_by_itself_and_everything_does_by_force(going):
    session = at_fault()
    told = []
    session.subscribe(told.append)
    for _ in range(3):
        with pytest.raises(UpdateHeldBack, match=r"harmful.*rewind\(step=6\)(.|\n)*force=True") as refusal:
            going(session)
        assert str(refusal.value).count("\n") == 1
    assert (session.step_number, session.phase, len(session.trace)) == (6, "gradient", 6)
    assert session.error is None and not any(notice.kind == "error" for notice in told)
    going(session, force=True)
    assert session.step_number == 7 and np.isnan(session.process.x).any()


def test_force_lets_one_update_go_and_no_more():
    session = at_fault()
    assert session.step(5, force=True).kind == "fault" and session.step_number == 7
    session.rewind(6)
    session.step(5, force=True)
    assert session.step_number == 11
    session.stop_on_fault = False
    session.process.harmful = 0.0
    session.step(2)
    session.stop_on_fault = True
    assert session.step().kind == "fault"
    session.stop_on_fault = False
    assert session.step().step == 14


def test_what_lasts_repairs_the_step_from_its_beginning_and_is_replayed():
    session, sound = at_fault(), at_fault()
    session.edit("x", [1.0, 2.0, 3.0])
    session.step(4)
    sound.rewind(6)
    sound.edit("x", [1.0, 2.0, 3.0])
    sound.step(4)
    assert session.process.x.tobytes() == sound.process.x.tobytes()
    assert [(event.step, event.phase) for event in session.events] == [(6, None)] * 2
    session.rewind(8)
    session.step(2)
    assert session.process.x.tobytes() == sound.process.x.tobytes()


def test_a_repair_in_place_counts_and_one_that_repairs_nothing_leads_to_the_same_fault():
    session = at_fault()
    session.edit("rate", 0.01)
    stop = session.step()
    assert stop.kind == "fault" and session.step_number == 6
    with pytest.raises(UpdateHeldBack):
        session.step()
    session.process.x[:] = 1.0
    assert session.step(2).kind == "step" and session.step_number == 8


def test_a_repaired_gradient_lets_the_step_go_on():
    session = at_fault(harmful=0.0)
    session.process.harmful = 1e-3
    session.edit("gradient", 5.0)
    with pytest.raises(UpdateHeldBack, match="harmful"):
        session.step()
    before = session.process.x.copy()
    session.process.gradient[:] = 1e-4
    session.step()
    assert session.step_number == 7 and (session.process.x == before - 0.1 * 1e-4).all()
    assert [event.phase for event in session.events] == ["gradient"] * 2


def test_what_is_edited_right_before_an_update_is_looked_at_too():
    session = Session(Walker())
    session.process.harmful = 100.0
    session.step(to="gradient")
    session.edit("gradient", 1e3)
    stop = session.step()
    assert stop.kind == "fault" and session.step_number == 0
    session.step(force=True)
    assert session.step_number == 1


@pytest.mark.parametrize("budget", [2**20, 3000])
@pytest.mark.parametrize("poisoned_at", [1, 6, 9])
def test_the_last_good_step_is_whole_and_training_goes_on_from_there(poisoned_at, budget):
    session, sound = Session(Walker(), snapshot_budget=budget), Session(Walker())
    session.stop_on_fault = False
    for each in (session, sound):
        each.step(poisoned_at - 1)
        each.edit("rate", 0.3)
    session.step()
    session.edit("x", [np.nan, 0, 0])
    session.step(12)
    session.stop_on_fault = True
    stop = session.step()
    assert stop.kind == "fault" and session.fault.last_good == poisoned_at
    assert f"session.rewind(step={poisoned_at})" in stop.reason
    with pytest.raises(UpdateHeldBack, match=rf"rewind\(step={poisoned_at}\)"):
        session.step()
    session.rewind(session.fault.last_good)
    assert session.step(5).kind == "step"
    sound.step(6)
    assert session.process.x.tobytes() == sound.process.x.tobytes()


def test_where_nothing_was_ever_whole_no_step_is_named():
    process = Walker()
    process.x[:] = np.nan
    session = Session(process)
    stop = session.step(3)
    assert stop.kind == "fault" and session.fault.last_good is None and "rewind" not in stop.reason
    session.process.x[:] = 1.0
    assert session.step(3).step == 3


def test_rewinding_a_fork_and_an_error_leave_a_fault_behind():
    session = at_fault()
    fork = session.fork(x=[[1.0, 1, 1]])
    fork.step(2)
    assert fork[0].step_number == 8
    session.rewind(6)
    session.step(2)
    assert session.step_number == 8


def test_the_script_of_a_descent_goes_through_what_was_forced():
    session = Session(Descent(Paraboloid(), SGD(1e200)))
    stop = session.step(9)
    assert stop.kind == "fault" and session.fault.last_good == stop.step - 1
    session.step(force=True)
    text = script(session)
    made: dict = {}
    exec(str(text), made)
    again = made["session"]
    assert again.step_number == session.step_number
    assert again.process.params.tobytes() == session.process.params.tobytes()
