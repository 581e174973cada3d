"""What can be said of each layer in a few numbers, of the step that a training has just made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from cortex_lab.ground.forks import cached_property
from cortex_lab.nn import Network, Training
from cortex_lab.nn.examine.measures import function_of
from cortex_lab.study import Session, Trace
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow

MOST_VALUES, MOST_AT_REST = 2**14, 2**18
"""Values of a layer's output that are looked at while the training runs, and while it rests."""
RECTIFIED = ("relu", "relu6", "limited_relu")

NO_STEPS = "This session trains no network by steps.\nMake one with cl.train(network, ...)."

TROUBLE: dict[str, tuple[float, float]] = {
    "gradient norm": (1e-12, 1e3),
    "update ratio": (1e-7, 0.1),
    "dead share": (-1.0, 0.6),
    "activation std": (1e-6, 1e4),
    "not finite": (-1.0, 0.0),
}
"""Below the first and above the second number something is likely wrong. A usual update ratio is 0.001."""


@dataclass(frozen=True, eq=False)
class LayersSeen:
    """The numbers of each layer in the order of the network, and which `step` they are of.

    `fresh` says whether a step was made since the last rewind, so that there are gradients and activations
    of it. What was not measured is NaN. `past` are the numbers of steps at which somebody looked before.
    """

    step: int
    frame: pd.DataFrame
    fresh: bool
    past: tuple[pd.DataFrame, ...] = ()

    @cached_property
    def wrong_ones(self) -> pd.DataFrame:
        """Which numbers are out of bounds: a bool each."""
        values = {column: self.frame[column].to_numpy() for column in self.frame}
        found = {column: np.zeros(len(self.frame), bool) for column in values}
        for column, (low, high) in TROUBLE.items():
            numbers = values[column].astype(float)
            # Half of all units see nothing of zeros, which layers that rest have anyway.
            found[column] = (numbers < low) | (numbers > high) | np.isinf(numbers)
        found["weight norm"] = ~np.isfinite(values["weight norm"].astype(float)) & (values["parameters"] > 0)
        learns = ~values["frozen"].astype(bool)
        found["gradient norm"] &= learns
        found["update ratio"] &= learns
        return pd.DataFrame(found, index=self.frame.index)

    @property
    def troubles(self) -> list[str]:
        """What is out of bounds, a few words each."""
        layers, wrong = self.frame.index, self.wrong_ones
        return [
            f"{column} {self.frame[column].iat[place]:.3g} in {layers[place]}".replace("-", "−")
            for column in wrong
            for place in np.flatnonzero(wrong[column])
        ]


_KEPT_FROM: WeakKeyDictionary[Training, int] = WeakKeyDictionary()
"""The step from which on the parameters before an update are kept, of trainings that a view asked it of."""


