"""Step a Process, record it, stop it, rewind it, and tell whoever subscribed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from numbers import Integral
from operator import attrgetter
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.habits import named_first, told
from cortex_lab.ground.held import Held
from cortex_lab.study.breakpoints import Breakpoint, Breakpoints
from cortex_lab.study.conditions import Condition, as_condition, require_recorded, steps
from cortex_lab.study.events import Event, Stop
from cortex_lab.study.forking import Fork, fork
from cortex_lab.study.history import History
from cortex_lab.study.manual_edits import PendingUpdate
from cortex_lab.study.observation import Observation
from cortex_lab.study.pace import Pace
from cortex_lab.study.probe import Probe
from cortex_lab.study.process import Process
from cortex_lab.study.recorder import Recorder
from cortex_lab.study.stepping import Stepper
from cortex_lab.study.subscribers import Subscriber
from cortex_lab.study.trace import Trace


class Session(Held):
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

    `stop_on_fault` says whether an update that the process itself finds faulty, such as one with NaN in it,
    is held back; `fault` then says what, and `fault.last_good` is a step to rewind to, until a rewind, or a
    step that went through. It goes on after a repair, which is any edit, or by `force`. A repair of what
    lasts, such as weights or rows, begins the step anew; one of its gradient lets it go on.
    """

    process: Process
    # What a script says as comments: the steps at which something was done that changes no bit, and what.
    remarks: list[tuple[int, str]]
    remade = "session.edit(name, value) changes what there is to edit"
    kept_by = "session.trace.frame() is a table of what was recorded, session.fork()[0] another session"

    def __init__(
        self, process: Process, probes: Iterable[Probe] | None = None, snapshot_budget: int = 256 * 2**20
    ) -> None:
        self.process, self.remarks = process, []
        self._recorder = Recorder(process, probes)
        self._stepper = Stepper(process, self._recorder, History(snapshot_budget))
        self._journal = self._stepper.journal
        self._subscribers, self._gate = self._stepper.subscribers, self._stepper.gate

    # Where it stands ---------------------------------------------------------------------------------

    @property
    def step_number(self) -> int:
        """Steps completed."""
        return self.process.step_number

    @property
    def first_step(self) -> int:
        """The step it began at, and goes back to at the farthest."""
        return self._journal.first_step

    @property
    def phase(self) -> str | None:
        """The phase after which it stands inside a step; None between two."""
        return self._stepper.phase

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases of a step, in order: what `step(to=...)` takes."""
        return self.process.phases

    @property
    def running(self) -> bool:
        """Whether some thread is stepping."""
        return self._gate.stepping

    @property
    def trace(self) -> Trace:
        """What has been recorded, a row per step."""
        return self._journal.trace

    @property
    def events(self) -> list[Event]:
        """What a person changed, in order."""
        return self._journal.events

    @property
    def history(self) -> History:
        """The snapshots."""
        return self._journal.history

    @property
    def observation(self) -> Observation:
        """The step just completed, as a lazy mapping over what the process measures."""
        return self._journal.observation

    @property
    def buffers(self) -> Mapping[str, np.ndarray]:
        """Every named buffer of the process, as it stands."""
        return self.process.buffers

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What is recorded."""
        return self._recorder.probes

    @property
    def recorded_keys(self) -> tuple[str, ...]:
        """What the rows to come will hold; the trace may have columns of more, recorded before."""
        return ("step", "seconds", *(probe.key for probe in self.probes))

    # The breakpoints that are set; why it last stopped; what the last `run` waited for, and how many rows
    # there were when it began; what the last step raised; the last fault found.
    breakpoints: Breakpoints = property(attrgetter("_stepper.breakpoints"))  # type: ignore[assignment]
    last_stop: Stop | None = property(attrgetter("_stepper.last_stop"))  # type: ignore[assignment]
    last_run: Any = property(attrgetter("_stepper.last_run"))
    error: BaseException | None = property(attrgetter("_stepper.error"))  # type: ignore[assignment]
    fault: Any = property(attrgetter("_stepper.fault"))

    @property
    def held_back(self) -> Any:
        """The fault for which the update of the step under way is held back; None if none is."""
        return self.fault if self._stepper.held is not None else None

    @property
    def stop_on_fault(self) -> bool:
        return self._stepper.stop_on_fault

    @stop_on_fault.setter
    def stop_on_fault(self, stop: bool) -> None:
        self._stepper.stop_on_fault = stop

    @property
    def goes_through_faults(self) -> bool:
        """Whether a faulty update may have been made on the way, which a script then must not hold back."""
        return self._stepper.had_faults or not self.stop_on_fault

    @property
    def clock(self) -> Callable[[], float]:
        """What tells the seconds that steps and snapshots take."""
        return self._stepper.clock

    @clock.setter
    def clock(self, clock: Callable[[], float]) -> None:
        self._stepper.clock = clock

    @property
    def pending_update(self) -> PendingUpdate:
        """What the update about to be made will add to each parameter, as a mapping; assigning edits it.

        Known when stopped right before the last phase, as by a breakpoint or `step(to=phases[-2])`;
        LookupError otherwise.
        """
        return PendingUpdate(self)

    # Stepping ----------------------------------------------------------------------------------------

    def step(self, n: int = 1, to: str | None = None, force: bool = False) -> Stop:
        """Take `n` steps, or go on to right after the next phase named `to`.

        A step left half-way by `to` is finished by the next `step()` (it counts as one of the `n`). Errors
        of the process are raised here; the session is then as it was before the step that failed. Ctrl-C is
        a pause, as in `run`. UpdateHeldBack after a fault that was not repaired: `force` makes the update
        that was held back all the same.
        """
        n = checks.whole("n", n)
        if n < 0:
            raise ValueError(f"cannot take n={n} steps; to go back use rewind(step=...)")
        checks.flag("force", force)
        if to is not None and checks.text("to", to) not in self.phases:
            raise KeyError(f"a step has no phase {to!r}; its phases are {', '.join(self.phases)}")
        return self._stepper.step(n, to, force)

    @told
    def run(
        self,
        until: Condition | str | int | None = None,
        force: bool = False,
        progress: bool = True,
        pace: Pace | float | None = None,
    ) -> Stop:
        """Step until the condition is met, or `pause()`, or Ctrl-C; None means until paused.

        A whole number is that many steps. Blocks the calling thread. Ctrl-C (the kernel's stop button) is a
        pause, not an exception: the step under way is completed and the state is whole. `force` is as in
        `step`. In a terminal and in Jupyter a run of more than a second shows a line with its `progress`. A
        `pace` is so many steps a second at most; None is as fast as it goes.
        """
        checks.flag("force", force)
        checks.flag("progress", progress)
        if isinstance(until, Integral) and not isinstance(until, bool):
            until = steps(checks.whole("until", until, least=1))
        condition = None if until is None else as_condition(until)
        if condition is not None:
            require_recorded(condition, self.trace, self.recorded_keys)
        kept = pace if pace is None or isinstance(pace, Pace) else Pace(checks.number("pace", pace, over=0))
        return self._stepper.run(condition, None, force, progress, kept)

    def resume(self, force: bool = False) -> Stop:
        """Go on with the last `run`, until the condition it was waiting for, counted from where it began."""
        checks.flag("force", force)
        until, start = self.last_run
        if until is not None:
            require_recorded(until, self.trace, self.recorded_keys)
        return self._stepper.run(until, start, force)

    def pause(self) -> None:
        """Ask the stepping thread to stop after the step under way. Returns at once; harmless when idle."""
        self._stepper.pause()

    def break_when(self, condition: Condition | str) -> Breakpoint:
        """Pause before every update that would meet `condition`, with the step's gradients there to look at.

        What the condition reads is recorded from now on; KeyError for what cannot be measured. See
        `breakpoints` for those that are set and `clear_breakpoints` to be rid of them.
        """
        condition = as_condition(condition)
        if len(self.phases) < 2:
            raise ValueError(
                "a step of this process is one phase: nothing can stop before its update; use run(until=...)"
            )
        missing = [Probe(key) for key in dict.fromkeys(condition.keys) if key not in self.recorded_keys]
        for probe in missing:
            self._recorder.check(probe, of=condition)
        condition.check(self.trace)

        def set_it() -> Breakpoint:
            made = self.breakpoints.next(condition, self.trace)
            self._journal.record(missing, lambda: self.breakpoints.put(made))
            return made

        return self.at_rest(set_it)

    def clear_breakpoints(self, chosen: Breakpoint | int | None = None) -> None:
        """Forget a breakpoint, or all of them."""
        self.breakpoints.clear(chosen)

    def record(self, probe: Probe) -> None:
        """Record one thing more, from the next step on; KeyError if it cannot be measured."""
        checks.instance("probe", probe, Probe, "a Probe such as Probe('loss')")
        self._recorder.check(probe)
        self.at_rest(lambda: self._journal.record([probe]))

    # Changing and going back -------------------------------------------------------------------------

    @named_first
    def edit(self, name: str, value: object) -> None:
        """Change something of the process; logged, and replayed by `rewind` at its step and phase.

        From another thread while stepping, it takes effect at the next safe point; this call waits for it.
        """
        checks.text("name", name, "learning_rate")
        self.edit_together({name: value}, lambda: self.process.edit(name, value))

    def edit_together(self, values: Mapping[str, Any], make: Callable[[], Any]) -> None:
        """Log what `make()` changes, all at one instant, as edits of each of `values` by name.

        It changes all of it or, where it raises an Exception, nothing.
        """
        self.at_rest(lambda: self._journal.edit(values, make, self.phase))

    def rewind(self, step: int) -> None:
        """Go back to the moment step `step` was complete, exactly: nearest snapshot, then replay.

        The trace, snapshots and edits of later steps are forgotten (edits made *at* `step` too). ValueError
        for a step outside this session and LookupError for one that cannot be reached; nothing has changed
        then.
        """
        step = checks.whole("step", step)
        if not self.first_step <= step <= self.step_number:
            raise ValueError(
                f"cannot rewind to step {step}: this session goes from step {self.first_step} "
                f"to step {self.step_number}"
            )
        self.history.nearest(step)
        self._stepper.rewind(step)

    def fork(self, **settings: Iterable[Any]) -> Fork:
        """Branches from here, one for each combination of settings, that see the same batches and draws.

            futures = session.fork(learning_rate=[0.1, 0.01])

        A setting is anything `edit` knows. This session stays where it is; see `Fork` for what can be done
        with the branches. TypeError if the process cannot be cloned.
        """
        return fork(self, settings)

    def adopt(self, branch: Session) -> None:
        """Go on where `branch`, forked from here, stands: its process, trace, edits and snapshots.

        ValueError if this session has moved since; nothing has changed then.
        """
        checks.instance("branch", branch, Session, "a branch of a fork")
        if branch.first_step != self.step_number or self.phase is not None:
            raise ValueError(
                f"the branch began at step {branch.first_step} and this session is at {self!r}; "
                f"rewind(step={branch.first_step}) first"
            )

        def go_on_as_it() -> None:
            def also() -> None:
                self._take_parts_of(branch)
                self._stepper.last_run = branch.last_run

            self._journal.take_over(branch._journal, also)
            self._subscribers.tell("rewind", branch)

        self._stepper.moving(go_on_as_it)

    def branch(self) -> Session:
        """A session of its own that goes on from here: on a clone of the process, with the trace so far.

        What is `attached` is attached to it, too; other subscribers are not.
        """
        branch = self.sibling(self.process.clone())  # type: ignore[attr-defined]
        branch.follow(self.trace, self.last_run)
        branch.stop_on_fault, branch.clock = self.stop_on_fault, self.clock
        branch._take_parts_of(self)
        return branch

    def follow(self, trace: Trace, last_run: tuple[Condition | None, int]) -> None:
        """Begin as what comes after `trace`, whose last run can be resumed."""
        self._journal.follow(trace)
        self._stepper.last_run = last_run

    def sibling(self, process: Process) -> Session:
        """A session like this one, on another process."""
        return type(self)(process, self.probes, self.history.budget)

    def between_steps(self, visit: Callable[[], Any]) -> Future:
        """Call `visit()` when no phase is under way, and return a Future of its result.

        It runs in this thread at once if nobody is stepping, otherwise in the stepping thread before its
        next step, so it must be quick. Use it to read buffers whole.
        """
        return self._gate.visit(checks.function("visit", visit, "a function without arguments"))

    def at_rest(self, visit: Callable[[], Any]) -> Any:
        """The result of `visit()`, called as by `between_steps`, once it is there.

        SessionBusy from inside a phase, where waiting would never end.
        """
        return self._gate.visit_and_wait(visit)

    def subscribe(
        self, subscriber: Subscriber, steps: bool = True, part: object = None
    ) -> Callable[[], None]:
        """Call `subscriber(notice)` from the stepping thread on every step, stop, edit and error.

        `steps=False` leaves the single steps out, which then cost nothing. Returns the function that
        unsubscribes. Whatever a subscriber raises is shown once as a warning and never reaches the training.

        A subscriber that has a say in what is studied, as a schedule has, subscribes for a `part`: an object
        with `attach(session)`, by which every branch of a fork gets a subscriber of its own.
        """
        checks.function("subscriber", subscriber, "a function of a Notice")
        checks.flag("steps", steps)
        return self._subscribers.add(subscriber, steps, part)

    @property
    def attached(self) -> tuple[Any, ...]:
        """What has a say in this study, such as a `ReduceOnPlateau`, and goes with every branch."""
        return self._subscribers.parts

    def detach(self, part: object) -> None:
        """Be rid of something `attached`; ValueError for what is not."""
        if not any(each is part or (type(each) is type(part) and each == part) for each in self.attached):
            raise checks.refused("part", f"one that is attached, of {checks.shown(self.attached)}", part)
        self._subscribers.remove(part)

    def _take_parts_of(self, other: Session) -> None:
        for part in self.attached:
            if part not in other.attached:
                self.detach(part)
        for part in other.attached:
            if part not in self.attached:
                part.attach(self)

    def __repr__(self) -> str:
        at = f"step {self.step_number}{f', inside a step after {self.phase}' if self.phase else ''}"
        return f"<{type(self).__name__} {'running' if self.running else 'at rest'} at {at}>"
