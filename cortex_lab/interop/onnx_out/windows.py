"""Convolutions, pooling and normalizations in ONNX."""

from __future__ import annotations

import numpy as np

from cortex_lab.interop.onnx_out.elementwise import activated, cropped, padded
from cortex_lab.interop.onnx_out.writer import FIRST, LAST, Task, Value, exports
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.axes import row_axes, row_axis
from cortex_lab.nn.contract.layer import pair


@exports(ours.Dense)
def dense(task: Task) -> Value:
    layer, x, kernel = task.layer, task.read(), task.weight("kernel")
    if len(task.shapes[0]) == 1:
        reads = [x, kernel, *([task.weight("bias")] if layer.use_bias else [])]
        return task.gives(activated(task, layer.activation, task.op("Gemm", reads)))
    found = task.op("MatMul", [x, kernel])
    found = task.op("Add", [found, task.weight("bias")]) if layer.use_bias else found
    return task.gives(activated(task, layer.activation, found))


# Convolutions: kernels of ours are (*window, channels, filters), and ONNX' (filters, channels, *window)


def _front(kernel: np.ndarray) -> np.ndarray:
    return np.moveaxis(kernel, (-1, -2), (0, 1))


def _by_channel(kernel: np.ndarray) -> np.ndarray:
    """Kernels of a depthwise convolution, (height, width, channels, multiplier)."""
    return kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])


def _convolved(
    task: Task, reads: list[str], strides: object, padding: object, dilation: object, groups: int
) -> str:
    edges = np.array(padding)
    return task.op(
        "Conv", reads, strides=list(strides), pads=[*edges[:, 0].tolist(), *edges[:, 1].tolist()],  # type: ignore[call-overload]
        dilations=list(dilation), group=groups,  # type: ignore[call-overload]
    )  # fmt: skip


def _biased(task: Task) -> list[str]:
    return [task.weight("bias")] if task.layer.use_bias else []


def _ended(task: Task, found: str) -> Value:
    return task.gives(activated(task, task.layer.activation, found, FIRST), FIRST)


@exports(ours.Conv2D)
def conv2d(task: Task) -> Value:
    geometry = task.layer.constants(*task.shapes)["geometry"]
    reads = [task.read(order=FIRST), task.weight("kernel", _front), *_biased(task)]
    return _ended(task, _convolved(task, reads, *geometry))


@exports(ours.Conv1D)
def conv1d(task: Task) -> Value:
    strides, padding, dilation, groups = task.layer.constants(*task.shapes)["geometry"]
    reads = [task.read(order=FIRST), task.weight("kernel", _front), *_biased(task)]
    return _ended(task, _convolved(task, reads, strides[1:], padding[1:], dilation[1:], groups))


@exports(ours.DepthwiseConv2D)
def depthwise_conv2d(task: Task) -> Value:
    geometry = task.layer.constants(*task.shapes)["geometry"]
    reads = [task.read(order=FIRST), task.weight("kernel", _by_channel), *_biased(task)]
    return _ended(task, _convolved(task, reads, *geometry, task.shapes[0][-1]))


@exports(ours.SeparableConv2D)
def separable_conv2d(task: Task) -> Value:
    geometry = task.layer.constants(*task.shapes)["geometry"]
    reads = [task.read(order=FIRST), task.weight("depthwise_kernel", _by_channel)]
    filtered = _convolved(task, reads, *geometry, task.shapes[0][-1])
    mixed = [filtered, task.weight("pointwise_kernel", _front), *_biased(task)]
    return _ended(task, task.op("Conv", mixed))


@exports(ours.Conv2DTranspose)
def conv2d_transpose(task: Task) -> Value:
    layer = task.layer
    strides, cut, dilation, _ = layer.constants(*task.shapes)["geometry"]
    kernel = task.weight("kernel", lambda kernel: kernel.transpose(3, 2, 0, 1))
    reads = [task.read(order=FIRST), kernel]
    found = task.op("ConvTranspose", reads, strides=list(strides), dilations=list(dilation))
    # All that the kernel touches; then what is cut off it, or added where it touches nothing.
    window, wanted = pair("kernel_size", layer.kernel_size), layer.out_shape(*task.shapes)
    full = [
        (n - 1) * s + (w - 1) * d + 1
        for n, s, w, d in zip(task.shapes[0], strides, window, dilation, strict=False)
    ]
    edges = [(before, f - before - n) for f, (before, _), n in zip(full, cut, wanted, strict=False)]
    last = task.op("Transpose", [found], perm=[0, 2, 3, 1])
    less = [(before, max(after, 0)) for before, after in edges]
    last = cropped(task, last, less, full) if any(map(any, less)) else last
    last = padded(task, last, [(0, max(-after, 0)) for _, after in edges])
    last = task.op("Add", [last, task.weight("bias")]) if layer.use_bias else last
    return task.gives(activated(task, layer.activation, last))


