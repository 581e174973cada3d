"""How a session takes a step, and stops inside one."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

from cortex_lab.study.breakpoints import Breakpoints
from cortex_lab.study.conditions import Condition, reason
from cortex_lab.study.events import Stop
from cortex_lab.study.faults import OF_THE_STEP, Fault, UpdateHeldBack, last_whole_step
from cortex_lab.study.gate import Gate
from cortex_lab.study.history import History
from cortex_lab.study.journal import Journal
from cortex_lab.study.pace import Pace
from cortex_lab.study.process import Faulty, Process, StepsWhole, Tainted
from cortex_lab.study.progress import Progress, progress_of
from cortex_lab.study.recorder import Recorder
from cortex_lab.study.subscribers import Subscribers

Result = TypeVar("Result")


class Stepper:
    """Walks a process from phase to phase, and has its journal know of each step.

    Everything that moves the process is an act that owns the `gate`. However it ends, be it by two
    interrupts in a row, the session then stands at the end of the last step completed, or where it stopped.
    """

    def __init__(self, process: Process, recorder: Recorder, history: History) -> None:
        self.process = process
        self.gate = Gate(self._settle)
        self.subscribers = Subscribers(process, self.gate)
        self.journal = Journal(process, recorder, history, self.subscribers)
        self.recorder = recorder
        self.breakpoints = Breakpoints()
        self.clock: Callable[[], float] = time.perf_counter
        self.phase: str | None = None
        self.error: BaseException | None = None
        self.fault: Any = None
        self.had_faults = False
        self.stop_on_fault = True
        # While an update is held back: how many events there were when it was.
        self.held: int | None = None
        self.last_stop: Stop | None = None
        self.last_run: tuple[Condition | None, int] = (None, 0)
        self._forced = False
        self._walk: Iterator[str] | None = None
        self._whole = False
        self._edge: tuple[str | None, ...] = ()
        self._pause: str | None = None
        self._handler: Any = None
        self._interrupted = self._settling = False
        self._finds_faults = isinstance(process, Faulty)
        self._tells_taint = isinstance(process, Tainted)
        self._steps_whole = isinstance(process, StepsWhole)

    # What the session asks for -----------------------------------------------------------------------

    def step(self, n: int, to: str | None, force: bool) -> Stop:
        """Take `n` steps, or go on to right after the phase `to`."""

        def take() -> Stop:
            stop, taken = (None, 0) if to is None else (self._advance_to(to), n)
            while stop is None and taken < n:
                stop = None if self._pause is None else self._stopped_by_request()
                stop = stop or self._walk_on()
                taken += 1
            return stop or self._stop("step", f"{n} step{'' if n == 1 else 's'} taken")

        return self._tell_stop(self.moving(take, force))

    def run(
        self,
        until: Condition | None,
        start: int | None,
        force: bool,
        progress: bool = True,
        pace: Pace | None = None,
    ) -> Stop:
        """Step until the condition is met, counted from the row `start`, None from here."""
        trace = self.journal.trace

        def run() -> Stop:
            begin = len(trace) if start is None else min(start, len(trace))
            self.last_run = (until, begin)
            self.subscribers.tell("run", until)
            line = progress_of(trace, until, begin, self.clock) if progress else None
            if line is None:
                return walk(until, begin, None)
            try:
                return walk(until, begin, line)
            finally:
                line.close()

        def walk(until: Condition | None, begin: int, line: Progress | None) -> Stop:
            if pace is not None:
                pace.begin()
            while True:
                stop = None if self._pause is None else self._stopped_by_request()
                if stop is None and until is not None and until.met(trace, begin):
                    stop = self._stop("condition", reason(until, trace))
                if stop is None and pace is not None and pace.rate is not None:
                    stop = self._wait_for(pace)
                if stop is None:
                    stop = self._walk_on()
                if stop is not None:
                    return stop
                if line is not None and self.clock() >= line.due:
                    line.show()

        return self._tell_stop(self.moving(run, force))

    def rewind(self, step: int) -> None:
        """Go back to the end of `step`."""

        def go_back() -> None:
            self._abandon_step()
            self.journal.rewind(step)
            self.fault = None

        self.moving(go_back)

    def pause(self) -> None:
        """Stop after the step under way."""
        if self.gate.stepping:
            self._pause = "pause"

    def moving(self, act: Callable[[], Result], force: bool | None = None) -> Result:
        """The result of `act`, as the one who steps.

        `force` says whether a held-back update is let go, None that no step goes on.
        """

        def move() -> Result:
            # In this order: a pause asked for from now on must not be lost.
            self._pause = None
            self.gate.stepping = True
            # The last two phases of a step: what comes right before the update, and the update.
            self._edge = (None, *self.process.phases)[-2:]
            self.error = None
            if self.journal.moving:
                self.journal.mend()
            self.journal.log_changes_by_hand(self.phase)
            if self.held is not None and force is not None:
                self._go_on_from_fault(force)
            self._hear_interrupts()
            return act()

        return self.gate.own(move)

    # One step ----------------------------------------------------------------------------------------

    def _advance_to(self, phase: str) -> Stop:
        # Twice, because the step under way may have passed this phase already.
        for _ in range(2):
            stop = self._walk_on(phase)
            if stop is not None:
                return stop
            if phase == self._edge[1]:
                return self._stop("phase", f"{phase} has run")
        raise RuntimeError(f"the process announces a phase {phase!r} that its steps never reach")

    def _wait_for(self, pace: Pace) -> Stop | None:
        """Let others look until the next step is due; a stop if one was asked for meanwhile."""
        while not pace.due():
            if self.gate.visitors:
                self.gate.admit()
            if self._pause is not None:
                return self._stopped_by_request()
        return None

    def _walk_on(self, to: str | None = None, trusting: bool = True) -> Stop | None:
        """Go on with the step under way, or begin one: to its end (None), or to a stop inside it.

        `trusting` makes a whole step without asking for a fault where the process tells of one afterwards.
        """
        if self.gate.visitors:
            self.gate.admit()
        began = self.clock()
        walk = self._walk
        trusting = trusting and self._tells_taint and walk is None and to is None
        if walk is None:
            self.journal.begin_step()
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
            self._whole = True
            self.process.whole_step()  # type: ignore[attr-defined]
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
                self.journal.seconds += self.clock() - began
                self.subscribers.tell("phase", phase)
                return stop
        if trusting and asking and self.process.tainted:  # type: ignore[attr-defined]
            self.journal.torn = True
            self._abandon_step()
            self.journal.go_back_to(self.journal.completed, keep_edits=True)
            return self._walk_on(trusting=False)
        self._walk = self.phase = None
        if not self._forced:
            self.fault = None
        self._whole = self._forced = False
        self.journal.seconds += self.clock() - began
        self.journal.complete_step(bool(self.subscribers.of_steps), self.clock)
        return None

    def _held_back(self, asking: bool) -> Stop | None:
        """A stop if the update of the step under way is faulty, if `asking`, or crosses a breakpoint."""
        stop = self._held_back_by_fault() if asking else None
        if stop is not None:
            return stop
        if not self.breakpoints:
            return None
        wanted = {key for each in self.breakpoints for key in each.condition.keys}
        step, journal = self.process.step_number + 1, self.journal
        values = self.recorder.measured(step, wanted)
        why = self.breakpoints.crossed(journal.trace, step, {**values, "seconds": journal.seconds})
        if why and not asking and self.stop_on_fault and self._finds_faults:
            stop = self._held_back_by_fault()
        return stop or (self._stop("breakpoint", why, self.phase) if why else None)

    def _held_back_by_fault(self) -> Stop | None:
        fault = self.process.fault()  # type: ignore[attr-defined]
        if fault is None:
            return None
        journal = self.journal
        last_good = last_whole_step(self.process, journal.history, journal.events, journal.completed)
        self.fault = (fault if hasattr(fault, "since") else Fault(fault)).since(last_good)
        self.held, self.had_faults = len(journal.events), True
        return self._stop("fault", str(self.fault), self.phase)

    def _go_on_from_fault(self, force: bool) -> None:
        """Let the update go if forced or mended; begin the step anew if what was edited lasts."""
        held, self.held = self.held, None
        if force or not self.stop_on_fault:
            self._forced = True
            return
        events = self.journal.events
        if len(events) > held:  # type: ignore[operator]
            if self._held_back_by_fault() is None:
                return
            inside = self.journal.edits_inside()
            if not any(event.name.startswith(OF_THE_STEP) for event in inside):
                # As they last, they are the same between the steps.
                between = [dataclasses.replace(event, phase=None) for event in inside]
                self.journal.replace_events(len(events) - len(inside), between, self._abandon_step)
                return
        self.held = held
        raise UpdateHeldBack(self.fault)

    def _abandon_step(self) -> None:
        if self._walk is not None and hasattr(self._walk, "close"):
            self._walk.close()
        self._walk = self.phase = self.held = None
        self._whole = self._forced = False

    # However it ends ---------------------------------------------------------------------------------

    def _settle(self, error: BaseException | None) -> None:
        """Leave the session whole; called by whoever owns the gate, more than once if it is interrupted."""
        journal, stepping = self.journal, self.gate.stepping
        self._settling = True
        journal.finish()
        # Who only visits has nothing to be undone, unless it edits.
        if error is not None and (journal.moving or (stepping and not isinstance(error, UpdateHeldBack))):
            self._recover(error)
        if not journal.manual_edits.watching:
            journal.manual_edits.note()
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            self._handler = None
        self._settling = False

    def _recover(self, error: BaseException) -> None:
        """Put the process back to before the step that failed, and remember the error."""
        journal, phases = self.journal, self.process.phases
        phase: Any = self.process.reached if self._whole else self.phase  # type: ignore[attr-defined]
        after = f", after {phase}" if phase else ""
        completed = journal.completed
        # Only the last phase changes persistent state, so before it there is nothing to undo but edits.
        journal.torn = journal.torn or len(phases) < 2 or phase == phases[-2]
        error.add_note(f"raised in step {completed + 1}{after}; the session is back at step {completed}")
        self._abandon_step()
        try:
            journal.mend()
        except Exception as failure:
            error.add_note(f"going back to step {completed} failed too: {failure!r}")
        if isinstance(error, Exception):
            self.error = error
        self.subscribers.tell("error", error)

    def _hear_interrupts(self) -> None:
        """Have Ctrl-C be a pause; a second one, if a step never ends, is raised."""
        handler = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and handler is not None:
            self._interrupted = False
            self._handler = handler
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._settling:
            return
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        self._pause = "interrupt"

    # Stops -------------------------------------------------------------------------------------------

    def _stop(self, kind: str, why: str, phase: str | None = None) -> Stop:
        return Stop(kind, why, self.process.step_number, phase)

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
        self.subscribers.tell("pause", stop)
        return stop
