"""What a session knows of its process, which moves with it or not at all."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study.events import Event
from cortex_lab.study.history import History, replay
from cortex_lab.study.manual_edits import ManualEdits
from cortex_lab.study.observation import Observation
from cortex_lab.study.probe import Probe
from cortex_lab.study.process import Process
from cortex_lab.study.recorder import Recorder
from cortex_lab.study.subscribers import Subscribers
from cortex_lab.study.trace import Trace


class Journal:
    """The rows, events and snapshots of one process, up to the step `completed`.

    Anything here may be interrupted between any two moves. So what takes several either counts from one
    assignment on, and whatever was done before it is undone by `mend`; or it is begun by saying all of it
    (`_make`), and then `finish` makes the moves that are left.
    """

    def __init__(
        self, process: Process, recorder: Recorder, history: History, subscribers: Subscribers
    ) -> None:
        self.process = process
        self.recorder = recorder
        self.trace = recorder.trace
        self.events: list[Event] = []
        self.history = history
        self.manual_edits = ManualEdits(process)
        self.first_step = self.completed = process.step_number
        self.seconds = self.seconds_at_snapshot = 0.0
        # The process may be in no state at all: only a replay brings it back.
        self.torn = False
        # It went back, and not all who have a say know of it.
        self._untold = False
        self._tell = subscribers.tell
        self._observation: Observation | None = Observation(process)
        self._buffers_whole = True
        # What snapshots there were before that of a step, which may have taken the place of others.
        self._kept_before: tuple[int, Any] | None = None
        # While it goes back: where it was.
        self._present: Mapping[str, Any] | None = None
        self._unfinished: Callable[[], None] | None = None
        history.add(process.step_number, process.snapshot())
        self.manual_edits.note()

    @property
    def observation(self) -> Observation:
        """The step just completed."""
        if self._observation is None:
            self._observation = Observation(self.process, self.recorder.latest, self._buffers_whole)
        if self.manual_edits.untold and not self._observation.edited:
            self._observation = self._observation.after_edit()
        return self._observation

    def begin_step(self) -> None:
        """The buffers are no longer those of the step completed, even if the one begun is abandoned."""
        self._buffers_whole = False
        if self._observation is not None:
            self._observation.current = False

    def complete_step(self, tell: bool, clock: Callable[[], float]) -> None:
        """Record the step that the process has made, keep a snapshot if one is due, `tell` of it.

        It counts once all of that is done, as those told may have a say in what comes next.
        """
        step = self.process.step_number
        self.recorder.record(step, self.seconds)
        self._observation = None
        self._buffers_whole = True
        if step % self.history.interval == 0 and self.history.due(step):
            self._kept_before = (step, self.history.kept)
            began = clock()
            self.history.add(step, self.process.snapshot())
            self.history.took(clock() - began, self.seconds - self.seconds_at_snapshot)
            self.seconds_at_snapshot = self.seconds
        if tell:
            self._tell("step")
        self.completed = step
        self._kept_before = None

    def record(self, probes: Iterable[Probe], also: Callable[[], Any] = lambda: None) -> None:
        """Have `probes` recorded from here on, which were checked, and do what goes with it."""
        probes = tuple(probes)

        def moves() -> None:
            self.recorder.add(*probes)
            also()

        self._make(moves)

    def edit(self, values: Mapping[str, Any], make: Callable[[], Any], phase: str | None) -> None:
        """Log `values` by name as edited by `make`, of which an Exception has changed nothing."""
        values = {name: _copied(name, value) for name, value in values.items()}
        self.log_changes_by_hand(phase)
        self.torn = True
        try:
            make()
        except Exception:
            self.torn = False
            raise
        self._log(values.items(), phase)

    def log_changes_by_hand(self, phase: str | None) -> None:
        """Log what was changed in place since they were noted."""
        found = self.manual_edits.changes()
        if found:
            self._log(copy.deepcopy(found), phase)
        else:
            self.manual_edits.forget()

    def replace_events(self, count: int, events: Iterable[Event], also: Callable[[], None]) -> None:
        """Have `events` in the place of all but the first `count`, and do what goes with it."""
        events = list(events)

        def moves() -> None:
            self.events[count:] = events
            also()

        self._make(moves)

    def edits_inside(self) -> list[Event]:
        """What was edited inside the step under way."""
        return [event for event in self.events if event.step == self.completed and event.phase]

    def rewind(self, step: int) -> None:
        """Go back to `step`, and tell of it those who may have a say in what comes next."""
        self.go_back_to(step, tell=True)
        self._tell("rewind", step)
        self._untold = False

    def go_back_to(self, step: int, keep_edits: bool = False, tell: bool = False) -> None:
        """Replay to `step`; with `keep_edits` those made between it and the next step are made again."""
        events = [event for event in self.events if event.step < step]
        if keep_edits:
            events += [event for event in self.events if event.step == step and event.phase is None]
        # From before the step where possible, so that the buffers are those of the step, too.
        reached, snapshot = self.history.nearest(max(self.first_step, step - 1))
        if not self.torn:
            self._present = self.process.snapshot()
        replay(self.process, snapshot, events, step)
        self._make(lambda: self._stand_at(step, events, reached < step, tell))

    def take_over(self, branch: Journal, also: Callable[[], None]) -> None:
        """Go on where `branch` stands, which began where this one stands, and do what goes with it."""
        count, history = len(self.events), copy.copy(self.history)
        history.kept = (history.interval, dict(history.kept[1]))
        history.extend(branch.history, after=branch.first_step)
        self._present = self.process.snapshot()
        self.process.restore(branch.process.snapshot())

        def moves() -> None:
            self.events[count:] = branch.events
            self.trace.truncate(branch.first_step)
            self.trace.extend(branch.trace, after=branch.first_step)
            self.history.kept = history.kept
            self.completed = self.process.step_number
            self.seconds = branch.seconds
            self._present = None
            self._observation = self._recorded()
            also()

        self._make(moves)

    def follow(self, trace: Trace) -> None:
        """Begin as what comes after `trace`."""
        self.trace.extend(trace)
        if len(trace):
            self.trace.before = trace.before
        self.seconds = self.seconds_at_snapshot = float(trace["seconds"][-1]) if len(trace) else 0.0
        row = self.trace.row(self.process.step_number)
        self._observation = Observation(self.process, row, current=False, edited=True)

    def look_back(self, step: int, events: list[Event], whole: bool) -> None:
        """Stand where the process was brought to by others: at `step`, its buffers those of it if `whole`."""
        self._stand_at(step, events, whole, tell=False)

    def finish(self) -> None:
        """Make the moves that were begun and not made, if any."""
        if self._unfinished is not None:
            self._make(self._unfinished)

    @property
    def moving(self) -> bool:
        """Whether something was begun that `mend` has to undo."""
        return self.torn or self._untold or self._present is not None

    def mend(self) -> None:
        """Bring everything to the end of the step `completed`, whatever was interrupted."""
        if self._kept_before is not None and self._kept_before[0] > self.completed:
            self.history.kept = self._kept_before[1]
        self._kept_before = None
        if self._present is not None:
            self.process.restore(self._present)
            self._observation = self._recorded()
            self._present = None
        if self._untold:
            # Some of what those told did may be there, and some not.
            self.torn = True
            self.rewind(self.completed)
            return
        self.torn = self.torn or self.process.step_number != self.completed or bool(self.edits_inside())
        if self.torn:
            self.go_back_to(self.completed, keep_edits=True)
            return
        self.trace.truncate(self.completed)
        self.history.forget_after(self.completed)
        if self._observation is not None and self._observation.step != self.completed:
            self._observation = self._recorded()

    def _log(self, values: Iterable[tuple[str, Any]], phase: str | None) -> None:
        events = [Event(self.process.step_number, name, value, phase) for name, value in values]

        def logged() -> None:
            self._observation = self.observation.after_edit()
            self.torn = False
            self.manual_edits.forget()

        self.replace_events(len(self.events), events, logged)
        for event in events:
            self._tell("edit", event)

    def _stand_at(self, step: int, events: list[Event], whole: bool, tell: bool) -> None:
        self.events = events
        self.history.forget_after(step)
        self.trace.truncate(step)
        self.completed = step
        self.seconds = float(self.trace["seconds"][-1]) if len(self.trace) else 0.0
        self.seconds_at_snapshot = self.seconds
        self._observation = self._recorded(whole)
        # Buffers were filled anew: what is noted from here on counts.
        self.manual_edits.forget()
        self._untold = tell
        self._present = None
        self.torn = False

    def _recorded(self, whole: bool = False) -> Observation:
        """What is known of the step; more can be measured if its buffers are `whole`."""
        step = self.process.step_number
        edited = any(event.step == step for event in self.events)
        return Observation(self.process, self.trace.row(step), whole, edited)

    def _make(self, moves: Callable[[], None]) -> None:
        """Make `moves`, which made twice do the same as made once."""
        self._unfinished = moves
        moves()
        self._unfinished = None


def _copied(name: str, value: Any) -> Any:
    """A copy of an edited value, to be made again on the way to another step."""
    try:
        return copy.deepcopy(value)
    except (TypeError, RecursionError) as error:
        raise checks.refused(name, "something that can be copied, such as a list", value) from error
