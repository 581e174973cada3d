"""What fails inside a step leaves the session as it was before that step."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.study import Probe, Session, steps
from tests.study.walker import Walker


def states(session: Session, count: int) -> list[bytes]:
    found = []
    for _ in range(count):
        session.step()
        found.append(session.process.x.tobytes())
    return found


@pytest.mark.parametrize("phase", Walker.phases)
def test_an_error_in_any_phase_leaves_the_session_as_before_that_step(phase):
    expected = states(Session(Walker()), 25)
    session = Session(Walker(fail_at=(20, phase)))
    told = []
    session.subscribe(told.append)
    with pytest.raises(ArithmeticError, match="planted") as caught:
        session.run(until=steps(25))
    assert any("step 21" in note and "back at step 20" in note for note in caught.value.__notes__)
    assert session.error is caught.value and told[-1].kind == "error" and told[-1].detail is caught.value
    assert session.step_number == len(session.trace) == 20 and session.phase is None
    assert session.process.x.tobytes() == expected[19]
    assert states(session, 5) == expected[20:]
    assert session.error is None


def test_an_error_forgets_edits_of_the_step_that_failed_but_not_those_before_it():
    plain = Session(Walker())
    plain.step(4)
    plain.edit("rate", 0.5)
    plain.step(2)
    session = Session(Walker(fail_at=(4, "update")))
    session.step(4)
    session.edit("rate", 0.5)
    session.step(to="gradient")
    session.edit("gradient", 100.0)
    with pytest.raises(ArithmeticError):
        session.step()
    assert session.process.rate == 0.5 and [event.name for event in session.events] == ["rate"]
    session.step(2)
    assert session.process.x.tobytes() == plain.process.x.tobytes()


def test_a_failing_probe_is_shown_once_and_records_nan():
    session = Session(Walker(), probes=[Probe("broken"), Probe("loss")])
    with pytest.warns(RuntimeWarning, match="'broken' failed") as shown:
        session.step(5)
    assert len(shown) == 1 and np.isnan(session.trace["broken"]).all() and len(session.trace) == 5
    assert not np.isnan(session.trace["loss"]).any()
