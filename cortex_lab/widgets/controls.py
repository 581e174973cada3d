"""The knobs of a bench, and how they are arranged. What they do is said by the bench."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from cortex_lab.widgets.channel import Channel, Panel
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.locked import Button, Chooser, Column, Count, Number, Row, Text, mark, write


class Controls:
    """All ipywidgets of a bench, arranged in `box`."""

    def __init__(self, channel: Channel, views: Mapping[str, View[Any]], phases: tuple[str, ...]) -> None:
        self.step_button = _button("Step", "step-forward", "Take this many steps", "primary")
        self.step_size = _count("by", 1, 10**6, 1, "How many steps one click on Step takes")
        self.run_button = _button("Run", "play", "Train until paused", "success")
        self.pause_button = _button("Pause", "pause", "Stop after the step under way")
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
        self._offered_after: tuple[int, str] | None = None
        self.error_panel = Text()
        self.status_panel = Panel(bench=channel.bench, name="status", kind="status", title="Status")
        self.layer_chooser: Chooser | None = None
        self.pinned_entry: Count | None = None
        self.map_layer_chooser: Chooser | None = None
        self.map_button: Button | None = None
        toolbar = Row(
            [
                _group(self.step_button, self.step_size),
                _group(self.run_button, self.pause_button),
                _group(self.learning_rate_entry),
                _group(self.step_to_button, self.phase_chooser),
                _group(self.rewind_button, self.rewind_step),
            ]
        )
        self.step_size.add_class("cortex-number")
        self.rewind_step.add_class("cortex-number")
        self.learning_rate_entry.add_class("cortex-number")
        toolbar.add_class("cortex-toolbar")
        self.error_panel.add_class("cortex-error")
        self.error_panel.add_class("cortex-hidden")
        self.panels = {
            name: Panel(bench=channel.bench, name=name, kind=view.kind, title=view.title)
            for name, view in views.items()
        }
        grid = Column([self._card(name, view) for name, view in views.items()])
        grid.add_class("cortex-grid")
        self.box = Column([toolbar, self.status_panel, self.error_panel, grid, channel])
        self.box.add_class("cortex-bench")

    def _card(self, name: str, view: View[Any]) -> Column:
        title = Text(html.escape(view.title))
        title.add_class("cortex-title")
        header = Row([title, *self._choosers(name, view)])
        header.add_class("cortex-header")
        card = Column([header, self.panels[name]])
        card.add_class("cortex-card")
        card.add_class(f"cortex-card-{name}")
        return card

    def _choosers(self, name: str, view: Any) -> list[Any]:
        if name == "weight_histogram" and view.layers:
            self.layer_chooser = Chooser(options=view.layers, value=view.layer, description="layer")
            return [_group(self.layer_chooser)]
        if name == "activations" and view.pinned is not None:
            rows = view.session.dataset.rows
            lowest, highest = int(min(rows)), int(max(rows))
            self.pinned_entry = _count("row", lowest, highest, view.pinned, "The pinned row of the dataset")
            self.pinned_entry.add_class("cortex-number")
            return [_group(self.pinned_entry)]
        if name == "embedding_map" and not view.missing:
            self.map_layer_chooser = Chooser(options=view.layers, value=view.layer, description="layer")
            self.map_button = _button("Stop", "", "Stop or start the layout of the map")
            return [_group(self.map_layer_chooser, self.map_button)]
        return []

    def connect(self, bench: Any) -> None:
        """Have the knobs do what the bench does: its methods, or setting its attributes."""
        self.step_button.on_click(lambda _: bench.step())
        self.step_to_button.on_click(lambda _: bench.step_to())
        self.run_button.on_click(lambda _: bench.run())
        self.pause_button.on_click(lambda _: bench.pause())
        self.rewind_button.on_click(lambda _: bench.rewind())
        if self.map_button is not None:
            self.map_button.on_click(lambda _: bench.ask(bench.toggle_map))
        for name, widget in self._mirrors().items():
            widget.observe(self._asker(bench, name), "value")
        self.update(bench)

    def update(self, bench: Any) -> None:
        """Write how things are into the knobs; nothing is sent for what has not changed."""
        session = bench.session
        running = session.running or bench.trainer_busy
        for button in (self.step_button, self.step_to_button, self.run_button, self.rewind_button):
            write(button, disabled=running)
        write(self.pause_button, disabled=not running)
        self.show_error(bench.error)
        for name, widget in self._mirrors().items():
            value = getattr(bench, name)
            write(widget, disabled=value is None)
            if value is not None:
                write(widget, value=value)
        if self.map_button is not None:
            write(self.map_button, description="Stop" if bench.map_moving else "Start")
        if not session.running:
            self._offer_steps(session)

    def _mirrors(self) -> dict[str, Any]:
        """Knobs that show an attribute of the bench and set it."""
        mirrors = {
            "learning_rate": self.learning_rate_entry,
            "layer": self.layer_chooser,
            "pinned": self.pinned_entry,
            "map_layer": self.map_layer_chooser,
        }
        return {name: widget for name, widget in mirrors.items() if widget is not None}

    def _asker(self, bench: Any, name: str) -> Callable[[Any], None]:
        def changed(event: Any) -> None:
            # `update` writes what is so already; only what differs was entered by somebody.
            if event["new"] != getattr(bench, name):
                bench.ask(lambda: setattr(bench, name, event["new"]))

        return changed

    def _offer_steps(self, session: Any) -> None:
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

        def collect(widget: Any) -> None:
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


def _button(text: str, icon: str, tooltip: str, style: str = "") -> Button:
    return Button(description=text, icon=icon, tooltip=tooltip, button_style=style)


def _count(text: str, lowest: int, highest: int, value: int, tooltip: str) -> Count:
    number = Count(description=text, min=lowest, max=highest, value=value, continuous_update=False)
    number.tooltip = tooltip
    return number


def _group(*widgets: Any) -> Row:
    group = Row(widgets)
    group.add_class("cortex-group")
    return group