# Pooling ----------------------------------------------------------------------------------------------------


@exports(ours.MaxPooling1D, ours.MaxPooling2D)
def max_pooling(task: Task) -> Value:
    window, strides, edges = _windows(task, task.shapes[0])
    return task.gives(
        task.op("MaxPool", [task.read(order=FIRST)], kernel_shape=window, strides=strides, pads=edges), FIRST
    )


@exports(ours.AveragePooling1D, ours.AveragePooling2D)
def average_pooling(task: Task) -> Value:
    x, shape = task.reads[0], task.shapes[0]
    if task.layer.count_padding:
        # What is padded counts as zeros, and what hangs over the edge does not.
        declared = _geometry(task)[2]
        wide = tuple(n + sum(edge) for n, edge in zip(shape, declared, strict=False))
        window, strides, edges = _windows(task, wide, counted=True)
        x = Value((*wide, shape[-1]), {LAST: padded(task, task.read(), declared)})
    else:
        window, strides, edges = _windows(task, shape)
    read = task.writer.turned(x, FIRST, task.name)
    settings = {"kernel_shape": window, "strides": strides, "pads": edges, "count_include_pad": 0}
    return task.gives(task.op("AveragePool", [read], **settings), FIRST)


def _geometry(task: Task) -> tuple[list[int], list[int], list[tuple[int, int]]]:
    window, strides, padding = task.layer._geometry(task.shapes[0])
    axes = slice(3 - len(task.shapes[0]), None)
    return list(window[axes]), list(strides[axes]), list(padding[axes])


def _windows(
    task: Task, size: tuple[int, ...], counted: bool = False
) -> tuple[list[int], list[int], list[int]]:
    """Window, strides and edges, with what the last window needs at the end."""
    window, strides, padding = _geometry(task)
    before = [0 if counted else edge[0] for edge in padding]
    wanted = task.layer.out_shape(*task.shapes)
    after = [
        max((out - 1) * stride + width - length - start, 0)
        for out, stride, width, length, start in zip(wanted, strides, window, size, before, strict=False)
    ]
    return window, strides, [*before, *after]


@exports(
    ours.GlobalAveragePooling1D, ours.GlobalAveragePooling2D, ours.GlobalMaxPooling1D, ours.GlobalMaxPooling2D
)
def pooling_of_all(task: Task) -> Value:
    x = task.read(order=FIRST)
    if "Average" in type(task.layer).__name__:
        found = task.op("GlobalAveragePool", [x])
    else:
        found = task.op("ReduceMax", [x, task.whole(*range(2, len(task.shapes[0]) + 1))], keepdims=1)
    if task.layer.keepdims:
        return task.gives(found, FIRST)
    return task.gives(task.shaped(found, task.shapes[0][-1]))


# Normalizations ---------------------------------------------------------------------------------------------


@exports(ours.BatchNormalization)
def batch_normalization(task: Task) -> Value:
    layer, shape = task.layer, tuple(task.shapes[0])
    whole = layer.per_element and len(shape) > 1
    axis = row_axis("axis", layer.axis, shape)
    if whole or axis < len(shape) - 1:
        # Not along the channels: as a scale and a shift, in the network's precision.
        one, zero = np.ones(1), np.zeros(1)
        gamma, beta = task.arrays.get("gamma", one), task.arrays.get("beta", zero)
        scale = gamma / np.sqrt(task.arrays["moving_variance"] + layer.epsilon)
        shift = beta - scale * task.arrays["moving_mean"]
        places = shape if whole else tuple(n if k == axis else 1 for k, n in enumerate(shape))
        found = task.op("Mul", [task.read(), task.constant(scale.reshape(places))])
        return task.gives(task.op("Add", [found, task.constant(shift.reshape(places))]))
    count = shape[-1]
    gamma = task.weight("gamma") if layer.scale else task.constant(np.ones(count))
    beta = task.weight("beta") if layer.center else task.constant(np.zeros(count))
    reads = [task.read(order=FIRST), gamma, beta, task.weight("moving_mean"), task.weight("moving_variance")]
    found = task.op("BatchNormalization", reads, epsilon=layer.epsilon)
    return task.gives(found, FIRST if len(shape) > 1 else LAST)


