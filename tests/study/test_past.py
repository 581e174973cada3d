"""A session looked at where it stood earlier, while it goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cortex_lab.study import Past, Session
from tests.widgets.session_kinds import dataset
from tests.widgets.toys import ToyNetwork, ToyTraining


def gone_to(past: Past, step: int) -> Any:
    past.aim(step)
    while not past.arrived:
        past.advance()
    return past.then


def trained(steps: int = 30, seen: dict[int, Any] | None = None) -> Any:
    """A session with an edit and rows left out on its way; `seen` keeps what it was at each step."""
    session = dataset()
    # A clock that stands still: every fourth step is kept.
    session.clock = lambda: 0.0
    for step in range(1, steps + 1):
        session.step()
        if seen is not None:
            gradients = {name: np.array(each) for name, each in session.gradients.items()}
            seen[step] = session.network.params.copy(), gradients, session.frame.loss.tolist()
        if step == 7:
            session.edit("learning_rate", 0.05)
        if step == 11:
            session.edit("excluded_rows", [1, 2])
    return session


def test_it_is_the_session_of_then_bit_for_bit_in_whatever_order() -> None:
    seen: dict[int, Any] = {}
    session = trained(seen=seen)
    past = Past(session)
    for step in (13, 12, 20, 21, 29, 4, 8, 30, 1):
        then = gone_to(past, step)
        params, gradients, losses = seen[step]
        assert then.step_number == past.step == step and type(then) is type(session)
        assert np.array_equal(then.network.params, params)
        assert all(np.array_equal(then.gradients[name], each) for name, each in gradients.items())
        assert then.frame.loss.tolist() == losses
        assert then.trace.frame().equals(session.trace.frame().loc[:step])
        assert [event.step for event in then.events] == [each for each in (7, 11) if each < step]
    assert session.step_number == 30 and np.array_equal(session.network.params, seen[30][0])


def test_a_kept_step_is_there_at_once_and_then_with_what_was_inside_it() -> None:
    session = trained()
    kept = 8
    assert kept in session.history.steps
    past = Past(session)
    past.aim(kept)
    assert past.step == kept and past.replayed_from is None and not past.arrived
    assert np.array_equal(past.then.network.params, session.network_at(kept).params)
    past.advance()
    while not past.arrived:
        past.advance()
    assert past.step == kept and past.replayed_from is None and past.then.gradients
    past.aim(kept + 1)
    assert past.step is None and past.replayed_from == kept
    first = gone_to(past, 0)
    assert first.step_number == 0 and not len(first.trace) and first.events == []


def test_going_forward_is_not_begun_anew(monkeypatch) -> None:
    session = trained()
    past = Past(session)
    gone_to(past, 13)
    monkeypatch.setattr(type(past.then.process), "restore", lambda *_: pytest.fail("it stood on the way"))
    past.aim(15)
    assert past.replayed_from == 12
    while not past.arrived:
        past.advance()
    assert past.then.step_number == 15


def test_after_a_rewind_it_is_what_then_became() -> None:
    session = trained()
    past = Past(session)
    before = gone_to(past, 25).network.params.copy()
    session.rewind(20)
    session.edit("learning_rate", 0.5)
    session.step(10)
    after = gone_to(past, 25)
    assert np.array_equal(after.network.params, session.network_at(25).params)
    assert not np.array_equal(after.network.params, before)
    assert after.trace.frame().equals(session.trace.frame().loc[:25])


def test_what_cannot_be_reached_is_said_and_it_stays() -> None:
    session = trained(10)
    past = Past(session)
    gone_to(past, 6)
    for junk in (-1, 11):
        with pytest.raises(ValueError, match="this session goes from step 0 to step 10"):
            past.aim(junk)
    with pytest.raises(TypeError, match="whole number"):
        past.aim("soon")
    assert past.step == 6 and past.arrived and past.then.step_number == 6
    with pytest.raises(TypeError, match="ToyTraining has no clone"):
        Past(Session(ToyTraining(ToyNetwork())))
