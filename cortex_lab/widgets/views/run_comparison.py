"""Two runs side by side: their losses, what parts them, and how far each layer has gone apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Network, Training
from cortex_lab.study import Session
from cortex_lab.study.process import Cloneable
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Line, Plot
from cortex_lab.widgets.chart.ranges import range_of
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

MOST_LAYERS = 24
MOST_RUNS = 8
"""Branches that stand beside a session, at most."""
ITSELF = "the session"
NO_OTHER = (
    "There is no other run to compare with.\n"
    "Fork on the bench: bench.fork(20, learning_rate=[0.1, 0.01]); or give one: view.other = another_session."
)
_NOT_COMPARED = ("step", "seconds", "epoch")


@dataclass(frozen=True, eq=False)
class Sides:
    """What both of `names` recorded of `key` (steps and values), and how far apart layers of one name are."""

    names: tuple[str, str]
    steps: tuple[int, int]
    key: str
    one: tuple[np.ndarray, np.ndarray]
    other: tuple[np.ndarray, np.ndarray]
    layers: pd.DataFrame
    unmatched: tuple[str, ...]

    @property
    def paired(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps that both recorded, and the other's values less the one's."""
        steps, mine, theirs = np.intersect1d(self.one[0], self.other[0], True, return_indices=True)
        return steps, self.other[1][theirs] - self.one[1][mine]


