"""The widgets of a bench, with the one lock that keeps their writes and the browser's messages apart."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets
from ipywidgets.widgets.widget import _instances

from cortex_lab.widgets.lock import widget_lock

Widget = ipywidgets.Widget


class Locked:
    """Mixin: whoever writes to the widget, and every message from the browser, holds `widget_lock`.

    ipywidgets keeps per-widget state (`_property_lock`, held notifications) that is not meant for two
    threads: without the lock, updates written while a message is handled are lost.
    """

    def __setattr__(self, name: str, value: object) -> None:
        with widget_lock:
            super().__setattr__(name, value)

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        with widget_lock:
            super()._handle_msg(msg)  # type: ignore[misc]

    def open(self) -> None:
        with widget_lock:
            super().open()  # type: ignore[misc]
            # Jupyter kernels since 7.4 hear a message where the widget last spoke, which for one that spoke
            # from a cell is behind the cells; the page sends it where it is heard at once.
            if hasattr(self.comm, "_reply_subshell_for"):  # type: ignore[attr-defined]
                self.comm._reply_subshell_for = lambda _, sent_to: sent_to  # type: ignore[attr-defined]

    def send(self, content: object, buffers: list[Any] | None = None) -> None:
        with widget_lock:
            super().send(content, buffers)  # type: ignore[misc]

    def close(self) -> None:
        """Close it, and what it alone is made of, which ipywidgets would keep."""
        with widget_lock:
            super().close()  # type: ignore[misc]
            for part in (self._trait_values.get(name) for name in ("layout", "style")):  # type: ignore[attr-defined]
                if isinstance(part, ipywidgets.Widget):
                    part.close()

    def __del__(self) -> None:
        # Not `close`, as ipywidgets would: the collector comes in any thread, also in one that is just being
        # started by somebody who holds the lock, and would wait for it forever. What is open is in
        # ipywidgets' own table, and not collected.
        pass


class Button(Locked, ipywidgets.Button):
    """A button."""


class Number(Locked, ipywidgets.FloatText):
    """A number that is sent when it is entered, not at every key."""


class Count(Locked, ipywidgets.BoundedIntText):
    """A whole number between two bounds; TraitError for any other, which ipywidgets would change into one."""

    value = traitlets.Int(0).tag(sync=True)

    @traitlets.validate("value")
    def _validate_value(self, proposal: dict[str, Any]) -> int:
        if not self.min <= proposal["value"] <= self.max:
            raise traitlets.TraitError(
                f"{self.description!r} takes a whole number from {self.min:,} to {self.max:,}, "
                f"got {proposal['value']:,}"
            )
        return proposal["value"]


class Chooser(Locked, ipywidgets.Dropdown):
    """One of several."""


class TextEntry(Locked, ipywidgets.Text):
    """A line of text that is sent when it is entered, not at every key."""


class Text(Locked, ipywidgets.HTML):
    """A piece of HTML; whoever fills it escapes."""


class Row(Locked, ipywidgets.HBox):
    """Widgets side by side."""


class Column(Locked, ipywidgets.VBox):
    """Widgets one below the other."""


def open_widgets() -> set[Locked]:
    """All of these that are open, whosever they are."""
    return {each for each in list(_instances.values()) if isinstance(each, Locked)}


def write(widget: ipywidgets.Widget, **values: object) -> None:
    """Set those traits that differ, so that nothing is sent for what is already so."""
    for name, value in values.items():
        if getattr(widget, name) != value:
            setattr(widget, name, value)


def mark(widget: ipywidgets.DOMWidget, name: str, on: bool) -> None:
    """Give the widget the CSS class `name`, or take it away."""
    if on != (name in widget._dom_classes):
        (widget.add_class if on else widget.remove_class)(name)
