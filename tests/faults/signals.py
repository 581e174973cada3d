"""Interrupts of a network's own work, wherever a signal can come: as any call begins or has been made."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.compute.blas_threads import one_blas_thread
from tests.faults.interrupts import PLACES, X, Y
from tests.faults.tally import Tally

SOURCES = (str(Path(cl.__file__).parent), __file__)
SECONDS = 20.0


class Signal:
    """Raises KeyboardInterrupt as Python code is entered, or a call returns, the `at`-th time.

    Between others, Python looks for no signal: a lock's `with` is entered and left in C.
    """

    def __init__(self, at: int = -1, _: None = None) -> None:
        self.at, self.count = at, 0

    def __call__(self, act: Callable[[], Any]) -> None:
        # What is let go of elsewhere is not what is to be interrupted.
        gc.disable()
        sys.setprofile(self._profile)
        try:
            act()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
            gc.enable()

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in PLACES or not frame.f_code.co_filename.startswith(SOURCES):
            return
        # Numba tells of what it compiled as well, in frames of its own, where no signal can come.
        if frame.f_back is None:
            return
        self.count += 1
        if self.count == self.at + 1:
            raise KeyboardInterrupt


def _ops() -> Any:
    """The backend, with switches in Python: those that are compiled are called unseen."""
    ops = get_ops("cpu")
    backend = ops.backend

    def flush() -> Any:
        return backend.flush()

    return cl.compute.Ops(ops.name, ops.dtype, ops.xp, replace(backend, flush=flush))


def _session() -> Any:
    network = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(2)], 3, seed=0, ops=_ops())
    return cl.train(
        network, (X, Y), "softmax_cross_entropy", cl.Adam(0.1), batch_size=8, validation=(X[:6], Y[:6]),
        validate_every=2, metrics=["recall"],
    )  # fmt: skip


def _whole_step(session: Any) -> None:
    session.process.whole_step()


def _walk(session: Any) -> None:
    for _ in session.process.walk():
        pass


ACTS: dict[str, Callable[[Any], Any]] = {
    "predict": lambda session: session.network.predict(X),
    "activations": lambda session: session.network.activations(X),
    "score": lambda session: session.score((X, Y)),
    "validation": lambda session: session.process.measure("validation_loss"),
    "copy": lambda session: session.network.copy(),
    "a whole step": _whole_step,
    "a step in phases": _walk,
    "restore": lambda session: session.process.restore(session.process.snapshot()),
    "edit": lambda session: session.process.edit("learning_rate", 0.2),
    "one BLAS thread": lambda session: one_blas_thread.within(int),
}


def interrupt(tally: Tally, name: str, every: int) -> None:
    """Interrupt one act wherever a signal can come, or at every so many of these places."""
    session, whole = _session(), Signal()
    ACTS[name](session)
    before = _switches(session)
    whole(lambda: ACTS[name](session))
    for at in range(0, whole.count, every):
        with tally.one(f"{name}, at {at}"):
            Signal(at)(lambda: ACTS[name](session))
            if _switches(session) != before:
                raise AssertionError(f"left {_switches(session)}, found {before}")
            _check_turns(session.network)


def _switches(session: Any) -> tuple[Any, ...]:
    return session.network.ops.backend.denormals(), one_blas_thread._before, len(one_blas_thread._inside)


def _check_turns(network: Any) -> None:
    def change() -> None:
        with network.turns.lock:
            network.turns.await_readers()

    other = threading.Thread(target=change, daemon=True)
    other.start()
    other.join(SECONDS)
    if other.is_alive() or network.turns._readers:
        raise AssertionError("a turn was never ended")