class RunComparison(View[Sides]):
    """A session beside an `other`: curves of `key`, their difference step by step, and that of each layer.

        fork = session.fork(learning_rate=[0.1, 0.01])
        fork.step(100)
        RunComparison(fork[0], fork[1], names=tuple(fork.labels))

    On a bench, two of the branches that it has made, or one beside the session: `first` and `second` say
    which, 0 being the session itself. An `other` of one's own comes before them.

    Where both go over the same batches, as branches of a fork do, the difference is paired: what is left is
    what the settings did. A layer is matched by name and shape; its distance is that of its parameters, taken
    together, over the norm of the one's.
    """

    title = "Comparison"
    follows = False
    size = (9.6, 3.2)
    height = 260
    place = "wide"
    rank = 65
    opened = False

    def __init__(
        self,
        session: Session,
        other: Session | None = None,
        key: str = "loss",
        names: tuple[str, str] = ("one", "other"),
    ) -> None:
        super().__init__(session)
        self.over, self.other = {}, other
        found = checks.listed("names", names, "two names, in a tuple")
        if len(found) != 2:
            raise ValueError(f"names are two, of the one and of the other, got {len(found)}")
        self.names = checks.text("names", found[0], "one"), checks.text("names", found[1], "other")
        self.key = key

    @classmethod
    def fits(cls, session: Session) -> bool:
        """Whether there can be another one like it: a training that can be forked."""
        able = isinstance(session.process, Training) and isinstance(session.process, Cloneable)
        return able and "loss" in session.trace.keys

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "" if hasattr(session, "network") else NO_STEPS

    # Which two ----------------------------------------------------------------------------------------

    @property
    def other(self) -> Session | None:
        """The session to compare with; None for one of those that a bench has laid `over`."""
        return self._other

    @other.setter
    def other(self, session: Session | None) -> None:
        wanted = "a session, such as a branch of a fork"
        self._other = None if session is None else checks.instance("other", session, Session, wanted)

    @property
    def over(self) -> dict[str, Session]:
        """Other runs by name, such as the branches of a fork; of two or more, the first two are compared."""
        return dict(self._over)

    @over.setter
    def over(self, runs: Mapping[str, Session]) -> None:
        found = dict(checks.instance("over", runs, Mapping, "a dict of sessions by name"))
        for name, run in found.items():
            checks.instance(f"over[{name!r}]", run, Session, "a session")
        self._over = found
        self._first, self._second = (1, 2) if len(found) > 1 else (0, 1)

    @property
    def first(self) -> int:
        """The one run: 0 for the session itself, then those laid over it in their order."""
        return self._first

    @first.setter
    def first(self, number: int) -> None:
        self._first = checks.whole("first", number, least=0, most=MOST_RUNS)

    @property
    def second(self) -> int:
        """The other run, as `first`."""
        return self._second

    @second.setter
    def second(self, number: int) -> None:
        self._second = checks.whole("second", number, least=0, most=MOST_RUNS)

    def _two(self) -> tuple[tuple[str, str], tuple[Session, Session]]:
        """The names and the sessions of the two that are compared."""
        if self._other is not None:
            return self.names, (self.session, self._other)
        if not self._over:
            raise NothingToShow(NO_OTHER)
        names, runs = [ITSELF, *self._over], [self.session, *self._over.values()]
        chosen = self._first, self._second
        listed = ", ".join(f"{number} is {name}" for number, name in enumerate(names))
        if max(chosen) >= len(runs):
            raise NothingToShow(f"There is no run {max(chosen)}.\nChoose two of these: {listed}.")
        if chosen[0] == chosen[1]:
            raise NothingToShow(f"This is {names[chosen[0]]} beside itself.\nChoose two of these: {listed}.")
        return (names[chosen[0]], names[chosen[1]]), (runs[chosen[0]], runs[chosen[1]])

    @property
    def keys(self) -> tuple[str, ...]:
        """What both record."""
        theirs = (self.session if self._other is None else self._other).trace.keys
        return tuple(key for key in self.session.trace.keys if key in theirs and key not in _NOT_COMPARED)

    @property
    def key(self) -> str:
        """What is compared step by step."""
        return self._key

    @key.setter
    def key(self, name: str) -> None:
        self._key = checks.choice("key", name, self.keys)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        limits, told = (0, MOST_RUNS), "0 is the session itself, then its branches in their order"
        return (
            Knob("key", "choice", self._key, self.keys, label="compare"),
            Knob("first", "count", self._first, limits=limits, label="of run", tooltip=told),
            Knob("second", "count", self._second, limits=limits, label="and run", tooltip=told),
        )

    def state(self, exact: bool) -> Hashable:
        runs = {"": self.session, **({} if self._other is None else {"other": self._other}), **self._over}
        versions = tuple((name, id(run), run.trace.version) for name, run in runs.items())
        return versions, self._key, self._first, self._second

    def collect(self, exact: bool) -> Any:
        network_of(self.session)
        names, two = self._two()
        nets = [network_of(each) for each in two]
        steps = two[0].step_number, two[1].step_number
        for name, each in zip(names, two, strict=True):
            if self._key not in each.trace.keys:
                raise NothingToShow(f"{name} does not record {self._key!r}.\nCompare another measure.")
        one, other = (_recorded(each, self._key) for each in two)
        return names, steps, one, other, [_copies(net) for net in nets]

    def prepare(self, collected: Any) -> Sides:
        names, steps, one, other, (mine, theirs) = collected
        lines, unmatched = {}, []
        for layer in dict.fromkeys([*mine, *theirs]):
            here, there = mine.get(layer), theirs.get(layer)
            if here is None or there is None or here.shape != there.shape:
                unmatched.append(layer)
                continue
            apart, norm = (float(np.linalg.norm(each)) for each in (there - here, here))
            lines[layer] = {"distance": apart, "norm": norm, "relative": apart / norm if norm else np.nan}
        if not lines:
            raise NothingToShow(
                "These two networks have no layer in common.\nCompare branches of a fork, for one."
            )
        frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("layer")
        return Sides(names, steps, self._key, one, other, frame, tuple(unmatched))

    def chart(self, data: Sides) -> Chart:
        both = [GrowingCurve().decimate(*each) for each in (data.one, data.other)]
        steps, apart = data.paired
        thin = GrowingCurve().decimate(steps, apart)
        first = float(min([each[0] for each in (data.one[0], data.other[0]) if len(each)], default=1.0)) - 1
        last = float(max([each[-1] for each in (data.one[0], data.other[0]) if len(each)], default=1.0))
        across = Axis((first, first + nice_ceiling(max(last - first, 10.0))), "step")
        lines = tuple(
            Line(*each, name, color) for each, name, color in zip(both, data.names, (0, 6), strict=True)
        )
        wide = float(np.abs(apart[np.isfinite(apart)]).max(initial=0.0)) or 1.0
        named = f"{data.names[1]} less {data.names[0]}"
        plots = [
            Plot(lines, data.key, x=across, y=Axis(range_of([y for _, y in both], False).limits)),
            Plot((Line(*thin, named, 4), Line(across.limits, (0.0, 0.0), "", "muted", faint=True)), named,
                 x=across, y=Axis((-1.05 * wide, 1.05 * wide))),
            self._layers(data),
        ]  # fmt: skip
        caption = self._said(data, apart)
        summary = f"{self.title} of {data.names[0]} at step {data.steps[0]} and {data.names[1]}: {caption}"
        return Chart(tuple(plots), "row", caption=caption, summary=summary, step=data.steps[0])

    def _layers(self, data: Sides) -> Plot:
        shown = data.layers.iloc[:MOST_LAYERS]
        values = shown["relative"].to_numpy(float)
        lost = int(np.count_nonzero(~np.isfinite(values)))
        high = float(values[np.isfinite(values)].max(initial=0.0)) or 1.0
        names = tuple(map(str, shown.index))
        detail = "over the norm of the weights" + (f", {lost} not finite" if lost else "")
        bars = Bars(np.where(np.isfinite(values), values, 0.0), names=names)
        return Plot((bars,), "how far apart layers are", detail=detail, x=Axis((0.0, high)))

    def _said(self, data: Sides, apart: np.ndarray) -> str:
        known = apart[np.isfinite(apart)]
        told = f"{len(known):,} steps that both recorded"
        if len(known):
            tail = known[-min(len(known), 20) :]
            told += (
                f"; {data.key} of {data.names[1]} less that of {data.names[0]}, over the last {len(tail)}: "
            )
            told += f"{tail.mean():.3g}".replace("-", "−")
        if data.unmatched:
            told += f"; not in both: {', '.join(data.unmatched[:4])}" + ", ..." * (len(data.unmatched) > 4)
        return told

    def table(self, data: Sides) -> pd.DataFrame:
        return data.layers.copy()


def _recorded(session: Session, key: str) -> tuple[np.ndarray, np.ndarray]:
    steps, values = session.trace.recorded(key)
    return steps.astype(np.int64), values.copy()


def _copies(network: Network) -> dict[str, np.ndarray]:
    """The parameters of each layer, as one vector."""

    def copy() -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {}
        for name, array in network.parameters.items():
            flat = np.array(network.ops.to_numpy(array), np.float64).reshape(-1)
            found.setdefault(name.rpartition("/")[0], []).append(flat)
        return {layer: np.concatenate(parts) for layer, parts in found.items()}

    turns = getattr(network, "turns", None)
    return copy() if turns is None else turns.reading(copy)
