"""Where the nodes of a network's graph stand, and the powers of ten that shade them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.nn import Graph
from cortex_lab.nn.graph.description import Node
from cortex_lab.widgets.chart.layered import Layout, layered

LANE = 46
"""Height in pixels of a node and the gap below it."""


@dataclass(frozen=True, eq=False)
class LaidOut:
    """Names of inputs and nodes, edges from place to place among them, and where they stand."""

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    layout: Layout


def laid_out(graph: Graph, beyond: Node | None = None) -> LaidOut:
    """The layout of a graph, and of a node `beyond` it that reads some of it."""
    reads = {node.name: node.inputs for node in graph.nodes.values()}
    if beyond is not None:
        reads[beyond.name or ""] = tuple(beyond.inputs or ())
    names = (*graph.inputs, *reads)
    number = {name: place for place, name in enumerate(names)}
    edges = [(number[source], number[name]) for name, sources in reads.items() for source in sources]
    edges = tuple(dict.fromkeys(edges))
    return LaidOut(names, edges, layered(len(names), edges))


def room_for(layout: Layout) -> tuple[int, tuple[float, float]]:
    """The height of its figure in pixels, and width and height of its picture in inches."""
    height = int(min(900, max(160, LANE * layout.lanes + 30)))
    return height, (9.6, max(1.6, min(8.0, 0.42 * layout.lanes + 0.7)))


def by_powers(values: np.ndarray) -> np.ndarray:
    """0 to 1 by the powers of ten of sizes; 0 and what is not finite have none."""
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        return np.full(len(values), np.nan)
    logs = np.log10(np.where(known, values, 1.0))
    low, high = logs[known].min(), logs[known].max()
    return np.where(known, (logs - low) / (high - low) if high > low else 0.5, np.nan)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in words, "8×8×3"; "1" of a number alone."""
    return "×".join(map(str, shape)) or "1"
