"""Bytes as a network sees them: those of pictures from 0 to 1, all others as the numbers they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.nn.graph import Graph

SCALE = np.float32(1 / 255)


def picture_inputs(graph: Graph) -> frozenset[str]:
    """The inputs whose bytes are pictures.

    Their rows are (height, width) or (height, width, channels), and no layer reads them as they are, as an
    Embedding reads ids.
    """
    return frozenset(
        name
        for name, shape in graph.inputs.items()
        if len(shape) in (2, 3) and not reads_raw(graph, name)
    )


def reads_raw(graph: Graph, name: str) -> bool:
    """Whether a layer that reads `name`, also in another shape, wants bytes as they are."""
    layers = {reader: graph.nodes[reader].layer for reader in graph.consumers[name]}
    return any(
        layer.reads_raw or (layer.is_view and reads_raw(graph, reader)) for reader, layer in layers.items()
    )


def targets_are_pictures(graph: Graph, batches: Any) -> bool:
    """Whether the targets that `batches` serves are one of its inputs, whose bytes are pictures."""
    name = getattr(batches, "targets_are", None)
    if name not in graph.inputs and name is not None:
        name = next(iter(graph.inputs))
    return name in picture_inputs(graph)


def as_picture(values: Any) -> Any:
    """Bytes as float32 from 0 to 1; anything else as it is."""
    return np.multiply(values, SCALE, dtype=np.float32) if is_bytes(values) else values


def is_bytes(values: Any) -> bool:
    return getattr(values, "dtype", None) == np.uint8
