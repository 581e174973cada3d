"""What the probes of a session measure, and where it goes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study.advice import advice
from cortex_lab.study.conditions import Condition
from cortex_lab.study.probe import Probe, distance_to
from cortex_lab.study.process import Directed, Expecting, Measuring, Process
from cortex_lab.study.subscribers import show_once
from cortex_lab.study.trace import Trace

Asked = tuple[str, Callable[[int], bool] | None, Callable[[], Any], Probe]


class Recorder:
    """Asks each probe that is due, and keeps the answers in a Trace.

    A probe that fails is shown once; NaN stands for what it could not measure, and nothing is stopped.
    """

    def __init__(self, process: Process, probes: Iterable[Probe] | None) -> None:
        checks.instance("process", process, Process, "a Process, such as a Training or a Descent")
        self.process = process
        given = process.probes if probes is None else probes
        probes = tuple(checks.listed("probes", given, "a list of Probes"))
        for probe in probes:
            self.check(probe)
        self.trace = Trace(probe.key for probe in probes)
        self._direct(probes)
        if process.step_number and "epoch" in process.keys:
            self.trace.before = {"epoch": float(process.measure("epoch")), "seconds": 0.0}
        self.trace.advise = partial(advice, process)
        self._asked: list[Asked] = []
        self._ask(probes)
        self._failed: set[str] = set()
        self.latest: dict[str, float] = {}

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What is recorded."""
        return tuple(probe for *_, probe in self._asked)

    def add(self, *probes: Probe) -> None:
        """Record more; each takes the place of a probe with the same key."""
        for probe in probes:
            self.check(probe)
        for probe in probes:
            self.trace.add_column(probe.key)
        self._direct(probes)
        added = {probe.key for probe in probes}
        self._ask((*(each for each in self.probes if each.key not in added), *probes))

    def record(self, step: int, seconds: float) -> None:
        """Append the row of the step just completed; `latest` holds its values."""
        self.latest = self._measured(self._asked, step)
        self.trace._append(step, seconds, self.latest)

    def measured(self, step: int, only: Collection[str] | None = None) -> dict[str, float]:
        """What the probes due at `step` say now, by key."""
        return self._measured([each for each in self._asked if only is None or each[0] in only], step)

    def _measured(self, asked: Iterable[Asked], step: int) -> dict[str, float]:
        values = {}
        for key, schedule, measure, _ in asked:
            if schedule is None or schedule(step):
                try:
                    values[key] = float(measure())
                except Exception:
                    values[key] = float("nan")
                    self._show(key)
        return values

    def _callable(self, probe: Probe) -> Callable[[], Any]:
        if probe.measure is not None:
            return partial(probe.measure, self.process)
        if isinstance(self.process, Measuring):
            return self.process.measurer(probe.key)
        return partial(self.process.measure, probe.key)

    def _direct(self, probes: Iterable[Probe]) -> None:
        """Say which way is better; of a measure of one's own its name says nothing."""
        known = self.process.directions if isinstance(self.process, Directed) else {}
        own = {probe.key: False if isinstance(probe.measure, distance_to) else None
               for probe in probes if probe.measure is not None}  # fmt: skip
        replaced = {probe.key for probe in probes if probe.key not in own}
        before = {key: told for key, told in self.trace.directions.items() if key not in replaced}
        self.trace.directions = {**before, **known, **own}

    def _show(self, key: str) -> None:
        if key not in self._failed:
            self._failed.add(key)
            show_once(f"the probe of {key!r} failed; NaN stands for its value:\n{traceback.format_exc()}")

    def _ask(self, probes: Iterable[Probe]) -> None:
        # What is asked of whom, worked out once: it is asked at every step.
        asked = [(probe.key, probe.schedule, self._callable(probe), probe) for probe in probes]
        if isinstance(self.process, Expecting):
            self.process.expect([key for key, *_ in asked])
        self._asked = asked

    def check(self, probe: Probe, of: Condition | None = None) -> None:
        """KeyError if the process cannot measure what the probe asks for, or what a condition reads."""
        checks.instance("what is recorded", probe, Probe, "a Probe such as Probe('loss')")
        if probe.measure is None and probe.key not in self.process.keys:
            raise KeyError(
                f"{_where(probe.key, of)}no probe can record {probe.key!r} here; the process measures "
                f"{', '.join(self.process.keys)}. {advice(self.process, probe.key)}"
            )


def _where(key: str, condition: Condition | None) -> str:
    """The place of a key in a condition that is a text."""
    text = getattr(condition, "text", "")
    # A key has one kind of quotes, however it was typed.
    place = text.replace('"', "'").find(key) if isinstance(text, str) else -1
    return f"in {text!r}, at character {place + 1}: " if text and place >= 0 else ""
