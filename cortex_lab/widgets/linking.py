"""What a Bench has all its views show, as attributes of it: rows, a step, panels, a layer, a pinned row."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.files import FORMATS
from cortex_lab.widgets.chart.selection import Moment, Rows, Selection, checked_moment, checked_selection
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.layouts import Layout, checked_layout, checked_panel
from cortex_lab.widgets.linked import Linked
from cortex_lab.widgets.scrubbing import Scrubber

MOST_SAID = 1000
"""Rows of a selection that the script of a session lists; nobody reads more."""


class Linking:
    """Base of Bench. Each of these can be set with a page and without one; both then show the same."""

    session: Session
    views: Mapping[str, View[Any]]
    linked: Linked
    channel: Any
    publisher: Any
    scrubber: Scrubber
    trainer: Any
    ask: Any
    turn: Any
    _remark: Callable[[str], None]

    def _link(self, layout: object) -> None:
        views, session = self.views, self.session
        checks = {
            "selection": lambda rows: checked_selection(session, rows),
            "moment": lambda step: checked_moment(session, step),
            "layout": lambda names: checked_layout(views, names),
            "enlarged": lambda name: None if name is None else checked_panel(views, name),
        }
        first = {"selection": Selection(), "moment": None, "enlarged": None}
        self.linked = Linked(checks, {**first, "layout": checked_layout(views, layout)}, self._changed)

    def _share(self, name: str, value: object) -> None:
        self.trainer.refuse_a_child()
        self.linked.put(name, value)

    @property
    def selection(self) -> Selection:
        """The rows of the dataset that stand out in all views; set it to a list of numbers, [] for none."""
        return self.linked["selection"]

    @selection.setter
    def selection(self, rows: Rows) -> None:
        self._share("selection", rows)

    @property
    def moment(self) -> Moment:
        """The step that all views show; set it to one the session has been at, None for the present.

        Curves mark it. The training is left alone: what was not kept is computed again, on a copy, beside it.
        """
        return self.linked["moment"]

    @moment.setter
    def moment(self, step: int | None) -> None:
        self._share("moment", step)

    @property
    def layout(self) -> list[str]:
        """The panels that are open, in order; set it to a list of names, a preset, or None for how it was."""
        return list(self.linked["layout"])

    @layout.setter
    def layout(self, names: Layout) -> None:
        self._share("layout", names)

    @property
    def enlarged(self) -> str | None:
        """The panel that takes the whole bench; None for none. A panel that is closed is opened, too."""
        return self.linked["enlarged"]

    @enlarged.setter
    def enlarged(self, name: str | None) -> None:
        self._share("enlarged", name)
        if name is not None and name not in self.layout:
            self.layout = [*self.layout, name]

    @property
    def open_views(self) -> dict[str, View[Any]]:
        """The views whose panels are open, in the order of the panels."""
        return {name: self.views[name] for name in self.layout}

    def _changed(self, name: str, value: object) -> None:
        if name in ("selection", "moment"):
            for view in self.views.values():
                setattr(view, name, value)
        if name != "selection" or len(self.selection) <= MOST_SAID:
            said = list(self.selection) if name == "selection" else value
            self._remark(f"bench.{name} = {said!r}")
        self._picture_due = True
        self._last_activity = time.monotonic()
        self.scrubber.nudge()
        self.publisher.wake()

    def _heard_of_linked(self, message: Mapping[str, Any]) -> None:
        """In the kernel's thread."""
        if message.get("type") == "hello":
            self.linked.tell_all()
        elif message.get("type") == "change":
            self.linked.hear(message, message.get("buffers", ()))
        elif message.get("type") == "export":
            panel, format, page = (str(message.get(key, "")) for key in ("panel", "format", "page"))
            self.ask(lambda: self._hand_over(panel, format, page))

    def _hand_over(self, panel: str, format: str, page: str) -> None:
        """In the publisher's thread: send a page the file that it asked for, to save or to open."""
        name = checked_panel(self.views, panel)
        opens = format == "plotly"
        kind = "html" if opens else checks.choice("format", format, FORMATS)
        data = self.views[name].as_file(kind)
        called = f"{name}-step-{self.session.step_number}.{kind}"
        told = {"type": "file", "page": page, "name": called, "kind": FORMATS[kind], "opens": opens}
        self.channel.send(told, [data])

    def _tell_pages(self) -> None:
        """In the publisher's thread."""
        if self.moment is not None and not self.session.running and self.moment > self.session.step_number:
            self.moment = None
        if self.channel.connected:
            for told, buffers in self.linked.untold():
                self.channel.send(told, buffers)

    # What is looked at ------------------------------------------------------------------------------

    weight_histogram: Any = property(lambda self: self.views["weight_histogram"])
    activations: Any = property(lambda self: self.views["activations"])

    embedding_map: Any = property(lambda self: self.views.get("embedding_map"))
    """The map; None if it was opened without."""

    @property
    def layer(self) -> str | None:
        """The layer whose weights are shown; set it to choose another."""
        return self.weight_histogram.layer

    @layer.setter
    def layer(self, name: str) -> None:
        self.turn("weight_histogram", "layer", name)

    @property
    def map_layer(self) -> str | None:
        """The layer whose activations are mapped; set it to choose another."""
        return self.embedding_map.layer if self.embedding_map else None

    @map_layer.setter
    def map_layer(self, name: str) -> None:
        if self.embedding_map is None:
            raise ValueError("this bench has no map; open it with map=True")
        self.turn("embedding_map", "layer", name)

    @property
    def pinned(self) -> int | None:
        """The row whose activations are shown; set it to choose another."""
        return self.activations.pinned

    @pinned.setter
    def pinned(self, row: int) -> None:
        self.turn("activations", "pinned", row)
