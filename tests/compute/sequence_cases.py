"""More rows of the table in `cases`: kernels over sequences and over rows."""

from __future__ import annotations

import numpy as np

from tests.compute.cases import Case, Draw, case, poison


def _scores(draw: Draw) -> tuple[int, int, int, int]:
    return draw.size(1, 3, 9), draw.size(1, 3, 4), draw.size(1, 20, 33), draw.size(1, 40)


@case
def attention_softmax(draw: Draw) -> Case:
    shape = _scores(draw)
    mask = draw.pick(None, draw.random.integers(0, 2, (shape[0], shape[3])).astype(np.float32))
    causal, scale = draw.pick(True, False), draw.pick(1.0, 0.3)
    return Case([draw.numbers(*shape, scale=3.0), mask, causal, scale, poison(*shape)], (4,))


@case
def attention_softmax_gradient(draw: Draw) -> Case:
    shape = _scores(draw)
    return Case([draw.numbers(*shape), draw.numbers(*shape), draw.pick(1.0, 0.3), poison(*shape)], (3,))


def _rows(draw: Draw) -> tuple[int, int]:
    return draw.size(1, 9, 900), draw.size(1, 70)


@case
def layer_normalize(draw: Draw) -> Case:
    rows, features = _rows(draw)
    x = draw.numbers(rows, features) + 3 * draw.numbers(rows, 1)
    gamma, beta = draw.pick(None, draw.numbers(features)), draw.pick(None, draw.numbers(features))
    statistics = draw.pick((None, None), (poison(rows), poison(rows)))
    return Case([x, gamma, beta, *statistics, poison(rows, features), 1e-3], (3, 4, 5))


@case
def layer_normalize_gradient(draw: Draw) -> Case:
    rows, features = _rows(draw)
    x, dy = draw.numbers(rows, features) + 3 * draw.numbers(rows, 1), draw.numbers(rows, features)
    mean, variance = x.mean(axis=1), x.var(axis=1) + np.float32(0.01)
    gamma = draw.pick(None, draw.numbers(features))
    slopes = draw.pick((None, None), (poison(features), poison(features)))
    outputs = *slopes, draw.pick(None, poison(rows, features))
    return Case([x, dy, gamma, mean, variance, *outputs, 1e-3], (5, 6, 7))


@case
def rms_normalize(draw: Draw) -> Case:
    rows, features = _rows(draw)
    gamma, squares = draw.pick(None, draw.numbers(features)), draw.pick(None, poison(rows))
    return Case([draw.numbers(rows, features), gamma, squares, poison(rows, features), 1e-6], (2, 3))


@case
def rms_normalize_gradient(draw: Draw) -> Case:
    rows, features = _rows(draw)
    x, dy = draw.numbers(rows, features), draw.numbers(rows, features)
    squares = np.square(x).mean(axis=1) + np.float32(0.01)
    gamma, d_gamma = draw.pick(None, draw.numbers(features)), draw.pick(None, poison(features))
    return Case([x, dy, gamma, squares, d_gamma, draw.pick(None, poison(rows, features)), 1e-6], (4, 5))


def _grouped(draw: Draw) -> tuple[tuple[int, int, int], int]:
    groups = draw.size(1, 5)
    return (draw.size(1, 4, 9), draw.size(1, 12, 300), groups * draw.size(1, 9)), groups


@case
def group_normalize(draw: Draw) -> Case:
    shape, groups = _grouped(draw)
    x = draw.numbers(*shape) + 3 * draw.numbers(shape[0], 1, 1)
    gamma, beta = draw.pick(None, draw.numbers(shape[2])), draw.pick(None, draw.numbers(shape[2]))
    kept = draw.pick((None, None), (poison(shape[0], groups), poison(shape[0], groups)))
    return Case([x, groups, gamma, beta, *kept, poison(*shape), 1e-3], (4, 5, 6))


