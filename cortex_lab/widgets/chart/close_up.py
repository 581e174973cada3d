"""How a layer and its units are drawn close up: maps, kernels, what is seen of an input, rows, norms."""

from __future__ import annotations

import math

import numpy as np

from cortex_lab.nn.graph.graph import PlacedNode
from cortex_lab.widgets.chart.marks import Axis, Bars, Cells, Line, Mark, Plot, Ramp, Tiles
from cortex_lab.widgets.chart.picture_tiles import MOST_PIXELS, MOST_TILES, MOST_UNITS, thinned
from cortex_lab.widgets.chart.rows import Named

MOST_BARS = 16
MOST_SIDE = 4 * MOST_PIXELS
MOST_LINES = 12
DIM = 0.2
"""How much is left of what a unit does not see."""


def layer_picture(title: str, values: np.ndarray, first: int | None = None) -> Plot:
    """What a layer gives, (*shape): a tile for each unit, or a line of steps; clicks tell from `first`."""
    shape = "×".join(map(str, values.shape))
    if values.ndim == 1:
        tiles, total = values[:MOST_UNITS].reshape(-1, 1, 1), len(values)
    elif values.ndim == 2:
        tiles, total = values.T[None, :MOST_SIDE, :MOST_SIDE], values.shape[1]
    else:
        maps = values.reshape(-1, *values.shape[-2:])[:, :, :MOST_TILES]
        tiles, total = thinned(maps, MOST_PIXELS).transpose(2, 0, 1), values.shape[-1]
    count = tiles.shape[1] if values.ndim == 2 else len(tiles)
    detail = f"{shape}, {_range(values)}" + (f", first {count}" if count < total else "")
    return Plot((_tiles(tiles, "unit", first),), title, detail=detail)


def kernels(parameters: dict[str, np.ndarray], node: PlacedNode) -> list[Plot]:
    """The weights of a layer: a picture for each unit where they are one, else a table of all."""
    name, kernel = _kernel(parameters)
    if kernel is None:
        return []
    detail = f"{'×'.join(map(str, kernel.shape))}, {_range(kernel)}"
    if kernel.ndim == 4:
        into = kernel.shape[2]
        depthwise = node.out_shape[-1] == into * kernel.shape[3]
        maps = kernel.reshape(*kernel.shape[:2], -1) if depthwise else kernel.mean(axis=2)
        tiles = maps[:, :, :MOST_TILES].transpose(2, 0, 1)
        detail += f", mean of {into} channels" if into > 1 and not depthwise else ""
        return [Plot((_tiles(tiles, "kernel"),), name, detail=detail)]
    if kernel.ndim == 3:
        return [Plot((_tiles(kernel[..., :MOST_TILES].transpose(2, 1, 0), "kernel"),), name, detail=detail)]
    return [Plot((_tiles(kernel[None, :MOST_SIDE, :MOST_SIDE], "kernel"),), name, detail=detail)]


def weights_into(parameters: dict[str, np.ndarray], node: PlacedNode, unit: int) -> list[Plot]:
    """The weights that lead into one unit, as far as its kernel ends in units."""
    name, kernel = _kernel(parameters)
    if kernel is None or not node.out_shape or kernel.shape[-1] != node.out_shape[-1]:
        return []
    mine = kernel[..., unit]
    if mine.ndim == 3:
        tiles = mine[:, :, :MOST_TILES].transpose(2, 0, 1)
    elif mine.ndim == 2:
        tiles = mine.T[None]
    else:
        tiles = mine[:MOST_UNITS].reshape(-1, 1, 1)
    return [Plot((_tiles(tiles, "channel"),), "weights into it", detail=_range(mine))]


