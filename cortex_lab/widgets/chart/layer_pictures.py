"""What a layer makes of one row, as a plot: pictures, cells, chances of classes, numbers beside targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.widgets.chart.marks import Axis, Bars, Cells, Line, Mark, Plot, Ramp, Tiles
from cortex_lab.widgets.chart.picture_tiles import CutTiles, as_tiles
from cortex_lab.widgets.chart.rows import Asked
from cortex_lab.widgets.chart.scales import StickyLimit

MOST_NUMBERS = 12
"""Values of an output that are written as numbers; of more there is a picture."""


@dataclass(frozen=True)
class LayerPicture:
    """One stop on the way from input to output.

    `kind` is "image", "maps", "vector" or "steps" (time to the right); of outputs "output" (the chance of
    each of `names`), "numbers" or "series" (values, and what they should be: the `target`).
    """

    name: str
    detail: str
    kind: str
    tiles: CutTiles
    limits: tuple[float, float]
    names: tuple[str, ...] = ()
    truth: int | None = None
    target: np.ndarray | None = None
    dead: np.ndarray = field(default_factory=lambda: np.empty(0, bool))

    @property
    def ramp(self) -> Ramp:
        if self.kind == "image":
            return "gray"
        return "diverging" if self.limits[0] < 0 else "sequential"

    @property
    def odd(self) -> int:
        """How many of its numbers are not finite."""
        return int((~np.isfinite(self.tiles.values)).sum())

    def plot(self, **row: Any) -> Plot:
        """What is drawn of it; `row` is what a picture of the row itself says beside that."""
        marks, axes = self._marks(row)
        return Plot(marks, self.name, detail=self.detail, share=1.25 if self.names else 1.0, **axes)

    def _marks(self, row: dict[str, Any]) -> tuple[tuple[Mark, ...], dict[str, Axis]]:
        values = self.tiles.values
        if self.kind == "output":
            strong = {"strong": self.truth, "told": "the row's label"}
            chances = np.nan_to_num(values.ravel())
            return (Bars(chances, names=self.names, **strong),), {"x": Axis((0, 1), percent=True)}
        if self.kind == "numbers":
            said = [values.ravel()] if self.target is None else [values.ravel(), self.target.ravel()]
            columns = ("predicted", "target")[: len(said)]
            return (Cells(np.stack(said, axis=1), self.limits, self.names, columns),), {}
        if self.kind == "series":
            steps = np.arange(values.size)
            lines = [Line(steps, values.ravel(), "predicted", 0)]
            if self.target is not None:
                lines.append(Line(steps, self.target.ravel(), "target", "muted"))
            low, high = self.limits
            across = Axis((0, max(1, values.size - 1)), "step")
            return tuple(lines), {"x": across, "y": Axis((low, high if high > low else low + 1))}
        return (Tiles(values, self.limits, self.ramp, "map", dead=self.dead, **row),), {}


def of_layer(
    name: str,
    values: np.ndarray,
    limit: StickyLimit,
    detail: str = "",
    is_input: bool = False,
    flat: bool = False,
) -> LayerPicture:
    """A picture of what a layer gave, (*shape), or of an input; two dimensions are steps, or `flat`."""
    if flat and values.ndim == 2:
        values = values[:, :, None]
    if values.ndim == 2:
        return _of_steps(name, values, limit, detail)
    tiles = as_tiles(values)
    shape = "×".join(map(str, values.shape))
    left_out = f", first {len(tiles.values)}" if tiles.total > len(tiles.values) else ""
    kind = "vector" if values.ndim <= 1 else "maps"
    if values.ndim == 3 and values.shape[2] in (1, 3) and is_input:
        kind = "image"
    elif tiles.in_color:
        tiles = CutTiles(np.ascontiguousarray(tiles.values[0].transpose(2, 0, 1)), 3)
    zeros = 0 if is_input else values.size - np.count_nonzero(values)
    zero = f", {zeros / values.size:.0%} zero" if zeros else ""
    return LayerPicture(name, detail or shape + left_out + zero, kind, tiles, _around(tiles.values, limit))


def of_output(
    name: str, values: np.ndarray, target: np.ndarray | None, goal: Asked, limit: StickyLimit
) -> LayerPicture:
    """What an output says of a row, beside what it should have said, where that is known."""
    if goal.says == "yes or no" and values.ndim == 1:
        return _yes_or_no(name, values, target, goal)
    if goal.says == "classes" and values.shape == (len(goal.classes),):
        return _chances(name, values, target, goal)
    if goal.says == "classes" and values.ndim == 2:
        return _classes_of_steps(name, values, target, goal, limit)
    if goal.says == "values" and target is not None and target.shape != values.shape:
        target = target.reshape(values.shape) if target.size == values.size else None
    if goal.says == "values" and values.ndim == 1 and len(values) <= MOST_NUMBERS:
        said = values if target is None else np.concatenate([values, target.ravel()])
        finite = said[np.isfinite(said)]
        low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
        detail = "" if target is None else _off_by(values, target)
        tiles = CutTiles(values.reshape(-1, 1, 1), len(values))
        return LayerPicture(name, detail, "numbers", tiles, (low, high), goal.names, target=target)
    if goal.says == "values" and values.ndim == 2 and values.shape[1] == 1:
        tiles = CutTiles(values.T[None], 1)
        both = values if target is None else np.stack([values, target])
        finite = both[np.isfinite(both)]
        limits = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
        detail = "" if target is None else _off_by(values, target)
        return LayerPicture(name, detail, "series", tiles, limits, target=target)
    pictured = values.ndim == 3 and values.shape[2] in (1, 3)
    detail = _off_by(values, target) if goal.says == "values" and target is not None else ""
    return of_layer(name, values, limit, detail, is_input=pictured and goal.says == "values")


def _of_steps(name: str, values: np.ndarray, limit: StickyLimit, detail: str) -> LayerPicture:
    tiles = as_tiles(np.ascontiguousarray(values.T))
    steps, width = values.shape
    return LayerPicture(
        name, detail or f"{steps} steps × {width}", "steps", tiles, _around(tiles.values, limit)
    )


def _around(values: np.ndarray, limit: StickyLimit) -> tuple[float, float]:
    """Limits of shades, from the lowest or 0, that stay put while values change a little."""
    lowest, highest = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if not np.isfinite(highest - lowest):
        shown = values[np.isfinite(values)]
        lowest, highest = float(shown.min(initial=0.0)), float(shown.max(initial=0.0))
    high = limit.cover(max(-lowest, highest))
    return (-high if lowest < 0 else 0.0), high


def _chances(name: str, values: np.ndarray, target: np.ndarray | None, goal: Asked) -> LayerPicture:
    chances = softmax(values, goal.link)
    truth = int(np.ravel(target)[0]) if target is not None and np.size(target) else -1
    return _bars(name, chances, goal.classes, truth if truth >= 0 else None)


def _yes_or_no(name: str, values: np.ndarray, target: np.ndarray | None, goal: Asked) -> LayerPicture:
    chances = _sigmoid(values) if goal.link == "sigmoid" else values.astype(np.float64)
    known = target is not None and np.isfinite(target).all()
    if len(goal.classes) == 2 and len(values) == 1:
        truth = int(np.ravel(target)[0] > 0.5) if known else None  # type: ignore[arg-type]
        return _bars(name, np.array([1 - chances[0], chances[0]]), goal.classes, truth)
    detail = ""
    if known:
        true = [each for each, so in zip(goal.names, np.ravel(target) > 0.5, strict=True) if so]  # type: ignore[arg-type]
        detail = f"label: {', '.join(true) or 'none'}"
    tiles = CutTiles(chances.reshape(-1, 1, 1), len(chances))
    return LayerPicture(name, detail or "of each label", "output", tiles, (0.0, 1.0), goal.names)


def _bars(name: str, chances: np.ndarray, names: tuple[str, ...], truth: int | None) -> LayerPicture:
    tiles = CutTiles(chances.reshape(-1, 1, 1), len(names))
    if not np.isfinite(chances).all():
        return LayerPicture(name, "not finite", "output", tiles, (0.0, 1.0), names, truth)
    best = int(chances.argmax())
    detail = f"says {names[best]} ({100 * chances[best]:.0f}%)"
    return LayerPicture(name, detail, "output", tiles, (0.0, 1.0), names, truth)


def _classes_of_steps(
    name: str, values: np.ndarray, target: np.ndarray | None, goal: Asked, limit: StickyLimit
) -> LayerPicture:
    chances = softmax(values, goal.link)
    detail = f"{len(values)} steps × {len(goal.classes)} classes"
    if target is not None and target.shape == values.shape[:1]:
        known = target >= 0
        right = int((chances.argmax(axis=1) == target)[known].sum())
        detail = f"{right} of {int(known.sum())} steps right"
    return _of_steps(name, chances, limit, detail)


def softmax(values: np.ndarray, link: str | None) -> np.ndarray:
    """Chances along the last axis, of what may be chances already; `link` says so where it is known."""
    values = values.astype(np.float64)
    if link == "" and np.all(values >= 0) and np.all(abs(values.sum(axis=-1) - 1) < 1e-3):
        return values
    if link is None:
        return values
    with np.errstate(invalid="ignore"):
        chances = np.exp(values - values.max(axis=-1, keepdims=True))
        return chances / chances.sum(axis=-1, keepdims=True)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values.astype(np.float64)))


def _off_by(values: np.ndarray, target: np.ndarray) -> str:
    away = np.abs(values.astype(np.float64) - target)
    return f"off by {away.mean():.3g}" if away.size == 1 else f"off by {away.mean():.3g} on average"
