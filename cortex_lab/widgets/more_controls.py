"""The controls of a bench that are out of sight at first: phases and back, breakpoints, branches, files."""

from __future__ import annotations

from typing import Any, Protocol

from cortex_lab.study import Session
from cortex_lab.study.process import Cloneable
from cortex_lab.widgets.locked import Button, Count, Row, TextEntry, write
from cortex_lab.widgets.steering import FORK_EXAMPLE


class Steered(Protocol):
    """What they command: a bench."""

    session: Session

    @property
    def trainer_busy(self) -> bool: ...

    def attempt(self, act: Any) -> None: ...
    def back(self) -> Any: ...
    def step_phase(self) -> Any: ...
    def break_when(self) -> Any: ...
    def fork(self) -> Any: ...
    def save(self) -> Any: ...


class MoreControls:
    """A row that the page opens and closes, by the button More."""

    def __init__(self) -> None:
        self.back_button = _button("Back", "step-backward", "One step back, or out of the step under way")
        self.phase_button = _button("Phase", "angle-right", "Go on to right after the next phase of the step")
        self.break_entry = _entry("loss > 3", "cortex-typed-break", "Alt+click on a curve sets one there")
        self.break_button = _button(
            "Break when", "stop-circle", "Hold back every update that would meet this condition"
        )
        self.fork_button = _button("Fork", "code-fork", "Try these values from here, on the same batches")
        self.fork_entry = _entry(FORK_EXAMPLE, "cortex-typed-fork", "Names and values to try")
        self.fork_steps = Count(description="for", min=0, max=10**6, value=20, continuous_update=False)
        self.fork_steps.tooltip = "How many steps each branch takes"
        self.fork_steps.add_class("cortex-number")
        self.save_button = _button("Save", "save", "Save the training, to go on with resume_from=")
        self.save_entry = _entry("session-step-N.h5", "cortex-typed-save", "The file to write")
        self.row = Row(
            [
                _group(self.back_button, self.phase_button),
                _group(self.break_button, self.break_entry),
                _group(self.fork_button, self.fork_entry, self.fork_steps),
                _group(self.save_button, self.save_entry),
            ]
        )
        self.row.add_class("cortex-toolbar")
        self.row.add_class("cortex-more-row")

    def connect(self, bench: Steered) -> None:
        self.back_button.on_click(lambda _: bench.back())
        self.phase_button.on_click(lambda _: bench.step_phase())
        self.break_button.on_click(lambda _: bench.attempt(bench.break_when))
        self.fork_button.on_click(lambda _: bench.attempt(bench.fork))
        self.save_button.on_click(lambda _: bench.attempt(bench.save))

    def update(self, bench: Steered) -> None:
        """Write how things are; for the publisher."""
        session, busy = bench.session, bench.session.running or bench.trainer_busy
        inside = session.phase is not None
        write(self.back_button, disabled=busy or not (inside or session.step_number > session.first_step))
        write(self.phase_button, disabled=busy)
        write(self.break_button, disabled=len(session.phases) < 2)
        write(self.fork_button, disabled=busy or not isinstance(session.process, Cloneable))
        write(self.save_button, disabled=inside or not hasattr(session, "save"))


def _button(text: str, icon: str, tooltip: str) -> Button:
    return Button(description=text, icon=icon, tooltip=tooltip)


def _entry(example: str, css_class: str, tooltip: str) -> TextEntry:
    entry = TextEntry(placeholder=example, continuous_update=False)
    entry.tooltip = tooltip
    entry.add_class("cortex-typed")
    entry.add_class(css_class)
    return entry


def _group(*widgets: Any) -> Row:
    group = Row(widgets)
    group.add_class("cortex-group")
    return group
