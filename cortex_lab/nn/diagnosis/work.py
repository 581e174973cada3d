"""How long things take by the work in them: what is found must not depend on how busy a machine is."""

from __future__ import annotations

import math
from typing import Any

A_STEP, A_LAYER, A_BATCH, A_ROW = 1e-4, 3e-5, 5e-5, 2e-6
"""Seconds, whatever the sizes, on a machine of no great speed."""
A_MULTIPLY_ADD, A_NUMBER = 2e-10, 1e-9
PASSES = 3  # of a step: forward, and back to inputs and to weights
AHEAD = 100  # times as many numbers a GPU goes through
UNLIKE, LONG = 30, 0.05
"""A step that is measured to take so many times as long, and so many seconds, does work that is not seen."""
PATIENCE = 8
"""Times as long as it should take is what anything may take at most, by the clock."""


def step_seconds(training: Any, measured: float = 0.0) -> float:
    """How long a step should take; as `measured` only if there is more to it than arithmetic."""
    network, graph = training.network, training.network.graph
    multiplied = sum(node.layer.multiply_adds(*node.in_shapes) for node in graph.nodes.values())
    numbers = sum(math.prod(node.out_shape) for node in graph.nodes.values())
    per_row = PASSES * (A_MULTIPLY_ADD * multiplied + A_NUMBER * numbers)
    weights = PASSES * A_NUMBER * sum(math.prod(array.shape) for array in network.parameters.values())
    arithmetic = training.batches.batch_size * per_row + weights
    if network.ops.name != "cpu":
        arithmetic /= AHEAD
    should = A_STEP + A_LAYER * len(graph.nodes) + arithmetic
    return measured if measured > max(UNLIKE * should, LONG) else should


def look_seconds(rows: int, numbers: int) -> float:
    """How long it should take to fetch and look at a batch."""
    return A_BATCH + A_ROW * rows + A_NUMBER * numbers
