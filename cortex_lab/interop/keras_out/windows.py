"""Convolutions and pooling in Keras, which knows no border but "valid" and "same": others become layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_out.settings import Piece, Pieces, activation_name, listed, written
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.layer import Shape, pair
from cortex_lab.nn.contract.window import resolve_padding, resolve_span

Shapes = tuple[Shape, ...]
NONE = ((0, 0), (0, 0))


@written(ours.Conv2D)
def conv2d(layer: ours.Conv2D, shapes: Shapes) -> Pieces:
    padding, before = _border(layer, layer.kernel_size, shapes[0])
    settings = {"filters": layer.filters, "groups": layer.groups, "padding": padding}
    return Pieces("Conv2D", {**settings, **_window(layer)}, before)


@written(ours.DepthwiseConv2D)
def depthwise_conv2d(layer: ours.DepthwiseConv2D, shapes: Shapes) -> Pieces:
    padding, before = _border(layer, layer.kernel_size, shapes[0])
    settings = {"depth_multiplier": layer.depth_multiplier, "padding": padding}
    return _alone(Pieces("DepthwiseConv2D", {**settings, **_window(layer)}, before))


@written(ours.SeparableConv2D)
def separable_conv2d(layer: ours.SeparableConv2D, shapes: Shapes) -> Pieces:
    padding, before = _border(layer, layer.kernel_size, shapes[0])
    settings = {"filters": layer.filters, "depth_multiplier": layer.depth_multiplier, "padding": padding}
    return _alone(Pieces("SeparableConv2D", {**settings, **_window(layer)}, before))


@written(ours.Conv1D)
def conv1d(layer: ours.Conv1D, shapes: Shapes) -> Pieces:
    padding, before = layer.padding, ()
    span = resolve_span(padding, shapes[0][0], layer.kernel_size, layer.strides, layer.dilation_rate)
    if padding not in ("valid", "same", "causal") or (padding == "causal" and layer.strides > 1):
        padding, before = "valid", _zeros(1, span)
    settings = {"filters": layer.filters, "groups": layer.groups, "padding": padding}
    return Pieces("Conv1D", {**settings, **_window(layer)}, before)


@written(ours.Conv2DTranspose)
def conv2d_transpose(layer: ours.Conv2DTranspose, shapes: Shapes) -> Pieces:
    padding, extra, behind = layer.padding, layer.output_padding, ()
    if padding not in ("valid", "same"):
        if layer.activation == "softmax":
            raise Untranslatable("has a border of its own and a softmax; make the softmax a layer behind it")
        # What Keras gives with "valid" is everything that the kernel touches, and at least the strides.
        height, width, _ = layer.out_shape(*shapes)
        strides, window = pair("strides", layer.strides), pair("kernel_size", layer.kernel_size)
        dilation, starts = pair("dilation_rate", layer.dilation_rate), _starts(layer)
        full = [
            (length - 1) * stride + max((size - 1) * rate + 1, stride)
            for length, stride, size, rate in zip(shapes[0], strides, window, dilation, strict=False)
        ]
        ends = [f - start - length for f, start, length in zip(full, starts, (height, width), strict=True)]
        if min(ends) < 0:
            raise Untranslatable("adds an output_padding to a border of its own, which Keras does not")
        padding, extra = "valid", None
        cropping = [[start, end] for start, end in zip(starts, ends, strict=True)]
        behind = (("Cropping2D", {"cropping": cropping}),) if any(map(any, cropping)) else ()
    settings = {"filters": layer.filters, "padding": padding, "output_padding": listed(extra)}
    return Pieces("Conv2DTranspose", {**settings, **_window(layer)}, behind=behind)


def _starts(layer: ours.Conv2DTranspose) -> tuple[int, int]:
    padding = resolve_padding(layer.padding, (1, 1), (1, 1), (1, 1), (1, 1))
    return padding[0][0], padding[1][0]


def _window(layer: Any) -> dict[str, Any]:
    names = ("kernel_size", "strides", "dilation_rate")
    found = {name: listed(getattr(layer, name)) for name in names}
    return {**found, "activation": activation_name(layer.activation), "use_bias": layer.use_bias}


def _alone(pieces: Pieces) -> Pieces:
    """One stride for both ways, as Keras wants it of filters by channel, where it is one."""
    strides = pieces.settings["strides"]
    if isinstance(strides, list) and len(set(strides)) > 1:
        raise Untranslatable(f"has the strides {tuple(strides)}, and Keras wants the same both ways here")
    return pieces


def _border(layer: Any, size: Any, shape: Shape) -> tuple[str, tuple[Piece, ...]]:
    """The padding of Keras, and a layer before that does what it does not."""
    if layer.padding in ("valid", "same"):
        return layer.padding, ()
    window, strides = pair("size", size), pair("strides", layer.strides or size)
    dilation = pair("dilation_rate", getattr(layer, "dilation_rate", 1))
    border = resolve_padding(layer.padding, shape[:2], window, strides, dilation)
    if border == resolve_padding("same", shape[:2], window, strides, dilation) != NONE:
        return "same", ()
    return "valid", _zeros(2, border)


def _zeros(rank: int, border: Any) -> tuple[Piece, ...]:
    if border in (NONE, (0, 0)):
        return ()
    return ((f"ZeroPadding{rank}D", {"padding": listed(border)}),)


@written(ours.MaxPooling2D)
def max_pooling_2d(layer: ours.MaxPooling2D, shapes: Shapes) -> Pieces:
    padding, before = _pooled(layer, shapes, 2)
    if before:
        raise Untranslatable('has a border that is not Keras\' "same"; zeros would count in a maximum')
    return Pieces("MaxPooling2D", _pool(layer, padding))


@written(ours.MaxPooling1D)
def max_pooling_1d(layer: ours.MaxPooling1D, shapes: Shapes) -> Pieces:
    padding, before = _pooled(layer, shapes, 1)
    if before:
        raise Untranslatable('has a border that is not Keras\' "same"; zeros would count in a maximum')
    return Pieces("MaxPooling1D", _pool(layer, padding))


@written(ours.AveragePooling2D)
def average_pooling_2d(layer: ours.AveragePooling2D, shapes: Shapes) -> Pieces:
    return _average(layer, shapes, 2)


@written(ours.AveragePooling1D)
def average_pooling_1d(layer: ours.AveragePooling1D, shapes: Shapes) -> Pieces:
    return _average(layer, shapes, 1)


def _average(layer: Any, shapes: Shapes, rank: int) -> Pieces:
    padding, before = _pooled(layer, shapes, rank)
    if layer.count_padding and padding == "same":
        _, _, border = layer._geometry(shapes[0])
        padding, before = "valid", _zeros(rank, border if rank == 2 else border[1])
    elif before and not layer.count_padding:
        raise Untranslatable('has a border that is not Keras\' "same", and does not count it')
    return Pieces(f"AveragePooling{rank}D", _pool(layer, padding), before)


def _pooled(layer: Any, shapes: Shapes, rank: int) -> tuple[str, tuple[Piece, ...]]:
    window, strides, border = layer._geometry(shapes[0])
    if layer.ceil_mode and not _same_without_ceil(layer, shapes):
        raise Untranslatable("keeps a last window that hangs over the edge (ceil_mode), which Keras does not")
    same = resolve_padding("same", (1, *shapes[0])[-3:-1], window, strides, (1, 1))
    if border == NONE:
        return "valid", ()
    return ("same", ()) if border == same else ("valid", _zeros(rank, border if rank == 2 else border[1]))


def _same_without_ceil(layer: Any, shapes: Shapes) -> bool:
    try:
        return layer.out_shape(*shapes) == replace(layer, ceil_mode=False).out_shape(*shapes)
    except ValueError:
        return False


def _pool(layer: Any, padding: str) -> dict[str, Any]:
    return {"pool_size": listed(layer.pool_size), "strides": listed(layer.strides), "padding": padding}


@written(
    ours.GlobalAveragePooling1D, ours.GlobalAveragePooling2D, ours.GlobalMaxPooling1D,
    ours.GlobalMaxPooling2D,
)  # fmt: skip
def pooling_of_all(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces(type(layer).__name__, {"keepdims": layer.keepdims})
