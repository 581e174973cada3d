"""Bytes as a network sees them: those of pictures from 0 to 1, all others as the numbers they are."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from cortex_lab.nn.graph.graph import Graph

SCALE = np.float32(1 / 255)
BEYOND = 2.0
"""Pictures from 0 to 1, changed a little or normalized a little, stay below."""
_said: set[str] = set()


def picture_inputs(graph: Graph) -> frozenset[str]:
    """The inputs whose bytes are pictures.

    Their rows are (height, width) or (height, width, channels), and no layer reads them as they are, as an
    Embedding reads ids.
    """
    return frozenset(
        name for name, shape in graph.inputs.items() if len(shape) in (2, 3) and not reads_raw(graph, name)
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


def note_scale(network: Any, inputs: Any) -> None:
    """Remember the scale of the pictures that a network is trained on: as `saw_bytes` and `saw_large`.

    Those are bytes, or other numbers that go far beyond 1. What it saw before counts unless this says
    otherwise.
    """
    named = inputs if isinstance(inputs, Mapping) else {next(iter(network.graph.inputs)): inputs}
    given = {name: named[name] for name in network.pictures if name in named}
    small = frozenset(name for name, values in given.items() if is_bytes(values))
    large = frozenset(name for name in set(given) - small if _largest(given[name]) > BEYOND)
    network.saw_bytes = network.saw_bytes - large | small
    network.saw_large = network.saw_large - small | large


def refuse_other_scale(network: Any, inputs: Mapping[str, np.ndarray]) -> None:
    """ValueError for pictures on another scale than those the network was trained on.

    Those are no bytes and go far beyond 1 where it was trained on bytes, or bytes where it was trained on
    others that do.
    """
    for name in network.saw_bytes & set(inputs):
        values = inputs[name]
        if not is_bytes(values) and values.size and values.max() > BEYOND:
            raise ValueError(
                f"input {name!r} goes up to {values.max():g} as {values.dtype}, and the network was trained "
                "on bytes, which are seen as 0 to 1; give bytes, x.astype('uint8'), or x / 255"
            )
    for name in network.saw_large & set(inputs):
        if is_bytes(inputs[name]):
            raise ValueError(
                f"input {name!r} is bytes, which are seen as 0 to 1, and the network was trained on other "
                "numbers, which go far beyond 1; give the numbers as for the training: x.astype('float32')"
            )


def say_how_bytes_are_seen(
    graph: Graph, inputs: Any, targets: Any, of_values: bool, of_byte_columns: Container[str] = ()
) -> None:
    """Warn, once in a process, of bytes that stay 0 to 255 where 0 to 1 may have been expected.

    `of_values` says whether a loss reads the targets as values, and not as the picture that an input is;
    `of_byte_columns` are the inputs that are columns of a table, all of bytes.
    Bytes that are only 0 and 1, and those that a layer wants as they are, need no word.
    """
    pictures = picture_inputs(graph)
    named = inputs if isinstance(inputs, Mapping) else {next(iter(graph.inputs)): inputs}
    for name, values in named.items():
        if name not in graph.inputs or name in pictures or reads_raw(graph, name):
            continue
        if _large(values) or (name in of_byte_columns and _largest(values) > 1):
            _say_once(
                f"input {name!r} is bytes in rows {values.shape[1:]}, which are taken as numbers, 0 to 255; "
                "divide by 255 if they are pixels, or give rows (height, width) or (height, width, channels)"
            )
    seen = [name for name in pictures if is_bytes(named.get(name))]
    if seen and of_values and _large(targets) and targets.ndim > 2:
        _say_once(
            f"targets are bytes and stay 0 to 255, while pictures of the input {seen[0]!r} become 0 to 1; "
            "divide the targets by 255 if the outputs are to be 0 to 1"
        )


def _large(values: Any) -> bool:
    return is_bytes(values) and _largest(values) > 1


def _largest(values: Any) -> float:
    # Of rows that are in no array, the first are looked at.
    found = values if isinstance(values, np.ndarray) else values.take(slice(0, 64))
    return float(found.max()) if found.size else 0.0


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        warnings.warn(text, UserWarning, stacklevel=4)
