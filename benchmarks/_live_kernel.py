"""What the benchmark `live` runs inside a kernel: the trainings, with and without a bench on them."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import psutil

import cortex_lab as cl
from cortex_lab.study import Probe, Session
from cortex_lab.widgets import Bench


def digits_session() -> Any:
    """The tour's digits net."""
    digits = cl.data.load("digits")
    layers = [
        cl.Conv2D(16, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Conv2D(32, 3, padding="same", activation="relu"),
        cl.MaxPooling2D(2),
        cl.Flatten(),
        cl.Dense(64, activation="relu"),
        cl.Dense(10),
    ]
    return _session(layers, digits, batch_size=32)


def mnist_session() -> Any:
    """Cortex's MNIST net on MNIST, or on random pictures where there is none: its speed is the same."""
    try:
        dataset = cl.data.load("mnist")
    except FileNotFoundError:
        random = np.random.default_rng(0)
        pictures = random.integers(0, 256, (4000, 28, 28, 1), dtype=np.uint8)
        labels = random.integers(0, 10, 4000)
        frame = pd.DataFrame({"image": cl.data.TensorArray(pictures), "label": labels})
        dataset = cl.data.Dataset(frame).split(test=0.2)
    return _session(cl.models.cortex_mnist(), dataset, batch_size=128)


def resnet_session() -> Any:
    """ResNet-50 with all its 175 nodes, on pictures so small that the step takes little of the time."""
    random = np.random.default_rng(0)
    x, y = random.random((16, 32, 32, 3), dtype=np.float32), np.arange(16) % 10
    net = cl.Network(cl.models.resnet_imagenet(50, (32, 32, 3), 10), seed=0)
    return cl.train(net, (x, y), "softmax_cross_entropy", cl.SGD(1e-7), batch_size=2, seed=0, validation=None)


class Counting:
    """The least that can be stepped: what a session keeps of many steps is all there is to it."""

    phases, keys = ("count",), ("loss",)
    probes = (Probe("loss"),)

    def __init__(self) -> None:
        self.step_number, self.reached = 0, None

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return {}

    def walk(self) -> Iterator[str]:
        self.step_number += 1
        yield "count"

    def whole_step(self) -> None:
        self.step_number += 1

    def edit(self, name: str, value: Any) -> None:
        raise KeyError(f"there is no {name!r} to edit")

    def measure(self, key: str) -> float:
        # Every number another, so that none is left out where lines are thinned.
        return 2 + np.sin(self.step_number * 1.7) / (1 + 1e-6 * self.step_number)

    def snapshot(self) -> dict[str, int]:
        return {"step": self.step_number}

    def restore(self, snapshot: Mapping[str, int]) -> None:
        self.step_number = snapshot["step"]


def long_session(steps: int = 1_000_000) -> Session:
    """A session after so many steps, of which each is a row of its trace."""
    session = Session(Counting())
    session.run(until=cl.steps(steps))
    return session


def _session(layers: Any, dataset: Any, batch_size: int) -> Any:
    net = cl.Network(layers, input_shape=dataset.input_shape, seed=0)
    # So small a rate that the weights, and with them the work, stay what they are.
    optimizer = cl.Adam(1e-7)
    return cl.train(
        net, dataset, "softmax_cross_entropy", optimizer, batch_size=batch_size, seed=0, validation=None
    )


SESSIONS = {"digits": digits_session, "MNIST": mnist_session}


class Paired:
    """Steps per second of one session under a bench that a page shows, with frames and without, in turns.

    Turns are short, since a shared machine is another one a few seconds later; so the bench stays open, and
    in every other turn it has nothing to draw. Works in a thread of its own, so that the kernel hears the
    page. `done` tells when `rounds` are over.
    """

    def __init__(self, name: str, rounds: int, seconds: float) -> None:
        self.session = SESSIONS[name]()
        self.seconds = seconds
        self.with_bench: list[float] = []
        self.without: list[float] = []
        self.frames_per_second = 0.0
        self.frame_milliseconds = 0.0
        self.error = ""
        self.done = False
        self.rounds = rounds

    def start(self, then: Callable[[], Any] = lambda: None) -> None:
        """Begin; `then()` is called when all is measured."""
        threading.Thread(target=lambda: (self._measure(), then()), daemon=True).start()

    def result(self) -> dict[str, Any]:
        return {
            key: value for key, value in vars(self).items() if isinstance(value, (list, bool, str, float))
        }

    def _measure(self) -> None:
        # What is compiled or read once is no part of it.
        self.session.step(3)
        bench = open_bench(self.session)
        try:
            _wait(lambda: bench.channel.connected, "a page that shows the bench")
            # What a bench does once, when it opens, is not what it costs while training.
            _wait(lambda: not bench.map_moving and bench.channel.drawn >= bench.channel.asked, "rest")
            bench.run()
            time.sleep(0.5)
            self._take_turns(bench)
            bench.pause()
            bench.wait()
        except Exception as error:
            self.error = repr(error)
        finally:
            bench.close()
            self.done = True

    def _take_turns(self, bench: Bench) -> None:
        publisher = bench.publisher
        frames, spent, busy = publisher._frames, 0, 0.0
        for turn in range(self.rounds):
            for drawing in (True, False) if turn % 2 == 0 else (False, True):
                publisher._frames = frames if drawing else _nothing_to_draw
                published, before = publisher.published, _not_training()
                (self.with_bench if drawing else self.without).append(self._rate())
                if drawing:
                    spent, busy = spent + publisher.published - published, busy + _not_training() - before
        publisher._frames = frames
        self.frames_per_second = spent / (self.rounds * self.seconds)
        self.frame_milliseconds = 1000 * busy / max(1, spent)

    def _rate(self) -> float:
        began, first = time.perf_counter(), self.session.step_number
        time.sleep(self.seconds)
        return (self.session.step_number - first) / (time.perf_counter() - began)


def _nothing_to_draw(names: Any) -> tuple[dict[str, Any], float]:
    return {}, 0.0


def open_bench(session: Any) -> Bench:
    """A bench that is displayed, for the page that there may be."""
    from IPython.display import display

    bench = Bench(session, speed=None)
    display(bench.controls.box)
    return bench


def _not_training() -> float:
    """Processor seconds that this process has spent on anything but training, so far."""
    training = ("cortex-lab-trainer", "cortex_lab worker")
    clocks = [
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.ident and thread.name.startswith(training)
    ]
    return time.process_time() - sum(map(time.clock_gettime, clocks))


def rests(bench: Bench) -> bool:
    """Whether nobody has anything to do until the session moves, the static picture included."""
    findings, thread = bench.views["findings"], bench.picture._thread
    drawn = thread is not None and not thread.is_alive() and not bench._picture_due
    return drawn and not bench.map_moving and findings._of == findings._subject()


def memory(session: Any) -> dict[str, float]:
    """Megabytes of this process, with what is no longer needed given back, and what its session keeps."""
    rows = 8 * len(session.trace) * len(session.trace.keys)
    return {
        "kernel": min(_resident() for _ in range(5)),
        "kept": (rows + session.history.nbytes) / 2**20,
        "steps": session.step_number,
    }


def _resident() -> float:
    time.sleep(0.2)
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss / 2**20


def _wait(condition: Any, what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


class StopWatch:
    """When a session last paused, as the clock of the machine tells it."""

    def __init__(self, session: Any) -> None:
        self.paused_at = 0.0
        session.subscribe(self._heed)

    def _heed(self, notice: Any) -> None:
        if notice.kind == "pause":
            self.paused_at = time.time()
