"""The knobs of a bench, and how they are arranged. What they do is said by the bench."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from cortex_lab.study import Session
from cortex_lab.widgets.channel import Channel, Panel
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.faults import FaultPanel
from cortex_lab.widgets.locked import (
    Button,
    Chooser,
    Column,
    Count,
    Number,
    Row,
    Text,
    TextEntry,
    Widget,
    mark,
    write,
)
from cortex_lab.widgets.more_controls import MoreControls
from cortex_lab.widgets.speed import choices, named

DEAF = "stop the cell with ■"


class Commanded(Protocol):
    """What the knobs command: a bench."""

    session: Session
    views: Mapping[str, View[Any]]

    @property
    def error(self) -> BaseException | None: ...

    @property
    def learning_rate(self) -> float | None: ...

    speed: float | None
    moment: int | None

    @property
    def trainer_busy(self) -> bool: ...

    @property
    def deaf(self) -> bool: ...

    def step(self) -> Any: ...
    def step_to(self) -> Any: ...
    def run(self) -> Any: ...
    def pause(self) -> Any: ...
    def rewind(self) -> Any: ...
    def go_back(self) -> Any: ...
    def show_batch(self) -> Any: ...
    def go_on(self) -> Any: ...
    def turn(self, view: str, knob: str, value: Any) -> Any: ...
    def ask(self, request: Callable[[], Any]) -> None: ...
    def attempt(self, act: Callable[[], Any]) -> None: ...
    def back(self) -> Any: ...
    def step_phase(self) -> Any: ...
    def break_when(self) -> Any: ...
    def fork(self) -> Any: ...
    def save(self) -> Any: ...


class Controls:
    """All ipywidgets of a bench, arranged in `box`."""

    def __init__(
        self,
        channel: Channel,
        views: Mapping[str, View[Any]],
        phases: tuple[str, ...],
        layout: Sequence[str],
    ) -> None:
        self.step_button = _button("Step", "step-forward", "Take this many steps (right arrow)", "primary")
        self.step_size = _count("by", 1, 10**6, 1, "How many steps one click on Step takes")
        self.run_button = _button("Run", "play", "Train until paused (space)", "success")
        self.until_entry = TextEntry(description="until", placeholder="paused", continuous_update=False)
        self.until_entry.tooltip = "A number of steps, or a condition such as loss < 0.1; empty: until paused"
        self.until_entry.add_class("cortex-typed")
        self.until_entry.add_class("cortex-typed-until")
        self.speed_chooser = Chooser(description="at")
        self.speed_chooser.tooltip = "How fast Run goes, slow enough to watch or as fast as it can"
        self.pause_button = _button("Pause", "pause", "Stop after the step under way (space)")
        unique = tuple(dict.fromkeys(phases))
        self.phase_chooser = Chooser(options=unique, value=unique[0] if unique else None, description="")
        self.phase_chooser.tooltip = "Stop inside a step, right after this phase"
        self.step_to_button = _button("Step to", "share", "Go on to right after the chosen phase")
        self.learning_rate_entry = Number(description="learning rate", continuous_update=False, step=None)
        self.learning_rate_entry.tooltip = "Takes effect with the next step"
        self.rewind_step = _count("to", 0, 0, 0, "The step to go back to")
        self.rewind_button = _button(
            "Rewind", "history", "Go back to exactly how things were after that step"
        )
        self._offered_after: tuple[int, str | None] | None = None
        self._moment: int | None = None
        self._writing = False
        self._speeds: dict[str, float | None] = {}
        self.error_panel = Text()
        self.fault_panel = FaultPanel()
        self.status_panel = Panel(bench=channel.bench, name="status", kind="status", title="Status")
        self.more = MoreControls()
        self.more_button = _button("More", "", "Breakpoints, branches, files, phases, back")
        self.more_button.add_class("cortex-more")
        self.timeline = Panel(bench=channel.bench, name="timeline", kind="timeline", title="Steps")
        self.panels_menu = Panel(bench=channel.bench, name="panels", kind="layout", title="Panels")
        self.knobs: dict[tuple[str, str], Any] = {}
        self._described = {(name, knob.name): knob for name, view in views.items() for knob in view.knobs}
        toolbar = Row(
            [
                _group(self.step_button, self.step_size),
                _group(self.run_button, self.until_entry, self.speed_chooser, self.pause_button),
                _group(self.learning_rate_entry),
                _group(self.step_to_button, self.phase_chooser),
                _group(self.more_button),
            ]
        )
        for name in ("step", "run", "pause"):
            getattr(self, f"{name}_button").add_class(f"cortex-{name}")
        self.step_size.add_class("cortex-number")
        self.rewind_step.add_class("cortex-number")
        self.learning_rate_entry.add_class("cortex-number")
        toolbar.add_class("cortex-toolbar")
        self.error_panel.add_class("cortex-error")
        self.error_panel.add_class("cortex-hidden")
        self.panels = {
            name: Panel(bench=channel.bench, name=name, kind="chart", title=view.title, height=view.height)
            for name, view in views.items()
        }
        cards = {name: self._card(name, view) for name, view in views.items()}
        for name in cards.keys() - set(layout):
            cards[name].add_class("cortex-closed")
        # The page moves and closes them from here on.
        grid = Column([cards[name] for name in (*layout, *(name for name in cards if name not in layout))])
        grid.add_class("cortex-grid")
        line = Row([self.status_panel, self.panels_menu])
        line.add_class("cortex-line")
        steps = Row([self.timeline, _group(self.rewind_button, self.rewind_step)])
        steps.add_class("cortex-steps")
        above = [toolbar, self.more.row, line, steps, self.fault_panel.box, self.error_panel]
        self.box = Column([*above, grid, channel])
        self.box.add_class("cortex-bench")

    def _card(self, name: str, view: View[Any]) -> Column:
        title = Text(html.escape(view.title))
        title.add_class("cortex-title")
        mine = {key: _control(knob) for key, knob in self._described.items() if key[0] == name}
        self.knobs |= mine
        header = Row([title, *([_group(*mine.values())] if mine else [])])
        header.add_class("cortex-header")
        card = Column([header, self.panels[name]])
        card.add_class("cortex-card")
        card.add_class(f"cortex-card-{view.place}")
        return card

    def connect(self, bench: Commanded) -> None:
        """Have the knobs do what the bench does: its methods, or setting its attributes."""
        self.step_button.on_click(lambda _: bench.step())
        self.step_to_button.on_click(lambda _: bench.step_to())
        self.run_button.on_click(lambda _: bench.attempt(bench.run))
        self.pause_button.on_click(lambda _: bench.pause())
        self.rewind_button.on_click(lambda _: bench.rewind())
        self.more.connect(bench)
        self.fault_panel.connect(bench)
        self.speed_chooser.observe(lambda event: self._choose_speed(bench, event["new"]), "value")
        self.learning_rate_entry.observe(self._asker(bench, bench, "learning_rate"), "value")
        for (name, attribute), widget in self.knobs.items():
            if isinstance(widget, Button):
                widget.on_click(self._switcher(bench, name, attribute))
            else:
                widget.observe(self._asker(bench, bench.views[name], attribute, name), "value")
        self.update(bench)

    def update(self, bench: Commanded) -> None:
        """Write how things are into the knobs; nothing is sent for what has not changed."""
        self._writing = True
        try:
            self._update(bench)
        finally:
            self._writing = False

    def _update(self, bench: Commanded) -> None:
        session = bench.session
        running = session.running or bench.trainer_busy
        for button in (self.step_button, self.step_to_button, self.run_button, self.rewind_button):
            write(button, disabled=running)
        # A click would be heard when the cell is done.
        told = DEAF if bench.deaf else "Pause"
        write(self.pause_button, disabled=not running or bench.deaf, description=told)
        self.show_error(bench.error)
        self.fault_panel.update(bench)
        self.more.update(bench)
        # A page says which it is by number: none is taken away while somebody may be choosing.
        self._speeds = choices(bench.speed, self._speeds.values())
        write(self.speed_chooser, options=tuple(self._speeds), value=named(bench.speed))
        _show(self.learning_rate_entry, bench.learning_rate)
        for (name, attribute), widget in self.knobs.items():
            value = getattr(bench.views[name], attribute)
            if isinstance(widget, Button):
                on, off = self._described[name, attribute].label
                write(widget, description=on if value else off)
            else:
                _show(widget, value)
        if not session.running:
            self._offer_steps(session)
            if bench.moment is not None and bench.moment != self._moment:
                write(self.rewind_step, value=min(bench.moment, self.rewind_step.max))
            self._moment = bench.moment

    def _asker(
        self, bench: Commanded, owner: object, attribute: str, view: str = ""
    ) -> Callable[[Any], None]:
        def change(value: object) -> None:
            if view:
                bench.turn(view, attribute, value)
            else:
                setattr(bench, attribute, value)

        def changed(event: Mapping[str, Any]) -> None:
            # What `update` writes is so already; only what differs was entered by somebody.
            if not self._writing and event["new"] != getattr(owner, attribute):
                bench.ask(lambda: change(event["new"]))

        return changed

    def _choose_speed(self, bench: Commanded, name: str) -> None:
        if not self._writing and self._speeds[name] != bench.speed:
            rate = self._speeds[name]
            bench.ask(lambda: setattr(bench, "speed", rate))

    def _switcher(self, bench: Commanded, view: str, attribute: str) -> Callable[[Any], None]:
        return lambda _: bench.ask(
            lambda: bench.turn(view, attribute, not getattr(bench.views[view], attribute))
        )

    def _offer_steps(self, session: Session) -> None:
        write(self.rewind_step, min=session.first_step, max=max(session.first_step, session.step_number))
        phases = self.phase_chooser.options
        place = (session.step_number, session.phase)
        if session.phase in phases and place != self._offered_after:
            self._offered_after = place
            write(self.phase_chooser, value=phases[(phases.index(session.phase) + 1) % len(phases)])

    def show_error(self, error: BaseException | None) -> None:
        """Say what went wrong, with the traceback to unfold; None takes it away."""
        write(self.error_panel, value="" if error is None else error_html(error))
        mark(self.error_panel, "cortex-hidden", error is None)

    def all_widgets(self) -> list[Any]:
        """Every widget, children before their boxes."""
        found: list[Any] = []

        def collect(widget: Widget) -> None:
            for child in getattr(widget, "children", ()):
                collect(child)
            found.append(widget)

        collect(self.box)
        return found


def error_html(error: BaseException) -> str:
    """An exception as HTML, everything in it escaped."""
    lines = "".join(traceback.format_exception(error))
    kind, message = type(error).__name__, str(error)
    return (
        f'<details role="alert"><summary><b>{html.escape(kind)}</b>: {html.escape(message)}</summary>'
        f"<pre>{html.escape(lines)}</pre></details>"
    )


def _show(widget: Widget, value: object) -> None:
    write(widget, disabled=value is None)
    if value is not None:
        write(widget, value=value)


def _control(knob: Knob) -> Any:
    """The widget for a knob of a view."""
    if knob.kind == "switch":
        return _button(knob.label[0 if knob.default else 1], "", knob.tooltip)
    label = str(knob.label or knob.name)
    if knob.kind == "choice":
        return Chooser(options=knob.choices, value=knob.default, description=label, tooltip=knob.tooltip)
    if knob.kind == "count":
        lowest, highest = (int(max(-(2**53), min(2**53, limit))) for limit in knob.limits)
        entry = _count(label, lowest, highest, knob.default, knob.tooltip)
    else:
        entry = Number(value=knob.default, description=label, continuous_update=False, step=None)
        entry.tooltip = knob.tooltip
    entry.add_class("cortex-number")
    return entry


def _button(text: str, icon: str, tooltip: str, style: str = "") -> Button:
    return Button(description=text, icon=icon, tooltip=tooltip, button_style=style)


def _count(text: str, lowest: int, highest: int, value: int, tooltip: str) -> Count:
    number = Count(description=text, min=lowest, max=highest, value=value, continuous_update=False)
    number.tooltip = tooltip
    return number


def _group(*widgets: Widget) -> Row:
    group = Row(widgets)
    group.add_class("cortex-group")
    return group
