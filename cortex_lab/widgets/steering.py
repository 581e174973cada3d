"""What a bench does beyond stepping: breakpoints, branches, files, one phase on, one step back."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import Breakpoint, Condition, Fork, Session
from cortex_lab.study.asking import why_not, words_of
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.views.run_comparison import MOST_RUNS

FORK_EXAMPLE = "learning_rate=0.1, 0.01"


class Branches:
    """A fork that a bench has made, and how far its branches have come; `failed` says which do not go on."""

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        self.failed: dict[int, str] = {}
        self.stopping = False

    def step(self, steps: int, told: Callable[[], None]) -> None:
        """Take steps in every branch that still goes, until all are taken or somebody pauses."""
        for _ in range(steps):
            for number, branch in enumerate(self.fork):
                if self.stopping:
                    return
                if number not in self.failed:
                    try:
                        branch.step()
                    except Exception as error:
                        # The others, which see the same batches, go on.
                        self.failed[number] = f"{type(error).__name__}: {error}"
            told()

    def lines(self) -> list[list[Any]]:
        """Number, name and standing of each branch."""
        found = []
        for number, (label, branch) in enumerate(zip(self.fork.labels, self.fork, strict=True)):
            taken = branch.step_number - self.fork.step_number
            told = self.failed.get(number) or f"{taken:,} steps"
            if taken and number not in self.failed:
                values = branch.trace.recorded("loss")[1] if "loss" in branch.trace else []
                told += f", loss {values[-1]:.4g}" if len(values) else ""
            found.append([number, label, told])
        return found


class Steering:
    """The part of a bench that stops its session, tries several futures of it, and saves it."""

    session: Session
    views: Mapping[str, View[Any]]
    trainer: Any
    publisher: Any
    channel: Any
    controls: Any
    ask: Callable[[Callable[[], Any]], None]
    _stepping: Callable[[Callable[[], Any]], None]
    _remark: Callable[[str], None]
    branches: Branches | None = None
    """The branches that stand beside the session, by `fork`; None for none."""
    saved: str = ""
    """The file that `save` wrote last."""

    def break_when(self, condition: Condition | str | None = None) -> Breakpoint:
        """What a click on Break does: hold back every update that would meet the condition.

        None takes what the entry says. ValueError or KeyError for what cannot be asked.
        """
        said = self.controls.more.break_entry.value if condition is None else condition
        made = self.session.break_when(said)
        self._remark(f"session.break_when({made.condition!r})")
        self.publisher.wake()
        return made

    def clear_breakpoint(self, chosen: Breakpoint | int | None = None) -> None:
        """What a click on a breakpoint's cross does: forget it; None forgets all."""
        self.session.clear_breakpoints(chosen)
        number = chosen.number if isinstance(chosen, Breakpoint) else chosen
        self._remark(f"session.clear_breakpoints({'' if number is None else number})")
        self.publisher.wake()

    def step_phase(self) -> None:
        """What a click on Phase does: go on to right after the next phase of the step."""
        self._stepping(lambda: self.session.step(to=self._next_phase()))

    def back(self) -> None:
        """What a click on Back does: leave a step that is under way, or else go back to the one before."""
        session = self.session

        def go() -> None:
            if session.phase is None and session.step_number == session.first_step:
                raise ValueError(f"step {session.first_step} is the first of this session")
            session.rewind(session.step_number - (session.phase is None))

        self._stepping(go)

    def _next_phase(self) -> str:
        phases, phase = self.session.phases, self.session.phase
        return phases[0] if phase is None else phases[(phases.index(phase) + 1) % len(phases)]

    # Several futures --------------------------------------------------------------------------------

    def fork(self, steps: int | None = None, **settings: Iterable[Any]) -> None:
        """What a click on Fork does: branches from here, one for each combination of `settings`.

        They take `steps` steps each, on the same batches, while the session stays; the curves show them
        beside it. `keep` goes on as one of them. Without settings, and with None, the entries say.
        """
        more = self.controls.more
        count = int(more.fork_steps.value) if steps is None else checks.whole("steps", steps, least=0)
        chosen = settings_of(more.fork_entry.value) if not settings and steps is None else settings
        said = ", ".join(f"{name}={list(values)!r}" for name, values in chosen.items())
        self._stepping(lambda: self._fork(count, chosen))
        self._remark(f"bench.fork({count}{', ' * bool(said)}{said})")

    def _fork(self, steps: int, settings: Mapping[str, Iterable[Any]]) -> None:
        """In the trainer's thread."""
        made = self.session.fork(**settings)
        if len(made) > MOST_RUNS:
            raise ValueError(
                f"a bench shows {MOST_RUNS} branches at most, not {len(made)}; fork the session itself"
            )
        self.branches = branches = Branches(made)
        self._lay_over(dict(zip(made.labels, made, strict=True)))
        branches.step(steps, self.publisher.wake)
        self.publisher.wake()

    def keep(self, branch: int | None = None) -> None:
        """What a click on a branch's "keep" does: go on as it; None is the one with the best loss."""
        if self.branches is None:
            told = "bench.fork(20, learning_rate=[0.1, 0.01]) makes two"
            raise LookupError(f"there is no branch to keep; {told}")
        fork = self.branches.fork
        most = len(fork) - 1
        number = fork.best() if branch is None else checks.whole("branch", branch, least=0, most=most)

        def go_on() -> None:
            fork.keep(number)
            self.forget_branches()

        self._stepping(go_on)
        self._remark(f"bench.keep({number})")

    def forget_branches(self) -> None:
        """Let go of the branches; the session is as it was."""
        if self.branches is not None:
            self.branches.stopping = True
        self.branches = None
        self._lay_over({})
        self.publisher.wake()

    def _lay_over(self, runs: Mapping[str, Session]) -> None:
        for name in ("recorded_curves", "run_comparison"):
            view: Any = self.views.get(name)
            if view is not None:
                view.over = runs

    # Files ------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str] | None = None) -> None:
        """What a click on Save does: `session.save(path)`, between two steps; `saved` then says where.

        None takes what the entry says or, where that is empty, a name that says the step.
        """
        if not hasattr(self.session, "save"):
            raise TypeError("this session cannot be saved; one that cl.train returns can")
        named = path or self.controls.more.save_entry.value.strip()
        target = os.fspath(checks.path("path", named or f"session-step-{self.session.step_number}.h5"))

        def save() -> None:
            self.session.save(target)  # type: ignore[attr-defined]
            self.saved = str(Path(target))
            self._remark(f"session.save({target!r})")

        self.ask(save)

    def _beside(self) -> dict[str, Any]:
        """What the page lists: breakpoints, branches, and the file that was saved."""
        set_ones = [[each.number, repr(each.condition)] for each in self.session.breakpoints]
        branches = [] if self.branches is None else self.branches.lines()
        return {"breakpoints": set_ones, "branches": branches, "saved": self.saved}

    # What pages ask for -----------------------------------------------------------------------------

    def _steered(self, message: Mapping[str, Any]) -> None:
        """In the kernel's thread: what somebody types or clicks that has no widget of its own."""
        kind, number = message.get("type"), message.get("number")
        if kind == "typed":
            field, text, page = (str(message.get(key, "")) for key in ("field", "text", "page"))
            self.ask(lambda: self._answer(field, text, page))
        elif kind == "break":
            self.ask(lambda: self.break_when(str(message.get("text", ""))))
        elif kind == "clear_breakpoint" and type(number) is int:
            self.ask(lambda: self.clear_breakpoint(number))
        elif kind == "keep" and type(number) is int:
            self.ask(lambda: self.keep(number))
        elif kind == "forget_branches":
            self.ask(self.forget_branches)

    def _answer(self, field: str, text: str, page: str) -> None:
        """In the publisher's thread: what may be typed, and what is wrong with what is typed."""
        refusal, words = "", tuple[str, ...]()
        if field == "fork":
            try:
                settings_of(text)
            except ValueError as error:
                refusal = str(error)
        elif field in ("until", "break"):
            before = field == "break"
            refusal, words = why_not(self.session, text, before), words_of(self.session, before)
        told = {"type": "answer", "page": page, "field": field, "text": text}
        self.channel.send({**told, "refusal": refusal if text.strip() else "", "words": list(words)})


def settings_of(text: str) -> dict[str, list[Any]]:
    """What "learning_rate=0.1, 0.01" says: a list of values by name. ValueError with an example otherwise."""
    parts = re.split(r"([A-Za-z_]\w*)\s*=", text)
    found: dict[str, list[Any]] = {}
    try:
        if parts[0].strip() or (text.strip() and len(parts) < 3):
            raise ValueError(text)
        for name, values in zip(parts[1::2], parts[2::2], strict=True):
            listed = ast.literal_eval(f"[{values.strip().rstrip(',;')}]")
            found[name] = listed[0] if len(listed) == 1 and isinstance(listed[0], list) else listed
            if not found[name]:
                raise ValueError(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(
            f"{text[:60]!r} does not say what to try; write names and values, such as {FORK_EXAMPLE!r}"
        ) from None
    return found