class LayerStats:
    """Reads the numbers of each layer at a safe point; from the first look on, updates are kept, too."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @staticmethod
    def fits(session: Session) -> bool:
        return isinstance(session.process, Training)

    def collect(self, exact: bool) -> LayersSeen:
        network, training = network_of(self.session), self.session.process
        if not isinstance(training, Training):
            raise NothingToShow(NO_STEPS)
        record, step = training.record, self.session.step_number
        loaded = record.loaded
        fresh = loaded is not None and not record.under_way and loaded.step == step - 1
        if record.params_before is None:
            training.expect(("update_ratio",))
            # For all who look: until the next update, what is kept are the parameters of now.
            _KEPT_FROM[training] = step
        changed = fresh and step != _KEPT_FROM.get(training)
        before = record.params_before if changed else None
        most = MOST_AT_REST if exact else MOST_VALUES
        rows, parts = {}, _parts(network)
        # Where the change of each layer is put in turn: new memory for every one takes longer than to look.
        most_of_one = max((part.stop - part.start for part in parts.values()), default=0)
        room = None if before is None else network.ops.xp.empty(most_of_one, before.dtype)
        for name, node in network.graph.nodes.items():
            line = _of_parameters(network, parts.get(name), fresh, before, room)
            line["frozen"] = name in training.frozen.nodes
            seen = loaded is not None and fresh and not node.layer.is_view
            values = loaded.bound.buffers.get(name) if seen else None  # type: ignore[union-attr]
            line |= _of_output(network, name, values, most)
            rows[name] = {"kind": type(node.layer).__name__, "shape": _shape(node.out_shape), **line}
        frame = pd.DataFrame.from_dict(rows, orient="index")
        return LayersSeen(step, frame.rename_axis("layer"), fresh)


class LooksKept:
    """The numbers of the steps at which somebody looked; of more than `most`, every second is dropped."""

    def __init__(self, most: int = 24) -> None:
        self.most = most
        self._kept: dict[int, tuple[float, pd.DataFrame]] = {}

    def made_at(self, trace: Trace, step: int) -> dict[int, float]:
        """When this step and those that are kept were made, as far as they are in the trace."""
        steps, seconds = trace["step"], trace["seconds"]
        wanted = [*self._kept, step]
        places = np.searchsorted(steps, wanted)
        there = zip(wanted, places.tolist(), strict=True)
        return {each: float(seconds[k]) for each, k in there if k < len(steps) and steps[k] == each}

    def add(self, seen: LayersSeen, made_at: Mapping[int, float]) -> LayersSeen:
        """The same, with the numbers of the steps before it that are still as they were `made_at`."""
        kept = {step: each for step, each in self._kept.items() if made_at.get(step) == each[0]}
        past = tuple(kept[step][1] for step in sorted(kept) if step < seen.step)
        if seen.fresh and seen.step in made_at:
            kept[seen.step] = made_at[seen.step], seen.frame
        if len(kept) > self.most:
            for step in sorted(kept)[1:-1:2]:
                del kept[step]
        self._kept = kept
        return replace(seen, past=past)


def _parts(network: Network) -> dict[str, slice]:
    """Where the parameters of each layer that has any lie in the flat vector."""
    found: dict[str, slice] = {}
    start = 0
    for name, array in network.parameters.items():
        layer, end = name.partition("/")[0], start + array.size
        found[layer] = slice(found[layer].start if layer in found else start, end)
        start = end
    return found


def _of_parameters(
    network: Network, part: slice | None, fresh: bool, before: Any, room: Any
) -> dict[str, Any]:
    if part is None:
        nothing = ("weight norm", "gradient norm", "update norm", "update ratio")
        return {"parameters": 0, **dict.fromkeys(nothing, math.nan)}
    norm, weights = network.ops.norm, network.params[part]
    update = ratio = math.nan
    if before is not None:
        change = room[: part.stop - part.start]
        network.ops.xp.subtract(weights, before[part], out=change)
        update = float(norm(change))
        ratio = update / max(float(norm(before[part])), 1e-30)
    return {
        "parameters": part.stop - part.start,
        "weight norm": float(norm(weights)),
        "gradient norm": float(norm(network.gradient[part])) if fresh else math.nan,
        "update norm": update,
        "update ratio": ratio,
    }


def _of_output(network: Network, name: str, values: Any, most: int) -> dict[str, float]:
    columns = "dead share", "activation mean", "activation std", "not finite"
    if values is None or not values.size:
        return dict.fromkeys(columns, math.nan)
    rows = max(1, min(len(values), most // max(1, values[0].size)))
    looked = np.asarray(network.ops.to_numpy(values[:rows]), np.float64)
    finite = np.isfinite(looked)
    lost = int(looked.size - np.count_nonzero(finite))
    known = looked if not lost else looked[finite]
    dead = math.nan
    if function_of(network, name) in RECTIFIED:
        dead = float((looked.reshape(-1, looked.shape[-1]) == 0).all(axis=0).mean())
    mean, std = (float(known.mean()), float(known.std())) if known.size else (math.nan, math.nan)
    return dict(zip(columns, (dead, mean, std, lost), strict=True))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"
