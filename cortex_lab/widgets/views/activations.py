"""What every layer makes of one pinned row."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.marks import Axis, Bars, Chart, Plot, Ramp, Tiles
from cortex_lab.widgets.chart.picture_tiles import CutTiles, as_tiles
from cortex_lab.widgets.chart.scales import StickyLimit
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import checked_row, dataset_of, has_dataset, held_out, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View


@dataclass(frozen=True)
class LayerPicture:
    """One stop on the way from input to output. `kind` is "image", "maps", "vector" or "output"."""

    name: str
    detail: str
    kind: str
    tiles: CutTiles
    limits: tuple[float, float]

    @property
    def ramp(self) -> Ramp:
        if self.kind == "image":
            return "gray"
        return "diverging" if self.limits[0] < 0 else "sequential"


@dataclass(frozen=True)
class Pictures:
    step: int
    row: int
    label: str | None
    truth: int | None
    classes: tuple[str, ...]
    layers: tuple[LayerPicture, ...]


class Activations(View[Pictures]):
    """The input of the pinned row and what each layer makes of it, up to the chances of each class.

    `pinned` is a row number of the dataset; None pins the first row held out. Layers that only reshape
    are left out: they show what the layer before them shows.
    """

    title = "Activations"
    size = (9.6, 2.4)
    height = 200
    place = "wide"
    rank = 40

    def __init__(self, session: Session, pinned: int | None = None) -> None:
        super().__init__(session)
        self._limits: dict[str, StickyLimit] = {}
        self._inputs: np.ndarray | None = None
        self._target: Any = None
        self._pinned: int | None = None
        if has_dataset(session):
            rows = held_out(dataset_of(session)).rows
            self.pinned = int(rows[0]) if pinned is None else pinned

    @property
    def pinned(self) -> int | None:
        """Number of the row that is shown."""
        return self._pinned

    @pinned.setter
    def pinned(self, row: int) -> None:
        dataset = dataset_of(self.session)
        row = checked_row(dataset, checks.whole("pinned", row))
        inputs, targets = dataset.select([row]).arrays()
        self._inputs, self._target = inputs, None if targets is None else targets[0]
        self._pinned = row

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self._pinned is None:
            return ()
        rows = np.asarray(dataset_of(self.session).rows)
        limits = int(rows.min()), int(rows.max())
        told = {"label": "row", "tooltip": "The pinned row of the dataset", "shared": True}
        return (Knob("pinned", "count", self._pinned, limits=limits, **told),)

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._pinned

    def collect(self, exact: bool) -> tuple[int, int, Any, np.ndarray, dict[str, np.ndarray]]:
        network = network_of(self.session)
        dataset_of(self.session)
        if self._inputs is None or self._pinned is None:
            raise NothingToShow("No row is pinned.\nSet bench.pinned to a row number.")
        nodes = network.graph.nodes
        shown = [name for name in network.layers if not nodes[name].layer.is_view]
        found = network.activations(self._inputs, shown)
        seen = network.seen(next(iter(network.graph.inputs)), self._inputs[0])
        return self.session.step_number, self._pinned, self._target, seen, found

    def prepare(self, collected: tuple[int, int, Any, np.ndarray, dict[str, np.ndarray]]) -> Pictures:
        step, row, target, inputs, found = collected
        classes = tuple(str(name) for name in dataset_of(self.session).classes or ())
        truth = int(target) if classes and target is not None else None
        label = (
            classes[truth]
            if truth is not None
            else (None if target is None else f"{np.ravel(target)[0]:.4g}")
        )
        pictures = [
            self._picture(f"row {row}", inputs, "" if label is None else f"label: {label}", is_input=True)
        ]
        last = list(found)[-1]
        for name, activation in found.items():
            output = name == last and bool(classes) and activation.shape[1:] == (len(classes),)
            if output:
                pictures.append(_output_picture(name, activation[0], classes))
            else:
                pictures.append(self._picture(name, activation[0]))
        return Pictures(step, row, label, truth, classes, tuple(pictures))

    def _picture(
        self, name: str, values: np.ndarray, detail: str = "", is_input: bool = False
    ) -> LayerPicture:
        tiles = as_tiles(values)
        shape = "×".join(map(str, values.shape))
        left_out = f", first {len(tiles.values)}" if tiles.total > len(tiles.values) else ""
        kind = "vector" if values.ndim == 1 else "maps"
        if values.ndim == 3 and values.shape[2] in (1, 3) and is_input:
            kind = "image"
        elif tiles.in_color:
            tiles = CutTiles(np.ascontiguousarray(tiles.values[0].transpose(2, 0, 1)), 3)
        lowest, highest = float(tiles.values.min(initial=0.0)), float(tiles.values.max(initial=0.0))
        if not np.isfinite(highest - lowest):
            shown = tiles.values[np.isfinite(tiles.values)]
            lowest, highest = float(shown.min(initial=0.0)), float(shown.max(initial=0.0))
        limit = self._limits.setdefault("input" if is_input else name, StickyLimit())
        high = limit.cover(max(-lowest, highest))
        low = -high if lowest < 0 else 0.0
        return LayerPicture(name, detail or shape + left_out, kind, tiles, (low, high))

    def chart(self, data: Pictures) -> Chart:
        plots = []
        for picture in data.layers:
            values = picture.tiles.values
            if picture.kind == "output":
                strong = {"strong": data.truth, "told": "the row's label"}
                mark, x = Bars(values.ravel(), names=data.classes, **strong), Axis((0, 1), percent=True)
            else:
                mark, x = Tiles(values, picture.limits, picture.ramp, "map"), None
            share = 1.25 if picture.kind == "output" else 1.0
            plots.append(Plot((mark,), picture.name, detail=picture.detail, x=x, share=share))
        return Chart(tuple(plots), "flow", summary=self._summary(data), step=data.step)

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
        told += f", whose label is {data.label}" if data.label is not None else ""
        output = data.layers[-1]
        return f"{told}; the network's answer: {output.detail}" if output.kind == "output" else told


def _output_picture(name: str, values: np.ndarray, classes: tuple[str, ...]) -> LayerPicture:
    chances = values.astype(np.float64)
    if not (np.all(chances >= 0) and abs(chances.sum() - 1) < 1e-3):
        # Logits: the softmax is part of the loss.
        chances = np.exp(chances - chances.max())
        chances = chances / chances.sum()
    if not np.isfinite(chances).all():
        return LayerPicture(
            name, "not finite", "output", CutTiles(np.zeros((len(classes), 1, 1)), len(classes)), (0, 1)
        )
    best = int(chances.argmax())
    detail = f"says {classes[best]} ({100 * chances[best]:.0f}%)"
    return LayerPicture(name, detail, "output", CutTiles(chances.reshape(-1, 1, 1), len(classes)), (0.0, 1.0))
