"""State, rows, events and snapshots move together or not at all, whatever interrupts them."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from cortex_lab.study import Probe, Session
from tests.faults import interrupts, signals
from tests.faults.tally import Tally
from tests.study.walker import Walker

# What is raised while a generator is let go of, Python tells of and goes on.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def tally():
    tally = Tally()
    yield tally
    assert tally.tried and not tally.wrong, tally.wrong[:3]


@pytest.mark.parametrize("tight", [False, True])
@pytest.mark.parametrize("name", interrupts.SCENARIOS)
def test_an_interrupt_at_a_bytecode_and_two_in_a_row(tally, name, tight):
    interrupts.interrupt(tally, name, every=211, tight=tight, twice=[3])


@pytest.mark.parametrize("name", [*interrupts.OF_TRAINING, *interrupts.OF_DESCENT])
def test_an_interrupt_of_a_training_whose_rate_falls_on_a_plateau_and_of_a_descent(tally, name):
    interrupts.interrupt(tally, name, every=1409, tight=True, twice=[3])


@pytest.mark.parametrize("name", [*interrupts.OF_TRAINING, *interrupts.OF_DESCENT])
def test_a_signal_anywhere_in_a_training_and_a_descent(tally, name):
    interrupts.interrupt(tally, name, every=173, tight=True, by=signals.Signal)


@pytest.mark.parametrize("name", signals.ACTS)
def test_a_signal_leaves_no_turn_no_switch_and_no_limit_behind(tally, name):
    signals.interrupt(tally, name, every=3)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("where", ["probe", "subscriber", "phase"])
def test_whatever_is_raised_in_a_step_undoes_all_of_it(kind, where):
    def fail(*_):
        if session.process.step_number == 7 and not raised:
            raised.append(True)
            raise kind

    raised, undisturbed = [], Session(Walker())
    own = [Probe("own", measure=lambda process: fail() or 1.0)] if where == "probe" else []
    session = Session(Walker(), probes=[*Walker().probes, *own])
    if where == "subscriber":
        session.subscribe(fail)
    if where == "phase":
        session.process.tap = fail
    with pytest.raises(kind):
        session.step(10)
    at = session.step_number
    assert at == len(session.trace) == session.trace["step"][-1] and session.history.steps[-1] <= at in (6, 7)
    assert not session.running and session.phase is None
    session.step(12 - at)
    undisturbed.step(12)
    assert session.process.x.tobytes() == undisturbed.process.x.tobytes()
    assert (session.trace["loss"] == undisturbed.trace["loss"]).all()
    assert session.trace["step"].tolist() == list(range(1, 13))


def test_going_back_after_an_interrupt_is_not_interrupted_by_more_of_them():
    process = Walker()
    session = Session(process)
    session.step(7)
    states = process.x.copy()

    def hammer(phase):
        os.kill(os.getpid(), signal.SIGINT)

    process.tap = hammer
    with pytest.raises(KeyboardInterrupt):
        session.run()
    process.tap = None
    assert session.step_number == len(session.trace) == 7 and (process.x == states).all()
    assert session.step(2).step == 9


def test_what_could_not_be_mended_is_mended_before_it_goes_on():
    undisturbed, session = Session(Walker()), Session(Walker())
    session.step(7)
    session.process.fail_at = (7, "update")
    restore, session.process.restore = session.process.restore, lambda snapshot: 1 / 0
    with pytest.raises(ArithmeticError, match="planted") as caught:
        session.step()
    assert any("failed too" in note for note in caught.value.__notes__)
    with pytest.raises(ZeroDivisionError):
        session.step()
    session.process.restore = restore
    session.step(3)
    undisturbed.step(10)
    assert session.process.x.tobytes() == undisturbed.process.x.tobytes()
    assert np.array_equal(session.trace["loss"], undisturbed.trace["loss"])
