from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.cpu.blas_threads import _blas_libraries, one_blas_thread
from cortex_lab.compute.cpu.pool import (
    TURNS,
    WORTH,
    Workers,
    get_workers,
    worker_count,
    workspace,
)


def threads_of_blas() -> list[int]:
    return [library.get_num_threads() for library in _blas_libraries()]


def test_pieces_cover_everything_once_and_none_is_too_small():
    workers = Workers(3)
    for total in range(1, 300):
        for grain in (1, 4, 100):
            pieces = workers.split(total, grain)
            assert [i for start, stop in pieces for i in range(start, stop)] == list(range(total))
            assert len(pieces) <= 3 or len(pieces) == 3 * TURNS
            assert len(pieces) <= 3 or total >= len(pieces) * WORTH * grain
            assert len(pieces) == 1 or min(stop - start for start, stop in pieces) >= grain
    assert len(workers.split(1000, 1)) == 3 * TURNS
    assert len(workers.split(1000, 1, turns=2)) == 6
    assert workers.split(1000, 1, turns=1) == [(0, 333), (333, 666), (666, 1000)]
    assert len(Workers(1).split(1000, 1)) == 1
    # Part of a thing is worth a worker: large pieces first, then one after the other.
    large, small = [(0, 2), (2, 4), (4, 6)], [(i, i + 1) for i in range(6, 11)]
    assert workers.split(11, 0.01) == large + small


def test_pieces_run_in_threads_of_their_own_and_all_are_waited_for():
    workers, seen = Workers(3), []
    # Nobody gets on before all three are at a piece.
    together = threading.Barrier(3)

    def piece(place: int) -> None:
        together.wait(5)
        time.sleep(0.01 * place)
        seen.append((place, threading.get_ident()))

    for _ in range(5):
        seen.clear()
        workers.run(piece, [(0,), (1,), (2,)])
        assert sorted(place for place, _ in seen) == [0, 1, 2]
        assert len({thread for _, thread in seen}) == 3
        assert dict(seen)[0] == threading.get_ident()


def test_whoever_is_free_takes_the_next_piece():
    workers, seen = Workers(2), []
    others_are_done = threading.Event()

    def piece(place: int) -> None:
        if place == 0:
            assert others_are_done.wait(5)
        seen.append((place, threading.get_ident()))
        if len(seen) == 5:
            others_are_done.set()

    workers.run(piece, [(place,) for place in range(6)])
    mine = threading.get_ident()
    assert [place for place, thread in seen if thread == mine] == [0]
    assert [place for place, thread in seen if thread != mine] == [1, 2, 3, 4, 5]


def test_a_helper_that_comes_late_is_not_waited_for():
    workers = Workers(2)
    asleep, wake = threading.Event(), threading.Event()
    workers.run(lambda place: None, [(0,), (1,)])

    def hold() -> None:
        asleep.set()
        wake.wait(5)

    class Held:
        help = staticmethod(hold)

    workers._helpers[0].jobs.put(Held())
    assert asleep.wait(5)
    done: list[int] = []
    workers.run(done.append, [(0,), (1,), (2,)])
    assert done == [0, 1, 2]
    wake.set()


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_a_piece_is_raised_once_all_are_done(failing: int):
    workers, done = Workers(3), []

    def piece(place: int) -> None:
        if place == failing:
            raise ZeroDivisionError(f"piece {place}")
        time.sleep(0.01)
        done.append(place)

    with pytest.raises(ZeroDivisionError, match=f"piece {failing}"):
        workers.run(piece, [(0,), (1,), (2,)])
    assert sorted(done) == sorted({0, 1, 2} - {failing})
    workers.run(done.append, [(7,), (8,), (9,)])
    assert sorted(done[2:]) == [7, 8, 9]


def test_an_interrupt_leaves_the_pool_in_order(monkeypatch: pytest.MonkeyPatch):
    workers, done = Workers(2), []

    def piece(place: int) -> None:
        if place == 0:
            raise KeyboardInterrupt
        time.sleep(0.02)
        done.append(place)

    with pytest.raises(KeyboardInterrupt):
        workers.run(piece, [(0,), (1,)])
    assert done == [1]
    workers.run(done.append, [(2,), (3,)])
    assert sorted(done) == [1, 2, 3]


