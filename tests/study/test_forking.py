"""Several futures of one moment."""

from __future__ import annotations

import pytest

from cortex_lab.study import Session, steps
from tests.study.walker import Bare, Walker


def begun() -> Session:
    session = Session(Walker())
    session.step(3)
    session.edit("rate", 0.2)
    session.step(7)
    return session


def test_equal_settings_stay_exactly_together():
    fork = begun().fork(rate=[0.2, 0.2])
    fork.step(50)
    assert (fork.distance() == 0).all(axis=None) and (fork.difference() == 0).all(axis=None)
    assert fork.labels == ["rate=0.2", "rate=0.2 (branch 1)"]


def test_branches_see_the_same_draws_and_differ_by_their_settings():
    session = begun()
    there = session.process.x.copy()
    fork = session.fork(rate=[0.2, 0.05])
    stops = fork.run(until=steps(20))
    assert [stop.step for stop in stops] == [30, 30]
    assert fork[0].buffers["noise"].tobytes() == fork[1].buffers["noise"].tobytes()
    assert (session.process.x == there).all() and session.step_number == 10
    frame = fork.frame("rate")
    assert frame.columns.tolist() == ["rate=0.2", "rate=0.05"] and frame.index.tolist() == list(range(11, 31))
    assert (fork.difference("loss", base=1)["rate=0.05"] == 0).all()
    assert fork.distance().loc["x", "rate=0.05"] > 0 and fork.distance().loc["x", "rate=0.2"] == 0
    assert len(fork) == 2 and list(fork) == fork.branches and "step 10" in repr(fork)


def test_a_branch_goes_on_as_the_origin_would():
    session, other = begun(), begun()
    fork = session.fork(rate=[0.2])
    fork.step(20)
    other.step(20)
    assert fork[0].process.x.tobytes() == other.process.x.tobytes()


def test_settings_are_combined():
    fork = begun().fork(rate=[0.1, 0.2], x=[[0.0, 0, 0], [1.0, 1, 1]])
    assert [chosen["rate"] for chosen in fork.settings] == [0.1, 0.1, 0.2, 0.2]


def test_the_winner_is_kept_with_its_past():
    session = begun()
    fork = session.fork(rate=[1.9, 0.01])
    fork.step(40)
    winner = fork.best("loss")
    assert winner == 1
    expected = fork[winner].process.x.tobytes()
    kept = fork.keep(winner)
    assert kept is session and session.step_number == 50 and len(session.trace) == 50
    assert session.process.x.tobytes() == expected and (session.trace["rate"][10:] == 0.01).all()
    session.step(5)
    end = session.process.x.tobytes()
    for step in (45, 12, 5):
        session.rewind(step)
        session.step(1)
    session.rewind(0)
    session.step(3)
    session.edit("rate", 0.2)
    session.step(7)
    session.edit("rate", 0.01)
    session.step(45)
    assert session.process.x.tobytes() == end


def test_a_winner_cannot_be_kept_once_the_origin_has_moved():
    session = begun()
    fork = session.fork(rate=[0.1])
    fork.step(5)
    session.step()
    with pytest.raises(ValueError, match="rewind\\(step=10\\) first"):
        fork.keep(0)
    assert session.step_number == 11
    session.rewind(10)
    fork.keep(0)
    assert session.step_number == 15


def test_what_cannot_be_forked_or_set_is_refused():
    with pytest.raises(TypeError, match="Bare cannot be forked"):
        Session(Bare()).fork(rate=[1])
    session = begun()
    with pytest.raises(TypeError, match="in a list"):
        session.fork(rate=0.1)
    with pytest.raises(ValueError, match="no value"):
        session.fork(rate=[])
    with pytest.raises(KeyError, match="momentum"):
        session.fork(momentum=[0.9])
    assert session.step_number == 10 and len(session.events) == 1


def test_a_branch_carries_the_trace_so_far_and_its_runs_count_from_the_fork():
    session = begun()
    fork = session.fork(rate=[0.1, 0.2])
    assert [len(branch.trace) for branch in fork] == [10, 10]
    assert [stop.step for stop in fork.run(until=steps(3))] == [13, 13]
    fork[0].rewind(11)
    assert len(fork[0].trace) == 11
    with pytest.raises(ValueError, match="from step 10 to step 11"):
        fork[0].rewind(9)


def test_the_best_branch_is_known_only_once_something_was_recorded():
    fork = begun().fork(rate=[0.1, 0.2])
    with pytest.raises(LookupError, match="no branch has recorded 'loss'"):
        fork.best()
    fork[1].step(5)
    assert fork.best() == 1


def test_a_branch_that_came_to_a_nan_is_not_the_best():
    session = begun()
    fork = session.fork(rate=[0.1, 0.2, 0.3])
    fork.step(5)
    winner = fork.best()
    fork[winner].stop_on_fault = False
    fork[winner].edit("x", [float("nan"), 0, 0])
    fork.step()
    assert fork.best() != winner


def test_a_branch_goes_on_with_the_run_that_was_under_way_and_stops_on_faults_as_the_origin():
    session = begun()
    session.stop_on_fault = False
    session.subscribe(lambda notice: session.pause() if notice.step == 12 else None)
    assert session.run(until=steps(8)).kind == "pause"
    fork = session.fork(rate=[0.2])
    assert fork[0].resume().step == 18 and not fork[0].stop_on_fault
    fork.keep(0)
    assert session.resume().step == 18
