"""One row per accelerated kernel: random arguments for it, and which of them it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.compute.kernel import REGISTRY
from cortex_lab.compute.kernels.activation import NEEDS_INPUT

FUNCTIONS = (
    "linear", "relu", "tanh", "sigmoid", "leaky_relu", "elu", "selu", "gelu_tanh", "swish", "gelu", "relu6",
    "hard_sigmoid", "softplus", "softsign", "exponential", "hard_swish", "mish",
)  # fmt: skip
ALL_FUNCTIONS = (*FUNCTIONS, "softmax", "log_softmax")


@dataclass
class Case:
    """Arguments of a kernel; `writes` are the positions of those it writes, which come in poisoned."""

    args: list[Any]
    writes: tuple[int, ...]
    exact: bool = False


class Draw:
    """Random arguments, small and odd more often than not; `large` makes sizes that are shared out."""

    def __init__(self, seed: int, large: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.large = large

    def size(self, low: int, high: int, large: int | None = None) -> int:
        return large if self.large and large else int(self.random.integers(low, high + 1))

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def numbers(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (scale * self.random.standard_normal(shape)).astype(np.float32)

    def positive(self, *shape: int) -> np.ndarray:
        return np.abs(self.numbers(*shape)) + np.float32(0.1)

    def border(self, most: int) -> tuple[tuple[int, int], tuple[int, int]]:
        (top, bottom), (left, right) = self.random.integers(0, most + 1, (2, 2)).tolist()
        return (top, bottom), (left, right)


def poison(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else -77, dtype)


CASES: dict[str, Callable[[Draw], Case]] = {}


def case(make: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
    CASES[make.__name__] = make
    return make


@case
def matmul(draw: Draw) -> Case:
    m, k, n = draw.size(1, 40, 130), draw.size(1, 40, 357), draw.size(1, 40, draw.pick(190, 40))
    a = draw.numbers(k, m).T if draw.pick(True, False) else draw.numbers(m, k)
    b = draw.numbers(n, k).T if draw.pick(True, False) else draw.numbers(k, n)
    return Case([a, b, poison(m, n)], (2,))


def _dense(draw: Draw) -> tuple[int, int, int]:
    return draw.size(1, 40, 171), draw.size(1, 40, 257), draw.size(1, 70, draw.pick(190, 144, 40))


@case
def dense(draw: Draw) -> Case:
    rows, features, units = _dense(draw)
    bias = draw.pick(None, draw.numbers(units))
    made = [draw.numbers(rows, features), draw.numbers(features, units, scale=0.1), bias]
    return Case([*made, draw.pick(*FUNCTIONS), poison(rows, units)], (4,))


@case
def dense_gradient(draw: Draw) -> Case:
    rows, features, units = _dense(draw)
    name, d_bias = draw.pick(*FUNCTIONS), draw.pick(None, poison(units))
    z, y = _activated(draw, name, (rows, units))
    dz = None if name == "linear" else poison(rows, units)
    made = [draw.numbers(rows, features), name, z, y, draw.numbers(rows, units)]
    return Case([*made, dz, poison(features, units), d_bias], (5, 6, 7))


@case
def sum_rows(draw: Draw) -> Case:
    shape = draw.pick(
        (draw.size(1, 300, 9000), draw.size(1, 40)), (draw.size(1, 5, 70), 7, draw.size(1, 9), 19)
    )
    return Case([draw.numbers(*shape), poison(shape[-1])], (1,))


@case
def all_finite(draw: Draw) -> Case:
    a = draw.numbers(draw.size(1, 300, 200_000))
    a[draw.pick(0, -1, len(a) // 2)] = draw.pick(1.0, 3e38, 1e-40, np.nan, -np.nan, np.inf, -np.inf)
    return Case([a], ())


@case
def note_finite(draw: Draw) -> Case:
    return Case([*all_finite(draw).args, np.array(draw.pick(True, True, False))], (1,), exact=True)


@case
def checksum(draw: Draw) -> Case:
    size = draw.size(1, 300, 200_000)
    return Case([draw.random.integers(0, 2**32, size, dtype=np.uint32)], ())


@case
def count_hits(draw: Draw) -> Case:
    shape = draw.pick((draw.size(1, 70),), (draw.size(1, 9), 5))
    scores = draw.numbers(*shape, draw.size(1, 12)).round(1)
    scores[draw.random.random(scores.shape) < 0.05] = np.nan
    return Case([scores, draw.random.integers(-1, scores.shape[-1], shape)], ())


@case
def note_hits(draw: Draw) -> Case:
    scores, over = count_hits(draw).args[0], draw.pick(None, 0.0, 0.5)
    target = draw.random.integers(0, 2, scores.shape).astype(scores.dtype)
    target[draw.random.random(scores.shape) < 0.1] = draw.pick(np.nan, 0.3)
    return Case([scores, target, over, np.array([np.nan, np.nan])], (3,), exact=True)


@case
def norm(draw: Draw) -> Case:
    return Case([draw.numbers(draw.size(1, 3000))], ())


@case
def activate(draw: Draw) -> Case:
    shape = (draw.size(1, 30, 300), draw.size(1, 40, 301))
    return Case([draw.pick(*ALL_FUNCTIONS), draw.numbers(*shape, scale=4), poison(*shape), 0.3], (2,))


def _activated(draw: Draw, name: str, shape: tuple[int, ...]) -> tuple[np.ndarray | None, np.ndarray]:
    """The input, if its gradient needs it, and the output."""
    x = draw.numbers(*shape, scale=3)
    y = np.empty_like(x)
    REGISTRY["activate"].reference(np, name, x, y, 0.3)
    return x if name in NEEDS_INPUT else None, y


@case
def activate_gradient(draw: Draw) -> Case:
    name, shape = draw.pick(*ALL_FUNCTIONS), (draw.size(1, 30, 300), draw.size(1, 40, 301))
    x, y = _activated(draw, name, shape)
    return Case([name, x, y, draw.numbers(*shape), poison(*shape), 0.3], (4,))


@case
def bias_activate(draw: Draw) -> Case:
    shape = (draw.size(1, 30, 300), 2, draw.size(1, 40, 301))
    bias = draw.pick(None, draw.numbers(shape[-1]), draw.numbers(shape[-1]))
    return Case([draw.numbers(*shape), bias, draw.pick(*ALL_FUNCTIONS), 0.3], (0,))


Shape = tuple[int, ...]


def convolution_shapes(draw: Draw) -> tuple[Shape, Shape, Shape, tuple[Any, ...]]:
    groups = draw.pick(1, 1, 1, 2, 3)
    channels = groups * draw.pick(1, 1, 2, 3, 5, 16)
    filters = groups * draw.pick(1, 3, 8, 16, 20, 32, 50)
    window = draw.pick(1, 2, 3, 5), draw.pick(1, 2, 3, 5)
    strides = draw.pick(1, 1, 2, 3), draw.pick(1, 1, 2, 3)
    dilation = draw.pick(1, 1, 2), draw.pick(1, 1, 2)
    padding = draw.border(3)
    x = (draw.size(1, 3, 9), draw.size(1, 17, 23), draw.size(1, 17, 23), channels)
    out = []
    for axis in (0, 1):
        room = x[axis + 1] + sum(padding[axis]) - (window[axis] - 1) * dilation[axis] - 1
        if room < 0:
            return convolution_shapes(draw)
        out.append(room // strides[axis] + 1)
    w = (*window, channels // groups, filters)
    return x, w, (x[0], *out, filters), (strides, padding, dilation, groups)


@case
def convolve(draw: Draw) -> Case:
    x, w, y, geometry = convolution_shapes(draw)
    return Case([draw.numbers(*x), draw.numbers(*w), poison(*y), *geometry], (2,))


@case
def convolve_and(draw: Draw) -> Case:
    x, w, y, geometry = convolution_shapes(draw)
    scale, shift = (draw.pick(None, draw.numbers(y[-1])) for _ in range(2))
    addend = draw.pick(None, draw.numbers(*y))
    weights = draw.numbers(*w, scale=0.1)
    made = [draw.numbers(*x), weights, scale, shift, addend, draw.pick("linear", "relu", "tanh")]
    return Case([*made, poison(*y), *geometry], (6,))


@case
def slopes_and_sums(draw: Draw) -> Case:
    name, shape = draw.pick(*FUNCTIONS), (draw.size(1, 30, 300), 2, draw.size(1, 40, 301))
    z, y = _activated(draw, name, shape)
    total = draw.pick(None, poison(shape[-1]), poison(shape[-1]))
    return Case([name, z, y, draw.numbers(*shape), poison(*shape), total], (4, 5))


@case
def convolve_input_gradient(draw: Draw) -> Case:
    x, w, y, geometry = convolution_shapes(draw)
    return Case([draw.numbers(*y), draw.numbers(*w), poison(*x), *geometry], (2,))


@case
def convolve_weight_gradient(draw: Draw) -> Case:
    x, w, y, geometry = convolution_shapes(draw)
    return Case([draw.numbers(*x), draw.numbers(*y), poison(*w), *geometry], (2,))


def _pooling(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    size = draw.pick(1, 2, 3), draw.pick(1, 2, 3)
    strides = draw.pick(1, 2, 3), draw.pick(1, 2, 3)
    padding = ((0, 0), (0, 0)) if min(size) == 1 else draw.border(1)
    x = (draw.size(1, 3, 60), draw.size(3, 11), draw.size(3, 11), draw.size(1, 37))
    ceil = draw.pick(True, False)
    out = []
    for axis in (0, 1):
        room = x[axis + 1] + sum(padding[axis]) - size[axis]
        steps = -(-room // strides[axis]) if ceil else room // strides[axis]
        steps -= steps * strides[axis] >= x[axis + 1] + padding[axis][0]
        out.append(steps + 1)
    return x, (x[0], *out, x[3]), (size, strides, padding)


@case
def pool_max(draw: Draw) -> Case:
    x, y, geometry = _pooling(draw)
    values = draw.numbers(*x).round(1)  # rounded, so that there are equals, of which the first must win
    if draw.pick(True, False):
        values[0, 0, 0, 0] = np.nan
    return Case(
        [values, poison(*y), draw.pick(None, poison(*y, dtype=np.int32)), *geometry], (1, 2), exact=True
    )


@case
def pool_max_gradient(draw: Draw) -> Case:
    x, y, geometry = _pooling(draw)
    winner = draw.random.integers(0, geometry[0][0] * geometry[0][1], y).astype(np.int32)
    return Case([draw.numbers(*y), winner, poison(*x), *geometry], (2,))


@case
def pool_average(draw: Draw) -> Case:
    x, y, geometry = _pooling(draw)
    return Case([draw.numbers(*x), poison(*y), *geometry, draw.pick(True, False)], (1,))


@case
def pool_average_gradient(draw: Draw) -> Case:
    x, y, geometry = _pooling(draw)
    return Case([draw.numbers(*y), poison(*x), *geometry, draw.pick(True, False)], (1,))


@case
def update_sgd(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    velocity = draw.pick(None, draw.numbers(n))
    settings = [0.01, 0.9, draw.pick(True, False), draw.pick(None, np.array(True))]
    return Case([draw.numbers(n), draw.numbers(n), velocity, *settings], (0, 2, 6))


@case
def update_adam(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    arrays = [draw.numbers(n), draw.numbers(n), draw.numbers(n), draw.positive(n)]
    settings = [0.01, 0.9, 0.999, 1e-8, draw.size(1, 1000), draw.pick(0.0, 0.1)]
    return Case([*arrays, *settings, draw.pick(None, np.array(True))], (0, 2, 3, 10))


def _keys(draw: Draw) -> list[int]:
    seed, step, stream = (int(draw.random.integers(0, 2**bits)) for bits in (62, 40, 10))
    return [seed, step, stream]


@case
def random_uniform(draw: Draw) -> Case:
    return Case([poison(draw.size(1, 50, 90_001)), *_keys(draw)], (0,), exact=True)


@case
def dropout_mask(draw: Draw) -> Case:
    rate = draw.pick(0.0, 0.25, 0.5, 0.9)
    return Case([poison(draw.size(1, 50, 9001), draw.size(1, 12)), rate, *_keys(draw)], (0,))


@case
def dropout(draw: Draw) -> Case:
    shape = draw.size(1, 50, 9001), draw.size(1, 12)
    outputs = poison(*shape), poison(*shape)
    return Case([draw.numbers(*shape), *outputs, draw.pick(0.0, 0.25, 0.9), *_keys(draw)], (1, 2))


@case
def random_normal(draw: Draw) -> Case:
    return Case([poison(draw.size(1, 50, 60_001)), *_keys(draw)], (0,))


def _columns(draw: Draw) -> tuple[int, int]:
    return draw.size(2, 300, 5003), draw.size(1, 50)


@case
def batch_normalize(draw: Draw) -> Case:
    rows, features = _columns(draw)
    x = draw.numbers(rows, features) + 3 * draw.numbers(features)
    gamma, beta = draw.pick(None, draw.numbers(features)), draw.pick(None, draw.numbers(features))
    return Case([x, gamma, beta, poison(features), poison(features), poison(rows, features), 1e-3], (3, 4, 5))


@case
def normalize_columns(draw: Draw) -> Case:
    rows, features = _columns(draw)
    gamma, beta = draw.pick(None, draw.numbers(features)), draw.pick(None, draw.numbers(features))
    statistics = draw.numbers(features), draw.positive(features)
    return Case([draw.numbers(rows, features), gamma, beta, *statistics, poison(rows, features), 1e-3], (5,))


@case
def batch_normalize_gradient(draw: Draw) -> Case:
    rows, features = _columns(draw)
    x, dy = draw.numbers(rows, features) + 3 * draw.numbers(features), draw.numbers(rows, features)
    mean, variance = x.mean(axis=0), x.var(axis=0) + np.float32(0.01)
    gamma = draw.pick(None, draw.numbers(features))
    outputs = poison(features), poison(features), draw.pick(None, poison(rows, features))
    return Case([x, dy, gamma, mean, variance, *outputs, 1e-3], (5, 6, 7))


@case
def warp_affine(draw: Draw) -> Case:
    # Lines of one vector, of several, and of a part of one.
    shape = draw.size(1, 3, 60), draw.size(1, 17), draw.size(1, 41), draw.size(1, 5)
    identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    matrices = identity + draw.random.standard_normal((shape[0], 2, 3)) * [0.3, 0.3, 3.0]
    tones = draw.random.standard_normal((shape[0], 2))
    colors = draw.pick(None, draw.random.standard_normal((shape[0], 3, 3)))
    boxes = draw.pick(None, draw.random.integers(-3, 20, (shape[0], 4)))
    given = draw.numbers(*shape), matrices, tones, draw.pick(True, False), poison(*shape), colors, boxes
    return Case([*given], (4,))


# Rows of the same table.
from tests.compute import (  # noqa: E402
    depthwise_cases,  # noqa: F401
    elementwise_cases,  # noqa: F401
    loss_cases,  # noqa: F401
    sequence_cases,  # noqa: F401
    update_cases,  # noqa: F401
)
