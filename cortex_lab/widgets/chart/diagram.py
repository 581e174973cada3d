"""A graph, drawn from left to right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortex_lab.widgets.chart.marks import Mark


@dataclass(frozen=True, eq=False)
class Diagram(Mark):
    """Nodes by name, with `details` below the names, and edges from node to node; `values` 0 to 1 shade them.

    Nodes stand in columns: each to the right of all that lead to it.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    details: tuple[str, ...] = ()
    values: np.ndarray | None = None

    @property
    def on_axes(self) -> bool:
        return False

    def wrong(self) -> str:
        strange = [edge for edge in self.edges if not all(0 <= end < len(self.names) for end in edge)]
        return f"there are {len(self.names)} nodes, so no edge {strange[0]}" if strange else ""

    def places(self) -> np.ndarray:
        """Where the middle of each node is, (nodes, 2): x to the right and y downwards, between 0 and 1."""
        column = np.zeros(len(self.names), np.intp)
        for _ in self.names:
            for start, end in self.edges:
                column[end] = max(column[end], column[start] + 1)
            if column.max(initial=0) >= len(self.names):
                raise ValueError("a graph to be drawn must not lead in circles")
        places = np.zeros((len(self.names), 2), np.float32)
        for place in range(column.max(initial=0) + 1):
            mine = np.flatnonzero(column == place)
            places[mine, 0] = (place + 0.5) / (column.max() + 1)
            places[mine, 1] = (np.arange(len(mine)) + 0.5) / len(mine)
        return places
