"""A forked child works, or says at once what to do; nothing in it waits for threads that it does not have."""

from __future__ import annotations

import ast
import os
import threading
from pathlib import Path

import pytest

import cortex_lab as cl
from cortex_lab.ground import forks as ground
from cortex_lab.ground.flag import Flag
from cortex_lab.nn.run.turns import Turns
from cortex_lab.study import Session
from tests.faults import forks
from tests.faults.tally import Tally
from tests.study.walker import Walker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
PACKAGE = Path(cl.__file__).parent

OTHERWISE = {
    ("compute/cpu/pool.py", "Lock"): "a child has a pool of its own",
    ("compute/cpu/pool.py", "Thread"): "a child has a pool of its own",
    ("compute/cpu/plain_work.py", "ThreadPoolExecutor"): "they belong to a pool",
    ("data/ahead.py", "ThreadPoolExecutor"): "a child has one of its own",
    ("data/decoded.py", "ThreadPoolExecutor"): "it is gone when the call returns",
    ("data/readers/images.py", "ThreadPoolExecutor"): "it is gone when the call returns",
    ("ground/flag.py", "Lock"): "held by nobody, but lowered",
    ("scale/service.py", "Thread"): "a child of a worker serves nobody",
    ("study/gate.py", "Thread"): "nobody in a child waits for visitors of its parent",
    ("study/tracefile.py", "RLock"): "a child compares the process first, and writes nothing",
    ("study/tracefile.py", "Thread"): "a child compares the process first, and writes nothing",
    ("widgets/aside.py", "Thread"): "a child's bench is closed",
    ("widgets/picture.py", "Thread"): "a child sees that it is not alive",
    ("widgets/publisher.py", "Thread"): "a child's bench is closed",
    ("widgets/trainer.py", "Thread"): "the trainer says so",
}


@pytest.fixture
def tally():
    tally = Tally()
    yield tally
    assert tally.tried and not tally.wrong, tally.wrong[:3]


@pytest.mark.parametrize("what", forks.PARENT)
def test_a_fork_while_the_parent(tally, tmp_path, what):
    forks.while_the_parent(tally, tmp_path, what, 2)


def test_a_fork_beside_a_bench(tally):
    forks.while_a_bench_draws(tally)


def test_every_lock_and_thread_is_known_to_forks():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        freed = {
            id(given)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "forks.freed"
            for given in call.args
        }
        for call in ast.walk(tree):
            name = ast.unparse(call.func) if isinstance(call, ast.Call) else ""
            name = name.removeprefix("threading.") if name != "Event" else ""
            held = name in ("Lock", "RLock", "Event", "Semaphore", "BoundedSemaphore", "Barrier")
            held = held or (name == "Condition" and isinstance(call, ast.Call) and not call.args)
            if (held and id(call) not in freed) or name in ("Thread", "Timer", "ThreadPoolExecutor"):
                found[path.relative_to(PACKAGE).as_posix(), name] = call
    assert set(found) == set(OTHERWISE)


def test_no_property_is_remembered_under_a_lock():
    for path in PACKAGE.rglob("*.py"):
        assert "import cached_property" not in path.read_text(encoding="utf-8").replace(
            "from cortex_lab.ground.forks import cached_property", ""
        ), path


def _held(lock, act):
    """`act()` while another thread holds the lock."""
    there, over = Flag(), Flag()

    def hold():
        with lock:
            there.set()
            over.take(forks.SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    there.take(forks.SECONDS)
    try:
        return act()
    finally:
        over.set()
        thread.join()


def test_weights_that_another_thread_was_changing_are_refused(monkeypatch):
    monkeypatch.setattr(ground, "PATIENCE", 0.01)
    turns = Turns()

    def change():
        with turns.lock:
            turns.await_readers()

    assert _held(turns.lock, lambda: forks.forked(lambda: turns.reading(int))) == forks.TOLD
    assert _held(turns.lock, lambda: forks.forked(change)) == forks.TOLD
    assert forks.forked(change) == forks.WORKED and turns.reading(int) == 0


def test_a_lock_that_another_thread_held_is_free_in_the_child(monkeypatch):
    monkeypatch.setattr(ground, "PATIENCE", 0.01)
    for lock in (ground.freed(threading.Lock()), ground.freed(threading.RLock())):
        taken = _held(lock, lambda lock=lock: forks.forked(lambda: lock.acquire(timeout=1) or 1 / 0))
        assert taken == forks.WORKED and lock.acquire(blocking=False)


def test_a_fork_from_inside_a_step_goes_on_in_the_child():
    session, found = Session(Walker()), []

    def fork(phase):
        session.process.tap = None
        found.append(forks.forked(lambda: session.process.buffers))

    session.process.tap = fork
    session.step(2)
    assert found == [forks.WORKED]
    session.subscribe(lambda notice: found.append(forks.forked(lambda: session.at_rest(int))))
    session.step()
    assert set(found) == {forks.WORKED}


def test_a_fork_while_someone_only_looks_leaves_the_child_a_session():
    session = Session(Walker())
    session.step(3)
    there, over = Flag(), Flag()
    thread = threading.Thread(target=session.at_rest, args=(lambda: (there.set(), over.take(forks.SECONDS)),))
    thread.start()
    there.take(forks.SECONDS)
    assert forks.forked(lambda: session.step(2)) == forks.WORKED
    over.set()
    thread.join()


def test_the_trace_of_a_child_is_not_written_into_the_file_of_its_parent(tmp_path):
    session = Session(Walker())
    session.step(3)
    with session.trace.stream_to(tmp_path / "run.h5") as file:

        def child():
            session.step(4)
            with pytest.raises(RuntimeError, match="another file"):
                file.write()
            with session.trace.stream_to(tmp_path / "child.h5"):
                pass

        assert forks.forked(child) == forks.WORKED
    assert len(cl.Trace.open(tmp_path / "run.h5")) == 3 and len(cl.Trace.open(tmp_path / "child.h5")) == 7
