"""What it costs to be able to look: a Session around a training step, going back, and the trace."""

from __future__ import annotations

import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl
from benchmarks.harness import Row, say
from cortex_lab.nn import Training
from cortex_lab.study import Session, Trace, steps

OPTIONS = {"only": "", "rounds": 60, "steps": 10_000, "rows": 1_000_000, "long": 1_000_000}


def run(options: Any) -> Iterable[Row]:
    """Every part by default; `--set only=overhead,trace` picks some, `--set steps=1000` goes less far."""
    only = [name for name in options.only.split(",") if name] or list(PARTS)
    unknown = sorted(set(only) - set(PARTS))
    if unknown:
        raise ValueError(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for name in only:
        say(f"{name}: {(PARTS[name].__doc__ or '').splitlines()[0]}")
        yield from PARTS[name](options)


def overhead(options: Any) -> Iterable[Row]:
    """A Session with its default probes against bare steps of the same training, alternating."""
    bare, added = _added(_small(), steps_each=150, rounds=options.rounds)
    yield Row(
        what="MLP 64-32-10, batch 32: step without a session", value=1e6 * bare, unit="us", better="lower"
    )
    yield Row(
        what="the same: what a session with default probes adds",
        value=1e6 * added,
        unit="us",
        bar=15,
        better="lower",
    )
    bare, added = _added(_large(), steps_each=50, rounds=options.rounds)
    yield Row(
        what="MLP 784-512-256-10, batch 128: step without a session",
        value=1e3 * bare,
        unit="ms",
        better="lower",
    )
    yield Row(
        what="the same: what a session adds", value=100 * added / bare, unit="percent", bar=2, better="lower"
    )


def rewind(options: Any) -> Iterable[Row]:
    """Go back in the digits tour, from its last step to ever earlier ones."""
    digits = cl.data.load("digits")
    network = cl.Network(_DIGITS, digits.input_shape, seed=0)
    session = cl.train(network, digits, "softmax_cross_entropy", cl.Adam(1e-3), snapshot_budget=256 * 2**20)
    tenth = -(-options.steps // 10)
    for first in range(0, options.steps, tenth):
        session.run(steps(min(tenth, options.steps - first)))
        say(f"step {session.step_number} of {options.steps}")
    size = session.history.nbytes / 2**20
    losses = session.trace["loss"].copy()
    random, taken = np.random.default_rng(0), []
    # Snapshots lie at the multiples of their distance; the way there from the one before is the longest.
    worst = np.arange(session.history.interval, options.steps, session.history.interval)
    targets = {
        # On a slow machine there are few of them.
        *random.choice(worst, min(12, len(worst)), replace=False).tolist(),
        *random.integers(1, options.steps, 12).tolist(),
    }
    for count, target in enumerate(sorted(targets, reverse=True)):
        if count % 6 == 0:
            say(f"rewind {count + 1} of {len(targets)}, to step {target}")
        began = time.perf_counter()
        session.rewind(target)
        taken.append(time.perf_counter() - began)
        if session.process.measure("loss") != losses[target - 1]:
            raise RuntimeError(f"step {target} was not reached exactly")
    what = f"rewind to any of {options.steps} steps of the digits tour"
    yield Row(what=f"{what}: slowest of {len(taken)}", value=max(taken), unit="s", bar=1, better="lower")
    yield Row(what=f"{what}: median", value=statistics.median(taken), unit="s", better="lower")
    yield Row(what=f"{what}: snapshots kept", value=size, unit="MiB", bar=256, better="lower")


def trace(options: Any) -> Iterable[Row]:
    """Append rows to a trace that is written to disk meanwhile, then open the file."""
    keys = ("loss", "accuracy", "learning_rate", "epoch", "grad_norm['conv2d_1']")
    values = dict.fromkeys(keys, 0.5)
    with tempfile.TemporaryDirectory() as folder:
        recorded, path = Trace(keys), Path(folder) / "run.h5"
        with recorded.stream_to(path):
            began = time.perf_counter()
            for step in range(1, options.rows + 1):
                recorded.append(step, step * 1e-3, values)
            rate = options.rows / (time.perf_counter() - began)
        began = time.perf_counter()
        opened = Trace.open(path)
        taken = time.perf_counter() - began
        if not np.array_equal(opened["step"], recorded["step"]):
            raise RuntimeError("the file does not hold what was recorded")
    yield Row(
        what=f"trace: {options.rows} rows appended, streamed to disk",
        value=rate, unit="rows/s", bar=200_000, better="higher",
    )  # fmt: skip
    yield Row(what=f"trace: open a file of {options.rows} rows", value=taken, unit="s", bar=2, better="lower")


def memory(options: Any) -> Iterable[Row]:
    """What a long run keeps beyond its rows, which lie in columns that double, and its snapshots."""
    training = _training([cl.Dense(3, activation="tanh"), cl.Dense(2)], 4, 8)
    for budget in (2**20, 256 * 2**20):
        session = Session(training, snapshot_budget=budget)
        session.run(steps(2000))
        gc.collect()
        before = _resident()
        session.run(steps(options.long))
        gc.collect()
        # Room for twice the rows at most, of which what is not written yet may be there as well.
        rows = sum(2 * session.trace[key].nbytes for key in session.trace.keys)
        beyond = _resident() - before - rows - session.history.nbytes
        yield Row(
            what=f"{options.long} steps with {budget / 2**20:.0f} MiB for snapshots: kept beyond both",
            value=max(beyond, 0) / 1e6, unit="MB", bar=12, better="lower",
        )  # fmt: skip


def capture(options: Any) -> Iterable[Row]:
    """A forward pass that hands out what every layer gave against one that hands out the answer, in turns."""
    digits = cl.data.load("digits")
    network = cl.Network(_DIGITS, digits.input_shape, seed=0)
    for rows in (32, 1024):
        inputs, names, shares = digits.arrays()[0][:rows], list(network.graph.nodes), []
        for turn in range(options.rounds + 1):
            taken = {}
            for capturing in (False, True) if turn % 2 else (True, False):
                began = time.perf_counter()
                for _ in range(max(1, 320 // rows)):
                    network.activations(inputs, names) if capturing else network.predict(inputs)
                taken[capturing] = time.perf_counter() - began
            shares.append(taken[True] / taken[False])
        yield Row(
            what=f"digits net, {rows} rows: a forward pass that captures everything, against one alone",
            value=statistics.median(shares[1:]), unit="times", bar=1.3, better="lower",
        )  # fmt: skip


_DIGITS = [
    cl.Conv2D(16, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
    cl.Conv2D(32, 3, padding="same", activation="relu"), cl.MaxPooling2D(2),
    cl.Flatten(), cl.Dense(64, activation="relu"), cl.Dense(10),
]  # fmt: skip
"""The layers of the tour."""


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


PARTS: dict[str, Callable[[Any], Iterable[Row]]] = {
    "overhead": overhead, "rewind": rewind, "trace": trace, "memory": memory, "capture": capture,
}  # fmt: skip


def _added(training: Training, steps_each: int, rounds: int) -> tuple[float, float]:
    """Seconds of a bare step, and seconds a session adds to it: medians over alternating rounds.

    Both step the same training: where the arrays of another happen to lie would make more of a difference.
    """
    watched = Session(training)
    watched.run(steps(steps_each))
    plain, differences = [], []
    for turn in range(rounds):
        taken = {}
        for watching in (False, True) if turn % 2 else (True, False):
            # To the session, bare steps are changes by hand; it notes and keeps them here, not while timed.
            watched.step()
            watched.events.clear()
            began = time.perf_counter()
            if watching:
                watched.run(steps(steps_each))
            else:
                for _ in range(steps_each):
                    training.whole_step()
            taken[watching] = (time.perf_counter() - began) / steps_each
        plain.append(taken[False])
        differences.append(taken[True] - taken[False])
    return statistics.median(plain), statistics.median(differences)


def _small() -> Training:
    return _training([cl.Dense(32, activation="tanh"), cl.Dense(10)], 64, 32)


def _large() -> Training:
    layers = [cl.Dense(512, activation="relu"), cl.Dense(256, activation="relu"), cl.Dense(10)]
    return _training(layers, 784, 128)


def _training(layers: list[Any], features: int, batch_size: int) -> Training:
    random = np.random.default_rng(0)
    x = random.random((40 * batch_size, features), dtype=np.float32)
    y = random.integers(0, 10, len(x))
    batches = cl.data.Batches(x, y, batch_size=batch_size)
    return Training(cl.Network(layers, features), batches, "softmax_cross_entropy", cl.Adam(1e-3))
