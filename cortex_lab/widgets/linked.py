"""What the views of a bench share: one store in every page, and Python's copy of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import forks
from cortex_lab.widgets.chart.selection import Selection

PYTHON = ""
"""The maker of Python's changes; a page goes by its own name, which comes after."""


@dataclass(frozen=True)
class Change:
    """A new value of something shared; of two changes of it, the one with the later `stamp` holds."""

    name: str
    value: Any
    number: int
    maker: str

    @property
    def stamp(self) -> tuple[int, str]:
        return self.number, self.maker


class Linked:
    """Python's copy of what is shared by name, which is all there is of it while there is no page.

    With a page, what is shared lives there, so that views follow one another without a word to the kernel;
    page and Python tell each other of every change. Its number is one more than the last that its maker knew
    of, so whoever hears of two keeps the later, and all come to the same, in whatever order they hear.

    Parameters
    ----------
    checks
        By name, what makes of a value the one to keep, or raises.
    first
        By name, the values that hold before any change.
    changed
        `changed(name, value)` is called, under no lock, after each change that holds.
    maker
        What goes with the numbers of its own changes.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[Any], Any]],
        first: Mapping[str, Any],
        changed: Callable[[str, Any], None],
        maker: str = PYTHON,
    ) -> None:
        self._checks = dict(checks)
        self._changed = changed
        self._maker = maker
        self._held = {name: Change(name, value, 0, maker) for name, value in first.items()}
        self._untold: dict[str, Change] = {}
        self._latest = 0
        self._lock = forks.freed(threading.RLock())

    def __getitem__(self, name: str) -> Any:
        return self._held[name].value

    def put(self, name: str, value: object) -> None:
        """Change `name`, if it is another value; raises what its check raises, and then nothing changes."""
        found = self._checks[name](value)
        if not _same(found, self[name]):
            self._keep(name, found)

    def hear(self, message: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """A change that a page has made, or did not make well: then it is told what holds."""
        name, number, maker = message.get("name"), message.get("number"), message.get("page")
        if name not in self._held or type(number) is not int or not isinstance(maker, str) or not maker:
            return
        try:
            value = np.frombuffer(buffers[0], np.int32) if buffers else message.get("value")
            change = Change(name, self._checks[name](value), number, maker)
        except Exception:
            with self._lock:
                self._latest = max(self._latest, number)
            self._keep(name, self[name])
            return
        with self._lock:
            self._latest = max(self._latest, number)
            holds = change.stamp > self._held[name].stamp
            if holds:
                self._held[name] = self._untold[name] = change
        if holds:
            self._changed(name, change.value)

    def tell_all(self) -> None:
        """A new page knows of no change yet."""
        with self._lock:
            self._untold = {name: change for name, change in self._held.items() if change.number}

    def untold(self) -> list[tuple[dict[str, Any], list[bytes]]]:
        """What pages have not been told of, as messages with their buffers; then they have been."""
        with self._lock:
            changes, self._untold = list(self._untold.values()), {}
        return [_packed(change) for change in changes]

    def _keep(self, name: str, value: object) -> None:
        with self._lock:
            self._latest += 1
            self._held[name] = self._untold[name] = Change(name, value, self._latest, self._maker)
        self._changed(name, value)


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and bool(one == other)


def _packed(change: Change) -> tuple[dict[str, Any], list[bytes]]:
    told = {"type": "change", "name": change.name, "number": change.number, "maker": change.maker}
    if isinstance(change.value, Selection):
        return told, [change.value.rows.astype(np.int32).tobytes()]
    return {**told, "value": change.value}, []
