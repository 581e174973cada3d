"""The wire of a bench: one message per frame to the browser, acknowledged when it has been drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import numpy as np
import traitlets

from cortex_lab.widgets import page
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.chart.palette import PALETTE
from cortex_lab.widgets.locked import Locked


class Panel(Locked, anywidget.AnyWidget):
    """A place on the page where one view is drawn. All its data comes over the Channel."""

    _esm = page.script("meeting", "panel")
    bench = traitlets.Unicode().tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int().tag(sync=True)


class Channel(Locked, anywidget.AnyWidget):
    """Sends frames and hears from every page that shows the bench.

    `sequence` numbers what was sent, `asked` is the last that wanted an answer, `drawn` the last answered.

    `heard(message)` is called, under the widget lock, with each message of a page: "hello" (a page has
    just loaded), "drawn" (with the sequence number drawn), "visible", "pin", "run_or_pause" and "change" (of
    what is linked).
    """

    _esm = page.script(*page.PARTS, "entry")
    _css = page.styles("bench")
    bench = traitlets.Unicode().tag(sync=True)
    palette = traitlets.Dict().tag(sync=True)
    box = traitlets.Unicode().tag(sync=True)
    panels = traitlets.Dict().tag(sync=True)
    """What the page has to know of the panels: `titles` by name, `layout` at first, `presets`."""

    def __init__(
        self,
        bench: str,
        heard: Callable[[dict[str, Any]], None],
        clock: Callable[[], float] = time.monotonic,
        panels: Mapping[str, Any] | None = None,
    ) -> None:
        self.sequence = 0
        self.asked = 0
        self.drawn = 0
        self.heard_at = 0.0
        # Whether a page is heard while a cell runs, as by kernels with subshells.
        self.heard_aside = False
        self._heard = heard
        self._clock = clock
        self._pages: dict[str, tuple[float, frozenset[str]]] = {}
        super().__init__(bench=bench, palette=PALETTE, panels=dict(panels or {}))
        self.on_msg(self._receive)

    @property
    def connected(self) -> bool:
        """Whether any page has ever said hello."""
        return bool(self._pages)

    def visible(self) -> frozenset[str]:
        """Names of the panels that some page has on screen; pages not heard of for a while do not count."""
        latest = max((at for at, _ in self._pages.values()), default=0.0)
        recent = [names for at, names in self._pages.values() if at > latest - 10]
        return frozenset().union(*recent)

    def publish(self, panels: Mapping[str, Packed], answer: bool = True) -> int:
        """Send one frame; returns its sequence number. Pages say when it is drawn if `answer` is wanted."""
        described: dict[str, Any] = {}
        parts: list[bytes] = []
        offset = 0
        for name, packed in panels.items():
            entries = []
            for key, array in packed.arrays.items():
                data = np.ascontiguousarray(array).tobytes()
                entries.append([key, array.dtype.name, offset, array.size])
                padding = -len(data) % 4
                parts.append(data + bytes(padding))
                offset += len(data) + padding
            described[name] = {**packed.meta, "arrays": entries}
        self.sequence += 1
        self.asked = self.sequence if answer else self.asked
        message = {"type": "frame", "sequence": self.sequence, "answer": answer, "panels": described}
        self.send(message, buffers=[b"".join(parts)])
        return self.sequence

    def ping(self) -> None:
        """Ask whether somebody is still there, in a few bytes."""
        self.sequence += 1
        self.asked = self.sequence
        self.send({"type": "ping", "sequence": self.sequence, "answer": True})

    def _receive(self, _: object, message: dict[str, Any], buffers: list[Any] | None) -> None:
        self.heard_at = self._clock()
        self.heard_aside = self.heard_aside or threading.current_thread() is not threading.main_thread()
        page = str(message.get("page", ""))
        if message.get("type") == "hello":
            self._pages = {name: seen for name, seen in self._pages.items() if seen[0] > self.heard_at - 60}
            # What was sent before this page was there will never be drawn by it.
            self.drawn = self.sequence
        self._pages[page] = (self.heard_at, frozenset(message.get("visible", ())))
        if message.get("type") == "drawn":
            self.drawn = max(self.drawn, int(message["sequence"]))
        self._heard({**message, "buffers": buffers or ()})
