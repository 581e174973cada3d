"""Operators of ONNX that have weights, slide over images, or normalize."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.interop.onnx_in.folding import folded, ints, looked, room
from cortex_lab.interop.onnx_in.reader import (
    BATCH,
    HeldTensor,
    OnnxReader,
    OperatorCall,
    axis_of,
    channels_last,
    counted,
    operator,
    refuse,
)
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.window import resolve_span


def weight(call: OperatorCall, place: int, what: str, *rank: int) -> np.ndarray:
    """Weights that are in the file, with so many axes."""
    found = call.known(place, what)
    if found is None or found.dtype.kind != "f" or found.ndim not in rank:
        refuse(f"has no {what} of {' or '.join(map(str, rank))} axes")
    return found


@operator("Gemm")
def gemm(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value, kernel = call.held(), weight(call, 1, "weights", 2)
    call.only("transA", 0)
    kernel = kernel.T if call.take("transB", 0) else kernel
    kernel = kernel * call.take("alpha", 1.0)
    bias, beta = call.known(2, "bias"), call.take("beta", 1.0)
    if len(value.order) != 2:
        refuse(f"reads rows of {value.shape}, and wants one axis")
    weights = {"kernel": kernel}
    if bias is not None:
        weights["bias"] = beta * np.broadcast_to(np.asarray(bias).reshape(-1), kernel.shape[1:])
    return reader.add(
        ours.Dense(kernel.shape[1], use_bias=bias is not None), [reader.plain(value)], **weights
    )


@operator("MatMul")
def matmul(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    other = call.reads[1]
    if isinstance(other, HeldTensor):
        if len(value.order) != 3 or len(other.order) != 3:
            refuse(
                f"multiplies tensors of {len(value.order)} and {len(other.order)} axes, and 3 each are read"
            )
        return reader.add(ours.Dot((2, 1)), [reader.plain(value), reader.plain(call.held(1))])
    kernel = weight(call, 1, "weights", 2)
    return reader.add(ours.Dense(kernel.shape[1], use_bias=False), [reader.plain(value)], kernel=kernel)


@operator("Gather")
def gather(reader: OnnxReader, call: OperatorCall) -> Any:
    axis, table, places = call.take("axis", 0), call.reads[0], call.reads[1]
    if folded(call):
        rows, found = np.asarray(table), np.asarray(places, np.int64)
        room((found.size, rows.size // max(rows.shape[axis], 1)))
        return looked(np.take(rows, found, axis))
    if isinstance(table, np.ndarray):
        if not isinstance(places, HeldTensor) or not places.whole or axis or table.ndim != 2:
            refuse("looks up what is no table of vectors, or by what are no ids of an input")
        return reader.add(ours.Embedding(*table.shape), [places.node], embeddings=table)
    value, place = call.held(), np.asarray(call.known(1, "places"))
    axis = axis_of(value, axis)
    if place.ndim or not isinstance(value.dims[axis], int):
        refuse("picks several places, and one alone is read")
    length, at = value.dims[axis], int(place)
    at = at + length if at < 0 else at
    if not 0 <= at < length:
        refuse(f"picks place {at} of {length}")
    return reader.without(_cut(reader, value, {axis: (at, length - 1 - at)}), [axis])


# Convolutions -----------------------------------------------------------------------------------------------


def _window(call: OperatorCall, size: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Strides, dilations and the padding (before, after) of each axis."""
    rank = len(size)
    strides, dilations = (call.take(name) or [1] * rank for name in ("strides", "dilations"))
    pads, auto = call.take("pads"), call.take("auto_pad", "NOTSET")
    given = call.take("kernel_shape")
    if given is not None and tuple(given) != tuple(kernel):
        refuse(f"says a window of {given}, and has one of {list(kernel)}")
    if len(strides) != rank or len(dilations) != rank or min(*strides, *dilations) < 1:
        refuse(f"has strides {strides} and dilations {dilations} for {rank} axes")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        spans = [resolve_span("same", *each) for each in zip(size, kernel, strides, dilations, strict=True)]
        spans = spans if auto == "SAME_UPPER" else [(after, before) for before, after in spans]
    else:
        pads = pads or [0] * 2 * rank
        if auto not in ("NOTSET", "VALID") or len(pads) != 2 * rank or min(pads) < 0:
            refuse(f"has pads={pads} and auto_pad={auto}, which cortex_lab does not have")
        spans = list(zip(pads[:rank], pads[rank:], strict=True))
    return tuple(strides), tuple(dilations), tuple(spans)


