"""Normalization layers."""

import numpy as np

from cortex_lab.nn.layers.local_response import LocalResponseNormalization
from cortex_lab.nn.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from tests.nn.cases import Case
from tests.nn.oracle import channels_first, channels_last, functional


def _batch(layer):
    def oracle(xs, p):
        axes = (0,) if layer.per_element else tuple(range(xs[0].ndim - 1))
        mean = xs[0].mean(axes, keepdim=True)
        variance = (xs[0] - mean).square().mean(axes, keepdim=True)
        return (xs[0] - mean) / (variance + layer.epsilon).sqrt() * p.get("gamma", 1) + p.get("beta", 0)

    return oracle


def _torch_batch(layer):
    def oracle(xs, p):
        x = channels_first(xs[0])
        y = functional().batch_norm(x, None, None, p["gamma"], p["beta"], True, 0.1, layer.epsilon)
        return channels_last(y)

    return oracle


def _moving(layer):
    def inference(xs, p, states):
        deviation = np.sqrt(states["moving_variance"] + layer.epsilon)
        return (xs[0] - states["moving_mean"]) / deviation * p.get("gamma", 1) + p.get("beta", 0)

    return inference


def _layer(layer, features):
    return lambda xs, p: functional().layer_norm(
        xs[0], features, p.get("gamma"), p.get("beta"), layer.epsilon
    )


def _turned(oracle, axis):
    """An oracle for channels in the last axis, asked about those along another."""

    def turned(xs, p, *states):
        return oracle([xs[0].swapaxes(axis, -1)], p, *states).swapaxes(axis, -1)

    return turned


def _layer_along(layer, axes):
    def oracle(xs, p):
        x = xs[0]
        mean = x.mean(axes, keepdim=True)
        variance = (x - mean).square().mean(axes, keepdim=True)
        shape = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
        gamma, beta = p["gamma"].reshape(shape), p["beta"].reshape(shape)
        return (x - mean) / (variance + layer.epsilon).sqrt() * gamma + beta

    return oracle


def _rms(layer, axes):
    def oracle(xs, p):
        squares = xs[0].square().mean(axes, keepdim=True)
        shape = [n if axis in axes else 1 for axis, n in enumerate(xs[0].shape)]
        return xs[0] / (squares + layer.epsilon).sqrt() * p["scale"].reshape(shape)

    return oracle


def _group(layer, groups):
    def oracle(xs, p):
        x = channels_first(xs[0])
        # With one of the two None, its gradient fails.
        gamma, beta = p.get("gamma", x.new_ones(x.shape[1])), p.get("beta", x.new_zeros(x.shape[1]))
        return channels_last(functional().group_norm(x, groups, gamma, beta, layer.epsilon))

    return oracle


def _local(layer):
    def oracle(xs, p):
        size, alpha, beta, k = layer.size, layer.alpha, layer.beta, layer.k
        x = channels_first(xs[0])
        return channels_last(functional().local_response_norm(x, size, alpha, beta, k))

    return oracle


BATCH = [
    ("vector", BatchNormalization(), (4,), _torch_batch),
    ("image", BatchNormalization(), (3, 2, 4), _torch_batch),
    ("sequence-epsilon", BatchNormalization(epsilon=0.1), (5, 2), _torch_batch),
    ("per-element", BatchNormalization(per_element=True), (2, 3, 2), _batch),
    ("no-scale", BatchNormalization(scale=False), (3, 2), _batch),
    ("no-center", BatchNormalization(center=False), (3, 2), _batch),
    ("plain", BatchNormalization(center=False, scale=False, per_element=True), (3, 2), _batch),
]
LAYER = [
    ("vector", LayerNormalization(), (6,), (6,)),
    ("sequence", LayerNormalization(epsilon=1e-5), (4, 5), (5,)),
    ("image", LayerNormalization(axis=(1, 2, 3)), (2, 3, 2), (2, 3, 2)),
    ("last-two", LayerNormalization(axis=(-2, -1)), (2, 3, 2), (3, 2)),
    ("plain", LayerNormalization(center=False, scale=False), (3, 4), (4,)),
]
ALONG = [
    ("first", LayerNormalization(axis=1), (3, 4), _layer_along, (1,)),
    ("ends", LayerNormalization(axis=(3, 1)), (2, 3, 4), _layer_along, (1, 3)),
    ("rows-as-wide-as-channels", LayerNormalization(axis=(1, 2)), (3, 2, 2), _layer_along, (1, 2)),
    ("vector", RMSNormalization(), (6,), _rms, (1,)),
    ("sequence-epsilon", RMSNormalization(epsilon=0.1), (4, 5), _rms, (2,)),
    ("image", RMSNormalization(axis=(1, 2, 3)), (2, 3, 2), _rms, (1, 2, 3)),
    ("first", RMSNormalization(axis=1), (3, 4), _rms, (1,)),
]
GROUP = [
    ("image", GroupNormalization(2), (3, 2, 4), 2),
    ("sequence-no-scale", GroupNormalization(3, scale=False), (5, 6), 3),
    ("instance-no-center", GroupNormalization(-1, center=False), (4, 3), 3),
    ("vector", GroupNormalization(1, epsilon=0.1), (6,), 1),
    ("plain", GroupNormalization(1, center=False, scale=False), (3, 4), 1),
]
LOCAL = [
    ("defaults", LocalResponseNormalization(), (2, 2, 7)),
    ("strong", LocalResponseNormalization(size=3, alpha=0.8, beta=1.5, k=1.0), (2, 3, 4)),
    ("even-size", LocalResponseNormalization(size=4, alpha=0.5), (6, 5)),
    ("wider-than-channels", LocalResponseNormalization(size=9, alpha=0.5), (2, 1, 3)),
]

CASES = [
    *[
        Case(each, (s,), label, None, oracle(each), inference=_moving(each))
        for label, each, s, oracle in BATCH
    ],
    *[Case(layer, (shape,), label, None, _layer(layer, features)) for label, layer, shape, features in LAYER],
    *[
        Case(each, ((3, 2, 3),), f"axis-{axis}", None, _turned(_torch_batch(each), axis),
             inference=_turned(_moving(each), axis))
        for axis, each in [(1, BatchNormalization(axis=1)), (2, BatchNormalization(axis=-2))]
    ],
    *[
        Case(layer, (shape,), label, None, oracle(layer, axes))
        for label, layer, shape, oracle, axes in ALONG
    ],
    *[Case(layer, (shape,), label, None, _group(layer, groups)) for label, layer, shape, groups in GROUP],
    Case(
        GroupNormalization(2, axis=1), ((4, 3),), "axis-1", None,
        _turned(_group(GroupNormalization(2), 2), 1),
    ),
    *[Case(layer, (shape,), label, None, _local(layer)) for label, layer, shape in LOCAL],
]  # fmt: skip
