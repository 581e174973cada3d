"""What a training's file says of its session: what was recorded, what runs, and what acts in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.optimize import ReduceOnPlateau
from cortex_lab.study import Condition, Probe, Session, Trace, every
from cortex_lab.study.expression import Expression, Forgotten, as_text


@dataclass(frozen=True)
class SavedStudy:
    """The session beside a saved training, read whole before anything follows it."""

    trace: Trace
    until: Condition | None
    start: int
    stop_on_fault: bool
    plateaus: tuple[ReduceOnPlateau, ...]
    probes: tuple[Probe, ...]

    @classmethod
    def of(cls, about: Mapping[str, Any], rows: np.ndarray) -> SavedStudy:
        """What `describe_study` described; ValueError, KeyError or TypeError for what it never writes."""
        columns = zip(about["columns"], rows, strict=True)
        trace = Trace.of({key: np.array(column, np.float64) for key, column in columns})
        trace.before = {str(key): float(value) for key, value in about["before"].items()}
        until = about["until"]
        if until is not None:
            until = Forgotten(about["said"]) if until == "" else Expression(until)
        attached = [{key: part for key, part in each.items() if key != "kind"} for each in about["attached"]]
        return cls(
            trace,
            until,
            min(int(about["start"]), len(trace)),
            bool(about["stop_on_fault"]),
            tuple(ReduceOnPlateau(**each) for each in attached),
            tuple(Probe(key, every(n) if n else None) for key, n in about["probes"]),
        )

    def follow(self, session: Session, its_probes: bool, new_optimizer: bool) -> None:
        """Have the session of a loaded training go on from here.

        `its_probes` says whether what was recorded by name goes on being recorded; plateaus are not attached
        to a `new_optimizer`.
        """
        for probe in self.probes if its_probes else ():
            if probe.key not in session.recorded_keys and probe.key in session.process.keys:
                session.record(probe)
        session.follow(self.trace, (self.until, self.start))
        session.stop_on_fault = self.stop_on_fault
        for plateau in () if new_optimizer else self.plateaus:
            plateau.attach(session)


def describe_study(session: Session) -> dict[str, Any]:
    """What `SavedStudy.of` reads back, but for the rows of the trace."""
    until, start = session.last_run
    plateaus = [part for part in session.attached if type(part) is ReduceOnPlateau]
    probes = [probe for probe in session.probes if probe.measure is None]
    return {
        "columns": list(session.trace.keys),
        "before": dict(session.trace.before),
        # Nothing for no run until anything, "" for what cannot be written down.
        "until": None if until is None else as_text(until) or "",
        "said": repr(until),
        "start": start,
        "stop_on_fault": bool(session.stop_on_fault),
        "attached": [plateau.to_dict() for plateau in plateaus],
        "probes": [
            (probe.key, getattr(probe.schedule, "n", None))
            for probe in probes
            if probe.schedule is None or isinstance(probe.schedule, every)
        ],
    }
