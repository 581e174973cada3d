"""Step a Process, record it, stop it, rewind it, and tell whoever subscribed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study.breakpoints import Breakpoint
from cortex_lab.study.conditions import Condition, as_condition, require_recorded
from cortex_lab.study.events import Stop
from cortex_lab.study.forking import Fork, fork
from cortex_lab.study.manual_edits import PendingUpdate
from cortex_lab.study.observation import Observation
from cortex_lab.study.probe import Probe
from cortex_lab.study.process import Process
from cortex_lab.study.stepping import Stepping
from cortex_lab.study.subscribers import Subscriber


class Session(Stepping):
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
    is held back; `fault` is then the last one found, and `fault.last_good` a step to rewind to. It goes on
    after a repair, which is any edit, or by `force`. A repair of what lasts, such as weights or rows, begins
    the step anew; one of its gradient lets it go on.
    """

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
        with self._stepping(force):
            stop, taken = (None, 0) if to is None else (self._advance_to(to), n)
            while stop is None and taken < n:
                stop = self._stopped_by_request() or self._walk_on()
                taken += 1
            stop = stop or self._stop("step", f"{n} step{'' if n == 1 else 's'} taken")
        return self._tell_stop(stop)

    def run(self, until: Condition | str | None = None, force: bool = False) -> Stop:
        """Step until the condition is met, or `pause()`, or Ctrl-C; None means until paused.

        Blocks the calling thread. Ctrl-C (the kernel's stop button) is a pause, not an exception: the step
        under way is completed and the state is whole. `force` is as in `step`.
        """
        checks.flag("force", force)
        condition = None if until is None else as_condition(until)
        if condition is not None:
            require_recorded(condition, self.trace, self.recorded_keys)
        return self._run(condition, None, force)

    def resume(self, force: bool = False) -> Stop:
        """Go on with the last `run`, until the condition it was waiting for, counted from where it began."""
        checks.flag("force", force)
        until, start = self._last_run
        if until is not None:
            require_recorded(until, self.trace, self.recorded_keys)
        return self._run(until, start, force)

    def pause(self) -> None:
        """Ask the stepping thread to stop after the step under way. Returns at once; harmless when idle."""
        if self.running:
            self._pause = "pause"

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
            self._recorder.check(probe)
        condition.check(self.trace)
        for probe in missing:
            self.record(probe)
        return self._gate.visit_and_wait(lambda: self.breakpoints.set(condition, self.trace))

    def clear_breakpoints(self, chosen: Breakpoint | int | None = None) -> None:
        """Forget a breakpoint, or all of them."""
        self.breakpoints.clear(chosen)

    def record(self, probe: Probe) -> None:
        """Record one thing more, from the next step on; KeyError if it cannot be measured."""
        checks.instance("probe", probe, Probe, "a Probe such as Probe('loss')")
        self._gate.visit_and_wait(lambda: self._recorder.add(probe))

    # Changing and going back -------------------------------------------------------------------------

    def edit(self, name: str, value: Any) -> None:
        """Change something of the process; logged, and replayed by `rewind` at its step and phase.

        From another thread while stepping, it takes effect at the next safe point; this call waits for it.
        """
        checks.text("name", name, "learning_rate")
        self._gate.visit_and_wait(lambda: self._edit(name, value))

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
        with self._stepping():
            self._go_back_to(step)
            self._tell("rewind", step)

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
        with self._stepping():
            self.process.restore(branch.process.snapshot())
            self.events += branch.events
            self.trace.extend(branch.trace, after=branch.first_step)
            self.history.extend(branch.history, after=branch.first_step)
            self._take_parts_of(branch)
            self._last_run = branch._last_run
            self._completed = self.step_number
            self._seconds = branch._seconds
            row = self.trace.row(self.step_number)
            edited = any(event.step == self.step_number for event in self.events)
            self._observation = Observation(self.process, row, False, edited)
            self._tell("rewind", branch)

    def branch(self) -> Session:
        """A session of its own that goes on from here: on a clone of the process, with the trace so far.

        What is `attached` is attached to it, too; other subscribers are not.
        """
        branch = self.sibling(self.process.clone())  # type: ignore[attr-defined]
        branch._follow(self.trace, self._last_run)
        branch.stop_on_fault = self.stop_on_fault
        branch._take_parts_of(self)
        return branch

    def sibling(self, process: Process) -> Session:
        """A session like this one, on another process."""
        return type(self)(process, self.probes, self.history.budget)

    def between_steps(self, visit: Callable[[], Any]) -> Future:
        """Call `visit()` when no phase is under way, and return a Future of its result.

        It runs in this thread at once if nobody is stepping, otherwise in the stepping thread before its
        next step, so it must be quick. Use it to read buffers whole.
        """
        return self._gate.visit(checks.function("visit", visit, "a function without arguments"))

    def subscribe(self, subscriber: Subscriber, steps: bool = True, part: Any = None) -> Callable[[], None]:
        """Call `subscriber(notice)` from the stepping thread on every step, stop, edit and error.

        `steps=False` leaves the single steps out, which then cost nothing. Returns the function that
        unsubscribes. Whatever a subscriber raises is shown once as a warning and
        never reaches the training.

        A subscriber that has a say in what is studied, as a schedule has, subscribes for a `part`: an object
        with `attach(session)`, by which every branch of a fork gets a subscriber of its own.
        """
        checks.function("subscriber", subscriber, "a function of a Notice")
        checks.flag("steps", steps)
        return self._subscribers.add(subscriber, steps, part)

    @property
    def attached(self) -> tuple[Any, ...]:
        """What has a say in this study, such as a `ReduceOnPlateau`, and goes with every branch."""
        return tuple(self._subscribers.parts.values())

    def detach(self, part: Any) -> None:
        """Be rid of something `attached`."""
        self._subscribers.remove(part)

    def _take_parts_of(self, other: Session) -> None:
        for part in self.attached:
            if part not in other.attached:
                self.detach(part)
        for part in other.attached:
            if part not in self.attached:
                part.attach(self)

    def __repr__(self) -> str:
        inside = f", inside a step after {self.phase}" if self.phase else ""
        state = "running" if self.running else "at rest"
        return f"<{type(self).__name__} {state} at step {self.step_number}{inside}>"
