"""Activations, arithmetic and shapes in ONNX."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cortex_lab.interop.onnx_out.writer import FIRST, LAST, Task, Value, exports
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.axes import row_axes, row_axis
from cortex_lab.nn.contract.window import border, span_border

_OPERATORS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "softsign": "Softsign",
    "exponential": "Exp", "selu": "Selu", "hard_swish": "HardSwish", "mish": "Mish",
}  # fmt: skip


def activated(task: Task, name: str | None, x: str, order: str = LAST, alpha: float = 1.0) -> str:
    """An activation of the tensor `x`; softmax goes along the channels."""
    if name in (None, "linear"):
        return x
    if name in _OPERATORS:
        return task.op(_OPERATORS[name], [x])
    if name in ("softmax", "log_softmax"):
        kind = "Softmax" if name == "softmax" else "LogSoftmax"
        return task.op(kind, [x], axis=1 if order == FIRST else -1)
    if name == "relu6":
        return task.op("Clip", [x, task.constant(0.0), task.constant(6.0)])
    if name == "hard_sigmoid":
        return task.op("HardSigmoid", [x], alpha=1 / 6, beta=0.5)
    if name == "elu":
        return task.op("Elu", [x], alpha=alpha)
    if name == "leaky_relu":
        return task.op("LeakyRelu", [x], alpha=alpha)
    if name == "swish":
        return task.op("Mul", [x, task.op("Sigmoid", [x])])
    assert name in ("gelu", "gelu_tanh"), name
    return task.op("Gelu", [x], approximate="tanh" if name == "gelu_tanh" else "none")


@exports(
    ours.Activation, ours.ReLU6, ours.LeakyReLU, ours.ELU, ours.SELU, ours.GELU, ours.Swish, ours.HardSwish,
    ours.Mish, ours.Softsign, ours.Exponential, ours.Softplus, ours.Sigmoid, ours.HardSigmoid, ours.Tanh,
)  # fmt: skip
def activation(task: Task) -> Value:
    order, layer = task.order(), task.layer
    x = task.read(order=order)
    found = activated(task, layer.function, x, order, layer.constants(*task.shapes)["alpha"])
    return task.gives(task.op("Identity", [x]) if found == x else found, order)


@exports(ours.ReLU)
def relu(task: Task) -> Value:
    order, layer = task.order(), task.layer
    x = task.read(order=order)
    if layer.function == "relu":
        return task.gives(task.op("Relu", [x]), order)
    if layer.function == "leaky_relu":
        return task.gives(task.op("LeakyRelu", [x], alpha=layer.negative_slope), order)
    if layer.max_value is not None and layer.threshold == layer.negative_slope == 0:
        return task.gives(task.op("Clip", [x, task.constant(0.0), task.constant(layer.max_value)]), order)
    threshold = task.constant(layer.threshold)
    over = x if layer.max_value is None else task.op("Min", [x, task.constant(layer.max_value)])
    below = task.op("Mul", [task.op("Sub", [x, threshold]), task.constant(layer.negative_slope)])
    return task.gives(task.op("Where", [task.op("GreaterOrEqual", [x, threshold]), over, below]), order)


@exports(ours.PReLU)
def prelu(task: Task) -> Value:
    return task.gives(task.op("PRelu", [task.read(), task.weight("alpha")]))


@exports(ours.Softmax, ours.LogSoftmax)
def softmax(task: Task) -> Value:
    layer, shape = task.layer, task.shapes[0]
    axis, x = row_axis("axis", layer.axis, shape), task.read()
    kind = "Softmax" if layer.function == "softmax" else "LogSoftmax"
    if layer.groups == 1:
        return task.gives(task.op(kind, [x], axis=axis + 1))
    parted = (*shape[:axis], layer.groups, shape[axis] // layer.groups, *shape[axis + 1 :])
    return task.gives(task.shaped(task.op(kind, [task.shaped(x, *parted)], axis=axis + 2), *shape))


@exports(
    ours.Dropout, ours.SpatialDropout1D, ours.SpatialDropout2D, ours.GaussianDropout, ours.AlphaDropout,
    ours.GaussianNoise, ours.StochasticDepth,
)  # fmt: skip
def of_training(task: Task) -> Value:
    order = task.order()
    return task.gives(task.op("Identity", [task.read(order=order)]), order)


@exports(ours.Rescaling)
def rescaling(task: Task) -> Value:
    order, layer = task.order(), task.layer
    scaled = task.op("Mul", [task.read(order=order), task.constant(layer.scale)])
    return task.gives(task.op("Add", [scaled, task.constant(layer.offset)]), order)


@exports(ours.LayerScale)
def layer_scale(task: Task) -> Value:
    return task.gives(task.op("Mul", [task.read(), task.weight("gamma")]))


@exports(ours.PositionEmbedding)
def position_embedding(task: Task) -> Value:
    return task.gives(task.op("Add", [task.read(), task.weight("embeddings")]))


@exports(ours.Embedding)
def embedding(task: Task) -> Value:
    return task.gives(task.op("Gather", [task.weight("embeddings"), task.read()]))


@exports(ours.Mask)
def mask(task: Task) -> Value:
    value, x = task.reads[0], task.read()
    kind = np.int64 if value.whole else task.writer.dtype
    wanted = task.writer.constant(task.name, np.asarray(task.layer.value, kind))
    unlike = task.op("Not", [task.op("Equal", [x, wanted])])
    found = as_numbers(task, unlike)
    if len(value.shape) == 2:
        found = task.op("ReduceMax", [found, task.whole(2)], keepdims=0)
    return task.gives(found)


def as_numbers(task: Task, tensor: str) -> str:
    """Truth as 0 and 1."""
    from onnx import helper

    return task.op("Cast", [tensor], to=helper.np_dtype_to_tensor_dtype(task.writer.dtype))


@exports(ours.KSparse)
def k_sparse(task: Task) -> Value:
    shape = task.shapes[0]
    flat = task.shaped(task.read(), math.prod(shape))
    places = task.op("TopK", [flat, task.whole(task.layer.k)], outputs=2, axis=1)
    values = task.op("GatherElements", [flat, places], axis=1)
    nothing = task.op("Mul", [flat, task.constant(0.0)])
    return task.gives(task.shaped(task.op("ScatterElements", [nothing, places, values], axis=1), *shape))


# Shapes -----------------------------------------------------------------------------------------------------


@exports(ours.Flatten, ours.Reshape)
def reshaped(task: Task) -> Value:
    return task.gives(task.shaped(task.read(), *task.layer.out_shape(*task.shapes)))


@exports(ours.Permute)
def permute(task: Task) -> Value:
    return task.gives(task.op("Transpose", [task.read()], perm=[0, *task.layer.dims]))


@exports(ours.RepeatVector)
def repeat_vector(task: Task) -> Value:
    column = task.shaped(task.read(), 1, *task.shapes[0])
    return task.gives(task.op("Expand", [column, task.whole(1, task.layer.n, 1)]))


@exports(ours.ZeroPadding1D, ours.ZeroPadding2D)
def zero_padding(task: Task) -> Value:
    return task.gives(padded(task, task.read(), _border(task, task.layer.padding, "padding")))


def padded(task: Task, x: str, edges: list[tuple[int, int]]) -> str:
    """Zeros around a tensor whose channels are last."""
    if not any(map(any, edges)):
        return x
    before, after = ([edge[side] for edge in edges] for side in (0, 1))
    return task.op("Pad", [x, task.whole(0, *before, 0, 0, *after, 0), task.constant(0.0)])


@exports(ours.Cropping1D, ours.Cropping2D)
def cropping(task: Task) -> Value:
    return task.gives(
        cropped(task, task.read(), _border(task, task.layer.cropping, "cropping"), task.shapes[0])
    )


def cropped(task: Task, x: str, edges: list[tuple[int, int]], shape: Any) -> str:
    """A tensor whose channels are last, without its edges."""
    starts = [edge[0] for edge in edges]
    ends = [length - edge[1] for length, edge in zip(shape, edges, strict=False)]
    axes = range(1, len(edges) + 1)
    return task.op("Slice", [x, task.whole(*starts), task.whole(*ends), task.whole(*axes)])


def _border(task: Task, value: Any, name: str) -> list[tuple[int, int]]:
    return [span_border(name, value)] if len(task.shapes[0]) == 2 else list(border(name, value))


@exports(ours.UpSampling1D, ours.UpSampling2D)
def upsampling(task: Task) -> Value:
    size = task.layer.size
    sizes = (
        [size] if len(task.shapes[0]) == 2 else list(size) if isinstance(size, (tuple, list)) else [size] * 2
    )
    linear = getattr(task.layer, "interpolation", "nearest") == "bilinear"
    way = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"} if linear else {
        "mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor",
    }  # fmt: skip
    scales = task.writer.constant(task.name, np.asarray([1, 1, *sizes], np.float32))
    return task.gives(task.op("Resize", [task.read(order=FIRST), "", scales], **way), FIRST)


# Several inputs ---------------------------------------------------------------------------------------------

_MERGED = {
    ours.Add: "Add", ours.Subtract: "Sub", ours.Multiply: "Mul", ours.Average: "Add", ours.Maximum: "Max",
    ours.Minimum: "Min",
}  # fmt: skip


@exports(*_MERGED)
def merging(task: Task) -> Value:
    order, kind = task.order(), _MERGED[type(task.layer)]
    rank = max(map(len, task.shapes))
    xs = []
    for place, shape in enumerate(task.shapes):
        x = task.read(place, order)
        xs.append(x if len(shape) == rank else task.shaped(x, *[1] * (rank - len(shape)), *shape))
    found = xs[0]
    for x in xs[1:]:
        found = task.op(kind, [found, x])
    if isinstance(task.layer, ours.Average):
        found = task.op("Mul", [found, task.constant(1 / len(xs))])
    return task.gives(found, order)


@exports(ours.Concatenate)
def concatenate(task: Task) -> Value:
    shape = task.shapes[0]
    axis = row_axis("axis", task.layer.axis, shape)
    first = all(FIRST in value.tensors for value in task.reads) and len(shape) > 1
    order = FIRST if first else LAST
    place = 1 if first and axis == len(shape) - 1 else axis + (2 if first else 1)
    reads = [task.read(k, order) for k in range(len(task.reads))]
    return task.gives(task.op("Concat", reads, axis=place), order)


@exports(ours.Sum, ours.Mean, ours.Max)
def reduction(task: Task) -> Value:
    layer, shape = task.layer, task.shapes[0]
    chosen = range(len(shape)) if layer.axis is None else row_axes("axis", layer.axis, shape)
    axes = task.whole(*(axis + 1 for axis in chosen))
    return task.gives(
        task.op(f"Reduce{type(layer).__name__}", [task.read(), axes], keepdims=int(layer.keepdims))
    )


@exports(ours.Dot)
def dot(task: Task) -> Value:
    found = task.layer.constants(*task.shapes)
    sides = []
    for place, (order, size) in enumerate(zip(found["orders"], found["sizes"], strict=True)):
        x = task.op("Transpose", [task.read(place)], perm=list(order))
        x = task.shaped(x, size, found["turned"][place][-1])
        if task.layer.normalize:
            squares = task.op("ReduceSum", [task.op("Mul", [x, x]), task.whole(2)], keepdims=1)
            x = task.op("Div", [x, task.op("Sqrt", [task.op("Max", [squares, task.constant(1e-12)])])])
        sides.append(x)
    product = task.op("MatMul", [sides[0], task.op("Transpose", [sides[1]], perm=[0, 2, 1])])
    return task.gives(task.shaped(product, *task.layer.out_shape(*task.shapes)))
