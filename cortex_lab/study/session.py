"""Step a Process, record it, stop it, rewind it, and tell whoever subscribed."""

from __future__ import annotations

import signal
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np

from cortex_lab.study.conditions import Condition, reason, require_recorded
from cortex_lab.study.events import Event, Notice, SessionBusy, Stop
from cortex_lab.study.history import History
from cortex_lab.study.observation import Observation
from cortex_lab.study.probe import Probe
from cortex_lab.study.process import Process
from cortex_lab.study.trace import Trace

Subscriber = Callable[[Notice], Any]


class Session:
    """One study of one Process.

    Stepping happens in whichever thread calls `step` or `run`, one at a time; `pause`, `between_steps`,
    `subscribe` and reading the trace are safe from any thread.

    Parameters
    ----------
    process
        What to step.
    probes
        What to record each step; None records what the process proposes.
    snapshot_budget
        Bytes that snapshots may take. `rewind` replays from the nearest one.
    """

    def __init__(
        self,
        process: Process,
        probes: Iterable[Probe] | None = None,
        snapshot_budget: int = 256 * 2**20,
    ) -> None:
        self.process = process
        self.probes = tuple(process.probes if probes is None else probes)
        for probe in self.probes:
            if probe.key not in process.keys:
                raise KeyError(
                    f"no probe can record {probe.key!r} here; the process measures {', '.join(process.keys)}"
                )
        self.trace = Trace(probe.key for probe in self.probes)
        self.events: list[Event] = []
        self.history = History(snapshot_budget)
        self.history.add(process.step_number, process.snapshot())
        self.first_step = process.step_number
        self.observation = Observation(process)
        self.running = False
        self.phase: str | None = None
        self.error: BaseException | None = None
        self.last_stop: Stop | None = None
        self._walk: Iterator[str] | None = None
        self._seconds = 0.0
        self._pause = False
        self._lock = threading.Lock()
        self._stepping_thread: threading.Thread | None = None
        self._subscribers: dict[int, Subscriber] = {}
        self._subscriptions = 0
        self._visitors: deque[tuple[Callable[[], Any], Future]] = deque()

    @property
    def step_number(self) -> int:
        """Steps completed."""
        return self.process.step_number

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases of a step, in order: what `step(to=...)` takes."""
        return self.process.phases

    @property
    def buffers(self) -> Mapping[str, np.ndarray]:
        """Every named buffer of the process, as it stands."""
        return self.process.buffers

    def step(self, n: int = 1, to: str | None = None) -> Stop:
        """Take `n` steps, or go on to right after the next phase named `to`.

        A step left half-way by `to` is finished by the next `step()` (it counts as one of the `n`). Errors
        of the process are raised here; the session is then as it was before the step that failed.
        """
        if n < 0:
            raise ValueError(f"cannot take {n} steps; to go back use rewind(step=...)")
        if to is not None and to not in self.phases:
            raise KeyError(f"a step has no phase {to!r}; its phases are {', '.join(self.phases)}")
        with self._stepping():
            if to is not None:
                stop = self._advance_to(to)
            else:
                taken = 0
                while taken < n and not self._pause:
                    self._complete_step()
                    taken += 1
                stop = self._stopped_by_request() if taken < n else self._stop("step", f"{n} steps taken")
        return self._tell_stop(stop)

    def run(self, until: Condition | None = None) -> Stop:
        """Step until the condition is met, or `pause()`, or Ctrl-C; None means until paused.

        Blocks the calling thread. Ctrl-C (the kernel's stop button) is a pause, not an exception: the step
        under way is completed and the state is whole.
        """
        if until is not None:
            require_recorded(until, self.trace)
        with self._stepping(), self._interrupt_is_pause():
            self._tell("run", until)
            start = len(self.trace)
            stop = None
            while stop is None:
                if self._pause:
                    stop = self._stopped_by_request()
                elif until is not None and until.met(self.trace, start):
                    stop = self._stop("condition", reason(until, self.trace))
                else:
                    self._complete_step()
        return self._tell_stop(stop)

    def pause(self) -> None:
        """Ask the stepping thread to stop after the step under way. Returns at once; harmless when idle."""
        if self.running:
            self._pause = True

    def edit(self, name: str, value: Any) -> None:
        """Change something of the process between two steps; logged, and replayed by `rewind`.

        From another thread while stepping, it takes effect at the next safe point, and this call waits for it.
        """
        self.between_steps(lambda: self._edit(name, value)).result()

    def rewind(self, step: int) -> None:
        """Go back to the moment step `step` was complete, exactly: nearest snapshot, then replay.

        The trace, snapshots and edits of later steps are forgotten (edits made *at* `step` too).
        """
        if not self.first_step <= step <= self.step_number:
            raise ValueError(
                f"cannot rewind to step {step}: this session goes from step {self.first_step} "
                f"to step {self.step_number}"
            )
        with self._stepping():
            self._replay_to(step)
            self._tell("rewind", step)

    def between_steps(self, visit: Callable[[], Any]) -> Future:
        """Call `visit()` when no step is under way, and return a Future of its result.

        It runs in this thread at once if nobody is stepping, otherwise in the stepping thread before its
        next step, so it must be quick. Use it to read buffers whole.
        """
        future: Future = Future()
        self._visitors.append((visit, future))
        self._admit_visitors_if_idle()
        return future

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber(notice)` from the stepping thread on every step, stop, edit and error.

        Returns the function that unsubscribes. Whatever a subscriber raises is shown once as a warning and
        never reaches the training.
        """
        self._subscriptions += 1
        token = self._subscriptions
        self._subscribers[token] = subscriber
        return lambda: self._subscribers.pop(token, None) and None

    def __repr__(self) -> str:
        inside = f", inside a step after {self.phase}" if self.phase else ""
        state = "running" if self.running else "at rest"
        return f"<{type(self).__name__} {state} at step {self.step_number}{inside}>"

    # Stepping ----------------------------------------------------------------------------------------

    @contextmanager
    def _stepping(self) -> Iterator[None]:
        if self._stepping_thread is threading.current_thread():
            raise SessionBusy("a subscriber or visitor cannot step the session that is calling it")
        # A visitor holds the lock for a moment only; a stepping thread says so through `running`.
        while not self._lock.acquire(timeout=0.05):
            if self.running:
                raise SessionBusy(
                    f"the session is already stepping in thread {self._stepping_thread_name()!r}; "
                    "call session.pause() first"
                )
        self._stepping_thread = threading.current_thread()
        self._pause = False
        self.error = None
        self.running = True
        try:
            yield
        except BaseException as error:
            self._recover(error)
            raise
        finally:
            self.running = False
            self._stepping_thread = None
            self._lock.release()
            self._admit_visitors_if_idle()

    def _complete_step(self) -> None:
        if self._visitors:
            self._admit_visitors()
        began = time.perf_counter()
        walk = self._walk or self.process.walk()
        self._walk = walk
        for self.phase in walk:
            pass
        self._finish_step(began)

    def _advance_to(self, phase: str) -> Stop:
        if self._visitors:
            self._admit_visitors()
        for _ in range(2):
            began = time.perf_counter()
            if self._walk is None:
                self._walk = self.process.walk()
            for self.phase in self._walk:
                if self.phase == phase:
                    if phase != self.phases[-1]:
                        self._seconds += time.perf_counter() - began
                        self._tell("phase", phase)
                        return self._stop("phase", f"{phase} has run", phase)
                    break
            else:
                # The step under way had already passed this phase: finish it, stop in the next one.
                self._finish_step(began)
                continue
            for _ in self._walk:
                pass
            self._finish_step(began)
            return self._stop("phase", f"{phase} has run")
        raise RuntimeError(f"the process announces a phase {phase!r} that its steps never reach")

    def _finish_step(self, began: float) -> None:
        self._walk = None
        self.phase = None
        self._seconds += time.perf_counter() - began
        step = self.process.step_number
        observation = self.observation = Observation(self.process)
        due = [probe.key for probe in self.probes if probe.schedule is None or probe.schedule(step)]
        self.trace.append(step, self._seconds, {key: observation[key] for key in due})
        if self.history.due(step):
            self.history.add(step, self.process.snapshot())
        if self._subscribers:
            self._tell("step")

    def _replay_to(self, step: int) -> None:
        self._walk = None
        self.phase = None
        reached, snapshot = self.history.nearest(step)
        self.process.restore(snapshot)
        replayed = [event for event in self.events if event.step < step]
        pending = deque(event for event in replayed if event.step >= reached)
        while self.process.step_number < step:
            while pending and pending[0].step <= self.process.step_number:
                event = pending.popleft()
                self.process.edit(event.name, event.value)
            for _ in self.process.walk():
                pass
        self.events = replayed
        self.history.forget_after(step)
        self.trace.truncate(step)
        self._seconds = float(self.trace["seconds"][-1]) if len(self.trace) else 0.0
        self.observation = Observation(self.process)

    def _recover(self, error: BaseException) -> None:
        """Put the process back to before the step that failed, and remember the error."""
        completed = int(self.trace["step"][-1]) if len(self.trace) else self.first_step
        after = f", after {self.phase}" if self.phase else ""
        error.add_note(f"raised in step {completed + 1}{after}; the session is back at step {completed}")
        # Only the last phase changes persistent state, so before it there is nothing to undo.
        torn = self.phase == self.phases[-2] if len(self.phases) > 1 else True
        self._walk = None
        self.phase = None
        if torn or self.process.step_number != completed:
            self._replay_to(completed)
        if isinstance(error, Exception):
            self.error = error
        self._tell("error", error)

    def _edit(self, name: str, value: Any) -> None:
        self.process.edit(name, value)
        self.events.append(Event(self.step_number, name, value))
        self._tell("edit", self.events[-1])

    # Stops and notices -------------------------------------------------------------------------------

    def _stop(self, kind: str, why: str, phase: str | None = None) -> Stop:
        return Stop(kind, why, self.step_number, phase)

    def _stopped_by_request(self) -> Stop:
        if self._pause == "interrupt":
            return self._stop(
                "interrupt", "interrupted; the state is whole, go on with session.run() or session.step()"
            )
        return self._stop("pause", "paused")

    def _tell_stop(self, stop: Stop) -> Stop:
        self.last_stop = stop
        self._tell("pause", stop)
        return stop

    def _tell(self, kind: str, detail: Any = None) -> None:
        notice = Notice(kind, self.step_number, detail)
        for token, subscriber in tuple(self._subscribers.items()):
            try:
                subscriber(notice)
            except Exception:
                self._subscribers.pop(token, None)
                warnings.warn(
                    f"a subscriber failed and was unsubscribed:\n{traceback.format_exc()}",
                    RuntimeWarning,
                    stacklevel=2,
                )

    # Visitors ----------------------------------------------------------------------------------------

    def _admit_visitors_if_idle(self) -> None:
        # Looked at again after each release: a visitor that came meanwhile must not be left waiting.
        while self._visitors and self._lock.acquire(blocking=False):
            try:
                self._admit_visitors()
            finally:
                self._lock.release()

    def _admit_visitors(self) -> None:
        while self._visitors:
            visit, future = self._visitors.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(visit())
            except Exception as error:
                future.set_exception(error)

    def _stepping_thread_name(self) -> str:
        thread = self._stepping_thread
        return thread.name if thread else "another thread"

    @contextmanager
    def _interrupt_is_pause(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(signum: int, frame: Any) -> None:
            self._pause = "interrupt"

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
