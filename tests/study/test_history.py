"""Going back: exactly, within a budget, edits included; and not where it cannot be done."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_lab.study import History, Session
from tests.study.walker import Walker


def recorded(steps: int, budget: int = 2**20) -> tuple[Session, list[bytes]]:
    session = Session(Walker(), snapshot_budget=budget)
    # On a busy machine snapshots take too long and become rare; here they take no time.
    session.clock = lambda: 0.0
    states = [session.process.x.tobytes()]
    for _ in range(steps):
        session.step()
        states.append(session.process.x.tobytes())
    return session, states


@pytest.mark.parametrize("budget", [0, 3000, 2**20])
@pytest.mark.parametrize("step", [0, 1, 15, 16, 17, 63, 100])
def test_any_step_is_reached_bit_for_bit(budget, step):
    session, states = recorded(100, budget)
    losses = session.trace["loss"].copy()
    session.rewind(step)
    assert session.process.x.tobytes() == states[step]
    assert session.step_number == len(session.trace) == step
    for later in range(step + 1, 101):
        session.step()
        assert session.process.x.tobytes() == states[later]
    assert (session.trace["loss"] == losses).all()


def test_buffers_and_observation_are_those_of_the_step_gone_back_to():
    session, _ = recorded(40)
    seen = {}
    for step in (16, 17, 32):
        session.rewind(0)
        session.step(step)
        seen[step] = (session.buffers["gradient"].tobytes(), session.observation["norm"])
    session.step(8)
    for step in (32, 17, 16):
        session.rewind(step)
        assert (session.buffers["gradient"].tobytes(), session.observation["norm"]) == seen[step]
    session.rewind(0)
    with pytest.raises(LookupError):
        session.observation["norm"]


def test_from_inside_a_step_one_goes_back_to_its_beginning():
    session, states = recorded(5)
    session.step(to="gradient")
    session.rewind(5)
    assert session.phase is None and session.process.x.tobytes() == states[5]
    session.step()
    assert session.step_number == 6


def test_edits_are_made_again_at_their_step_and_phase():
    session = Session(Walker())
    session.step(3)
    session.edit("rate", 0.4)
    session.step(20)
    session.step(to="gradient")
    session.edit("gradient", [1.0, 2.0, 3.0])
    session.step(3)
    session.edit("x", [9.0, 9.0, 9.0])
    session.step(10)
    states = {session.step_number: session.process.x.tobytes()}
    for step in (30, 26, 25, 24, 23, 10):
        session.rewind(step)
        states[step] = session.process.x.tobytes()
    again = Session(Walker())
    again.step(3)
    again.edit("rate", 0.4)
    for step in sorted(states):
        if step > 23 and again.step_number <= 23:
            again.step(23 - again.step_number)
            again.step(to="gradient")
            again.edit("gradient", [1.0, 2.0, 3.0])
        if step > 26 and again.step_number <= 26:
            again.step(26 - again.step_number)
            again.edit("x", [9.0, 9.0, 9.0])
        again.step(step - again.step_number)
        assert again.process.x.tobytes() == states[step], step


def test_going_back_forgets_what_came_later():
    session, _ = recorded(50)
    session.edit("rate", 0.7)
    session.step(2)
    session.rewind(50)
    assert session.events == [] and session.process.rate == 0.1
    session.edit("rate", 0.7)
    session.rewind(33)
    assert session.events == [] and session.history.steps[-1] <= 33 and len(session.trace) == 33


def test_what_was_changed_in_place_while_at_rest_is_an_edit_too():
    session = Session(Walker())
    session.step(4)
    session.process.x[0] = 5.0
    session.step(to="gradient")
    session.buffers["gradient"][:] = 0.0
    session.step(3)
    end = session.process.x.tobytes()
    assert [(event.step, event.name, event.phase) for event in session.events] == [
        (4, "x", None),
        (4, "gradient", "gradient"),
    ]
    session.rewind(6)
    session.step()
    assert session.process.x.tobytes() == end


def test_what_the_process_itself_changes_is_no_edit():
    session = Session(Walker())
    session.subscribe(
        lambda notice: session.edit("rate", 0.2) if (notice.kind, notice.step) == ("step", 5) else None
    )
    session.step(10)
    session.step(to="gradient")
    session.step(to="fetch")
    session.edit("rate", 0.3)
    session.step()
    assert [event.name for event in session.events] == ["rate", "rate"]


@pytest.mark.parametrize("step", [-1, 11, 100])
def test_a_step_outside_the_session_is_refused(step):
    session, states = recorded(10)
    with pytest.raises(ValueError, match="goes from step 0 to step 10"):
        session.rewind(step)
    assert session.step_number == 10 and session.process.x.tobytes() == states[10]


def test_a_session_does_not_reach_behind_its_beginning():
    process = Walker()
    Session(process).step(5)
    later = Session(process)
    later.step(5)
    with pytest.raises(ValueError, match="from step 5 to step 10"):
        later.rewind(4)
    later.rewind(5)
    assert later.step_number == 5 and len(later.trace) == 0


def test_history_that_was_let_go_cannot_be_reached_and_the_session_stays_as_it_is():
    session, states = recorded(60)
    session.history.forget_before(40)
    first = session.history.steps[0]
    assert 20 < first <= 40
    with pytest.raises(
        LookupError, match=f"step 20 cannot be reached: the first snapshot is of step {first}"
    ):
        session.rewind(20)
    assert session.step_number == len(session.trace) == 60 and session.process.x.tobytes() == states[60]
    session.rewind(41)
    assert session.process.x.tobytes() == states[41]


def test_a_replay_that_fails_leaves_the_session_where_it_was():
    session, states = recorded(30)
    session.process.fail_at = (18, "gradient")
    with pytest.raises(ArithmeticError, match="planted"):
        session.rewind(20)
    assert session.step_number == len(session.trace) == 30 and session.process.x.tobytes() == states[30]
    session.rewind(20)
    assert session.process.x.tobytes() == states[20]


@given(budget=st.integers(0, 20000), size=st.integers(1, 400), count=st.integers(1, 300))
def test_snapshots_stay_within_their_budget_and_evenly_apart(budget, size, count):
    history = History(budget, interval=1)
    for step in range(count):
        if history.due(step):
            history.add(step, {"array": np.zeros(size, np.uint8)})
    alone = History(0)
    alone.add(0, {"array": np.zeros(size, np.uint8)})
    assert history.nbytes <= max(budget, alone.nbytes) and history.steps[0] == 0
    assert all(later % history.interval == 0 for later in history.steps)
    if budget >= 4 * alone.nbytes:
        gaps = np.diff([*history.steps, count])
        assert gaps.max(initial=0) <= 2 * history.interval
    for step in (0, count // 2, count - 1):
        found, _ = history.nearest(step)
        assert found <= step


def test_snapshots_that_take_long_are_taken_less_often():
    history = History(10**6, interval=4)
    history.took(0.002, stepping=1.0)
    assert history.interval == 4
    history.took(0.003, stepping=1.0)  # slow, but all together they are not
    assert history.interval == 4
    history.took(0.003, stepping=1.0)
    assert history.interval == 8
    history.took(0.0004, stepping=0.2)  # all together they are slow, but this one was not
    assert history.interval == 8
    history.took(0.1, stepping=1.0)  # far too slow
    assert history.interval == 32


def test_after_going_back_only_the_stepping_since_then_counts(monkeypatch):
    session, _ = recorded(40)
    session.clock = itertools.count(1.0).__next__
    told = []
    monkeypatch.setattr(session.history, "took", lambda seconds, stepping: told.append(stepping))
    session.history.interval = 4
    session.rewind(10)
    before = session.trace["seconds"][-1]
    session.step(10)
    assert len(told) == 3 and min(told) > 0
    assert sum(told) == pytest.approx(session.trace["seconds"][-1] - before)


def test_a_budget_and_interval_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        History(-1)
    with pytest.raises(ValueError, match="at least 1"):
        History(1, interval=0)
    with pytest.raises(LookupError, match="no snapshot"):
        History(1).nearest(3)
