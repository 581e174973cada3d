"""The panel of a bench that says what was held back, and what can be done about it."""

from __future__ import annotations

from typing import Any, Protocol

from cortex_lab.study import Session
from cortex_lab.widgets.fault_words import fault_html
from cortex_lab.widgets.locked import Button, Column, Row, Text, mark, write


class Faulted(Protocol):
    """What the buttons command: a bench."""

    session: Session

    @property
    def trainer_busy(self) -> bool: ...

    def go_back(self) -> Any: ...
    def show_batch(self) -> Any: ...
    def go_on(self) -> Any: ...


class FaultPanel:
    """Says what is wrong with the update held back, and offers what to do about it; hidden while none is."""

    def __init__(self) -> None:
        self.text = Text()
        self.back_button = Button(description="Back to the last good step", icon="history")
        self.batch_button = Button(description="Show the batch", icon="table")
        self.batch_button.tooltip = "The rows of the batch that did this, the worst first"
        self.force_button = Button(description="Go on all the same", icon="exclamation-triangle")
        self.force_button.tooltip = "Make this update although it does harm: session.step(force=True)"
        buttons = Row([self.back_button, self.batch_button, self.force_button])
        buttons.add_class("cortex-toolbar")
        self.box = Column([self.text, buttons])
        self.box.add_class("cortex-fault")
        self.box.add_class("cortex-hidden")

    def connect(self, bench: Faulted) -> None:
        self.back_button.on_click(lambda _: bench.go_back())
        self.batch_button.on_click(lambda _: bench.show_batch())
        self.force_button.on_click(lambda _: bench.go_on())

    def update(self, bench: Faulted) -> None:
        """Write how things are; for the publisher."""
        fault = bench.session.held_back
        mark(self.box, "cortex-hidden", fault is None)
        if fault is None:
            write(self.text, value="")
            return
        good, busy = getattr(fault, "last_good", None), bench.trainer_busy
        write(self.text, value=fault_html(fault, bench.session))
        told = "Back to the last good step" + ("" if good is None else f" ({good:,})")
        write(self.back_button, description=told, disabled=busy or good is None)
        write(self.force_button, disabled=busy)
