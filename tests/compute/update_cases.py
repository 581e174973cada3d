"""More rows of the table in `cases`: updates of optimizers, whose numbers are given or lie in arrays ()."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.compute.cases import Case, Draw, case, poison


def _numbers(draw: Draw, *values: float, switches: tuple[bool, ...] = ()) -> list[Any]:
    """What an update is told, and where it says whether all was finite: in a captured step, arrays ()."""
    if draw.pick(True, False):
        return [*values, *switches, None]
    told = (np.array(each) if draw.pick(True, False) else each for each in values)
    return [*told, *switches, np.array(True)]


@case
def update_nadam(draw: Draw) -> Case:
    n, step = draw.size(1, 400, 100_003), draw.size(1, 1000)
    arrays = [draw.numbers(n), draw.numbers(n), draw.numbers(n), draw.positive(n)]
    return Case([*arrays, *_numbers(draw, 0.01, 0.9, 0.999, 1e-8, step, 0.7, 0.72, 0.3)], (0, 2, 3, 12))


@case
def update_adagrad(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    arrays = [draw.numbers(n), draw.numbers(n), draw.positive(n)]
    return Case([*arrays, *_numbers(draw, 0.01, 1e-10, switches=(False,))], (0, 2, 6))


@case
def update_adadelta(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    arrays = [draw.numbers(n), draw.numbers(n), draw.positive(n), draw.positive(n)]
    return Case([*arrays, *_numbers(draw, 0.5, 0.95, 1e-6)], (0, 2, 3, 7))


@case
def update_rmsprop(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    mean, velocity = (draw.pick(None, draw.numbers(n, scale=0.1)) for _ in range(2))
    arrays = [draw.numbers(n), draw.numbers(n), draw.positive(n), mean, velocity]
    return Case([*arrays, *_numbers(draw, 0.01, 0.9, 0.8, 1e-2, switches=(False,))], (0, 2, 3, 4, 10))


@case
def update_lion(draw: Draw) -> Case:
    n = draw.size(1, 400, 100_003)
    arrays = [draw.numbers(n), draw.numbers(n), draw.numbers(n)]
    return Case([*arrays, *_numbers(draw, 0.01, 0.9, 0.99)], (0, 2, 6))


def _matrix(draw: Draw) -> np.ndarray:
    rows, columns = draw.size(1, 40, draw.pick(90, 300)), draw.size(1, 40, 170)
    # Far from losing a dimension: the iteration makes much of what rounding leaves there.
    return draw.numbers(rows, columns) + 3 * np.eye(rows, columns, dtype=np.float32)


@case
def orthogonalize(draw: Draw) -> Case:
    matrix = _matrix(draw)
    return Case([matrix, draw.pick(1, 4, 5), poison(*matrix.shape)], (2,))


@case
def update_muon(draw: Draw) -> Case:
    gradient = _matrix(draw)
    arrays = [draw.numbers(*gradient.shape), gradient, 3 * gradient]
    return Case([*arrays, draw.pick(0.01, np.array(0.01)), 0.9, draw.pick(1, 5)], (0, 2))
