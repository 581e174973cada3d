"""Rows of the table of cases: losses."""

from __future__ import annotations

import numpy as np

from tests.compute.cases import Case, Draw, case, poison


@case
def softmax_cross_entropy(draw: Draw) -> Case:
    n, classes = draw.size(1, 40), draw.size(2, 40)
    ids = draw.random.integers(-1, classes, n)
    gradient = draw.pick(None, poison(n, classes))
    logits = draw.numbers(n, classes, scale=20)
    found = draw.pick(None, np.full(2, np.nan))
    return Case([logits, ids, draw.positive(n), poison(n), gradient, found], (3, 4, 5))


@case
def squared_error(draw: Draw) -> Case:
    shape = (draw.size(1, 40, 90), draw.size(1, 4), draw.size(1, 500, 1300))
    gradient = draw.pick(None, poison(*shape))
    return Case(
        [draw.numbers(*shape), draw.numbers(*shape), draw.positive(shape[0]), poison(shape[0]), gradient],
        (3, 4),
    )


@case
def elementwise_loss(draw: Draw) -> Case:
    shape = (draw.size(1, 40, 90), draw.size(1, 4), draw.size(1, 500, 1300))
    name = draw.pick("squared", "absolute", "huber", "binary", "sigmoid_binary")
    y, target = draw.numbers(*shape), draw.numbers(*shape)
    if "binary" in name:
        target = draw.random.random(shape, np.float32)
        if name == "binary":
            # Not up to 1, from which float32 cannot keep away as float64 does.
            y = draw.random.choice([0, 1e-8, 1e-6, 1e-3, 0.1, 0.3, 0.6, 0.9, 0.999], shape)
        y = (y if name == "binary" else 3 * y).astype(np.float32)
    if draw.pick(True, False):
        target[draw.random.random(shape) < 0.3] = np.nan
        target[0] = np.nan
    gradient, parameter = draw.pick(None, poison(*shape)), draw.pick(0.0, 0.2)
    made = [name, y, target, draw.positive(shape[0]), poison(shape[0]), gradient]
    return Case([*made, parameter or float(name == "huber")], (4, 5))
