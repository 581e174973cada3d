"""Operators of ONNX that are activations, arithmetic and moves of axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.interop.onnx_in.folding import arithmetic, folded, ints, looked
from cortex_lab.interop.onnx_in.reader import (
    BATCH,
    IDENTITY,
    HeldTensor,
    OnnxReader,
    OperatorCall,
    axis_of,
    channels_last,
    counted,
    operator,
    refuse,
)
from cortex_lab.nn import Node
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.layer import Layer

_PLAIN: dict[str, Layer] = {
    "Relu": ours.ReLU(), "Sigmoid": ours.Sigmoid(), "HardSwish": ours.HardSwish(), "Tanh": ours.Tanh(),
    "Softplus": ours.Softplus(), "Softsign": ours.Softsign(), "Exp": ours.Exponential(), "Mish": ours.Mish(),
    "Neg": ours.Rescaling(-1.0),
}  # fmt: skip


def each(reader: OnnxReader, value: HeldTensor, *layers: Layer) -> HeldTensor:
    """Layers that work element by element, in whatever order the axes are."""
    for layer in layers:
        value = reader.add(layer, [value.node], value.order)
    return value


@operator(*_PLAIN)
def plain(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    return each(reader, call.held(), _PLAIN[call.kind])


@operator("Identity")
def identity(reader: OnnxReader, call: OperatorCall) -> Any:
    value = call.reads[0]
    if not isinstance(value, HeldTensor) or value.whole:
        return value
    return each(reader, value, IDENTITY)


@operator("LeakyRelu")
def leaky_relu(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    return each(reader, call.held(), ours.LeakyReLU(call.take("alpha", 0.01)))


@operator("Elu")
def elu(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    return each(reader, call.held(), ours.ELU(call.take("alpha", 1.0)))


@operator("Selu")
def selu(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    alpha, gamma = call.take("alpha", 1.6732632), call.take("gamma", 1.0507010)
    if abs(alpha - 1.6732632) > 1e-5 or abs(gamma - 1.0507010) > 1e-5:
        refuse(f"is a SELU of alpha {alpha} and gamma {gamma}, which cortex_lab does not have")
    return each(reader, call.held(), ours.SELU())


@operator("HardSigmoid")
def hard_sigmoid(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    alpha, beta = call.take("alpha", 0.2), call.take("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return each(reader, call.held(), ours.HardSigmoid())
    return each(reader, call.held(), ours.Rescaling(alpha, beta), ours.ReLU(1.0))


@operator("Gelu")
def gelu(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    return each(reader, call.held(), ours.GELU(call.take("approximate", "none") == "tanh"))


@operator("Clip")
def clip(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    low, high = (call.known(k, "limits") for k in (1, 2))
    low, high = (None if limit is None else float(limit.reshape(-1)[0]) for limit in (low, high))
    if low is None or not math.isfinite(low):
        refuse("has no lower limit, and cortex_lab has what ends at 0 or above")
    if low == 0.0:
        return each(reader, call.held(), ours.ReLU(high))
    limit = None if high is None else high - low
    return each(reader, call.held(), ours.Rescaling(1.0, -low), ours.ReLU(limit), ours.Rescaling(1.0, low))


@operator("PRelu")
def prelu(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value, slope = call.held(), np.asarray(call.known(1, "slope"))
    wide = np.ones(len(value.order) - slope.ndim, int).tolist()
    slope = slope.reshape(*wide, *slope.shape)
    if slope.ndim != len(value.order) or slope.shape[0] != 1:
        refuse(f"has slopes of shape {slope.shape}, one for each row")
    slope = np.transpose(slope, np.argsort(value.order))[0]
    if any(n not in (1, own) for n, own in zip(slope.shape, value.shape, strict=True)):
        refuse(f"has slopes of shape {slope.shape} for rows of {value.shape}")
    shared = tuple(k + 1 for k, n in enumerate(slope.shape) if n == 1)
    return reader.add(ours.PReLU(shared_axes=shared or None), [value.node], value.order, alpha=slope)


@operator("Softmax", "LogSoftmax")
def softmax(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    axis = value.order[axis_of(value, call.take("axis", -1))]
    kind = ours.Softmax if call.kind == "Softmax" else ours.LogSoftmax
    return each(reader, value, kind(axis))


@operator("Dropout")
def dropout(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    ratio = float(np.asarray(call.known(1, "ratio", 0.5)).reshape(-1)[0])
    training = call.known(2, "training_mode", False)
    call.take("seed")
    if np.any(training):
        refuse("drops values outside training, too; export the model for inference")
    return each(reader, call.held(), ours.Dropout(ratio))


# Arithmetic -------------------------------------------------------------------------------------------------

_BOTH = {"Add": ours.Add(), "Sub": ours.Subtract(), "Mul": ours.Multiply(), "Sum": ours.Add(),
         "Mean": ours.Average(), "Max": ours.Maximum(), "Min": ours.Minimum()}  # fmt: skip


@operator("Add", "Sub", "Mul", "Div")
def arithmetic_of_two(reader: OnnxReader, call: OperatorCall) -> Any:
    if folded(call):
        return arithmetic(call)
    one, other = call.reads
    if isinstance(one, HeldTensor) and isinstance(other, HeldTensor):
        if call.kind == "Div":
            refuse("divides one tensor by another, which cortex_lab does not")
        return merged(reader, call, [call.held(0), call.held(1)])
    first = isinstance(one, HeldTensor)
    numbers = np.asarray(other if first else one)
    return with_numbers(reader, call.held(0 if first else 1), call.kind, numbers, first)


@operator("Sum", "Mean", "Max", "Min")
def arithmetic_of_several(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    values = [call.held(k) for k in range(len(call.reads))]
    return each(reader, values[0], IDENTITY) if len(values) == 1 else merged(reader, call, values)


def merged(reader: OnnxReader, call: OperatorCall, values: list[HeldTensor]) -> HeldTensor:
    layer = _BOTH[call.kind]
    if len({len(value.order) for value in values}) > 1:
        refuse("puts together tensors of different numbers of axes")
    if all(value.order == values[0].order for value in values):
        return reader.add(layer, [value.node for value in values], values[0].order)
    rank = len(values[0].order)
    order = values[0].order if values[0].order[0] == 0 else tuple(range(rank))
    return reader.add(layer, [reader.arrange(value, order) for value in values], order)


def with_numbers(
    reader: OnnxReader, value: HeldTensor, kind: str, numbers: np.ndarray, first: bool
) -> HeldTensor:
    """A tensor and numbers from the file: a bias, a scale, a position."""
    if numbers.dtype.kind not in "fi":
        refuse(f"reckons with {numbers.dtype}")
    numbers = numbers.astype(np.float64)
    if kind == "Div" and not first:
        refuse("divides numbers by a tensor, which cortex_lab does not")
    if numbers.size == 1:
        number = float(numbers.reshape(-1)[0])
        if kind == "Div" and not number:
            refuse("divides by 0")
        scale, offset = {"Add": (1.0, number), "Sub": (1.0, -number), "Mul": (number, 0.0),
                         "Div": (1 / (number or 1.0), 0.0)}[kind]  # fmt: skip
        if kind == "Sub" and not first:
            scale, offset = -1.0, number
        return each(reader, value, ours.Rescaling(scale, offset))
    rank = len(value.order)
    numbers = numbers.reshape(*[1] * (rank - numbers.ndim), *numbers.shape)
    if numbers.ndim != rank or numbers.shape[value.order.index(0)] != 1:
        refuse(f"reckons with numbers of shape {numbers.shape}, one for each row")
    rows = np.transpose(numbers, np.argsort(value.order))[0]
    if any(n not in (1, own) for n, own in zip(rows.shape, value.shape, strict=True)):
        refuse(f"reckons with numbers of shape {rows.shape} for rows of {value.shape}")
    if kind in ("Add", "Sub"):
        if kind == "Sub" and not first:
            value = each(reader, value, ours.Rescaling(-1.0))
        return _shifted(reader, value, -rows if kind == "Sub" and first else rows)
    if kind == "Div":
        if not rows.all():
            refuse("divides by 0")
        rows = 1 / rows
    if rows.shape == (*[1] * (rows.ndim - 1), value.shape[-1]):
        return reader.add(ours.LayerScale(), [value.node], value.order, gamma=rows.reshape(-1))
    if not (rows > 0).all():
        refuse("scales by numbers that are not all above 0, place by place, which cortex_lab does not")
    return each(reader, value, _normalization(rows, np.zeros_like(rows), rows**-2.0))


def _shifted(reader: OnnxReader, value: HeldTensor, rows: np.ndarray) -> HeldTensor:
    """Numbers added place by place: the bias of what comes before, a position, or a mean."""
    node, last = reader.nodes.get(value.node), all(n == 1 for n in rows.shape[:-1])
    layer: Any = node.layer if node else None
    kinds = (ours.Dense, ours.Conv1D, ours.Conv2D, ours.DepthwiseConv2D, ours.Conv2DTranspose)
    if last and node and isinstance(layer, kinds) and not layer.use_bias and reader.alone(value):
        from dataclasses import replace

        reader.nodes[value.node] = Node(replace(layer, use_bias=True), node.name, node.inputs)
        reader.weights[value.node, "bias"] = np.broadcast_to(rows.reshape(-1), value.shape[-1:])
        return value
    if rows.shape == value.shape and len(rows.shape) == 2:
        return reader.add(ours.PositionEmbedding(), [value.node], value.order, embeddings=rows)
    return each(reader, value, _normalization(rows, -rows, np.ones_like(rows)))


def _normalization(rows: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Layer:
    kept = [k for k, n in enumerate(rows.shape) if n > 1]
    lengths = [rows.shape[k] for k in kept]
    return ours.Normalization(tuple(k + 1 for k in kept), mean.reshape(lengths), variance.reshape(lengths))


# Axes -------------------------------------------------------------------------------------------------------


@operator("Transpose")
def transpose(reader: OnnxReader, call: OperatorCall) -> Any:
    value, perm = call.reads[0], call.take("perm")
    rank = value.ndim if isinstance(value, np.ndarray) else len(value.order)  # type: ignore[union-attr]
    perm = list(reversed(range(rank))) if perm is None else perm
    if sorted(perm) != list(range(rank)):
        refuse(f"has the order {perm} of {rank} axes")
    if isinstance(value, np.ndarray):
        return looked(np.transpose(value, perm))
    held = call.held()
    return HeldTensor(held.node, held.shape, tuple(held.order[axis] for axis in perm))


@operator("Flatten")
def flatten(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    value = call.held()
    axis = call.take("axis", 1)
    if axis not in (1, 1 - len(value.order)):
        refuse(f"has the axis {axis}, which flattens rows together or nothing")
    return reader.add(ours.Flatten(), [reader.plain(value)])


@operator("Reshape")
def reshape(reader: OnnxReader, call: OperatorCall) -> Any:
    wanted, allow_zero = np.asarray(call.known(1, "shape")).reshape(-1).tolist(), call.take("allowzero", 0)
    if folded(call):
        value: Any = call.reads[0]
        known = ints(wanted)
        known = [value.shape[k] if n == 0 and not allow_zero else n for k, n in enumerate(known)]
        return looked(value.reshape(known))
    value = call.held()
    dims = value.dims
    if not allow_zero:
        wanted = [dims[k] if n == 0 and k < len(dims) else n for k, n in enumerate(wanted)]
    place = dims.index(BATCH)
    fixed = next(iter(reader.batch.values()), None)
    if BATCH not in wanted:
        # Exported for so many rows, or with the number of rows left open.
        left = wanted[place] if place < len(wanted) else None
        rest = [n for k, n in enumerate(wanted) if k != place]
        whole = -1 not in rest and math.prod(rest) == math.prod(value.shape)
        if not (left == -1 and whole) and not (left == fixed and left is not None):
            refuse(f"makes {wanted} of {dims}, and the rows of the batch must stay what they are")
        wanted[place] = BATCH
    if wanted.index(BATCH) != place or wanted.count(BATCH) > 1 or wanted[:place] != list(dims[:place]):
        refuse(f"makes {wanted} of {dims}, and the rows of the batch must stay where they are")
    before, after = list(dims[:place]), wanted[place + 1 :]
    if after.count(-1) == 1:
        known = math.prod(n for n in after if n != -1)
        size = math.prod(dims[place + 1 :])
        after[after.index(-1)] = size // known if known and size % known == 0 else 0
    if not all(isinstance(n, int) and n > 0 for n in after):
        refuse(f"makes {wanted} of {dims}, which do not fit")
    # With the rows first, what stands before and behind them follows.
    moved = tuple(value.order[k] for k in (place, *range(place), *range(place + 1, len(dims))))
    found = reader.reshaped(HeldTensor(value.node, value.shape, moved), [*before, *after])
    return HeldTensor(found.node, found.shape, (*range(1, place + 1), 0, *range(place + 1, len(wanted))))


def _axes(call: OperatorCall, place: int) -> list[int] | None:
    found = call.take("axes")
    given = call.known(place, "axes")
    return found if found is not None else None if given is None else ints(given)


@operator("Squeeze")
def squeeze(reader: OnnxReader, call: OperatorCall) -> Any:
    axes, value = _axes(call, 1), call.reads[0]
    if isinstance(value, np.ndarray):
        return np.squeeze(value, None if axes is None else tuple(axes))
    held = call.held()
    if axes is None and 1 in reader.batch.values():
        refuse("leaves out all axes of length 1, the rows of the batch among them; export it with axes")
    axes = [k for k, n in enumerate(held.dims) if n == 1] if axes is None else axes
    return reader.without(held, [axis_of(held, axis) for axis in axes])


@operator("Unsqueeze")
def unsqueeze(reader: OnnxReader, call: OperatorCall) -> Any:
    axes, value = _axes(call, 1) or [], call.reads[0]
    if isinstance(value, np.ndarray):
        return np.expand_dims(value, tuple(axes))
    held = call.held()
    rank = len(held.order) + len(axes)
    return reader.widened(held, counted(axes, rank))


@operator("Concat")
def concat(reader: OnnxReader, call: OperatorCall) -> Any:
    axis = call.take("axis")
    if folded(call):
        parts: Any = [np.asarray(value) for value in call.reads]
        same = len({part.dtype == object for part in parts}) == 1
        return looked(np.concatenate(parts if same else [part.astype(object) for part in parts], axis))
    values = [call.held(k) for k in range(len(call.reads))]
    axis = axis_of(values[0], axis)
    if len(values) == 1:
        return each(reader, values[0], IDENTITY)
    order = values[0].order
    if any(value.order != order for value in values):
        order = channels_last(len(order)) if values[0].order[0] == 0 else order
    return reader.add(
        ours.Concatenate(order[axis]), [reader.arrange(value, order) for value in values], order
    )


@operator("ReduceMean", "ReduceSum", "ReduceMax")
def reduction(reader: OnnxReader, call: OperatorCall) -> HeldTensor:
    axes, value = _axes(call, 1), call.held()
    keepdims, kind = bool(call.take("keepdims", 1)), {"Mean": ours.Mean, "Sum": ours.Sum, "Max": ours.Max}
    if call.take("noop_with_empty_axes", 0) and not axes:
        return each(reader, value, IDENTITY)
    if not axes:
        refuse("goes over all rows of a batch, which a layer of cortex_lab never does")
    along = [value.order[axis_of(value, axis)] for axis in axes]
    layer = kind[call.kind[6:]](tuple(sorted(along)), keepdims)
    if keepdims:
        return reader.add(layer, [value.node], value.order)
    left = [axis for axis in range(len(value.order)) if axis not in along]
    return reader.add(layer, [value.node], tuple(left.index(axis) for axis in value.order if axis in left))
