"""Normalization layers."""

import numpy as np

from cortex_lab.nn.layers.local_response import LocalResponseNormalization
from cortex_lab.nn.layers.normalization import BatchNormalization, LayerNormalization
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
    *[Case(layer, (shape,), label, None, _local(layer)) for label, layer, shape in LOCAL],
]