@exports(ours.LayerNormalization)
def layer_normalization(task: Task) -> Value:
    layer, shape = task.layer, task.shapes[0]
    axes = row_axes("axis", layer.axis, shape)
    if axes[0] == len(shape) - len(axes):
        lengths = [shape[axis] for axis in axes]
        gamma = task.weight("gamma") if layer.scale else task.constant(np.ones(lengths))
        reads = [task.read(), gamma, *([task.weight("beta")] if layer.center else [])]
        return task.gives(task.op("LayerNormalization", reads, axis=axes[0] + 1, epsilon=layer.epsilon))
    found = _standardized(task, task.read(), [axis + 1 for axis in axes])
    return task.gives(_scaled(task, found, [n if k in axes else 1 for k, n in enumerate(shape)]))


@exports(ours.RMSNormalization)
def rms_normalization(task: Task) -> Value:
    layer, shape, x = task.layer, task.shapes[0], task.read()
    axes = row_axes("axis", layer.axis, shape)
    squares = task.op("ReduceMean", [task.op("Mul", [x, x]), task.whole(*(axis + 1 for axis in axes))])
    found = task.op("Div", [x, task.op("Sqrt", [task.op("Add", [squares, task.constant(layer.epsilon)])])])
    lengths = [n if k in axes else 1 for k, n in enumerate(shape)]
    scale = task.weight("scale", lambda scale: scale.reshape(lengths))
    return task.gives(task.op("Mul", [found, scale]))


@exports(ours.GroupNormalization)
def group_normalization(task: Task) -> Value:
    layer, shape = task.layer, task.shapes[0]
    axis = row_axis("axis", layer.axis, shape)
    groups = shape[axis] if layer.groups == -1 else layer.groups
    parted = [*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]]
    x = task.shaped(task.read(), *parted)
    found = _standardized(task, x, [k + 1 for k in range(len(parted)) if k != axis])
    return task.gives(
        _scaled(task, task.shaped(found, *shape), [n if k == axis else 1 for k, n in enumerate(shape)])
    )


def _standardized(task: Task, x: str, axes: list[int]) -> str:
    mean = task.op("ReduceMean", [x, task.whole(*axes)])
    apart = task.op("Sub", [x, mean])
    variance = task.op("ReduceMean", [task.op("Mul", [apart, apart]), task.whole(*axes)])
    spread = task.op("Sqrt", [task.op("Add", [variance, task.constant(task.layer.epsilon)])])
    return task.op("Div", [apart, spread])


def _scaled(task: Task, x: str, lengths: list[int]) -> str:
    if task.layer.scale:
        x = task.op("Mul", [x, task.weight("gamma", lambda gamma: gamma.reshape(lengths))])
    if task.layer.center:
        x = task.op("Add", [x, task.weight("beta", lambda beta: beta.reshape(lengths))])
    return x


@exports(ours.Normalization)
def normalization(task: Task) -> Value:
    apart = task.op("Sub", [task.read(), task.weight("center")])
    return task.gives(task.op("Div", [apart, task.weight("spread", np.sqrt)]))


@exports(ours.LocalResponseNormalization)
def local_response_normalization(task: Task) -> Value:
    layer, x, channels = task.layer, task.read(), task.shapes[0][-1]
    # Which channels are in the window of which.
    apart = np.arange(channels)[:, None] - np.arange(channels)
    window = ((apart >= -(layer.size // 2)) & (apart <= (layer.size - 1) // 2)).astype(float)
    sums = task.op("MatMul", [task.op("Mul", [x, x]), task.constant(window * layer.alpha / layer.size)])
    base = task.op("Add", [sums, task.constant(layer.k)])
    return task.gives(task.op("Div", [x, task.op("Pow", [base, task.constant(layer.beta)])]))
