"""Two runs side by side: their losses, what parts them, and how far each layer has gone apart."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.nn import Network
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Line, Plot
from cortex_lab.widgets.chart.ranges import range_of
from cortex_lab.widgets.chart.scales import GrowingCurve, nice_ceiling
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

MOST_LAYERS = 24
_NOT_COMPARED = ("step", "seconds", "epoch")


@dataclass(frozen=True, eq=False)
class Sides:
    """What both recorded of `key` (steps and values), and how far apart the layers of one name are."""

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
        self, session: Session, other: Session, key: str = "loss", names: tuple[str, str] = ("one", "other")
    ) -> None:
        super().__init__(session)
        self.other = checks.instance("other", other, Session, "a session, such as a branch of a fork")
        found = checks.listed("names", names, "two names, in a tuple")
        if len(found) != 2:
            raise ValueError(f"names are two, of the one and of the other, got {len(found)}")
        self.names = checks.text("names", found[0], "one"), checks.text("names", found[1], "other")
        self.key = key

    @classmethod
    def fits(cls, session: Session) -> bool:
        """No bench shows it by itself: it is of two sessions."""
        return False

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "" if hasattr(session, "network") else NO_STEPS

    @property
    def keys(self) -> tuple[str, ...]:
        """What both record."""
        theirs = self.other.trace.keys
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
        return (Knob("key", "choice", self._key, self.keys, label="compare"),)

    def state(self, exact: bool) -> Hashable:
        return self.session.trace.version, self.other.trace.version, self._key

    def collect(self, exact: bool) -> Any:
        nets = network_of(self.session), network_of(self.other)
        steps = self.session.step_number, self.other.step_number
        one, other = (_recorded(each, self._key) for each in (self.session, self.other))
        return steps, one, other, [_copies(net) for net in nets]

    def prepare(self, collected: Any) -> Sides:
        steps, one, other, (mine, theirs) = collected
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
        return Sides(steps, self._key, one, other, frame, tuple(unmatched))

    def chart(self, data: Sides) -> Chart:
        both = [GrowingCurve().decimate(*each) for each in (data.one, data.other)]
        steps, apart = data.paired
        thin = GrowingCurve().decimate(steps, apart)
        first = float(min([each[0] for each in (data.one[0], data.other[0]) if len(each)], default=1.0)) - 1
        last = float(max([each[-1] for each in (data.one[0], data.other[0]) if len(each)], default=1.0))
        across = Axis((first, first + nice_ceiling(max(last - first, 10.0))), "step")
        lines = tuple(
            Line(*each, name, color) for each, name, color in zip(both, self.names, (0, 6), strict=True)
        )
        wide = float(np.abs(apart[np.isfinite(apart)]).max(initial=0.0)) or 1.0
        named = f"{self.names[1]} less {self.names[0]}"
        plots = [
            Plot(lines, data.key, x=across, y=Axis(range_of([y for _, y in both], False).limits)),
            Plot((Line(*thin, named, 4), Line(across.limits, (0.0, 0.0), "", "muted", faint=True)), named,
                 x=across, y=Axis((-1.05 * wide, 1.05 * wide))),
            self._layers(data),
        ]  # fmt: skip
        caption = self._said(data, apart)
        summary = f"{self.title} of {self.names[0]} at step {data.steps[0]} and {self.names[1]}: {caption}"
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
                f"; {data.key} of {self.names[1]} less that of {self.names[0]}, over the last {len(tail)}: "
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
