"""What every layer makes of one pinned row."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cortex_lab.nn import Network
from cortex_lab.nn.examine.every_step import EveryStep
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.layer_pictures import LayerPicture, of_layer, of_output
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.one_row import OfOneRow
from cortex_lab.widgets.chart.rows import Asked, fed, has_rows, rows_of
from cortex_lab.widgets.chart.scales import StickyLimit
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

ROWS_LOOKED_AT = 64
"""How many rows a unit must be 0 for to count as dead."""
LOOK_AGAIN = 2.0
"""Seconds after which dead units are looked for anew while the training runs."""
_RECTIFIED = ("relu", "relu6", "limited_relu")


@dataclass(frozen=True)
class Seen:
    """What was collected of one row: its inputs as the network sees them, and what the layers gave."""

    step: int
    row: int
    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    dead: dict[str, np.ndarray]


@dataclass(frozen=True)
class Pictures:
    step: int
    row: int
    label: str | None
    layers: tuple[LayerPicture, ...]
    looked_at: int = 0

    @property
    def counts(self) -> str:
        """Which layers have dead units, and numbers that are not finite, and how many."""
        dead = {each.name: each for each in self.layers if each.dead.any()}
        told = [f"{int(each.dead.sum())} of {len(each.dead)} in {name}" for name, each in dead.items()]
        odd = [f"{each.odd:,} in {each.name}" for each in self.layers if each.odd]
        said = [f"dead units (0 for all {self.looked_at} rows looked at): {', '.join(told)}"] if told else []
        return "; ".join([*said, *([f"not finite: {', '.join(odd)}"] if odd else [])])


class Activations(OfOneRow, View[Pictures]):
    """The inputs of the pinned row and what each layer makes of them, up to what the outputs say.

    `pinned` is a row number; None pins the first row held out. Layers that only reshape are left out: they
    show what the layer before them shows. Of recurrent layers all steps are shown.
    """

    title = "Activations"
    size = (9.6, 2.4)
    height = 200
    place = "wide"
    rank = 40

    def __init__(self, session: Session, pinned: int | None = None) -> None:
        super().__init__(session)
        self.clock: Callable[[], float] = time.monotonic
        self._limits: defaultdict[str, StickyLimit] = defaultdict(StickyLimit)
        self._inputs: dict[str, np.ndarray] = {}
        self._targets: dict[str, np.ndarray] = {}
        self._taken_of: int | None = None
        self._dead: tuple[float, int, dict[str, np.ndarray]] = (-np.inf, -1, {})
        if has_rows(session):
            known = self.pin(pinned)
            network = network_of(session)
            self._every_step = EveryStep(network)
            self._sample = known.take(known.shown[:ROWS_LOOKED_AT])[0]
            self._flat = _flat_pictures(network, self._sample)
            self._shown = _stops(network)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return self.pinned_knob

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._pinned

    def collect(self, exact: bool) -> Seen:
        network = network_of(self.session)
        row = self._pinned
        if self._rows is None or row is None:
            rows_of(self.session)
            raise NothingToShow("No row is pinned.\nSet bench.pinned to a row number.")
        if self._taken_of != row:
            self._inputs, self._targets = self._rows.take(np.array([row]))
            self._taken_of = row
        found = network.activations(fed(self._inputs), self._shown)
        for name in self._every_step.layers:
            found[name] = self._every_step.of(name, self._inputs)
        seen = {name: network.seen(name, values[0]) for name, values in self._inputs.items()}
        targets = {name: values[0] for name, values in self._targets.items()}
        return Seen(self.session.step_number, row, seen, targets, found, self._look(exact))

    def _look(self, exact: bool) -> dict[str, np.ndarray]:
        """Which units of rectified layers are 0 for every row of a sample: (units,) of bool, by layer."""
        at, step, dead = self._dead
        version = self.session.step_number + self.session.trace.version
        if (step == version) if exact else (self.clock() < at + LOOK_AGAIN):
            return dead
        network = network_of(self.session)
        layers = {name: node.layer for name, node in network.graph.nodes.items()}
        rectified = [
            name for name, layer in layers.items()
            if (getattr(layer, "activation", None) or getattr(layer, "function", None)) in _RECTIFIED
        ]  # fmt: skip
        found = network.activations(fed(self._sample), rectified) if rectified else {}
        dead = {name: (y.reshape(-1, y.shape[-1]) == 0).all(axis=0) for name, y in found.items()}
        self._dead = self.clock(), version, dead
        return dead

    def prepare(self, collected: Seen) -> Pictures:
        assert self._rows is not None
        goals, row = self._rows.goals, collected.row
        labels = {name: said for name in goals if (said := _label(goals[name], collected.targets.get(name)))}
        several = len(labels) > 1
        label = ", ".join(f"{n}: {said}" if several else said for n, said in labels.items()) or None
        pictures = []
        for name, values in collected.inputs.items():
            alone = len(collected.inputs) == 1
            called, told = f"row {row}" if alone else f"{name} of row {row}", ""
            if alone and label:
                known = all(goal.classes for goal in goals.values())
                told = f"{'label' if known or several else 'target'}: {label}"
            pictures.append(self._picture(called, np.asarray(values), told, is_input=True, of=name))
        for name, values in collected.found.items():
            if name in goals and goals[name].says != "features":
                target = collected.targets.get(name)
                picture = of_output(name, values[0], target, goals[name], self._limits[name])
            else:
                picture = self._picture(name, values[0])
            pictures.append(_with_dead(picture, collected.dead.get(name)))
        looked_at = len(next(iter(self._sample.values())))
        return Pictures(collected.step, row, label, tuple(pictures), looked_at)

    def _picture(
        self, name: str, values: np.ndarray, detail: str = "", is_input: bool = False, of: str = ""
    ) -> LayerPicture:
        """A picture of what a layer gave, or of the input `of`, shaded as before while it changes little."""
        limit = self._limits[f"input:{of}" if is_input else name]
        flat = is_input and of in self._flat
        return of_layer(name, values, limit, detail, is_input, flat)

    def chart(self, data: Pictures) -> Chart:
        # The first shows the row itself, so it stands out where the row is selected.
        row = {"keys": np.array([data.row]), "pins": True}
        plots = tuple(
            picture.plot(**row if not place and len(picture.tiles.values) == 1 else {})
            for place, picture in enumerate(data.layers)
        )
        return Chart(plots, "flow", data.counts, summary=self._summary(data), step=data.step)

    def table(self, data: Pictures) -> pd.DataFrame:
        parts = []
        for picture in data.layers:
            places = np.indices(picture.tiles.values.shape[:3]).reshape(3, -1)
            values = picture.tiles.values
            values = values.mean(axis=3) if picture.tiles.in_color else values
            part = pd.DataFrame(dict(zip(("unit", "y", "x"), places, strict=True)))
            parts.append(part.assign(value=values.ravel(), layer=picture.name))
        return pd.concat(parts, ignore_index=True).reindex(columns=["layer", "unit", "y", "x", "value"])

    def _summary(self, data: Pictures) -> str:
        told = f"Activations of row {data.row} at step {data.step}"
        told += f", which should be {data.label}" if data.label is not None else ""
        answers = [each for each in data.layers if each.names and each.detail]
        told += "".join(f"; {each.name} {each.detail}" for each in answers)
        return f"{told}; {data.counts}" if data.counts else told


def _stops(network: Network) -> list[str]:
    """The layers to show: not those that only reshape, unless one is an output, and stands for both."""
    nodes, outputs = network.graph.nodes, getattr(network.graph, "outputs", ())
    reshaped = {nodes[name].inputs[0] for name in outputs if nodes[name].layer.is_view} - set(outputs)
    kept = {name for name in network.layers if not nodes[name].layer.is_view or name in outputs}
    return [name for name in network.layers if name in kept - reshaped]


def _flat_pictures(network: Network, inputs: dict[str, np.ndarray]) -> set[str]:
    """Inputs of rows (height, width) that are no sequences but pictures: those of bytes, or reshaped ones."""
    nodes, consumers = network.graph.nodes, getattr(network.graph, "consumers", {})
    reshaped = {
        name for name in network.graph.inputs
        if (found := consumers.get(name, ())) and all(nodes[each].layer.is_view for each in found)
    }  # fmt: skip
    of_bytes = {name for name, values in inputs.items() if values.dtype == np.uint8}
    return reshaped | (of_bytes & set(getattr(network, "pictures", ())))


def _label(goal: Asked, target: np.ndarray | None) -> str | None:
    """What a row should be, in a word or a number; None where nobody says, or it is more than that."""
    if target is None or not np.size(target) or np.size(target) > 1 or goal.says == "features":
        return None
    value = np.ravel(target)[0]
    if goal.classes:
        place = int(value)
        return goal.classes[place] if 0 <= place < len(goal.classes) else "unknown"
    return f"{value:.4g}"


def _with_dead(picture: LayerPicture, dead: np.ndarray | None) -> LayerPicture:
    """The picture with its dead units marked, where a tile of it is a unit."""
    count = len(picture.tiles.values)
    if dead is None or count != min(len(dead), count) or picture.kind not in ("maps", "vector"):
        return picture
    units = dead[:count]
    if not units.any() or (picture.kind == "maps" and count == 1 and len(dead) > 1):
        return picture
    return replace(picture, dead=units, detail=f"{int(dead.sum())} dead, {picture.detail}")
