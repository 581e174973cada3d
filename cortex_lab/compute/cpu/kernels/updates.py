"""Optimizer updates in one pass over the flat vectors, split over the workers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import exact, piecework
from cortex_lab.compute.cpu.kernels._arrays import EXPONENT, flag, number, plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import held, remembered
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import updates
from cortex_lab.compute.work import Work

GRAIN = 32_768
LARGEST = np.finfo(np.float32).max
_NONE = np.zeros(0, np.float32)


@updates.update_sgd.override("cpu")
def update_sgd(
    ops: OpsLike, params: Array, gradient: Array, velocity: Array | None, learning_rate: float,
    momentum: float, nesterov: bool, finite: Array | None = None,
) -> Any:  # fmt: skip
    if velocity is None:
        return updating(_descend, (params, gradient), finite, 0, learning_rate)
    return updating(_sgd, (params, gradient, velocity), finite, 0, learning_rate, momentum, float(nesterov))


@updates.update_adam.override("cpu")
def update_adam(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, weight_decay: float,
    finite: Array | None = None,
) -> Any:  # fmt: skip
    arrays = params, gradient, mean, square
    return updating(_adam, arrays, finite, step, learning_rate, beta_1, beta_2, epsilon, weight_decay)


def updating(
    kernel: Callable[..., Any], arrays: tuple[Any, ...], finite: Any, step: Any, *numbers: Any
) -> Any:
    """An update of the vectors of a training: what says whether all was finite, or work that notes it.

    `kernel` is given these arrays, empty for None, the gradient's bits, step and numbers, each as an array
    (), and `finite`. The first two of the arrays are parameters and gradient.
    """
    if finite is None:
        update = _update_of(kernel, len(numbers), *arrays)
        return NotImplemented if update is None else held(arrays, update, step, *numbers)
    cells = number(step, np.int64), *(number(each, np.float64) for each in numbers)
    if any(each is None for each in cells) or not flag(finite) or not _fit(*arrays):
        return NotImplemented
    return _work(kernel, arrays, (*cells, finite))


@remembered
def _update_of(kernel: Callable[..., Any], numbers: int, *arrays: Array | None) -> _Update | None:
    return _Update(kernel, numbers, arrays) if _fit(*arrays) else None


def _fit(params: Array, gradient: Array, *state: Array | None) -> bool:
    if params.ndim != 1 or not plain(gradient) or not writable(params, *state):
        return False
    return all(array is None or array.shape == params.shape for array in (gradient, *state))


def _work(
    kernel: Callable[..., Any], arrays: tuple[Any, ...], cells: tuple[Any, ...], keep: bool = True
) -> Work:
    given = (_NONE if array is None else array for array in arrays)
    pieces = get_workers().split(arrays[0].size, GRAIN)
    return work(kernel, (*given, arrays[1].view(np.int32), *cells), pieces, keep=keep)


class _Update:
    """An update that is given its numbers each time; whether it met and left finite ones."""

    def __init__(self, kernel: Callable[..., Any], numbers: int, arrays: tuple[Any, ...]) -> None:
        self._cells = np.zeros((), np.int64), *(np.zeros(()) for _ in range(numbers))
        self._finite = np.zeros((), bool)
        # It is remembered until the arrays are gone, so it must not keep them itself.
        self._work = _work(kernel, arrays, (*self._cells, self._finite), keep=False)

    def __call__(self, *numbers: Any) -> bool:
        # Whoever updates the same vectors at the same time gets in the way of more than these.
        for cell, value in zip(self._cells, numbers, strict=True):
            cell[...] = value
        self._finite.fill(True)
        self._work()
        return bool(self._finite)


# Gradient and parameters pass by anyway: what looks for NaN in them costs nothing here. Of a gradient the
# exponents tell; a comparison does of a parameter, which must be finite before an update to be lost by it.
# Every scalar is made a float32 first: one float64 among them turns the whole loop into float64.
@piecework
def _adam(
    params, gradient, mean, square, bits, step, rate, beta_1, beta_2, epsilon, weight_decay, finite, start,
    stop,
):  # fmt: skip
    given = rate[()], np.float64(step[()]), beta_1[()], beta_2[()], weight_decay[()]
    rate, correction, kept = _corrected(*given)
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    rate, epsilon, kept = np.float32(rate), np.float32(epsilon[()]), np.float32(kept)
    new_1, new_2 = np.float32(1 - beta_1[()]), np.float32(1 - beta_2[()])
    beta_1, beta_2 = np.float32(beta_1[()]), np.float32(beta_2[()])
    correction = np.float32(correction)
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        g = gradient[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        m = beta_1 * mean[i] + new_1 * g
        s = beta_2 * square[i] + new_2 * g * g
        mean[i] = m
        square[i] = s
        before = params[i]
        p = kept * before - rate * m / (np.sqrt(s * correction) + epsilon)
        params[i] = p
        lost |= np.int32(abs(before) <= LARGEST) & np.int32(not abs(p) <= LARGEST)
    # Whoever else says so at the same time says the same.
    if exponent == EXPONENT or lost != 0:
        finite[()] = False


@exact
def _corrected(rate, step, beta_1, beta_2, weight_decay):
    """The rate and the factor of the squares, corrected for the start from 0; the share of weights kept."""
    return rate / (1 - math.pow(beta_1, step)), 1 / (1 - math.pow(beta_2, step)), 1 - rate * weight_decay


@piecework
def _sgd(params, gradient, velocity, bits, step, rate, momentum, nesterov, finite, start, stop):
    # A number and not the constant 1, of which a compiler would make sums that round otherwise.
    own = np.float32(nesterov[()])
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    velocity = velocity[start:stop]
    rate, momentum = np.float32(rate[()]), np.float32(momentum[()])
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        v = momentum * velocity[i] + gradient[i]
        velocity[i] = v
        before = params[i]
        p = before - (rate * (own * gradient[i] + momentum * v) if own != 0 else rate * v)
        params[i] = p
        lost |= np.int32(abs(before) <= LARGEST) & np.int32(not abs(p) <= LARGEST)
    if exponent == EXPONENT or lost != 0:
        finite[()] = False


@piecework
def _descend(params, gradient, bits, step, rate, finite, start, stop):
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    rate = np.float32(rate[()])
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        before = params[i]
        p = before - rate * gradient[i]
        params[i] = p
        lost |= np.int32(abs(before) <= LARGEST) & np.int32(not abs(p) <= LARGEST)
    if exponent == EXPONENT or lost != 0:
        finite[()] = False
