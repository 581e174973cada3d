"""Activations as layers."""

import numpy as np

from cortex_lab.nn.layers.activation import (
    ELU,
    GELU,
    SELU,
    Activation,
    Exponential,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Swish,
    Tanh,
)
from cortex_lab.nn.layers.prelu import PReLU
from tests.nn.cases import Case, away_from_zero
from tests.nn.oracle import functional

SHAPES = ((7,), (3, 2, 5))


def _both(layer, oracle, label=""):
    """As vectors and as images; some values far out, where an exponential would overflow."""

    def inputs(shape):
        return lambda random, rows: [away_from_zero(random.normal(scale=3, size=(rows, *shape)))]

    return [
        Case(
            layer,
            (shape,),
            f"{label}{len(shape)}-axes",
            inputs(shape),
            lambda xs, p: oracle(functional(), xs[0]),
        )
        for shape in SHAPES
    ]


def _prelu(xs, p):
    x = xs[0]
    return x.clamp(min=0) + p["alpha"] * x.clamp(max=0)


def _limited(layer):
    """As Keras writes it down, case by case."""

    def oracle(nn, x):
        limit = float("inf") if layer.max_value is None else layer.max_value
        over = x > layer.threshold
        return x.clamp(max=limit) * over + (x - layer.threshold) * layer.negative_slope * ~over

    return oracle


def _relus():
    for label, options in {
        "limited": {"max_value": 1.5},
        "leaky": {"negative_slope": 0.2},
        "threshold": {"threshold": 0.7},
        "all-limits": {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5},
        "limit-under-threshold": {"max_value": 0.5, "threshold": 1.0},
    }.items():
        yield ReLU(**options), label


def _far_out(random, rows):
    return [np.where(random.random((rows, 6)) < 0.5, 100.0, -100.0) + random.normal(size=(rows, 6))]


CASES = [
    *_both(Activation(), lambda nn, x: x + 0, "linear-"),
    *_both(Activation("swish"), lambda nn, x: nn.silu(x), "swish-"),
    *_both(Activation("softmax"), lambda nn, x: nn.softmax(x, -1), "softmax-"),
    *_both(ReLU(), lambda nn, x: nn.relu(x)),
    *[case for layer, label in _relus() for case in _both(layer, _limited(layer), f"{label}-")],
    *_both(HardSwish(), lambda nn, x: nn.hardswish(x)),
    *_both(Mish(), lambda nn, x: nn.mish(x)),
    *_both(Softsign(), lambda nn, x: nn.softsign(x)),
    *_both(Exponential(), lambda nn, x: x.exp()),
    *_both(LogSoftmax(), lambda nn, x: nn.log_softmax(x, -1)),
    Case(LogSoftmax(axis=1), ((3, 2, 5),), "rows", oracle=lambda xs, p: xs[0].log_softmax(1)),
    Case(
        LogSoftmax(axis=1, groups=2),
        ((4, 3),),
        "groups-of-rows",
        oracle=lambda xs, p: xs[0].unflatten(1, (2, 2)).log_softmax(2).flatten(1, 2),
    ),
    *_both(ReLU6(), lambda nn, x: nn.relu6(x)),
    *_both(LeakyReLU(), lambda nn, x: nn.leaky_relu(x, 0.3)),
    *_both(LeakyReLU(0.0), lambda nn, x: nn.relu(x), "zero-"),
    *_both(ELU(), lambda nn, x: nn.elu(x)),
    *_both(ELU(0.5), lambda nn, x: nn.elu(x, 0.5), "half-"),
    *_both(SELU(), lambda nn, x: nn.selu(x)),
    *_both(GELU(), lambda nn, x: nn.gelu(x)),
    *_both(GELU(approximate=True), lambda nn, x: nn.gelu(x, approximate="tanh"), "tanh-"),
    *_both(Swish(), lambda nn, x: nn.silu(x)),
    *_both(Softplus(), lambda nn, x: nn.softplus(x, threshold=1000)),
    *_both(Sigmoid(), lambda nn, x: nn.sigmoid(x)),
    *_both(HardSigmoid(), lambda nn, x: nn.hardsigmoid(x)),
    *_both(Tanh(), lambda nn, x: nn.tanh(x)),
    *_both(Softmax(), lambda nn, x: nn.softmax(x, -1)),
    Case(Softmax(axis=1), ((3, 2, 5),), "rows", oracle=lambda xs, p: xs[0].softmax(1)),
    Case(Softmax(axis=-2), ((3, 2, 5),), "columns", oracle=lambda xs, p: xs[0].softmax(2)),
    Case(
        Softmax(groups=3),
        ((6,),),
        "groups",
        oracle=lambda xs, p: xs[0].unflatten(1, (3, 2)).softmax(-1).flatten(1),
    ),
    Case(
        Softmax(axis=1, groups=2),
        ((4, 3),),
        "groups-of-rows",
        oracle=lambda xs, p: xs[0].unflatten(1, (2, 2)).softmax(2).flatten(1, 2),
    ),
    Case(PReLU(), ((4,),), "vector", oracle=_prelu),
    Case(PReLU(), ((2, 3, 2),), "each", oracle=_prelu),
    Case(PReLU(shared_axes=(1, 2)), ((2, 3, 2),), "per-channel", oracle=_prelu),
    Case(PReLU(shared_axes=(1, 2, 3)), ((2, 3, 2),), "one", oracle=_prelu),
    Case(PReLU(shared_axes=-1), ((2, 3),), "per-place", oracle=_prelu),
    *[
        Case(layer, ((6,),), "far-out", _far_out)
        for layer in (
            Softplus(),
            Sigmoid(),
            Swish(),
            GELU(),
            Softmax(),
            ELU(),
            SELU(),
            Mish(),
            HardSwish(),
            LogSoftmax(),
        )
    ],
]
