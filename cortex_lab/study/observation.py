"""What one step looked like, computed only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cortex_lab.study.advice import advice
from cortex_lab.study.process import Process


class Observation(Mapping[str, Any]):
    """Lazy mapping over the keys of a Process, about the step just completed.

    A value is computed when it is first read, then kept. Once the process has moved on, be it by half a
    step, what was never read can no longer be computed: reading it raises `LookupError` rather than a
    value of another step.

    After something was `edited`, what the process says of how it stands, such as a validation loss, is
    computed anew whenever it is read.
    """

    __slots__ = ("_process", "_values", "current", "edited", "step")

    def __init__(
        self,
        process: Process,
        known: dict[str, Any] | None = None,
        current: bool = True,
        edited: bool = False,
    ) -> None:
        self.step = process.step_number
        self.current = current
        self.edited = edited
        self._process = process
        self._values: dict[str, Any] = {} if known is None else known
        if edited:
            kept = [key for key in self._values if self._stands(key) is not True]
            self._values = {key: self._values[key] for key in kept}

    def __getitem__(self, key: str) -> Any:
        values = self._values
        if key in values:
            return values[key]
        stands = self._stands(key) if self.edited else False
        here = self._process.step_number == self.step
        if stands and here:
            # Not kept, as it may be edited once more.
            return self._process.measure(key)
        if not (self.current and here) or stands is None:
            moved = "something was edited since" if stands is None and here else "the process has moved on"
            raise LookupError(
                f"{key!r} of step {self.step} was not recorded and {moved}; "
                f"to keep it: {advice(self._process, key)}"
            )
        value = values[key] = self._process.measure(key)
        return value

    def after_edit(self) -> Observation:
        """What takes its place; itself, it can compute nothing more."""
        left = Observation(self._process, self._values, self.current, edited=True)
        self.current = self.edited = False
        return left

    def _stands(self, key: str) -> bool | None:
        stands = getattr(self._process, "stands", None)
        if stands is None:
            return True if self.current else None
        # Probes of one's own measure anything.
        return key not in self._process.keys or stands(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._process.keys)

    def __len__(self) -> int:
        return len(self._process.keys)

    def __contains__(self, key: object) -> bool:
        return key in self._process.keys

    def __repr__(self) -> str:
        known = ", ".join(f"{key}={value!r}" for key, value in self._values.items())
        return f"<Observation of step {self.step}: {known or 'nothing read yet'}; keys {list(self)}>"
