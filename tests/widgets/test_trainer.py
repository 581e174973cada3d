from __future__ import annotations

import queue
import threading

import pytest

from cortex_lab.widgets.trainer import Trainer
from tests.waiting import PATIENCE, wait_until
from tests.widgets.toys import ToySession


@pytest.fixture
def session() -> ToySession:
    return ToySession()


def started(session: ToySession, idle=lambda: None, changed=lambda: None) -> Trainer:
    trainer = Trainer(session, idle, changed, "test")
    trainer.start()
    return trainer


def test_commands_are_carried_out_in_order_by_one_named_daemon_thread(session):
    done: list[tuple[int, str]] = []
    trainer = started(session)
    for number in range(5):
        trainer.put(lambda number=number: done.append((number, threading.current_thread().name)))
    assert trainer.wait(PATIENCE) and not trainer.busy
    assert done == [(number, "cortex-lab-trainer-test") for number in range(5)]
    assert next(t for t in threading.enumerate() if t.name == "cortex-lab-trainer-test").daemon
    assert trainer.close() and "cortex-lab-trainer-test" not in [t.name for t in threading.enumerate()]


def test_an_error_is_kept_not_printed_and_the_next_command_clears_it(session, capfd):
    trainer = started(session)
    trainer.put(lambda: 1 / 0)
    trainer.wait(PATIENCE)
    assert isinstance(trainer.error, ZeroDivisionError)
    trainer.put(lambda: session.step())
    trainer.wait(PATIENCE)
    assert trainer.error is None and session.step_number == 1
    assert capfd.readouterr() == ("", "")
    trainer.close()


def test_a_run_interrupted_before_it_began_takes_no_step(session):
    trainer = started(session)
    gate = threading.Event()
    trainer.put(gate.wait)
    trainer.put(session.run, runs=True)
    trainer.interrupt()
    trainer.put(session.step, runs=True)
    gate.set()
    assert trainer.wait(PATIENCE) and session.step_number == 1
    trainer.close()


def test_an_interrupt_between_taking_a_command_and_its_first_step_is_not_lost(session):
    trainer = started(session)

    def run_late() -> None:
        trainer.interrupt()
        session.run()

    trainer.put(run_late, runs=True)
    assert trainer.wait(PATIENCE) and session.step_number <= 1
    trainer.close()


def test_pausing_takes_no_further_step_and_closing_ends_a_run(session):
    trainer = started(session)
    trainer.put(session.run, runs=True)
    wait_until(lambda: session.step_number > 3, "some steps")
    trainer.interrupt()
    under_way = session.step_number + 1
    assert trainer.wait(PATIENCE) and session.step_number <= under_way
    trainer.put(session.run, runs=True)
    assert trainer.close() and not session.running


def test_idle_work_goes_on_as_often_as_it_asks_and_after_a_nudge(session):
    pauses: list[float | None] = []
    answers = [0.0, 0.0, 0.05, None]
    answered = 0

    class Queue(queue.SimpleQueue):
        def get(self, block=True, timeout=None):
            pauses.append(timeout)
            return super().get(block, timeout)

    def idle() -> float | None:
        nonlocal answered
        answered += 1
        return answers[answered - 1] if answered <= len(answers) else None

    trainer = Trainer(session, idle, lambda: None, "test")
    trainer._queue = Queue()
    trainer.start()
    # It waits as long as it was told, then until somebody nudges.
    wait_until(lambda: pauses == [0.05, None], "four calls")
    assert answered == 4
    trainer.nudge()
    wait_until(lambda: answered == 5, "a call after the nudge")
    trainer.close()
    # Closing nudges once more.
    assert answered <= 6


def test_waiting_can_time_out(session):
    trainer = started(session)
    gate = threading.Event()
    trainer.put(gate.wait)
    assert not trainer.wait(0.05) and trainer.busy
    gate.set()
    assert trainer.wait(PATIENCE)
    trainer.close()
    trainer.put(lambda: None)
    assert not trainer.busy