@case
def group_normalize_gradient(draw: Draw) -> Case:
    shape, groups = _grouped(draw)
    x, dy = draw.numbers(*shape), draw.numbers(*shape)
    mean, variance = draw.numbers(shape[0], groups), draw.positive(shape[0], groups)
    gamma = draw.pick(None, draw.numbers(shape[2]))
    slopes = draw.pick((None, None), (poison(shape[2]), poison(shape[2])))
    outputs = *slopes, draw.pick(None, poison(*shape))
    return Case([x, dy, groups, gamma, mean, variance, *outputs, 1e-3], (6, 7, 8))


def _reduced(draw: Draw) -> tuple[list[int], tuple[int, ...], list[int]]:
    shape = [draw.size(1, 3, 20), draw.size(1, 5, 30), draw.size(1, 4), draw.size(4, 40)]
    axes = draw.pick((0,), (1,), (2,), (1, 2), (0, 1))
    return shape, axes, [1 if axis in axes else length for axis, length in enumerate(shape)]


@case
def max_along(draw: Draw) -> Case:
    shape, axes, left = _reduced(draw)
    # Whole numbers, of which many are equal.
    x = draw.random.integers(-2, 3, shape).astype(np.float32)
    winner = draw.pick(None, poison(*left, dtype=np.int32))
    return Case([x, axes, winner, poison(*left)], (2, 3), exact=True)


@case
def max_along_gradient(draw: Draw) -> Case:
    shape, axes, left = _reduced(draw)
    count = int(np.prod([shape[axis] for axis in axes]))
    winner = draw.random.integers(0, count, left, np.int32)
    return Case([draw.numbers(*left), axes, winner, poison(*shape)], (3,), exact=True)


@case
def sum_along(draw: Draw) -> Case:
    shape, axes, left = _reduced(draw)
    return Case([draw.numbers(*shape), axes, draw.pick(1.0, 0.125), poison(*left)], (3,))


def _pixels(draw: Draw) -> tuple[int, int, int]:
    return draw.size(1, 5, 40), draw.size(1, 30, 90), draw.size(4, 40)


@case
def pool_global_average(draw: Draw) -> Case:
    n, pixels, channels = _pixels(draw)
    return Case([draw.numbers(n, pixels, channels), poison(n, channels)], (1,))


@case
def pool_global_average_gradient(draw: Draw) -> Case:
    n, pixels, channels = _pixels(draw)
    return Case([draw.numbers(n, channels), poison(n, pixels, channels)], (1,))


@case
def pool_global_max(draw: Draw) -> Case:
    n, pixels, channels = _pixels(draw)
    # Whole numbers, of which many are equal.
    x = draw.random.integers(-2, 3, (n, pixels, channels)).astype(np.float32)
    winner = draw.pick(None, poison(n, channels, dtype=np.int32))
    return Case([x, poison(n, channels), winner], (1, 2), exact=True)


@case
def pool_global_max_gradient(draw: Draw) -> Case:
    n, pixels, channels = _pixels(draw)
    winner = draw.random.integers(0, pixels, (n, channels), np.int32)
    return Case([draw.numbers(n, channels), winner, poison(n, pixels, channels)], (2,), exact=True)


def _cell(draw: Draw, gates: int) -> tuple[list[np.ndarray], tuple[int, int, int, int]]:
    n, steps, features, units = draw.size(1, 5, 40), draw.size(1, 12), draw.size(1, 9), draw.size(1, 50)
    arrays = [draw.numbers(n, steps, features), draw.numbers(features, gates * units, scale=0.5)]
    # A state without gates is chaotic under a larger kernel: no two roundings would agree for long.
    scale = 0.1 if gates == 1 else 0.5
    return [*arrays, draw.numbers(units, gates * units, scale=scale)], (n, steps, features, units)


@case
def lstm(draw: Draw) -> Case:
    arrays, (n, steps, _, units) = _cell(draw, 4)
    bias = draw.pick(None, draw.numbers(4 * units))
    start = draw.pick(None, (draw.numbers(n, units), draw.numbers(n, units)))
    kept = draw.pick((None, None), (poison(n, steps, units), poison(n, steps, units)))
    last = draw.pick(None, poison(n, units))
    made = [*arrays, bias, None, start, poison(n, steps, 4 * units), *kept, last]
    return Case([*made, "tanh", "sigmoid", draw.pick(True, False)], (6, 7, 8, 9))


