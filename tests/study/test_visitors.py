"""Who is told, and who may look in: subscribers and visitors, from any thread."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cortex_lab.study import Notice, Session, SessionBusy, steps
from tests.study.walker import Walker


def test_subscribers_are_told_of_everything_in_order():
    session = Session(Walker())
    told: list[Notice] = []
    unsubscribe = session.subscribe(told.append)
    session.step(2)
    session.step(to="fetch")
    session.edit("rate", 0.2)
    session.run(until=steps(1))
    session.rewind(2)
    unsubscribe()
    session.step()
    kinds = ["step", "step", "pause", "phase", "pause", "edit", "run", "step", "pause", "rewind"]
    assert [notice.kind for notice in told] == kinds
    assert [notice.step for notice in told] == [1, 2, 2, 2, 2, 2, 2, 3, 3, 2]


def test_a_failing_subscriber_is_shown_once_and_never_stops_the_stepping():
    session = Session(Walker())
    told = []

    def fail(notice):
        raise ZeroDivisionError("planted in a subscriber")

    session.subscribe(fail)
    session.subscribe(told.append)
    with pytest.warns(RuntimeWarning, match="planted in a subscriber") as shown:
        session.step(5)
    assert len(shown) == 1 and len(session.trace) == 5 and len(told) == 6


def test_even_where_warnings_are_errors_a_failing_subscriber_stops_nothing(capsys):
    session = Session(Walker())
    session.subscribe(lambda notice: 1 / 0)
    session.step(3)
    assert session.step_number == 3 and "ZeroDivisionError" in capsys.readouterr().err


def test_unsubscribing_while_being_told_is_allowed():
    session = Session(Walker())
    told = []

    def once(notice):
        told.append(notice)
        unsubscribe()

    unsubscribe = session.subscribe(once)
    session.step(3)
    assert len(told) == 1


# Visitors --------------------------------------------------------------------------------------------


def test_a_visitor_of_an_idle_session_is_called_at_once_in_its_own_thread():
    session = Session(Walker())
    future = session.between_steps(threading.current_thread)
    assert future.done() and future.result() is threading.current_thread()


def test_visitors_of_a_running_session_see_whole_steps_in_the_stepping_thread():
    session = Session(Walker())
    begun = threading.Event()
    session.subscribe(lambda notice: begun.set())
    thread = threading.Thread(target=session.run)
    thread.start()
    begun.wait(60)

    def look():
        return session.phase, len(session.trace) - session.step_number, threading.current_thread()

    futures = [session.between_steps(look) for _ in range(50)]
    assert {future.result(60) for future in futures} == {(None, 0, thread)}
    session.pause()
    thread.join(60)


def test_no_visitor_is_left_waiting_when_the_stepping_ends_in_any_way():
    for ending in ("condition", "error", "pause"):
        process = Walker()
        session = Session(process)
        inside, go_on = threading.Event(), threading.Event()

        def hold(phase, process=process, session=session, ending=ending, inside=inside, go_on=go_on):
            if process.step_number == 3:
                inside.set()
                go_on.wait(60)
                if ending == "error":
                    raise ArithmeticError("planted")
                if ending == "pause":
                    session.pause()

        process.tap = hold

        def run(session=session):
            with contextlib.suppress(ArithmeticError):
                session.run(until=steps(5))

        thread = threading.Thread(target=run)
        thread.start()
        assert inside.wait(60)
        futures = [session.between_steps(lambda: "seen") for _ in range(3)]
        assert not any(future.done() for future in futures)
        go_on.set()
        assert [future.result(60) for future in futures] == ["seen"] * 3
        thread.join(60)


def test_visitors_that_keep_coming_keep_nobody_from_stepping():
    process, seen, over = Walker(), [], threading.Event()
    session, here = Session(process), threading.current_thread()

    def ask():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(session.between_steps, look).result(60)

    def look():
        seen.append((session.step_number, threading.current_thread() is here))
        if len(seen) < 60:
            ask()
        else:
            over.set()

    process.tap = lambda phase: ask() if process.step_number == 0 and phase == "fetch" else None
    session.step(20)
    assert over.wait(60)
    # One comes before each step, one as the last of them ends, and the others elsewhere.
    assert seen[:20] == [(step, True) for step in range(1, 21)] and not any(mine for _, mine in seen[20:])


def test_a_visitor_that_fails_or_is_cancelled_harms_nobody():
    session = Session(Walker())
    failed = session.between_steps(lambda: 1 / 0)
    assert isinstance(failed.exception(10), ZeroDivisionError)
    assert session.between_steps(lambda: 1).result(60) == 1
    assert session.step().step == 1


def test_an_edit_or_visit_from_a_subscriber_or_visitor_happens_at_once():
    session = Session(Walker())
    results = []

    def on_step(notice):
        if notice.kind == "step" and notice.step == 2:
            session.edit("rate", 0.5)
            results.append(session.between_steps(lambda: session.process.rate).result(1))

    session.subscribe(on_step)
    session.step(3)
    nested = session.between_steps(lambda: session.between_steps(lambda: "inner").result(1))
    assert results == [0.5] and nested.result(1) == "inner"
    assert [event.step for event in session.events] == [2]
    assert list(session.trace["rate"]) == [0.1, 0.1, 0.5]


def test_inside_a_phase_an_edit_is_refused_and_a_visit_waits_for_the_next_step():
    process = Walker()
    session = Session(process)
    seen = []

    def tap(phase):
        if phase == "gradient" and process.step_number == 1:
            seen.append(session.between_steps(lambda: session.step_number))
            try:
                session.edit("rate", 0.3)
            except SessionBusy as error:
                seen.append(error)

    process.tap = tap
    session.step(3)
    assert seen[0].result(0) == 2 and "inside a phase" in str(seen[1])
    assert not session.events


def test_visits_from_many_threads_while_steps_come_and_go_all_end():
    session = Session(Walker())
    ended = []

    def visit():
        for _ in range(200):
            ended.append(session.between_steps(lambda: session.phase).result(60))

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        session.step()
    assert ended == [None] * 800
