"""What of an input a unit can see: the places that its value depends on, by the layers' geometry."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import numpy as np

from cortex_lab.nn.contract.layer import Layer, Shape, pair
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.activation import _Activation
from cortex_lab.nn.layers.conv1d import Conv1D
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.depthwise_conv2d import _Depthwise
from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.merging import Concatenate, _Merging
from cortex_lab.nn.layers.noise import _Noise
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import _Pooling
from cortex_lab.nn.layers.position_embedding import PositionEmbedding
from cortex_lab.nn.layers.prelu import PReLU
from cortex_lab.nn.layers.recurrent import _Recurrent
from cortex_lab.nn.layers.reshaping import Permute, Reshape
from cortex_lab.nn.layers.scaling import Normalization, Rescaling
from cortex_lab.nn.layers.time_distributed import TimeDistributed

Mask = np.ndarray


def receptive_field(graph: Graph, node: str, places: Mask) -> dict[str, Mask]:
    """By input of the graph, which of its values those at `places` of `node` may depend on, as it predicts.

    `places` is a bool for each value of a row of the node's output, and so are the answers, of the inputs;
    inputs that it does not depend on at all are left out. Convolutions, pooling, paddings and what works
    place by place are followed exactly but for channels; any other layer counts as one that sees all of its
    input. So nothing outside can matter, while something inside may not (Araujo et al. 2019, "Computing
    Receptive Fields of Convolutional Neural Networks"). KeyError for an unknown node.
    """
    seen: dict[str, Mask] = {node: np.asarray(places, bool)}
    for name in reversed(graph.ancestors(node)):
        placed, mask = graph.nodes[name], seen.get(name)
        if mask is None:
            continue
        if mask.shape != placed.out_shape:
            raise ValueError(f"places of {name!r} have shape {placed.out_shape}, got {mask.shape}")
        layer = placed.layer
        found = (
            (mask.reshape(placed.in_shapes[0]),) if layer.is_view else reads(layer, mask, placed.in_shapes)
        )
        for source, mine in zip(placed.inputs, found, strict=True):
            seen[source] = seen[source] | mine if source in seen else mine
    return {name: seen[name] for name in graph.inputs if name in seen}


@singledispatch
def reads(layer: Layer, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    """Which values of each input the output's values in `mask` may depend on; all, of an unknown layer."""
    return tuple(np.full(shape, bool(mask.any())) for shape in shapes)


def _same(layer: Layer, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return (mask, *(np.full(shape, bool(mask.any())) for shape in shapes[1:]))


for _kind in (_Noise, BatchNormalization, PositionEmbedding, PReLU, Normalization, Rescaling):
    reads.register(_kind, _same)


@reads.register
def _(layer: _Activation, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    by_itself = getattr(layer, "function", None) not in ("softmax", "log_softmax")
    return (mask if by_itself else _along_last(mask, shapes[0]),)


@reads.register
def _(layer: Dense, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return (_along_last(mask, shapes[0]),)


@reads.register
def _(layer: Embedding, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return (np.asarray(mask.any(axis=-1)).reshape(shapes[0]),)


@reads.register
def _(layer: Permute, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return (mask.transpose(np.argsort([axis - 1 for axis in layer.dims])),)


@reads.register
def _(layer: Reshape, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return (mask.reshape(shapes[0]),)


@reads.register
def _(layer: TimeDistributed, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    steps = mask.reshape(len(mask), -1).any(axis=1)
    return tuple(_of_steps(steps, shape) for shape in shapes)


@reads.register
def _(layer: _Recurrent, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    steps = np.full(shapes[0][0], bool(mask.any()))
    if layer.return_sequences and not layer.go_backwards and not layer.return_state:
        # No step sees one after it.
        steps = np.arange(len(mask)) <= np.flatnonzero(mask.any(axis=1)).max(initial=-1)
    return (_of_steps(steps, shapes[0]), *(np.full(shape, bool(mask.any())) for shape in shapes[1:]))


@reads.register
def _(layer: _Merging, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return tuple(_narrowed(mask, shape) for shape in shapes)


@reads.register
def _(layer: Concatenate, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    axis = layer.axis - 1 if layer.axis > 0 else layer.axis
    ends = np.cumsum([shape[axis] for shape in shapes])[:-1]
    return tuple(np.split(mask, ends, axis=axis))


@reads.register
def _(layer: Conv1D, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return _convolved(layer, mask, shapes, (1, layer.kernel_size))


@reads.register
def _(layer: Conv2D, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return _convolved(layer, mask, shapes, pair("kernel_size", layer.kernel_size))


@reads.register
def _(layer: _Depthwise, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    return _convolved(layer, mask, shapes, pair("kernel_size", layer.kernel_size))


def _convolved(layer: Any, mask: Mask, shapes: tuple[Shape, ...], window: Any) -> tuple[Mask, ...]:
    strides, padding, dilation, *_ = layer.constants(*shapes)["geometry"]
    flat = _slid(mask.any(axis=-1, keepdims=True), (*shapes[0][:-1], 1), window, strides, padding, dilation)
    return (np.broadcast_to(flat, shapes[0]),)


@reads.register
def _(layer: _Pooling, mask: Mask, shapes: tuple[Shape, ...]) -> tuple[Mask, ...]:
    window, strides, padding = layer.constants(*shapes)["geometry"]
    return (_slid(mask, shapes[0], window, strides, padding, (1, 1)),)


def _slid(mask: Mask, shape: Shape, window: Any, strides: Any, padding: Any, dilation: Any) -> Mask:
    """Where in a picture of this shape, or a sequence, the windows lie that gave what is in `mask`."""
    # A sequence is a picture one pixel high.
    image = mask if mask.ndim == 3 else mask[None]
    size = shape[:2] if len(shape) == 3 else (1, shape[0])
    rows, columns, channels = image.shape
    (top, _), (left, _) = padding
    # Room for windows that hang over the edge.
    reach = [(n - 1) * s + (w - 1) * d + 1 for n, s, w, d in
             zip((rows, columns), strides, window, dilation, strict=True)]  # fmt: skip
    padded = np.zeros((max(reach[0], size[0] + top), max(reach[1], size[1] + left), channels), bool)
    for i in range(window[0]):
        for j in range(window[1]):
            y, x = i * dilation[0], j * dilation[1]
            down = slice(y, y + (rows - 1) * strides[0] + 1, strides[0])
            padded[down, x : x + (columns - 1) * strides[1] + 1 : strides[1]] |= image
    return padded[top : top + size[0], left : left + size[1]].reshape(shape)


def _along_last(mask: Mask, shape: Shape) -> Mask:
    return np.broadcast_to(mask.any(axis=-1, keepdims=True), shape)


def _of_steps(steps: Mask, shape: Shape) -> Mask:
    return np.broadcast_to(steps.reshape(len(steps), *(1,) * (len(shape) - 1)), shape)


def _narrowed(mask: Mask, shape: Shape) -> Mask:
    """What was broadcast to the shape of `mask`, seen from one that is smaller."""
    wide = (*(1,) * (mask.ndim - len(shape)), *shape)
    axes = tuple(k for k, (small, large) in enumerate(zip(wide, mask.shape, strict=True)) if small < large)
    found = np.asarray(mask.any(axis=axes, keepdims=True) if axes else mask)
    assert math.prod(shape) == found.size
    return found.reshape(shape)
