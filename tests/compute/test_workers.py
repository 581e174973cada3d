from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.blas_threads import _blas_libraries, one_blas_thread
from cortex_lab.compute.cpu.machine import worker_count
from cortex_lab.compute.cpu.pool import TURNS, WORTH, Workers, get_workers


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


def test_blas_threads_are_limited_inside_and_put_back_after():
    for library in _blas_libraries():
        library.set_num_threads(2)
    inside: list[list[int]] = []
    a, out = np.ones((300, 300), np.float32), np.empty((300, 300), np.float32)
    get_ops("cpu").matmul(a, a, out=out)
    assert threads_of_blas() == [2] * len(_blas_libraries())
    one_blas_thread.within(lambda: one_blas_thread.within(lambda: inside.append(threads_of_blas())))
    assert inside == [[1] * len(_blas_libraries())]
    with pytest.raises(ZeroDivisionError):
        one_blas_thread.within(lambda: 1 / 0)
    assert threads_of_blas() == [2] * len(_blas_libraries())


def test_blas_threads_are_limited_from_every_thread():
    for library in _blas_libraries():
        library.set_num_threads(2)
    seen: list[list[int]] = []

    def limit() -> None:
        one_blas_thread.within(lambda: seen.append(threads_of_blas()))
        seen.append(threads_of_blas())

    for _ in range(2):
        limit()
        other = threading.Thread(target=limit)
        other.start()
        other.join()
    assert seen == [[1] * len(_blas_libraries()), [2] * len(_blas_libraries())] * 4


def test_every_worker_has_a_room_of_its_own_which_begins_a_line_of_the_cache_and_is_kept():
    workers = Workers(2)
    mine = workers.room(0, "test", np.float32, 10)
    assert mine.ctypes.data % 64 == 0
    assert workers.room(0, "test", np.float32, 5) is mine
    assert workers.room(0, "test", np.float32, 100).size == 100
    other = workers.room(1, "test", np.float32, 100)
    assert not np.shares_memory(other, workers.room(0, "test", np.float32, 1))


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
