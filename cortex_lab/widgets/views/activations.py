"""What every layer makes of one pinned row."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.study import Session
from cortex_lab.widgets.channel import Packed
from cortex_lab.widgets.chart.palette import category, colormap
from cortex_lab.widgets.chart.picture_tiles import Tiles, as_bytes, as_tiles, mosaic
from cortex_lab.widgets.chart.scales import StickyLimit
from cortex_lab.widgets.chart.subjects import checked_row, dataset_of, has_dataset, held_out, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View


@dataclass(frozen=True)
class LayerPicture:
    """One stop on the way from input to output. `kind` is "image", "maps", "vector" or "output"."""

    name: str
    detail: str
    kind: str
    tiles: Tiles
    limits: tuple[float, float]

    @property
    def ramp(self) -> str:
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

    name = "activations"
    kind = "activations"
    title = "Activations"
    size = (9.6, 2.4)

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
        row = checked_row(dataset, row)
        inputs, targets = dataset.select([row]).arrays()
        self._inputs, self._target = inputs, None if targets is None else targets[0]
        self._pinned = row

    def state(self, exact: bool) -> Hashable:
        return self.session.step_number, len(self.session.trace), self._pinned

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
        elif tiles.colour:
            tiles = Tiles(np.ascontiguousarray(tiles.values[0].transpose(2, 0, 1)), 3)
        lowest, highest = float(tiles.values.min(initial=0.0)), float(tiles.values.max(initial=0.0))
        if not np.isfinite(highest - lowest):
            shown = tiles.values[np.isfinite(tiles.values)]
            lowest, highest = float(shown.min(initial=0.0)), float(shown.max(initial=0.0))
        limit = self._limits.setdefault("input" if is_input else name, StickyLimit())
        high = limit.cover(max(-lowest, highest))
        low = -high if lowest < 0 else 0.0
        return LayerPicture(name, detail or shape + left_out, kind, tiles, (low, high))

    def pack(self, data: Pictures) -> Packed:
        layers, arrays = [], {}
        for picture in data.layers:
            values, (low, high) = picture.tiles.values, picture.limits
            described: dict[str, Any] = {
                "name": picture.name,
                "title": picture.name,
                "detail": picture.detail,
            }
            described |= {"kind": picture.kind, "ramp": picture.ramp, "low": low, "high": high}
            if picture.kind == "output":
                arrays[picture.name] = values.ravel().astype(np.float32)
                described |= {"labels": data.classes, "truth": data.truth}
            else:
                arrays[picture.name] = as_bytes(values, low, high).ravel()
                described |= {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
                described["channels"] = 3 if picture.tiles.colour else 1
            layers.append(described)
        return Packed({"step": data.step, "layers": layers, "summary": self._summary(data)}, arrays)

    def table(self, data: Pictures) -> pd.DataFrame:
        parts = []
        for picture in data.layers:
            places = np.indices(picture.tiles.values.shape[:3]).reshape(3, -1)
            values = picture.tiles.values
            values = values.mean(axis=3) if picture.tiles.colour else values
            part = pd.DataFrame(dict(zip(("unit", "y", "x"), places, strict=True)))
            parts.append(part.assign(value=values.ravel(), layer=picture.name))
        return pd.concat(parts, ignore_index=True).reindex(columns=["layer", "unit", "y", "x", "value"])

    def plot(self, data: Pictures) -> Any:
        from plotly.subplots import make_subplots

        titles = [f"{picture.name}<br>{picture.detail}" for picture in data.layers]
        figure = make_subplots(rows=1, cols=len(titles), subplot_titles=titles, horizontal_spacing=0.02)
        for column, picture in enumerate(data.layers, start=1):
            if picture.kind == "output":
                colors = [category(0) if i == data.truth else "#9e9e9e" for i in range(len(data.classes))]
                chances = picture.tiles.values.ravel()
                figure.add_bar(
                    x=chances, y=list(data.classes), orientation="h", marker_color=colors, row=1, col=column
                )
                figure.update_yaxes(autorange="reversed", type="category", row=1, col=column)
                figure.update_xaxes(range=[0, 1], tickformat=".0%", row=1, col=column)
                continue
            if picture.tiles.colour:
                figure.add_image(z=as_bytes(picture.tiles.values[0], *picture.limits), row=1, col=column)
            else:
                scale = [list(stop) for stop in _plotly_scale(picture.ramp)]
                low, high = picture.limits
                figure.add_heatmap(
                    z=mosaic(picture.tiles.values),
                    zmin=low,
                    zmax=high,
                    colorscale=scale,
                    showscale=False,
                    row=1,
                    col=column,
                )
            figure.update_yaxes(
                autorange="reversed", scaleanchor=f"x{column}", visible=False, row=1, col=column
            )
            figure.update_xaxes(visible=False, constrain="domain", row=1, col=column)
        return figure.update_layout(showlegend=False, height=320)

    def paint(self, data: Pictures, figure: Any) -> None:
        shares = [1.25 if picture.kind == "output" else 1.0 for picture in data.layers]
        all_axes = figure.subplots(1, len(shares), squeeze=False, width_ratios=shares)[0]
        figure.subplots_adjust(left=0.02, right=0.97, top=0.72, bottom=0.06, wspace=0.22)
        for axes, picture in zip(all_axes, data.layers, strict=True):
            axes.set_title(f"{picture.name}\n{picture.detail}", fontsize=7, loc="left", pad=4)
            axes.tick_params(length=0, labelsize=6.5, colors="#616161")
            axes.spines[:].set_visible(False)
            axes.set_xticks([])
            if picture.kind == "output":
                chances = picture.tiles.values.ravel()
                colors = [category(0) if i == data.truth else "#9e9e9e" for i in range(len(chances))]
                axes.barh(range(len(chances)), chances, color=colors)
                axes.set(xlim=(0, 1), yticks=range(len(chances)), yticklabels=data.classes)
                axes.invert_yaxis()
                continue
            axes.set_yticks([])
            axes.set_anchor("NW")
            if picture.tiles.colour:
                axes.imshow(as_bytes(picture.tiles.values[0], *picture.limits))
            else:
                low, high = picture.limits
                axes.imshow(mosaic(picture.tiles.values), cmap=colormap(picture.ramp), vmin=low, vmax=high)

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
            name, "not finite", "output", Tiles(np.zeros((len(classes), 1, 1)), len(classes)), (0, 1)
        )
    best = int(chances.argmax())
    detail = f"says {classes[best]} ({100 * chances[best]:.0f}%)"
    return LayerPicture(name, detail, "output", Tiles(chances.reshape(-1, 1, 1), len(classes)), (0.0, 1.0))


def _plotly_scale(ramp: str) -> list[tuple[float, str]]:
    from cortex_lab.widgets.chart.palette import PALETTE

    stops = PALETTE["light"][ramp]
    return [(place / (len(stops) - 1), color) for place, color in enumerate(stops)]
