"""Forks while other threads are at it: the child works, or says at once what to do."""

from __future__ import annotations

import os
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from cortex_lab.study import Trace
from tests.faults.interrupts import X, Y
from tests.faults.tally import Tally

SECONDS = 30.0
"""After which a child counts as stuck."""
WORKED, TOLD, WRONG = 0, 3, 4


def session() -> Any:
    network = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(2)], 3, seed=0)
    return cl.train(
        network, (X, Y), "softmax_cross_entropy", cl.Adam(0.1), batch_size=8, validation=(X[:6], Y[:6])
    )


def forked(act: Callable[[], Any]) -> int:
    """How a child fares that does `act`: WORKED, TOLD what to do, WRONG, or the number of what killed it."""
    with warnings.catch_warnings():
        # Later versions of Python warn of every fork beside threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = WRONG
        with suppress(BaseException):
            # What hangs in C hears of nothing but a signal that kills.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                act()
                status = WORKED
            except RuntimeError as error:
                status = TOLD if 'multiprocessing.get_context("spawn")' in str(error) else WRONG
            except BaseException:
                pass
            if status == WRONG:
                traceback.print_exc()
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def meanwhile(act: Callable[[], Any]) -> Iterator[None]:
    """Another thread does `act` over and over."""
    over, begun, failed = threading.Event(), threading.Event(), []

    def go_on() -> None:
        try:
            while not over.is_set():
                act()
                begun.set()
        except BaseException as error:
            failed.append(error)
            begun.set()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    begun.wait(SECONDS)
    try:
        yield
    finally:
        over.set()
        thread.join(SECONDS)
    if failed:
        raise failed[0]


def _streaming(made: Any, folder: Path) -> Callable[[], Any]:
    file = made.trace.stream_to(folder / f"{os.urandom(4).hex()}.h5")

    def step_and_write() -> None:
        made.step()
        file.write()

    return step_and_write


PARENT: dict[str, Callable[[Any, Path], Callable[[], Any]]] = {
    "steps": lambda made, folder: lambda: made.step(5),
    "walks": lambda made, folder: lambda: (made.step(to="loss"), made.step()),
    "predicts": lambda made, folder: lambda: made.network.predict(X),
    "scores": lambda made, folder: lambda: made.score((X, Y)),
    "edits": lambda made, folder: lambda: made.edit("learning_rate", 0.1),
    "rewinds": lambda made, folder: lambda: (made.step(4), made.rewind(made.step_number - 3)),
    "writes a trace": _streaming,
    "multiplies": lambda made, folder: lambda: made.network.ops.matmul(M, M, out=np.empty_like(M)),
}
M = np.ones((300, 300), np.float32)
CHILD: dict[str, Callable[[Any, Path], Any]] = {
    "steps": lambda made, folder: made.step(3),
    "predicts": lambda made, folder: made.network.predict(X),
    "scores": lambda made, folder: made.score((X, Y)),
    "copies": lambda made, folder: made.network.copy().predict(X),
    "trains anew": lambda made, folder: session().step(3),
    "saves": lambda made, folder: made.network.save(folder / "child.h5"),
    "reads the trace": lambda made, folder: made.trace.frame(),
    "lets go of it": lambda made, folder: made.trace.__del__(),
    "multiplies": lambda made, folder: made.network.ops.matmul(M, M, out=np.empty_like(M)),
}


def while_the_parent(tally: Tally, folder: Path, what: str, times: int = 1) -> None:
    """Fork while the parent does something; the child does each thing there is."""
    made = session()
    made.step(3)
    with meanwhile(PARENT[what](made, folder)):
        for name, act in CHILD.items():
            for time in range(times):
                with tally.one(f"parent {what}, child {name}, {time}"):
                    found = forked(lambda act=act: act(made, folder))
                    assert found in (WORKED, TOLD), found
    _check_files(tally, made)


def _check_files(tally: Tally, made: Any) -> None:
    for file in list(made.trace._files):
        with tally.one(f"{file.path} after the forks"):
            file.close()
            assert len(Trace.open(file.path)) == len(made.trace)


def bench_acts() -> dict[str, Callable[[Any], Any]]:
    return {
        "step": lambda bench: bench.step(),
        "run": lambda bench: bench.run(),
        "wait": lambda bench: bench.wait(),
        "turn": lambda bench: bench.turn("weight_histogram", "layer", "dense_2"),
        "pin": lambda bench: setattr(bench, "pinned", 1),
        "picture": lambda bench: bench.png(),
        "close": lambda bench: bench.close(),
        "status": lambda bench: (bench.status, repr(bench)),
        "step the session": lambda bench: bench.session.step(),
    }


def while_a_bench_draws(tally: Tally, times: int = 1) -> None:
    """Fork while a bench is being drawn, or runs, or rests."""
    from cortex_lab.widgets import Bench

    made = session()
    bench = Bench(made, interval=0.01)
    try:
        bench.step(3)
        bench.wait()
        for parent, do in {"rests": None, "draws": bench.png, "is told": lambda: bench.turn(
            "weight_histogram", "layer", "dense_1")}.items():  # fmt: skip
            with meanwhile(do or threading.Event().is_set):
                for name, act in bench_acts().items():
                    for time in range(times):
                        with tally.one(f"a bench {parent}, child: {name}, {time}"):
                            found = forked(lambda act=act: act(bench))
                            assert found in (WORKED, TOLD), found
        bench.step(1)
        bench.wait()
        with tally.one("the bench goes on"):
            assert bench.error is None
    finally:
        bench.close()