def test_an_interrupt_before_the_helpers_are_told_does_not_hang():
    workers, done = Workers(2), []
    workers.run(lambda place: None, [(0,), (1,)])
    helper = workers._helpers[0]

    class Interrupting:
        def put(self, job):
            helper.jobs = told
            raise KeyboardInterrupt

    told, helper.jobs = helper.jobs, Interrupting()
    with pytest.raises(KeyboardInterrupt):
        workers.run(done.append, [(0,), (1,), (2,)])
    assert done == [1, 2]
    workers.run(done.append, [(3,), (4,)])
    assert sorted(done) == [1, 2, 3, 4]


def test_a_busy_pool_makes_the_caller_do_it_all():
    workers, inside, seen = Workers(2), threading.Event(), []
    leave = threading.Event()

    def hold(place: int) -> None:
        inside.set()
        leave.wait(5)

    other = threading.Thread(target=workers.run, args=(hold, [(0,), (1,)]))
    other.start()
    inside.wait(5)
    workers.run(lambda place: seen.append((place, threading.get_ident())), [(0,), (1,)])
    leave.set()
    other.join()
    assert seen == [(0, threading.get_ident()), (1, threading.get_ident())]


def test_blas_threads_are_limited_inside_and_put_back_after():
    for library in _blas_libraries():
        library.set_num_threads(2)
    inside: list[list[int]] = []
    a, out = np.ones((300, 300), np.float32), np.empty((300, 300), np.float32)
    get_ops("cpu").matmul(a, a, out=out)
    assert threads_of_blas() == [2] * len(_blas_libraries())
    with one_blas_thread, one_blas_thread:
        inside.append(threads_of_blas())
    assert inside == [[1] * len(_blas_libraries())]
    with pytest.raises(ValueError), one_blas_thread:
        raise ValueError
    assert threads_of_blas() == [2] * len(_blas_libraries())


def test_blas_threads_are_limited_from_every_thread():
    for library in _blas_libraries():
        library.set_num_threads(2)
    seen: list[list[int]] = []

    def limit() -> None:
        with one_blas_thread:
            seen.append(threads_of_blas())
        seen.append(threads_of_blas())

    for _ in range(2):
        limit()
        other = threading.Thread(target=limit)
        other.start()
        other.join()
    assert seen == [[1] * len(_blas_libraries()), [2] * len(_blas_libraries())] * 4


def test_every_thread_has_a_workspace_of_its_own_and_keeps_it():
    mine = workspace("test", np.float32, 10)
    assert workspace("test", np.float32, 5) is mine
    assert workspace("test", np.float32, 100).size == 100
    others: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: others.append(workspace("test", np.float32, 10)))
    thread.start()
    thread.join()
    assert not np.shares_memory(others[0], workspace("test", np.float32, 10))


def test_the_number_of_workers_can_be_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CORTEX_LAB_WORKERS", "5")
    assert worker_count() == 5
    monkeypatch.delenv("CORTEX_LAB_WORKERS")
    assert 1 <= worker_count() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("setting", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_that_makes_no_sense_is_refused(setting: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CORTEX_LAB_WORKERS", setting)
    with pytest.raises(ValueError, match="CORTEX_LAB_WORKERS must be a whole number"):
        worker_count()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_has_workers_of_its_own():
    program = (
        "import os, numpy as np\n"
        "from cortex_lab.compute import get_ops\n"
        "ops, a = get_ops('cpu'), np.ones((400, 400), np.float32)\n"
        "out = np.empty_like(a)\n"
        "ops.matmul(a, a, out=out)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    out[:] = 0\n"
        "    ops.matmul(a, a, out=out)\n"
        "    os._exit(0 if (out == 400).all() else 3)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    environment = {**os.environ, "CORTEX_LAB_WORKERS": "2"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=120)


def test_there_is_one_pool():
    assert get_workers() is get_workers()
