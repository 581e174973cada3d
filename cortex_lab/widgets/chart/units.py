"""What is known of one unit of a layer: what it sees, what moves it, which rows do, how it came about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cortex_lab.nn import Network
from cortex_lab.nn.examine.receptive import receptive_field
from cortex_lab.study import Session
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import Named

MOST_PLACES = 512
"""Places of an input that are hidden one after the other."""
SIDE = 8
"""Patches along each side of a picture that are hidden one after the other."""


def place_of(values: np.ndarray, unit: int) -> tuple[int, ...]:
    """Where in a row's output (*shape) the unit, a channel, is largest in size."""
    sizes = np.abs(np.asarray(values, np.float64)[..., unit])
    sizes = np.where(np.isfinite(sizes), sizes, -1.0)
    return (*map(int, np.unravel_index(int(sizes.argmax()), sizes.shape)), unit) if sizes.ndim else (unit,)


def input_of(network: Network, node: str, places: np.ndarray) -> tuple[str, np.ndarray] | None:
    """The first input of numbers that these places of a node depend on, and what of it they see."""
    found = receptive_field(network.graph, node, places)
    return next(((name, mask) for name, mask in found.items() if name not in network.ids), None)


def saliency(passes: RowPasses, weights: Weights, inputs: Named, node: str, source: str,
             places: np.ndarray) -> np.ndarray:  # fmt: skip
    """The gradient of what a node gives at `places` with respect to an input, of one row (*shape)."""
    return passes.gradient(weights, inputs, node, source, places[None].astype(np.float32))[0]


def occlusion(passes: RowPasses, weights: Weights, inputs: Named, node: str, source: str,
              places: np.ndarray, usual: np.ndarray) -> np.ndarray:  # fmt: skip
    """By how much the value at `places` falls where a part of the input of one row is `usual` instead.

    Of a picture patches are hidden, an eighth of a side each, (height, width, 1); of a sequence each step,
    (steps,); of numbers each of them, (features,) (Zeiler and Fergus 2014).
    """
    row = inputs[source][0]
    patches = [*_patches(row.shape)]
    rows = np.repeat(row[None], len(patches) + 1, axis=0)
    for number, patch in enumerate(patches):
        rows[number][patch] = np.broadcast_to(usual, row.shape)[patch]
    many = {name: np.repeat(values, len(rows), axis=0) for name, values in inputs.items()} | {source: rows}
    found = passes.activations(weights, many, node)[:, places].sum(axis=1).astype(np.float64)
    fall = np.zeros((*row.shape[:2], 1) if row.ndim == 3 else row.shape[:1])
    for number, patch in enumerate(patches):
        fall[patch] = found[-1] - found[number]
    return fall


def usual_of(values: np.ndarray) -> np.ndarray:
    """What stands for nothing known of an input: its mean over rows and places, by channel or feature."""
    mean = values.astype(np.float64).mean(axis=tuple(range(values.ndim - 1)) or 0)
    return np.rint(mean).astype(values.dtype) if values.dtype.kind in "iu" else mean.astype(values.dtype)


def _patches(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    if len(shape) == 3:
        size = [max(1, -(-length // SIDE)) for length in shape[:2]]
        for top in range(0, shape[0], size[0]):
            for left in range(0, shape[1], size[1]):
                yield slice(top, top + size[0]), slice(left, left + size[1])
        return
    width = max(1, -(-shape[0] // MOST_PLACES)) if shape else 1
    for start in range(0, shape[0] if shape else 0, width):
        yield (slice(start, start + width),)


def excited(values: np.ndarray, unit: int) -> np.ndarray:
    """The largest value of a unit anywhere in each row's output (rows, *shape); NaN goes through."""
    mine = np.asarray(values, np.float64)[..., unit]
    return mine.reshape(len(mine), -1).max(axis=1)


def units_of(network: Network, node: str) -> dict[str, np.ndarray]:
    """By name of a parameter of the node, to which unit each of its elements leads; none without units."""
    placed = network.graph.nodes[node]
    found = placed.layer.unit_of(*placed.in_shapes)
    return {f"{placed.shares or node}/{key}": unit for key, unit in found.items()}


def weights_of(network: Network, flat: Any) -> dict[str, np.ndarray]:
    """Parameters by name, of a flat vector of all."""
    found, start, values = {}, 0, network.ops.to_numpy(flat)
    for name, array in network.parameters.items():
        found[name] = np.asarray(values[start : start + array.size]).reshape(array.shape)
        start += array.size
    return found


def unit_norms(network: Network, node: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The norm of the weights that lead into each unit, biases left out; empty of a node without units."""
    width = network.graph.nodes[node].out_shape[-1:]
    leading = {name: of for name, of in units_of(network, node).items() if arrays[name].ndim > 1}
    if not leading or not width:
        return np.empty(0)
    squares = np.zeros(width)
    for name, of in leading.items():
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.square(arrays[name].astype(np.float64))
        np.add.at(squares, np.broadcast_to(of, values.shape), values)
    return np.sqrt(squares)


def history_of(session: Session, node: str, most: int = 60) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The steps that the session keeps, and their snapshots; of more than `most`, every so manieth."""
    steps = [step for step in session.history.steps if step < session.step_number]
    if len(steps) > most:
        steps = [steps[place] for place in np.linspace(0, len(steps) - 1, most).astype(int)]
    return np.array(steps, np.int64), [dict(session.history.nearest(step)[1]) for step in steps]
