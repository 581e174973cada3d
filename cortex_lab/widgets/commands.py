"""What the controls of a bench do, as calls: each click has one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import Condition, Session
from cortex_lab.study.asking import why_not
from cortex_lab.widgets.publisher import Publisher
from cortex_lab.widgets.requests import Requests
from cortex_lab.widgets.speed import Speed
from cortex_lab.widgets.steering import Branches
from cortex_lab.widgets.trainer import Trainer


class Commands:
    """The part of a bench that moves its session."""

    session: Session
    trainer: Trainer
    publisher: Publisher
    controls: Any
    channel: Any
    _requests: Requests
    _speed: Speed
    _stepped_by_cell: bool
    branches: Branches | None

    @property
    def speed(self) -> float | None:
        """Steps a second that Run takes at most, None for as fast as it goes; set it also while it runs."""
        return self._speed.rate

    @speed.setter
    def speed(self, rate: float | None) -> None:
        self._speed.rate = rate
        self._remark(f"bench.speed = {self._speed.rate!r}")
        self.publisher.wake()

    @property
    def learning_rate(self) -> float | None:
        """The learning rate; set it to train on with another. None if the process has none."""
        with contextlib.suppress(Exception):
            return float(self.session.process.measure("learning_rate"))
        return None

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.session.edit("learning_rate", value)

    def step(self, n: int | None = None) -> None:
        """What a click on Step does: pause if need be, then take `n` steps (None: what the bench says)."""
        count = int(self.controls.step_size.value) if n is None else checks.whole("n", n, least=0)
        self._stepping(lambda: self.session.step(count))

    def step_to(self, phase: str | None = None) -> None:
        """What a click on Step to does."""
        target = (
            self.controls.phase_chooser.value
            if phase is None
            else checks.choice("phase", phase, self.session.phases)
        )
        self._stepping(lambda: self.session.step(to=target))

    def run(self, until: Condition | str | int | None = None) -> None:
        """What a click on Run does, at `speed`; nothing if it runs already.

        `until` is as in `session.run`: a number of steps, or a condition such as "loss < 0.1". None takes
        what the entry says, and an empty one is until somebody pauses. What it cannot wait for is refused.
        """
        said = self.controls.until_entry.value.strip() if until is None else until
        if isinstance(said, str):
            if refusal := why_not(self.session, said):
                raise ValueError(refusal)
            said = int(said) if said.isdecimal() else said or None
        if not self.session.running:
            self.trainer.put(lambda: self._speed.run(said), runs=True)

    def pause(self) -> None:
        """What a click on Pause does."""
        if self.branches is not None:
            self.branches.stopping = True
        self.trainer.interrupt()

    def run_or_pause(self) -> None:
        """What the space bar does."""
        if self.trainer.busy or self.session.running:
            self.pause()
        else:
            self.run()

    def rewind(self, step: int | None = None) -> None:
        """What a click on Rewind does."""
        target = int(self.controls.rewind_step.value) if step is None else checks.whole("step", step)
        self._stepping(lambda: self.session.rewind(target))

    def attempt(self, act: Callable[[], Any]) -> None:
        """Do what a click asks for; what is refused is shown in the bench, as there is nobody to catch it."""
        try:
            act()
        except Exception as error:
            refused = error

            def refuse() -> None:
                raise refused

            self.ask(refuse)

    def ask(self, request: Callable[[], Any]) -> None:
        """Have the publisher do something short, such as an edit, that cannot wait behind a run.

        What it raises is shown in the bench and kept in `error`.
        """
        self.trainer.refuse_a_child()
        self._requests.put(checks.function("request", request))
        self.publisher.wake()

    def _answer_page(self, question: Callable[[], Any]) -> None:
        """As `ask`, for what a page only wants to know: an error that is shown stays."""
        self._requests.put_question(question)
        self.publisher.wake()

    @property
    def deaf(self) -> bool:
        """Whether a cell trains, and keeps the kernel from hearing a click until it is done."""
        return self._stepped_by_cell and self.session.running and not self.channel.heard_aside

    def _remark(self, call: str) -> None:
        """Have the script of the session say what was done on the bench, where that moved nothing.

        Of a value that is set again and again, as by dragging, it says the last.
        """
        remarks, step = self.session.remarks, self.session.step_number
        target, assigned, _ = call.partition(" = ")
        if assigned and remarks and remarks[-1][0] == step and remarks[-1][1].startswith(f"{target} = "):
            remarks.pop()
        remarks.append((step, call))

    def _stepping(self, action: Callable[[], Any]) -> None:
        if self.trainer.busy or self.session.running:
            self.trainer.interrupt()
        self.trainer.put(action, runs=True)

    @property
    def trainer_busy(self) -> bool:
        """Whether a command is under way or waiting."""
        return self.trainer.busy
