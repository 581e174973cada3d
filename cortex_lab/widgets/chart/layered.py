"""Where the nodes of a graph stand: in columns from left to right, in as many bands as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

COLUMNS = 12
"""Columns of a band; what is longer goes on in the next, as lines of text do."""
SWEEPS = 4


@dataclass(frozen=True, eq=False)
class Layout:
    """Middles of the nodes, (nodes, 2), and ways of the edges, between 0 and 1: to the right and down.

    `ways` (points, 2) has a line of NaN after each piece. A band has `columns`, and all of them together have
    `lanes`: a node has room for one of each.
    """

    places: np.ndarray
    ways: np.ndarray
    columns: int
    lanes: int


def layered(count: int, edges: Sequence[tuple[int, int]], most: int = COLUMNS) -> Layout:
    """The layout of `count` nodes. Each stands to the right of all that lead to it.

    An edge that skips columns has a place in each of them, so that it goes around what stands there. Places
    in a column are ordered by the mean place of what leads to them, then of what they lead to, some times
    over (Sugiyama, Tagawa and Toda, 1981). ValueError for a graph that leads in circles.
    """
    column = _columns(count, edges)
    # Nodes and the places of edges that skip columns, by number; those of edges come after the nodes.
    at = [int(each) for each in column]
    routes: list[list[int]] = []
    for start, end in edges:
        route = [start]
        for skipped in range(at[start] + 1, at[end]):
            route.append(len(at))
            at.append(skipped)
        routes.append([*route, end])
    steps = [(one, other) for route in routes for one, other in pairwise(route)]
    total = max(at, default=0) + 1
    members = [[place for place, each in enumerate(at) if each == wanted] for wanted in range(total)]
    order = _ordered(members, steps, len(at))
    per_band = min(most, total)
    bands = -(-total // per_band)
    lanes = [max(len(members[each]) for each in range(first, min(first + per_band, total)))
             for first in range(0, total, per_band)]  # fmt: skip
    tops = np.concatenate([[0], np.cumsum(lanes)])
    whole = float(tops[-1])
    places = np.zeros((len(at), 2))
    for wanted, mine in enumerate(members):
        band, inside = divmod(wanted, per_band)
        for place in mine:
            lane = order[place] + (lanes[band] - len(mine)) / 2
            places[place] = (inside + 0.5) / per_band, (tops[band] + lane + 0.5) / whole
    ways: list[np.ndarray] = []
    for one, other in steps:
        ways += _way(places[one], places[other], at[one] // per_band != at[other] // per_band)
    points = np.concatenate(ways) if ways else np.zeros((0, 2))
    return Layout(
        places[:count].astype(np.float32), points.astype(np.float32), per_band, int(whole) if bands else 1
    )


def _columns(count: int, edges: Sequence[tuple[int, int]]) -> np.ndarray:
    """The column of each node: the length of the longest way there."""
    readers: list[list[int]] = [[] for _ in range(count)]
    waiting = np.zeros(count, np.intp)
    for start, end in edges:
        readers[start].append(end)
        waiting[end] += 1
    column = np.zeros(count, np.intp)
    ready = [node for node in range(count) if not waiting[node]]
    seen = 0
    while ready:
        node = ready.pop()
        seen += 1
        for reader in readers[node]:
            column[reader] = max(column[reader], column[node] + 1)
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if seen < count:
        raise ValueError("a graph to be drawn must not lead in circles")
    # What nothing leads to, such as a second input, stands right before what it leads to.
    for node in range(count):
        if readers[node] and not any(end == node for _, end in edges):
            column[node] = max(0, min(column[reader] for reader in readers[node]) - 1)
    return column


def _ordered(members: list[list[int]], steps: list[tuple[int, int]], count: int) -> np.ndarray:
    """The place of each in its column, with few edges that cross."""
    order = np.zeros(count)
    for mine in members:
        order[mine] = np.arange(len(mine))
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for one, other in steps:
        before[other].append(one)
        after[one].append(other)
    for sweep in range(SWEEPS):
        near, columns = (before, members) if sweep % 2 == 0 else (after, members[::-1])
        for mine in columns:
            middle = {place: np.mean(order[near[place]]) if near[place] else order[place] for place in mine}
            for lane, place in enumerate(sorted(mine, key=lambda place: (middle[place], order[place]))):
                order[place] = lane
    return order


def _way(start: np.ndarray, end: np.ndarray, leaves: bool) -> list[np.ndarray]:
    """From one place to the next; what leaves its band goes on at the left of the next."""
    gap = np.full((1, 2), np.nan)
    if not leaves:
        return [np.stack([start, end]), gap]
    right, left = np.array([1.0, start[1]]), np.array([0.0, end[1]])
    return [np.stack([start, right]), gap, np.stack([left, end]), gap]
