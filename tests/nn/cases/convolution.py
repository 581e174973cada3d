"""Convolutions."""

from cortex_lab.nn.contract.layer import pair
from cortex_lab.nn.contract.window import resolve_span
from cortex_lab.nn.layers.conv1d import Conv1D
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.conv2d_transpose import Conv2DTranspose
from cortex_lab.nn.layers.depthwise_conv2d import DepthwiseConv2D, SeparableConv2D
from tests.nn.cases import Case
from tests.nn.oracle import channels_first, channels_last, convolve2d, functional

BOTH = {"relu": "relu", "tanh": "tanh", "swish": "silu", "softplus": "softplus", "gelu": "gelu"}


def _activated(layer, y):
    return getattr(functional(), BOTH[layer.activation])(y) if layer.activation else y


def conv2d(layer):
    return lambda xs, p: _activated(layer, convolve2d(layer, xs[0], p["kernel"], p.get("bias"), layer.groups))


def conv1d(layer):
    def oracle(xs, p):
        nn, length = functional(), xs[0].shape[1]
        span = resolve_span(layer.padding, length, layer.kernel_size, layer.strides, layer.dilation_rate)
        padded = nn.pad(channels_first(xs[0]), span)
        kernel = p["kernel"].permute(2, 1, 0).contiguous()
        y = nn.conv1d(padded, kernel, p.get("bias"), layer.strides, 0, layer.dilation_rate, layer.groups)
        return _activated(layer, channels_last(y))

    return oracle


def _filtered(layer, x, kernel):
    height, width, channels, multiplier = kernel.shape
    return convolve2d(layer, x, kernel.reshape(height, width, 1, channels * multiplier), None, channels)


def depthwise(layer):
    return lambda xs, p: _activated(layer, _filtered(layer, xs[0], p["kernel"]) + p.get("bias", 0))


def separable(layer):
    def oracle(xs, p):
        between = _filtered(layer, xs[0], p["depthwise_kernel"])
        return _activated(layer, between @ p["pointwise_kernel"][0, 0] + p.get("bias", 0))

    return oracle


def transposed(layer):
    def oracle(xs, p):
        nn = functional()
        strides, dilation = pair("strides", layer.strides), pair("dilation", layer.dilation_rate)
        kernel = p["kernel"].permute(3, 2, 0, 1).contiguous()
        full = nn.conv_transpose2d(channels_first(xs[0]), kernel, None, strides, 0, 0, 1, dilation)
        # Ours is PyTorch's full result with the edges cut, or with rows and columns of zeros behind it.
        height, width, _ = layer.out_shape(tuple(xs[0].shape[1:]))
        (top, _), (left, _) = layer.constants(tuple(xs[0].shape[1:]))["geometry"][1]
        full = nn.pad(
            full, (0, max(0, left + width - full.shape[3]), 0, max(0, top + height - full.shape[2]))
        )
        y = channels_last(full[:, :, top : top + height, left : left + width])
        return _activated(layer, y + p.get("bias", 0))

    return oracle


def _rows(oracle, table):
    return [Case(layer, (shape,), label, oracle=oracle(layer)) for label, layer, shape in table]


