"""What a training's file says of its session: what was recorded, what runs, and what acts in it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.optimize import ReduceOnPlateau
from cortex_lab.study import Condition, Probe, Session, Trace, every
from cortex_lab.study.breakpoints import Breakpoint
from cortex_lab.study.conditionformat import condition_of, described, has_no_length
from cortex_lab.study.direction import written_down
from cortex_lab.study.expression import Forgotten


@dataclass(frozen=True)
class SavedStudy:
    """The session beside a saved training, read whole before anything follows it."""

    trace: Trace
    until: Condition | None
    start: int
    stop_on_fault: bool
    plateaus: tuple[ReduceOnPlateau, ...]
    probes: tuple[Probe, ...]
    breakpoints: tuple[Breakpoint, ...] = ()
    left_out: tuple[str, ...] = ()
    best: tuple[int, ...] = ()

    @classmethod
    def of(cls, about: Mapping[str, Any], rows: np.ndarray, step: int) -> SavedStudy:
        """What `describe_study` described after `step`; ValueError, KeyError or TypeError for what it never
        writes."""
        keys = checks.listed("columns", about["columns"])
        if len({*keys}) < len(keys):
            raise ValueError("two columns have one name")
        columns = zip(keys, rows, strict=True)
        trace = Trace.of({key: np.array(column, np.float64) for key, column in columns})
        if len(trace) and trace["step"][-1] != step:
            raise ValueError(f"its rows end at step {trace['step'][-1]:g}, not at {step}, its own")
        trace.directions = written_down(about.get("directions"), trace.keys)
        trace.before = {str(key): float(value) for key, value in about["before"].items()}
        until = about["until"]
        if until is not None:
            # A run of no length, which earlier versions let somebody ask for, is over.
            over = until == "" or has_no_length(until)
            until = Forgotten(checks.text("said", about["said"])) if over else condition_of(until)
        plateaus = [_plateau(**each) for each in checks.listed("attached", about["attached"])]
        if len({each.key for each in plateaus}) < len(plateaus):
            raise ValueError("two plateaus are attached for one key")
        probes = checks.listed("probes", about["probes"])
        breakpoints = checks.listed("breakpoints", about.get("breakpoints", []))
        lost = [f"the breakpoint at {said}" for _, said, _ in breakpoints if has_no_length(said)]
        left_out = [checks.text("left_out", each) for each in checks.listed("it", about.get("left_out", []))]
        return cls(
            trace,
            until,
            min(checks.whole("start", about["start"], least=0), len(trace)),
            checks.flag("stop_on_fault", about["stop_on_fault"]),
            tuple(plateaus),
            tuple(Probe(key, None if n is None else every(n)) for key, n in probes),
            tuple(_breakpoint(*each) for each in breakpoints if not has_no_length(each[1])),
            (*left_out, *lost),
            tuple(checks.whole("best", at, least=0) for at in checks.listed("best", about.get("best", []))),
        )

    def follow(self, session: Session, its_probes: bool, new_optimizer: bool) -> None:
        """Have the session of a loaded training go on from here.

        `its_probes` says whether what was recorded by name goes on being recorded; plateaus are not attached
        to a `new_optimizer`. What does not come back is named in a warning.
        """
        for probe in self.probes if its_probes else ():
            if probe.key not in session.recorded_keys and probe.key in session.process.keys:
                session.record(probe)
        session.follow(self.trace, (self.until, self.start))
        session.stop_on_fault = self.stop_on_fault
        missing = list(self.left_out)
        for plateau in () if new_optimizer else self.plateaus:
            if plateau.key in session.recorded_keys:
                plateau.attach(session)
            else:
                missing.append(f"what was attached: {plateau!r}")
        for each in self.breakpoints:
            if {*session.recorded_keys, *session.process.keys}.issuperset(each.condition.keys):
                session.break_when(each.condition)
                session.clear_breakpoints(session.breakpoints[-1])
                session.breakpoints.put(replace(each, since=min(each.since, len(self.trace))))
            else:
                missing.append(str(each))
        warn_of(missing, "did not come back from the file")


def _plateau(kind: str, **settings: Any) -> ReduceOnPlateau:
    checks.choice("kind", kind, [ReduceOnPlateau.__name__])
    return ReduceOnPlateau(**settings)


def _breakpoint(number: Any, said: Any, since: Any) -> Breakpoint:
    since = checks.whole("since", since, least=0)
    return Breakpoint(checks.whole("number", number, least=1), condition_of(said), since)


def left_out(session: Session) -> list[str]:
    """What acts in a session and no file can hold, in words."""
    own = [part for part in session.attached if type(part) is not ReduceOnPlateau]
    conditions = [each for each in session.breakpoints if described(each.condition) is None]
    return [*map(str, conditions), *(f"what was attached: {part!r}" for part in own)]


def warn_of(missing: list[str], what: str) -> None:
    """Name what a saved study lacks, and say what to do."""
    if missing:
        again = "set it again in the session that goes on: session.break_when(...), part.attach(session)"
        warnings.warn(f"{'; '.join(missing)} {what}; {again}", UserWarning, stacklevel=4)


def describe_study(session: Session) -> dict[str, Any]:
    """What `SavedStudy.of` reads back, but for the rows of the trace."""
    breakpoints = [(each.number, described(each.condition), each.since) for each in session.breakpoints]
    until, start = session.last_run
    plateaus = [part for part in session.attached if type(part) is ReduceOnPlateau]
    probes = [probe for probe in session.probes if probe.measure is None]
    return {
        "columns": list(session.trace.keys),
        "directions": dict(session.trace.directions),
        "before": dict(session.trace.before),
        # Nothing for no run until anything, "" for what cannot be written down.
        "until": None if until is None else described(until) or "",
        "said": repr(until),
        "start": start,
        "stop_on_fault": bool(session.stop_on_fault),
        "breakpoints": [each for each in breakpoints if each[1] is not None],
        "left_out": left_out(session),
        "attached": [plateau.to_dict() for plateau in plateaus],
        "probes": [
            (probe.key, getattr(probe.schedule, "n", None))
            for probe in probes
            if probe.schedule is None or isinstance(probe.schedule, every)
        ],
    }