def input_picture(title: str, values: np.ndarray, names: list[str], sees: np.ndarray | None = None) -> Plot:
    """Numbers at the places of a row (height, width, channels), (steps, features) or (features,).

    What is not in `sees` stands back; `names` are of single numbers.
    """
    shown = np.asarray(values, np.float64)
    ramp: Ramp | None = "gray" if sees is not None else None
    if sees is not None and shown.shape == sees.shape:
        floor = float(np.nanmin(shown, initial=0.0))
        shown = np.where(sees, shown, floor + DIM * (shown - floor))
    detail = _range(values)
    if shown.ndim <= 1:
        flat = shown.reshape(-1)
        if len(flat) > MOST_BARS:
            return Plot((_tiles(flat[:MOST_UNITS].reshape(-1, 1, 1), "value"),), title, detail=detail)
        named = tuple(names) if len(names) == len(flat) else tuple(f"input {k}" for k in range(len(flat)))
        return Plot((Bars(np.nan_to_num(flat), names=named),), title, detail=detail, x=_ends(flat))
    if shown.ndim == 2:
        # Features below each other, steps to the right.
        shown = shown.T
    if shown.ndim == 3:
        colored = sees is not None and shown.shape[2] == 3
        shown = shown if colored else shown.sum(axis=2) if shown.shape[2] > 1 else shown[:, :, 0]
    shown = thinned(shown, MOST_SIDE)[None]
    return Plot((_tiles(shown, "place", ramp=ramp),), title, detail=detail)


def rows_picture(rows: np.ndarray, excitement: np.ndarray, inputs: Named) -> Plot:
    """The rows that excite a unit most, as pictures where they are some; a click on one selects it."""
    title, detail = "strongest rows", f"from {_said(excitement[0])} down" if len(rows) else ""
    picture = next((each for each in inputs.values() if each.ndim == 4 and each.shape[3] in (1, 3)), None)
    keys = {"keys": rows, "pins": True}
    if picture is not None and len(rows) > 1:
        small = np.stack([thinned(each, MOST_PIXELS) for each in picture])
        high = 255.0 if small.dtype == np.uint8 else max(1.0, float(np.nanmax(small, initial=0.0)))
        low = min(0.0, float(np.nanmin(small, initial=0.0)))
        small = small if small.shape[3] == 3 else small[..., 0]
        told = tuple(_said(value) for value in excitement)
        return Plot((Tiles(small, (low, high), "gray", "row", told=told, **keys),), title, detail=detail)
    shades = np.where(np.isfinite(excitement), excitement, np.nan)[:MOST_LINES, None]
    lines = tuple(f"row {row}" for row in rows[:MOST_LINES])
    texts = tuple(_said(value) for value in excitement[:MOST_LINES])
    keys["keys"] = rows[:MOST_LINES]
    finite = shades[np.isfinite(shades)]
    limits = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    limits = limits if limits[1] > limits[0] else (limits[0], limits[0] + 1.0)
    return Plot((Cells(shades, limits, lines, ("unit",), texts=texts, numbers=False, **keys),), title)


def norms_over_time(steps: np.ndarray, norms: np.ndarray) -> list[Plot]:
    """The norm of the weights into a unit at the steps that are kept."""
    if len(steps) < 2:
        return []
    known = norms[np.isfinite(norms)]
    high = 1.1 * float(known.max(initial=0.0)) or 1.0
    line = Line(steps, norms, "", 0, key="norm", dots=len(steps) <= 60)
    across = Axis((float(steps[0]), float(max(steps[-1], steps[0] + 1))), "step")
    return [Plot((line,), "weight norm", x=across, y=Axis((0.0, high)), share=1.4)]


def _kernel(parameters: dict[str, np.ndarray]) -> tuple[str, np.ndarray | None]:
    """The parameter of a layer that is its kernel: the one called so, or else the first with several axes."""
    wide = {name.rpartition("/")[2]: np.asarray(each, np.float64) for name, each in parameters.items()
            if 2 <= each.ndim <= 4}  # fmt: skip
    found = "kernel" if "kernel" in wide else next(iter(wide), "")
    return found, wide.get(found)


def _tiles(values: np.ndarray, unit: str, acts: int | None = None, ramp: Ramp | None = None) -> Mark:
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    wide = max(-low, high) or 1.0
    if values.ndim == 4:
        return Tiles(np.clip((values - low) / ((high - low) or 1.0), 0, 1), (0.0, 1.0), unit=unit)
    diverging = low < 0 and ramp is None
    limits = (-wide, wide) if diverging else (low, high if high > low else low + 1.0)
    ramp = ramp or ("diverging" if diverging else "sequential")
    return Tiles(values.astype(np.float32), limits, ramp, unit, acts=acts)


def _ends(values: np.ndarray) -> Axis:
    finite = values[np.isfinite(values)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    return Axis((low, high if high > low else low + 1.0))


def _range(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "nothing finite"
    return f"{_said(float(finite.min()))} to {_said(float(finite.max()))}"


def _said(value: float) -> str:
    return f"{value:.3g}".replace("-", "−") if not math.isnan(value) else "not finite"