CASES = [
    *_rows(
        conv2d,
        [
            ("valid", Conv2D(3, 3), (5, 6, 2)),
            ("one-by-one", Conv2D(4, 1), (3, 2, 3)),
            ("one-channel", Conv2D(2, 5), (7, 6, 1)),
            ("same-even-kernel", Conv2D(3, (2, 4), padding="same"), (5, 4, 2)),
            ("same-stride-2", Conv2D(2, 3, strides=2, padding="same"), (6, 7, 3)),
            ("same-stride-3-kernel-2", Conv2D(2, 2, strides=3, padding="same"), (7, 5, 2)),
            ("stride-drops-pixels", Conv2D(2, 2, strides=(3, 2)), (6, 5, 2)),
            ("asymmetric", Conv2D(2, 3, padding=((0, 2), (1, 0))), (4, 5, 2)),
            ("padded", Conv2D(2, 3, strides=2, padding=(1, 2)), (5, 4, 2)),
            ("dilated", Conv2D(2, (2, 3), dilation_rate=(3, 2)), (6, 7, 2)),
            ("dilated-same", Conv2D(2, 3, dilation_rate=2, padding="same"), (5, 5, 1)),
            ("groups", Conv2D(6, 3, groups=2, padding="same"), (4, 5, 4)),
            ("groups-stride-no-bias", Conv2D(4, 2, strides=2, groups=4, use_bias=False), (5, 6, 4)),
            ("relu", Conv2D(3, 3, activation="relu", padding="same"), (4, 4, 2)),
            ("gelu", Conv2D(3, 2, activation="gelu"), (4, 3, 2)),
            ("whole-image", Conv2D(2, (3, 4)), (3, 4, 2)),
        ],
    ),
    *_rows(
        conv1d,
        [
            ("valid", Conv1D(3, 3), (7, 2)),
            ("same-stride-2", Conv1D(2, 4, strides=2, padding="same"), (7, 3)),
            ("causal-dilated", Conv1D(2, 3, padding="causal", dilation_rate=2), (6, 2)),
            ("explicit-groups", Conv1D(4, 3, padding=(0, 2), groups=2), (5, 4)),
            ("no-bias-swish", Conv1D(2, 2, use_bias=False, activation="swish"), (4, 1)),
        ],
    ),
    *_rows(
        depthwise,
        [
            ("valid", DepthwiseConv2D(3), (5, 4, 3)),
            ("multiplier", DepthwiseConv2D((2, 3), depth_multiplier=2, padding="same"), (4, 5, 3)),
            ("stride-2-tanh", DepthwiseConv2D(3, strides=2, padding="same", activation="tanh"), (6, 5, 2)),
            ("dilated-asymmetric", DepthwiseConv2D(2, dilation_rate=2, padding=((1, 0), (0, 2))), (4, 3, 2)),
            ("no-bias-swish", DepthwiseConv2D(2, use_bias=False, activation="swish"), (3, 3, 1)),
        ],
    ),
    *_rows(
        separable,
        [
            ("valid", SeparableConv2D(4, 3), (5, 4, 3)),
            ("multiplier-relu", SeparableConv2D(3, 2, depth_multiplier=2, activation="relu"), (4, 5, 2)),
            ("stride-2-softplus", SeparableConv2D(2, 3, 2, "same", activation="softplus"), (6, 5, 2)),
            ("no-bias-dilated", SeparableConv2D(2, 2, dilation_rate=2, use_bias=False), (4, 4, 3)),
        ],
    ),
    *_rows(
        transposed,
        [
            ("valid", Conv2DTranspose(3, 3), (4, 3, 2)),
            ("stride-2", Conv2DTranspose(2, 3, strides=2), (3, 4, 3)),
            ("same-stride-2", Conv2DTranspose(2, 3, strides=2, padding="same"), (3, 4, 2)),
            ("same-even-kernel", Conv2DTranspose(2, 4, strides=2, padding="same"), (3, 2, 2)),
            ("same-stride-over-kernel", Conv2DTranspose(2, 2, strides=3, padding="same"), (2, 3, 2)),
            ("valid-stride-over-kernel", Conv2DTranspose(2, 2, strides=3), (2, 3, 2)),
            ("explicit", Conv2DTranspose(2, 4, strides=2, padding=((1, 2), (0, 1))), (3, 3, 2)),
            ("output-padding", Conv2DTranspose(2, 3, 2, "same", output_padding=1), (3, 4, 2)),
            ("dilated-relu", Conv2DTranspose(2, 3, dilation_rate=2, activation="relu"), (3, 2, 2)),
            ("no-bias-swish", Conv2DTranspose(2, 3, use_bias=False, activation="swish"), (2, 2, 1)),
        ],
    ),
]