@case
def lstm_gradient(draw: Draw) -> Case:
    arrays, (n, steps, features, units) = _cell(draw, 4)
    start = draw.pick(None, (draw.numbers(n, units), draw.numbers(n, units)))
    gates = draw.random.random((n, steps, 4 * units), dtype=np.float32)
    kept = draw.numbers(n, steps, units), np.tanh(draw.numbers(n, steps, units))
    dy = draw.pick(draw.numbers(n, steps, units), draw.numbers(n, units))
    dx, d_bias = draw.pick(None, poison(n, steps, features)), draw.pick(None, poison(4 * units))
    d_cell, d_start = draw.pick(None, draw.numbers(n, units)), draw.pick(None, poison(n, 2 * units))
    outputs = poison(features, 4 * units), poison(units, 4 * units), d_bias, d_start
    made = [*arrays, None, start, gates, *kept, dy, d_cell, dx, *outputs, poison(n, steps, 4 * units)]
    return Case([*made, "tanh", "sigmoid", draw.pick(True, False)], (10, 11, 12, 13, 14))


@case
def simple_rnn(draw: Draw) -> Case:
    arrays, (n, steps, _, units) = _cell(draw, 1)
    bias, start = draw.pick(None, draw.numbers(units)), draw.pick(None, (draw.numbers(n, units),))
    kept = draw.pick(None, poison(n, steps, units)), draw.pick(None, poison(n, units))
    made = [*arrays, bias, None, start, poison(n, steps, units), *kept]
    return Case([*made, draw.pick("tanh", "relu", "sigmoid", "elu"), draw.pick(True, False)], (6, 7, 8))


@case
def simple_rnn_gradient(draw: Draw) -> Case:
    arrays, (n, steps, features, units) = _cell(draw, 1)
    start = draw.pick(None, (draw.numbers(n, units),))
    gates = draw.random.random((n, steps, units), dtype=np.float32)
    dy = draw.pick(draw.numbers(n, steps, units), draw.numbers(n, units))
    dx, d_bias = draw.pick(None, poison(n, steps, features)), draw.pick(None, poison(units))
    outputs = poison(features, units), poison(units, units), d_bias, draw.pick(None, poison(n, units))
    made = [*arrays, None, start, gates, gates.copy(), dy, dx, *outputs, poison(n, steps, units)]
    return Case([*made, draw.pick("tanh", "relu"), draw.pick(True, False)], (8, 9, 10, 11, 12, 13))


@case
def gru(draw: Draw) -> Case:
    arrays, (n, steps, _, units) = _cell(draw, 3)
    biases = draw.pick((None, None), (draw.numbers(3 * units), draw.numbers(3 * units)))
    start = draw.pick(None, (draw.numbers(n, units),))
    recalled = draw.pick(None, poison(n, steps, units))
    kept = draw.pick(None, poison(n, steps, units)), draw.pick(None, poison(n, units))
    made = [*arrays, *biases, None, start, poison(n, steps, 3 * units), recalled, *kept]
    return Case([*made, "tanh", "sigmoid", True, draw.pick(True, False)], (7, 8, 9, 10))


@case
def gru_gradient(draw: Draw) -> Case:
    arrays, (n, steps, features, units) = _cell(draw, 3)
    start = draw.pick(None, (draw.numbers(n, units),))
    gates = draw.random.random((n, steps, 3 * units), dtype=np.float32)
    kept = draw.numbers(n, steps, units), np.tanh(draw.numbers(n, steps, units))
    dy = draw.pick(draw.numbers(n, steps, units), draw.numbers(n, units))
    dx, d_start = draw.pick(None, poison(n, steps, features)), draw.pick(None, poison(n, units))
    biases = draw.pick((None, None), (poison(3 * units), None), (poison(3 * units), poison(3 * units)))
    outputs = poison(features, 3 * units), poison(units, 3 * units), *biases, d_start
    made = [*arrays, None, start, gates, *kept, dy, dx, *outputs, poison(n, steps, 3 * units)]
    return Case([*made, "tanh", "sigmoid", True, draw.pick(True, False)], (9, 10, 11, 12, 13, 14, 15))
