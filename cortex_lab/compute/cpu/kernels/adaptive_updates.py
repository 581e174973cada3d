"""The updates of Nadam, Adagrad, Adadelta, RMSprop and Lion, each in one pass over the flat vectors.

Every number of theirs is an array (), read when the update is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import exact, exact_piecework
from cortex_lab.compute.cpu.kernels._arrays import number, plain, writable
from cortex_lab.compute.cpu.kernels.updates import GRAIN
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import held, remembered
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import updates
from cortex_lab.compute.work import Work

_NONE = np.zeros(0, np.float32)


@updates.update_nadam.override("cpu")
def update_nadam(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, momentum: float, next_momentum: float,
    momentum_product: float,
) -> Any:  # fmt: skip
    numbers = learning_rate, beta_1, beta_2, epsilon, step, momentum, next_momentum, momentum_product
    return _updating(_nadam, (params, gradient, mean, square), numbers)


@updates.update_adagrad.override("cpu")
def update_adagrad(
    ops: OpsLike, params: Array, gradient: Array, square: Array, learning_rate: float, epsilon: float
) -> Any:
    return _updating(_adagrad, (params, gradient, square), (learning_rate, epsilon))


@updates.update_adadelta.override("cpu")
def update_adadelta(
    ops: OpsLike, params: Array, gradient: Array, square: Array, step_square: Array, learning_rate: float,
    rho: float, epsilon: float,
) -> Any:  # fmt: skip
    return _updating(_adadelta, (params, gradient, square, step_square), (learning_rate, rho, epsilon))


@updates.update_rmsprop.override("cpu")
def update_rmsprop(
    ops: OpsLike, params: Array, gradient: Array, square: Array, mean: Array | None,
    velocity: Array | None, learning_rate: float, rho: float, momentum: float, epsilon: float,
) -> Any:  # fmt: skip
    arrays = params, gradient, square, mean, velocity
    return _updating(_rmsprop, arrays, (learning_rate, rho, momentum, epsilon))


@updates.update_lion.override("cpu")
def update_lion(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, learning_rate: float, beta_1: float,
    beta_2: float,
) -> Any:  # fmt: skip
    return _updating(_lion, (params, gradient, mean), (learning_rate, beta_1, beta_2))


def _updating(kernel: Callable[..., Any], arrays: tuple[Any, ...], numbers: tuple[Any, ...]) -> Any:
    if not any(isinstance(each, np.ndarray) for each in numbers):
        update = _update_of(kernel, len(numbers), *arrays)
        return NotImplemented if update is None else held(arrays, update, *numbers)
    # A step is counted in whole numbers, and all else is measured.
    cells = [number(each, _kind_of(each)) for each in numbers]
    if any(each is None for each in cells) or not _fit(*arrays):
        return NotImplemented
    return _work(kernel, arrays, tuple(cells))


def _kind_of(value: Any) -> Any:
    return np.int64 if isinstance(value, np.ndarray) and value.dtype == np.int64 else np.float64


@remembered
def _update_of(kernel: Callable[..., Any], numbers: int, *arrays: Array | None) -> Any:
    return _Update(kernel, numbers, arrays) if _fit(*arrays) else None


class _Update:
    """An update that is given its numbers each time."""

    def __init__(self, kernel: Callable[..., Any], numbers: int, arrays: tuple[Any, ...]) -> None:
        self._cells = tuple(np.zeros(()) for _ in range(numbers))
        self._work = _work(kernel, arrays, self._cells, keep=False)

    def __call__(self, *numbers: float) -> None:
        for cell, value in zip(self._cells, numbers, strict=True):
            cell[...] = value
        self._work()


def _fit(params: Array, gradient: Array, *state: Array | None) -> bool:
    if params.ndim != 1 or not plain(gradient) or not writable(params, *state):
        return False
    return all(array is None or array.shape == params.shape for array in (gradient, *state))


def _work(
    kernel: Callable[..., Any], arrays: tuple[Any, ...], cells: tuple[Any, ...], keep: bool = True
) -> Work:
    given = (_NONE if array is None else array for array in arrays)
    return work(kernel, (*given, *cells), get_workers().split(arrays[0].size, GRAIN), keep=keep)


# As written: a root below a fraction would else be an estimate, of which infinity makes NaN. Every scalar is
# made a float32 first, as one float64 among them turns the whole loop into float64.
@exact_piecework
def _nadam(
    params, gradient, mean, square, rate, beta_1, beta_2, epsilon, step, momentum, next_momentum, product,
    start, stop,
):  # fmt: skip
    given = rate[()], beta_2[()], np.float64(step[()]), momentum[()], next_momentum[()], product[()]
    by_gradient, by_mean, correction = _look_ahead(*given)
    by_gradient, by_mean, correction = np.float32(by_gradient), np.float32(by_mean), np.float32(correction)
    old_1, new_1 = np.float32(beta_1[()]), np.float32(1 - beta_1[()])
    old_2, new_2 = np.float32(beta_2[()]), np.float32(1 - beta_2[()])
    little = np.float32(epsilon[()])
    params, gradient = params[start:stop], gradient[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    for i in range(params.shape[0]):
        g = gradient[i]
        m = old_1 * mean[i] + new_1 * g
        s = old_2 * square[i] + new_2 * g * g
        mean[i] = m
        square[i] = s
        corrected = np.sqrt(s * correction) + little
        # Two quotients, as an infinite gradient takes one of them to 0 and the other not.
        params[i] = params[i] - by_gradient * (g / corrected) - by_mean * (m / corrected)


@exact
def _look_ahead(rate, beta_2, step, momentum, next_momentum, product):
    """What gradient and mean are multiplied by, and the squares for having begun at 0."""
    by_gradient = rate * (1 - momentum) / (1 - product)
    return by_gradient, rate * next_momentum / (1 - product * next_momentum), 1 / (1 - beta_2**step)


@exact_piecework
def _adagrad(params, gradient, square, rate, epsilon, start, stop):
    pace, little = np.float32(rate[()]), np.float32(epsilon[()])
    params, gradient, square = params[start:stop], gradient[start:stop], square[start:stop]
    for i in range(params.shape[0]):
        g = gradient[i]
        s = square[i] + g * g
        square[i] = s
        params[i] = params[i] - pace * g / (np.sqrt(s) + little)


@exact_piecework
def _adadelta(params, gradient, square, step_square, rate, rho, epsilon, start, stop):
    pace, little = np.float32(rate[()]), np.float32(epsilon[()])
    old, new = np.float32(rho[()]), np.float32(1 - rho[()])
    params, gradient = params[start:stop], gradient[start:stop]
    square, step_square = square[start:stop], step_square[start:stop]
    for i in range(params.shape[0]):
        g, before = gradient[i], step_square[i]
        s = old * square[i] + new * g * g
        square[i] = s
        step = np.sqrt(before + little) / np.sqrt(s + little) * g
        step_square[i] = old * before + new * step * step
        params[i] = params[i] - pace * step


@exact_piecework
def _rmsprop(
    params, gradient, square, mean, velocity, rate, rho, momentum, epsilon, start, stop
):  # fmt: skip
    pace, little, kept = np.float32(rate[()]), np.float32(epsilon[()]), np.float32(momentum[()])
    old, new, zero = np.float32(rho[()]), np.float32(1 - rho[()]), np.float32(0)
    centered, carried = mean.shape[0] > 0, velocity.shape[0] > 0
    params, gradient, square = params[start:stop], gradient[start:stop], square[start:stop]
    if not centered and not carried:
        # A loop of its own, since it is nearly everybody's, and two conditions keep it from vectors.
        for i in range(params.shape[0]):
            g = gradient[i]
            s = old * square[i] + new * g * g
            square[i] = s
            params[i] = params[i] - pace * (g / (np.sqrt(s) + little))
        return
    for i in range(params.shape[0]):
        g = gradient[i]
        s = old * square[i] + new * g * g
        square[i] = s
        if centered:
            m = old * mean[start + i] + new * g
            mean[start + i] = m
            s = s - m * m
            # NaN, which is not below 0, stays.
            s = zero if s < zero else s
        step = g / (np.sqrt(s) + little)
        if carried:
            step = kept * velocity[start + i] + step
            velocity[start + i] = step
        params[i] = params[i] - pace * step


@exact_piecework
def _lion(params, gradient, mean, rate, beta_1, beta_2, start, stop):
    pace, zero, one = np.float32(rate[()]), np.float32(0), np.float32(1)
    old_1, new_1 = np.float32(beta_1[()]), np.float32(1 - beta_1[()])
    old_2, new_2 = np.float32(beta_2[()]), np.float32(1 - beta_2[()])
    params, gradient, mean = params[start:stop], gradient[start:stop], mean[start:stop]
    for i in range(params.shape[0]):
        g, m = gradient[i], mean[i]
        ahead = old_1 * m + new_1 * g
        # What is neither above nor below 0 is its own sign: 0, and what is not a number.
        sign = one if ahead > zero else (-one if ahead < zero else ahead)
        params[i] = params[i] - pace * sign
        mean[i] = old_2 * m + new_2 * g
