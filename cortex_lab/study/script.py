"""Values as Python source that makes them again, bit for bit."""

from __future__ import annotations

import base64
import dataclasses
import os
import pprint
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cortex_lab.ground.files import write_whole
from cortex_lab.study.events import Event

_SHORT = 12
_NAMES_OF_SCRIPTS = ("cl", "data", "description", "network", "session")
_WIDTH = 100


class Script(str):
    """Python source; prints as it is, `save(path)` writes it to a file."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write it whole; OSError, and an earlier file as it was, if that fails."""
        write_whole(path, self.encode())


class SourceText:
    """Writes values as expressions, and remembers what they need imported."""

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = {}
        self._homes = dict.fromkeys(_NAMES_OF_SCRIPTS, "")

    def of(self, value: object) -> str:
        """`value` as an expression; TypeError for what cannot be written down."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return self.of(value.item())
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            return f"float({str(value)!r})"
        if value is None or isinstance(value, (bool, int, float, str)):
            return repr(value)
        if isinstance(value, (list, tuple)):
            inside = ", ".join(self.of(part) for part in value)
            if isinstance(value, list):
                return f"[{inside}]"
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{self.of(key)}: {self.of(part)}" for key, part in value.items()) + "}"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        raise TypeError(
            f"a script cannot write down {value!r}, which is neither plain data nor a description"
        )

    def imported(self, module: str, name: str) -> str:
        """What a class or function of a module is called in the script, which imports it.

        TypeError for one that cannot be imported.
        """
        if module == "__main__" or "<locals>" in name:
            raise TypeError(
                f"a script cannot import {name}, which a notebook, a script or a function defined; "
                "define it in a module"
            )
        outer, dot, inner = name.partition(".")
        known_as, number = outer, 1
        while self._homes.setdefault(known_as, module) != module:
            number += 1
            known_as = f"{outer}_{number}"
        wanted = outer if known_as == outer else f"{outer} as {known_as}"
        self.imports.setdefault(module, set()).add(wanted)
        return f"{known_as}{dot}{inner}"

    def lines(self) -> list[str]:
        """The import statements."""
        return [
            f"from {module} import {', '.join(sorted(self.imports[module]))}"
            for module in sorted(self.imports)
        ]

    def _dataclass(self, value: Any) -> str:
        kind = self.imported(type(value).__module__, type(value).__qualname__)
        fields = [field for field in dataclasses.fields(value) if field.init and field.compare]
        inside = ", ".join(f"{field.name}={self.of(getattr(value, field.name))}" for field in fields)
        return f"{kind}({inside})"

    def _array(self, value: np.ndarray) -> str:
        # Whatever is no number is finite.
        if value.size <= _SHORT and (value.dtype.kind not in "fc" or np.isfinite(value).all()):
            made = self.imported("numpy", "array")
            return f"{made}({value.tolist()!r}, dtype={value.dtype.str!r})"
        made = self.imported("cortex_lab.study.script", "unpacked")
        return f"{made}({packed(value)!r}, {value.dtype.str!r}, {value.shape!r})"


def packed(array: np.ndarray) -> str:
    """The bytes of an array as text."""
    return base64.b85encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def unpacked(text: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array that `packed` made text of."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype).reshape(shape).copy()


def assignment(name: str, value: object) -> str:
    """`name = value` for plain data of any size, on as many lines as it takes."""
    return f"{name} = {pprint.pformat(value, width=_WIDTH, sort_dicts=False)}"


def steps_and_edits(
    events: Iterable[Event], first: int, last: int, source: SourceText, phase: str | None = None
) -> list[str]:
    """Statements that bring `session` from step `first` to `last`, and into the next step to right after
    `phase`, with the edits on the way."""
    statements, at, inside = [], first, None
    for event in events:
        if event.step > at:
            statements.append(f"session.step({event.step - at})")
            at, inside = event.step, None
        if event.phase != inside:
            statements.append(f"session.step(to={event.phase!r})")
            inside = event.phase
        statements.append(f"session.edit({event.name!r}, {source.of(event.value)})")
    if last > at:
        statements.append(f"session.step({last - at})")
        inside = None
    if phase is not None and phase != inside:
        statements.append(f"session.step(to={phase!r})")
    return statements


def comments(remarks: Iterable[tuple[int, str]]) -> list[str]:
    """Lines that say what was done besides, at which step."""
    return [f"# at step {step}: {' '.join(text.split())}" for step, text in remarks]
