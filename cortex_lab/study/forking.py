"""Several futures of one moment, side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study.conditions import Condition
from cortex_lab.study.direction import rises
from cortex_lab.study.events import Stop
from cortex_lab.study.process import Cloneable, Placed, Process
from cortex_lab.study.trace import Trace


class Branching(Protocol):
    """What a fork needs of a session; each branch is another of its kind."""

    process: Any
    step: Callable[[int], Stop]
    run: Callable[[Condition | str], Stop]
    edit: Callable[[str, Any], None]
    at_rest: Callable[[Callable[[], Any]], Any]
    branch: Callable[[], Any]
    adopt: Callable[[Any], None]

    @property
    def step_number(self) -> int: ...

    @property
    def trace(self) -> Trace: ...


class Fork:
    """Branches of a session: each a Session of its own on a clone of the process, edited by its settings.

    Since batches and draws are functions of the step, all branches see the same ones, and what differs comes
    from the settings alone. `fork[0]` is the first branch; they are stepped together or one by one.
    """

    def __init__(self, origin: Branching, branches: list[Any], settings: list[dict[str, Any]]) -> None:
        self.origin = origin
        self.branches = branches
        self.settings = settings
        self.step_number = origin.step_number
        self.labels = _labels(settings)

    def __len__(self) -> int:
        return len(self.branches)

    def __getitem__(self, index: int) -> Any:
        return self.branches[self._index("index", index)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.branches)

    def step(self, n: int = 1) -> list[Stop]:
        """Take `n` steps in every branch."""
        checks.whole("n", n, least=0)
        return [branch.step(n) for branch in self.branches]

    def run(self, until: Condition | str) -> list[Stop]:
        """Run every branch until the condition is met in it."""
        return [branch.run(until) for branch in self.branches]

    def frame(self, key: str = "loss") -> pd.DataFrame:
        """What each branch recorded of `key` since the fork: a column per branch, indexed by step."""
        checks.text("key", key, "loss")
        if key not in self.origin.trace and not any(key in branch.trace for branch in self.branches):
            raise KeyError(f"{key!r} is not recorded; recorded are {', '.join(self.origin.recorded_keys)}")
        recorded = [branch.trace.frame()[key].loc[self.step_number + 1 :] for branch in self.branches]
        return pd.DataFrame(dict(zip(self.labels, recorded, strict=True)))

    def difference(self, key: str = "loss", base: int = 0) -> pd.DataFrame:
        """`frame(key)` minus its column number `base`: paired, as every row is one batch seen by all."""
        base = self._index("base", base)
        frame = self.frame(key)
        return frame.sub(frame.iloc[:, base], axis=0)

    def distance(self, base: int = 0) -> pd.DataFrame:
        """How far apart the branches stand now: each parameter's Euclidean distance to that in branch `base`.

        One row per parameter, one column per branch.
        """
        base = self._index("base", base)
        standing = [_parameters(branch.process) for branch in self.branches]
        columns = {
            label: {
                name: float(np.linalg.norm(np.subtract(here[name], there, dtype=np.float64)))
                for name, there in standing[base].items()
            }
            for label, here in zip(self.labels, standing, strict=True)
        }
        return pd.DataFrame(columns)

    def best(
        self, key: str = "loss", last: int = 20, highest: bool | None = None, mode: str | None = None
    ) -> int:
        """The number of the branch whose mean of the last recordings of `key` is best.

        `mode` "max" takes the highest, "min" the lowest (or say so by `highest`); without either, it must be
        known of the key, as it is of losses, accuracies and scorers. A branch that recorded a NaN there is
        not the best. LookupError if no branch has recorded a finite value since the fork.
        """
        if mode is None and highest is not None:
            mode = "max" if highest else "min"
        checks.text("key", key, "loss")
        checks.whole("last", last, least=1)
        means = [self._mean(branch, key, last) for branch in self.branches]
        rising = rises(key, mode, self.origin.trace.directions)
        scores = np.where(np.isfinite(means), means if rising else np.negative(means), -np.inf)
        if not np.isfinite(scores).any():
            raise LookupError(f"no branch has recorded {key!r} since the fork; step them first")
        return int(np.argmax(scores))

    def _index(self, name: str, value: object) -> int:
        """The number of a branch; IndexError, by which going through them ends, beyond the last."""
        found, count = checks.whole(name, value), len(self.branches)
        if not -count <= found < count:
            raise IndexError(f"{name} must be a branch from 0 to {count - 1}, got {found}")
        return found

    def _mean(self, branch: Branching, key: str, last: int) -> float:
        steps, values = branch.trace.recorded(key)
        values = values[steps > self.step_number][-last:]
        return float(values.mean()) if len(values) else float("nan")

    def keep(self, branch: int) -> Any:
        """Let the origin go on as the chosen branch did, its trace, edits and snapshots included; returns it.

        ValueError if the origin has moved since the fork.
        """
        self.origin.adopt(self.branches[self._index("branch", branch)])
        return self.origin

    def __repr__(self) -> str:
        return f"<Fork at step {self.step_number}: {', '.join(self.labels)}>"


def fork(session: Branching, settings: Mapping[str, Iterable[Any]]) -> Fork:
    """The branches of `session` for each combination of `settings`."""
    if not isinstance(session.process, Cloneable):
        raise TypeError(
            f"{type(session.process).__name__} cannot be forked: it has no clone() to copy it as it stands"
        )
    listed = {name: _listed(name, values) for name, values in settings.items()}
    combinations = [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]

    def branches() -> list[Any]:
        return [session.branch() for _ in combinations]

    made = session.at_rest(branches)
    for branch, chosen in zip(made, combinations, strict=True):
        for name, value in chosen.items():
            branch.edit(name, value)
    return Fork(session, made, combinations)


def _listed(name: str, values: Iterable[Any]) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"fork wants the values to try for {name!r} in a list, got {checks.shown(values)}")
    listed = list(values)
    if not listed:
        raise ValueError(f"fork was given no value to try for {name!r}")
    return listed


def _labels(settings: list[dict[str, Any]]) -> list[str]:
    labels: list[str] = []
    for number, chosen in enumerate(settings):
        label = ", ".join(f"{name}={value}" for name, value in chosen.items()) or "as it was"
        labels.append(f"{label} (branch {number})" if label in labels else label)
    return labels


def _parameters(process: Process) -> dict[str, np.ndarray]:
    arrays = process.parameters if isinstance(process, Placed) else process.buffers
    return {name: np.asarray(array) for name, array in arrays.items()}
