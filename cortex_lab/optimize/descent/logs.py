"""A descent as data: every point it visited and what was measured there."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, check_packed, size_of, write_whole
from cortex_lab.optimize.function import Function, function_from_dict
from cortex_lab.optimize.optimizer import Optimizer, optimizer_from_dict
from cortex_lab.study import Condition, Stop, Trace
from cortex_lab.study.conditions import as_condition, reason, require_recorded

REVIEWED = ("value", "grad_norm")


@dataclass(frozen=True, eq=False)
class Log:
    """One descent, from its start to its stop.

    `frame` has a row for every step, the start being step 0; `points` (rows, dimension) says where each row
    was measured. `method` is the optimizer, or the name of one of SciPy's. `profile` counts calls and seconds
    by phase.
    """

    function: Any
    method: Any
    points: np.ndarray
    frame: pd.DataFrame
    stop: Stop | None = None
    profile: pd.DataFrame | None = None

    @property
    def name(self) -> str:
        """The method, for legends and columns."""
        return self.method if isinstance(self.method, str) else repr(self.method)

    @property
    def steps(self) -> int:
        return len(self.frame) - 1

    @property
    def final(self) -> np.ndarray:
        """The last point."""
        return self.points[-1]

    def would_stop(self, condition: Condition | str) -> Stop | None:
        """Where a run with this condition would have stopped on the same path; None if it would have gone on.

        Conditions are pure functions of the trace, so they can be asked again about a saved log.
        """
        condition = as_condition(condition)
        trace = Trace(key for key in self.frame if key != "seconds")
        require_recorded(condition, trace)
        rows = self.frame.to_dict("records")
        for step, row in enumerate(rows):
            if step:
                trace.append(step, row.pop("seconds", math.nan), row)
            if condition.met(trace, 0):
                return Stop("condition", reason(condition, trace), step)
        return None

    def until(self, condition: Condition | str) -> Log:
        """This log, cut where a run with `condition` would have stopped."""
        stop = self.would_stop(condition)
        if stop is None:
            return self
        rows = stop.step + 1
        return replace(self, points=self.points[:rows], frame=self.frame.iloc[:rows], stop=stop, profile=None)

    def save(self, path: str | FilePath) -> None:
        """Write it to one .npz file, without pickle; a function of your own is saved by its name only."""
        about = {
            "function": self.function.to_dict()
            if isinstance(self.function, Function)
            else _called(self.function),
            "method": self.method.to_dict() if isinstance(self.method, Optimizer) else str(self.method),
            "stop": None if self.stop is None else [self.stop.kind, self.stop.reason, self.stop.step],
            "columns": list(self.frame),
        }
        columns: dict[str, Any] = {f"column:{key}": self.frame[key].to_numpy() for key in self.frame}
        file = io.BytesIO()
        np.savez_compressed(file, about=np.array(json.dumps(about)), points=self.points, **columns)
        write_whole(path, file.getbuffer())

    @classmethod
    def load(cls, path: str | FilePath) -> Log:
        """Read what `save` wrote; `DamagedFile`, a ValueError, if it is not such a file."""
        size_of(path)
        try:
            check_packed(path)
            with FilePath(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                points = file["points"]
                # No checksum is over the names of what is in the file; an earlier version did not list them.
                names = about.get("columns") or [name[7:] for name in file.files if name[:7] == "column:"]
                if {*file.files} != {"about", "points", *(f"column:{name}" for name in names)}:
                    raise ValueError("it lacks a column, or has one too many")
                columns = {name: file[f"column:{name}"] for name in names}
            if points.ndim != 2 or "value" not in columns:
                raise ValueError("it has no points, or no 'value' of them")
            function, method, stop = about["function"], about["method"], about["stop"]
            return cls(
                function_from_dict(function) if isinstance(function, dict) else function,
                optimizer_from_dict(method) if isinstance(method, dict) else method,
                points,
                pd.DataFrame(columns, index=pd.RangeIndex(len(points), name="step")),
                None if stop is None else Stop(*stop),
            )
        except Exception as error:
            # Those who read zips, arrays and their heads raise whatever they stumble over.
            raise DamagedFile(path, f"is not a descent log, or was cut off ({error})") from error

    def __repr__(self) -> str:
        last = self.frame["value"].iloc[-1]
        return f"<Log of {self.name} on {_called(self.function)}: {self.steps} steps, value {last:.6g}>"


def review(*logs: Log, keys: Sequence[str] = REVIEWED, until: Condition | str | None = None) -> pd.DataFrame:
    """One log, or several side by side: a row for every step, columns (log, key) if there are several.

    `until` cuts each log where a run with that condition would have stopped. Shorter logs end in NaN.
    """
    if not logs:
        raise ValueError("there is no log to review; make one with log(function, optimizer, until=...)")
    for each in logs:
        for key in keys:
            if key not in each.frame:
                raise KeyError(f"{each!r} did not record {key!r}; it has {', '.join(each.frame)}")
    cut = [each if until is None else each.until(until) for each in logs]
    frames = [each.frame.reindex(columns=list(keys)) for each in cut]
    return frames[0] if len(logs) == 1 else pd.concat(frames, axis=1, keys=names_of(logs))


def summary(*logs: Log) -> pd.DataFrame:
    """A row for each log: where it ended, in how many steps and evaluations, and why."""
    rows = []
    for each in logs:
        checks.instance("a log", each, Log, "what cl.optimize.log(...) returns")
        last = each.frame.iloc[-1]
        rows.append(
            {
                "function": _called(each.function),
                "steps": each.steps,
                **{key: last[key] for key in ("value", "grad_norm", "distance") if key in last},
                **{key: int(last[key]) for key in last.index if key.endswith("_evaluations")},
                "seconds": float(last.get("seconds", math.nan)),
                "stopped": each.stop.reason if each.stop else "",
            }
        )
    return pd.DataFrame(rows, index=pd.Index(names_of(logs), name="method"))


def names_of(logs: Sequence[Log]) -> list[str]:
    names = [each.name for each in logs]
    if len(set(names)) < len(names):
        names = [f"{name} on {_called(each.function)}" for name, each in zip(names, logs, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{position}: {name}" for position, name in enumerate(names, start=1)]
    return names


def _called(function: object) -> str:
    return function if isinstance(function, str) else getattr(function, "name", type(function).__name__)