def _of_images(reader: OnnxReader, call: OperatorCall) -> tuple[str, tuple[int, ...], int, tuple[int, ...]]:
    """What a sliding window reads, channels last: the node, the size, the channels and the order."""
    value = call.held()
    rank = len(value.order)
    if rank not in (3, 4):
        refuse(f"slides over {rank - 2} axes, and 1 or 2 are read")
    node = reader.images(value)
    *size, channels = reader.shapes[node]
    return node, tuple(size), channels, channels_last(rank)


@operator("Conv")
def conv(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    node, size, channels, order = _of_images(reader, call)
    kernel, bias = weight(call, 1, "kernel", len(order)), call.known(2, "bias")
    groups, filters, window = call.take("group", 1), kernel.shape[0], kernel.shape[2:]
    strides, dilations, spans = _window(call, size, window)
    weights = {} if bias is None else {"bias": bias}
    if groups < 1 or channels % groups or kernel.shape[1] != channels // groups:
        refuse(f"has a kernel of {kernel.shape} in {groups} groups for {channels} channels")
    ends: dict[str, Any] = {"use_bias": bias is not None}
    turned = np.moveaxis(kernel, (0, 1), (-1, -2))
    if len(size) == 1:
        layer: Any = ours.Conv1D(filters, window[0], strides[0], spans[0], None, dilations[0], groups, **ends)
    elif groups == channels and groups > 1 and filters % channels == 0:
        layer = ours.DepthwiseConv2D(window, strides, spans, filters // channels, None, dilations, **ends)
        turned = kernel.reshape(channels, -1, *window).transpose(2, 3, 0, 1)
    else:
        layer = ours.Conv2D(filters, window, strides, spans, None, dilations, groups, **ends)
    return reader.add(layer, [node], order, kernel=turned, **weights)


@operator("ConvTranspose")
def conv_transpose(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    node, size, channels, order = _of_images(reader, call)
    kernel, bias = weight(call, 1, "kernel", 4), call.known(2, "bias")
    call.only("group", 1)
    call.only("output_shape", None)
    call.only("auto_pad", "NOTSET", "VALID")
    extra = call.take("output_padding") or [0, 0]
    strides, dilations, spans = _window(call, size, kernel.shape[2:])
    if len(size) != 2 or kernel.shape[0] != channels:
        refuse(f"has a kernel of {kernel.shape} for images of {channels} channels")
    weights = {"kernel": kernel.transpose(2, 3, 1, 0), **({} if bias is None else {"bias": bias})}
    layer = ours.Conv2DTranspose(
        kernel.shape[1], kernel.shape[2:], strides, spans, tuple(extra), None, dilations, bias is not None
    )
    return reader.add(layer, [node], order, **weights)


@operator("MaxPool", "AveragePool")
def pool(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    node, size, _, order = _of_images(reader, call)
    window = tuple(int(n) for n in call.take("kernel_shape") or ())
    if len(window) != len(size):
        refuse(f"has a window of {window} for {len(size)} axes")
    ceil = bool(call.take("ceil_mode", 0))
    counted = {} if call.kind == "MaxPool" else {"count_padding": bool(call.take("count_include_pad", 0))}
    call.only("storage_order", 0)
    strides, dilations, spans = _window(call, size, window)
    if set(dilations) != {1}:
        refuse("has dilations, which pooling does not have here")
    kinds = {"MaxPool": (ours.MaxPooling1D, ours.MaxPooling2D),
             "AveragePool": (ours.AveragePooling1D, ours.AveragePooling2D)}  # fmt: skip
    if len(size) == 1:
        layer: Any = kinds[call.kind][0](window[0], strides[0], spans[0], ceil, **counted)
    else:
        layer = kinds[call.kind][1](window, strides, spans, ceil, **counted)
    return reader.add(layer, [node], order)


@operator("GlobalAveragePool", "GlobalMaxPool")
def pool_of_all(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    node, size, _, order = _of_images(reader, call)
    kind = "Average" if "Average" in call.kind else "Max"
    return reader.add(getattr(ours, f"Global{kind}Pooling{len(size)}D")(True), [node], order)


# Normalizations ---------------------------------------------------------------------------------------------


@operator("BatchNormalization")
def batch_normalization(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    call.only("training_mode", 0)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {name: weight(call, k + 1, name, 1) for k, name in enumerate(names)}
    # What remains of the average there is what goes into it here.
    layer = ours.BatchNormalization(-1, call.take("momentum", 0.9), call.take("epsilon", 1e-5))
    call.take("spatial")
    return reader.add(layer, [reader.images(value)], channels_last(len(value.order)), **weights)


@operator("InstanceNormalization", "GroupNormalization")
def group_normalization(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    node = reader.images(value)
    channels, groups = reader.shapes[node][-1], call.take("num_groups", -1)
    call.take("stash_type")
    gamma, beta = (weight(call, k, "scale", 1) for k in (1, 2))
    if call.kind == "GroupNormalization" and groups < 1:
        refuse(f"has {groups} groups")
    if groups > 0 and len(gamma) == groups and reader.opset < 21:
        gamma, beta = (np.repeat(each, channels // groups) for each in (gamma, beta))
    layer = ours.GroupNormalization(groups, -1, call.take("epsilon", 1e-5))
    return reader.add(layer, [node], channels_last(len(value.order)), gamma=gamma, beta=beta)


@operator("LayerNormalization", "RMSNormalization")
def layer_normalization(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    first = axis_of(value, call.take("axis", -1))
    if value.order[0] != 0:
        refuse("reads rows along another axis than the first")
    epsilon = call.take("epsilon", 1e-5)
    call.take("stash_type")
    node = reader.plain(value)
    lengths = reader.shapes[node][first - 1 :]
    scale, shift = call.known(1, "scale"), call.known(2, "bias")
    weights = {} if shift is None else {"beta": np.broadcast_to(shift, lengths)}
    axes, scale = tuple(range(first, len(value.order))), np.broadcast_to(scale, lengths)
    if call.kind == "RMSNormalization":
        return reader.add(ours.RMSNormalization(axes, epsilon), [node], scale=scale)
    layer = ours.LayerNormalization(axes, epsilon, center=shift is not None)
    return reader.add(layer, [node], gamma=scale, **weights)


@operator("LRN")
def local_response(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value, size = call.held(), call.take("size")
    if size % 2 == 0:
        refuse(f"has a window of {size}, which is not in the middle; an odd one is read")
    names = {"alpha": 1e-4, "beta": 0.75, "bias": 1.0}
    alpha, beta, bias = (call.take(name, default) for name, default in names.items())
    layer = ours.LocalResponseNormalization(size, alpha, beta, bias)
    return reader.add(layer, [reader.images(value)], channels_last(len(value.order)))


# Larger and smaller -----------------------------------------------------------------------------------------


@operator("Pad")
def pad(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    pads, number = ints(call.known(1, "pads")), call.known(2, "value", np.zeros(1))
    axes = call.known(3, "axes")
    call.only("mode", "constant")
    rank = len(value.order)
    at = list(range(rank)) if axes is None else counted(ints(axes), rank)
    if np.any(number) or len(pads) != 2 * len(at):
        refuse("pads with something else than zeros")
    edges = {axis: (pads[k], pads[k + len(at)]) for k, axis in enumerate(at) if pads[k] or pads[k + len(at)]}
    if any(min(edge) < 0 for edge in edges.values()):
        cuts = {axis: (max(-a, 0), max(-b, 0)) for axis, (a, b) in edges.items()}
        value = _cut(reader, value, cuts)
        edges = {axis: (max(a, 0), max(b, 0)) for axis, (a, b) in edges.items()}
    return _bordered(reader, value, edges, "ZeroPadding")


_TO_THE_END = 10**9
"""What exporters write for an end that is wherever the axis ends."""


@operator("Slice")
def cut(reader: OnnxReader, call: OperatorCall) -> Any:
    starts, ends = (ints(call.known(k, "limits")) for k in (1, 2))
    axes, steps = (call.known(k, "axes and steps") for k in (3, 4))
    value = call.reads[0]
    axes = list(range(len(starts))) if axes is None else ints(axes)
    steps = [1] * len(starts) if steps is None else ints(steps)
    if isinstance(value, np.ndarray):
        slices = [slice(None)] * value.ndim
        axes = counted(axes, value.ndim)
        for axis, *limits in zip(axes, starts, ends, steps, strict=True):
            slices[axis] = slice(*limits)
        return value[tuple(slices)]
    if set(steps) != {1}:
        refuse(f"goes in steps of {steps}, and 1 alone is read")
    edges = {}
    axes = counted(axes, len(call.held().order))
    for axis, start, end in zip(axes, starts, ends, strict=True):
        if call.held().dims[axis] is BATCH and start == 0 and end >= _TO_THE_END:
            continue
        axis = axis_of(call.held(), axis)
        first, last, _ = slice(start, end).indices(call.held().dims[axis])
        edges[axis] = (first, call.held().dims[axis] - max(last, first))
    return _cut(reader, call.held(), edges)


def _cut(reader: OnnxReader, value: HeldTensor, edges: dict[int, tuple[int, int]]) -> HeldTensor:
    return _bordered(reader, value, {axis: edge for axis, edge in edges.items() if any(edge)}, "Cropping")


def _bordered(
    reader: OnnxReader, value: HeldTensor, edges: dict[int, tuple[int, int]], kind: str
) -> HeldTensor:
    """Edges added to a tensor or cut off it, by axis as ONNX counts them."""
    rank = len(value.order)
    places = {value.order[axis]: edge for axis, edge in edges.items()}
    if 0 in places:
        refuse("adds or leaves out rows of the batch, which a layer of cortex_lab never does")
    if not places:
        return reader.add(ours.Activation("linear"), [value.node], value.order)
    wide = value
    if rank == 2:
        # A vector, as a sequence of numbers.
        node = reader.add(ours.Reshape((*value.shape, 1)), [value.node]).node
        found = reader.add(getattr(ours, f"{kind}1D")(places[1]), [node])
        return reader.add(ours.Flatten(), [found.node])
    if rank not in (3, 4):
        refuse(f"has {rank} axes, and at most 4 are read")
    order = value.order
    if rank - 1 in places:
        # Its channels here: turn it so that they are another axis.
        other = next((axis for axis in range(1, rank - 1) if axis not in places), None)
        if other is None:
            refuse("adds or leaves out edges along all axes")
        swapped = [axis if axis not in (other, rank - 1) else other + rank - 1 - axis for axis in range(rank)]
        order = tuple(swapped[axis] for axis in value.order)
        wide = HeldTensor(reader.arrange(value, order), (), order)
        places = {swapped[axis]: edge for axis, edge in places.items()}
    spans = tuple(places.get(axis, (0, 0)) for axis in range(1, rank - 1))
    layer = getattr(ours, f"{kind}{rank - 2}D")(spans[0] if rank == 3 else spans)
    return reader.add(layer, [wide.node], order)


@operator("Resize")
def resize(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    node, size, _, order = _of_images(reader, call)
    scales, sizes = call.known(2, "scales"), call.known(3, "sizes")
    if scales is not None and scales.size:
        given = scales.reshape(-1).tolist()
    elif sizes is not None:
        given = [1.0, 1.0, *(n / own for n, own in zip(ints(sizes)[2:], size, strict=True))]
    else:
        refuse("does not say how large it becomes")
    factors = given[2:]
    way = call.take("mode", "nearest"), call.take("coordinate_transformation_mode", "half_pixel")
    rounding = call.take("nearest_mode", "round_prefer_floor")
    for name in ("cubic_coeff_a", "exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy"):
        call.take(name)
    call.only("antialias", 0)
    call.only("axes", None)
    if len(given) != len(order) or given[:2] != [1, 1] or any(f != int(f) or f < 1 for f in factors):
        refuse(f"makes images {factors} times as large, and whole numbers are read")
    # Pixels repeated, or weighted by how near their centers are; other roundings shift the picture.
    known = {
        ("nearest", "asymmetric"): ("floor",),
        ("nearest", "half_pixel"): ("round_prefer_floor", "round_prefer_ceil"),
        ("linear", "half_pixel"): (rounding,),
        ("linear", "pytorch_half_pixel"): (rounding,) if min(size) > 1 else (),
    }
    if rounding not in known.get(way, ()):
        refuse(f"enlarges by {way[0]}, {way[1]} and {rounding}, which cortex_lab does not")
    whole = tuple(int(f) for f in factors)
    if len(size) == 1:
        if way[0] == "linear":
            refuse("enlarges a sequence by linear, which cortex_lab does not")
        return reader.add(ours.UpSampling1D(whole[0]), [node], order)
    return reader.add(
        ours.UpSampling2D(whole, "bilinear" if way[0] == "linear" else "nearest"), [node], order
    )
