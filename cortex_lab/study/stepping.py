"""How a session takes a step, stops inside one, and goes back."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cortex_lab.study.breakpoints import Breakpoints
from cortex_lab.study.conditions import Condition, reason
from cortex_lab.study.events import Event, Notice, Stop
from cortex_lab.study.faults import OF_THE_STEP, Fault, UpdateHeldBack, last_whole_step
from cortex_lab.study.gate import Gate, interrupt_is_pause
from cortex_lab.study.history import History, replay
from cortex_lab.study.manual_edits import Hands
from cortex_lab.study.observation import Observation
from cortex_lab.study.probe import Probe
from cortex_lab.study.process import Process
from cortex_lab.study.recorder import Recorder
from cortex_lab.study.subscribers import Subscribers
from cortex_lab.study.trace import Trace


class Stepping:
    """The inside of a Session: its state, and the few moves that everything public is made of."""

    def __init__(
        self,
        process: Process,
        probes: Iterable[Probe] | None = None,
        snapshot_budget: int = 256 * 2**20,
    ) -> None:
        self.process = process
        self._recorder = Recorder(process, probes)
        self.trace: Trace = self._recorder.trace
        self.events: list[Event] = []
        self.breakpoints = Breakpoints()
        self.history = History(snapshot_budget)
        self.history.add(process.step_number, process.snapshot())
        self.first_step = process.step_number
        self._observation: Observation | None = Observation(process)
        self._buffers_whole = True
        self.phase: str | None = None
        self.error: BaseException | None = None
        self.fault: Any = None
        self.stop_on_fault = True
        # While an update is held back: how many events there were when it was.
        self._held: int | None = None
        self._forced = False
        self.last_stop: Stop | None = None
        self._completed = process.step_number
        self._walk: Iterator[str] | None = None
        self._edge: tuple[str | None, ...] = ()
        self._seconds = 0.0
        self._seconds_at_snapshot = 0.0
        self._pause: str | None = None
        self._last_run: tuple[Condition | None, int] = (None, 0)
        self._finds_faults = hasattr(process, "fault")
        self._tells_taint = hasattr(process, "tainted")
        self._steps_whole = hasattr(process, "whole_step")
        self._gate = Gate()
        self._subscribers = Subscribers()
        self._hands = Hands(process)
        self._hands.note()

    @property
    def observation(self) -> Observation:
        """The step just completed, as a lazy mapping over what the process measures."""
        if self._observation is None:
            latest, current = self._recorder.latest, self._buffers_whole
            self._observation = Observation(self.process, latest, current)
        if self._hands.untold and not self._observation.edited:
            self._observation = self._observation.after_edit()
        return self._observation

    @property
    def running(self) -> bool:
        """Whether some thread is stepping."""
        return self._gate.stepping

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What is recorded."""
        return self._recorder.probes

    @property
    def held_back(self) -> Any:
        """The fault for which the update of the step under way is held back; None if none is."""
        return self.fault if self._held is not None else None

    @property
    def goes_through_faults(self) -> bool:
        """Whether a faulty update may have been made on the way, which a script then must not hold back."""
        return self.fault is not None or not self.stop_on_fault

    @property
    def recorded_keys(self) -> tuple[str, ...]:
        """What the rows to come will hold; the trace may have columns of more, recorded before."""
        return ("step", "seconds", *(probe.key for probe in self.probes))

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

    @contextmanager
    def _stepping(self, force: bool | None = None) -> Iterator[None]:
        """Own the gate; `force` says whether a held-back update is let go, None that no step goes on."""
        self._gate.enter()
        try:
            # In this order: a pause asked for from now on must not be lost.
            self._pause = None
            self._gate.stepping = True
            # The last two phases of a step: what comes right before the update, and the update.
            self._edge = (None, *self.phases)[-2:]
            self.error = None
            self._log_changes_by_hand()
            if self._held is not None and force is not None:
                self._go_on_from_fault(force)
            with interrupt_is_pause(self._interrupt):
                yield
            self._hands.note()
        except UpdateHeldBack:
            self._hands.note()
            raise
        except BaseException as error:
            self._recover(error)
            raise
        finally:
            self._gate.leave()

    def _run(self, until: Condition | None, start: int | None, force: bool) -> Stop:
        with self._stepping(force):
            start = len(self.trace) if start is None else min(start, len(self.trace))
            self._last_run = (until, start)
            self._tell("run", until)
            stop = None
            while stop is None:
                stop = None if self._pause is None else self._stopped_by_request()
                if stop is None and until is not None and until.met(self.trace, start):
                    stop = self._stop("condition", reason(until, self.trace))
                if stop is None:
                    stop = self._walk_on()
        return self._tell_stop(stop)

    def _advance_to(self, phase: str) -> Stop:
        # Twice, because the step under way may have passed this phase already.
        for _ in range(2):
            stop = self._walk_on(phase)
            if stop is not None:
                return stop
            if phase == self.phases[-1]:
                return self._stop("phase", f"{phase} has run")
        raise RuntimeError(f"the process announces a phase {phase!r} that its steps never reach")

    def _walk_on(self, to: str | None = None, trusting: bool = True) -> Stop | None:
        """Go on with the step under way, or begin one: to its end (None), or to a stop inside it.

        `trusting` makes a whole step without asking for a fault where the process tells of one afterwards.
        """
        if self._gate.visitors:
            self._gate.admit()
        began = time.perf_counter()
        walk = self._walk
        trusting = trusting and self._tells_taint and walk is None and to is None
        if walk is None:
            # Also of a step that is abandoned: its buffers are no longer those of the last one.
            self._buffers_whole = False
            if self._observation is not None:
                self._observation.current = False
        brink, last = self._edge
        asking = self._finds_faults and self.stop_on_fault
        if not self.breakpoints and (trusting or not asking):
            brink = None
        halts = (brink, to)
        if walk is not None and self.phase == self._edge[0] and asking and not self._forced:
            # It may have been edited since this phase ran.
            stop = self._held_back_by_fault()
            if stop is not None:
                return stop
        if walk is None and brink is None and to is None and self._steps_whole:
            self._step_whole()
            walk = ()
        elif walk is None:
            walk = self._walk = self.process.walk()
        for phase in walk:
            self.phase = phase
            if phase not in halts:
                continue
            stop = self._held_back(asking and not trusting) if phase == brink else None
            if stop is None and phase == to != last:
                stop = self._stop("phase", f"{to} has run", to)
            if stop is not None:
                self._seconds += time.perf_counter() - began
                self._tell("phase", phase)
                return stop
        if trusting and asking and self.process.tainted:  # type: ignore[attr-defined]
            self._go_back_to(self._completed, keep_edits=True)
            return self._walk_on(trusting=False)
        self._finish_step(began)
        return None

    def _step_whole(self) -> None:
        process: Any = self.process
        try:
            process.whole_step()
        except BaseException:
            self.phase = process.reached
            raise

    def _held_back(self, asking: bool) -> Stop | None:
        """A stop if the update of the step under way is faulty, if `asking`, or crosses a breakpoint."""
        stop = self._held_back_by_fault() if asking else None
        if stop is not None:
            return stop
        if not self.breakpoints:
            return None
        wanted = {key for each in self.breakpoints for key in each.condition.keys}
        step = self.step_number + 1
        values = self._recorder.measured(step, wanted)
        why = self.breakpoints.crossed(self.trace, step, {**values, "seconds": self._seconds})
        if why and not asking and self.stop_on_fault and self._finds_faults:
            stop = self._held_back_by_fault()
        return stop or (self._stop("breakpoint", why, self.phase) if why else None)

    def _held_back_by_fault(self) -> Stop | None:
        fault = self.process.fault()  # type: ignore[attr-defined]
        if fault is None:
            return None
        last_good = last_whole_step(self.process, self.history, self.events, self._completed)
        self.fault = (fault if hasattr(fault, "since") else Fault(fault)).since(last_good)
        self._held = len(self.events)
        return self._stop("fault", str(self.fault), self.phase)

    def _go_on_from_fault(self, force: bool) -> None:
        """Let the update go if forced or mended; begin the step anew if what was edited lasts."""
        held, self._held = self._held, None
        if force or not self.stop_on_fault:
            self._forced = True
            return
        if len(self.events) > held:  # type: ignore[operator]
            if self._held_back_by_fault() is None:
                return
            inside = [event for event in self.events if event.step == self._completed and event.phase]
            if not any(event.name.startswith(OF_THE_STEP) for event in inside):
                self._abandon_step()
                # As they last, they are the same between the steps.
                before = self.events[: len(self.events) - len(inside)]
                self.events = before + [dataclasses.replace(event, phase=None) for event in inside]
                return
        self._held = held
        raise UpdateHeldBack(self.fault)

    def _finish_step(self, began: float) -> None:
        self._walk = None
        self.phase = None
        self._forced = False
        self._seconds += time.perf_counter() - began
        step = self._completed = self.process.step_number
        self._recorder.record(step, self._seconds)
        self._observation = None
        self._buffers_whole = True
        if step % self.history.interval == 0 and self.history.due(step):
            self._keep_snapshot(step)
        if self._subscribers.of_steps:
            self._tell("step")

    def _keep_snapshot(self, step: int) -> None:
        began = time.perf_counter()
        self.history.add(step, self.process.snapshot())
        self.history.took(time.perf_counter() - began, self._seconds - self._seconds_at_snapshot)
        self._seconds_at_snapshot = self._seconds

    # Going back --------------------------------------------------------------------------------------

    def _go_back_to(self, step: int, keep_edits: bool = False) -> None:
        """Replay to `step`; with `keep_edits` those made between it and the next step are made again."""
        events = self._events_before(step)
        if keep_edits:
            events += [event for event in self.events if event.step == step and event.phase is None]
        # From before the step where possible, so that the buffers are those of the step, too.
        reached, snapshot = self.history.nearest(max(self.first_step, step - 1))
        self._abandon_step()
        present = self.process.snapshot()
        try:
            replay(self.process, snapshot, events, step)
        except BaseException:
            self.process.restore(present)
            self.observation.current = False
            raise
        self.events = events
        self.history.forget_after(step)
        self.trace.truncate(step)
        self._completed = step
        self._seconds = float(self.trace["seconds"][-1]) if len(self.trace) else 0.0
        self._seconds_at_snapshot = self._seconds
        edited = any(event.step == step for event in events)
        self._observation = Observation(self.process, self.trace.row(step), reached < step, edited)

    def _events_before(self, step: int) -> list[Event]:
        return [event for event in self.events if event.step < step]

    def _recover(self, error: BaseException) -> None:
        """Put the process back to before the step that failed, and remember the error."""
        completed, phase, phases = self._completed, self.phase, self.phases
        after = f", after {phase}" if phase else ""
        # Only the last phase changes persistent state, so before it there is nothing to undo but edits.
        torn = self.step_number != completed or len(phases) < 2 or phase == phases[-2]
        torn = torn or any(event.step == completed and event.phase for event in self.events)
        error.add_note(f"raised in step {completed + 1}{after}; the session is back at step {completed}")
        try:
            if torn:
                self._go_back_to(completed, keep_edits=True)
        except Exception as failure:
            error.add_note(f"going back to step {completed} failed too: {failure!r}")
        self._abandon_step()
        self._hands.note()
        if isinstance(error, Exception):
            self.error = error
        self._tell("error", error)

    def _follow(self, trace: Trace, last_run: tuple[Condition | None, int]) -> None:
        """Begin as what comes after `trace`, whose last run can be resumed."""
        self.trace.extend(trace)
        if len(trace):
            self.trace.before = trace.before
        self._last_run = last_run
        self._seconds = float(trace["seconds"][-1]) if len(trace) else 0.0
        self._seconds_at_snapshot = self._seconds
        self._observation = Observation(self.process, self.trace.row(self.step_number), False, True)

    def _abandon_step(self) -> None:
        if self._walk is not None and hasattr(self._walk, "close"):
            self._walk.close()
        self._walk = None
        self.phase = None
        self._held = None
        self._forced = False

    # Edits, stops and notices ------------------------------------------------------------------------

    def _edit(self, name: str, value: Any) -> None:
        watching = self._hands.watching
        self._log_changes_by_hand()
        try:
            self.process.edit(name, value)
        finally:
            if watching:
                self._hands.note()
        self._log(name, value)

    def _log_changes_by_hand(self) -> None:
        for name, value in self._hands.changes():
            self._log(name, value)

    def _log(self, name: str, value: Any) -> None:
        value = copy.deepcopy(value)
        self.events.append(Event(self.step_number, name, value, self.phase))
        self._observation = self.observation.after_edit()
        self._tell("edit", self.events[-1])

    def _interrupt(self) -> None:
        self._pause = "interrupt"

    def _stop(self, kind: str, why: str, phase: str | None = None) -> Stop:
        return Stop(kind, why, self.step_number, phase)

    def _stopped_by_request(self) -> Stop | None:
        if self._pause is None:
            return None
        if self._pause == "interrupt":
            return self._stop(
                "interrupt", "interrupted; the state is whole, go on with session.resume()", self.phase
            )
        return self._stop("pause", "paused", self.phase)

    def _tell_stop(self, stop: Stop) -> Stop:
        self.last_stop = stop
        self._tell("pause", stop)
        return stop

    def _tell(self, kind: str, detail: Any = None) -> None:
        if self._subscribers:
            with self._gate.resting():
                self._subscribers.tell(Notice(kind, self.step_number, detail))
