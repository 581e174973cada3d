"""Optimizer updates in one pass over the flat vectors, split over the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.compute.cpu.calling_convention import work
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.kernels._arrays import EXPONENT, plain, writable
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.remembered import held, remembered
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import updates

GRAIN = 32_768
LARGEST = np.finfo(np.float32).max


@updates.update_sgd.override("cpu")
def update_sgd(
    ops: OpsLike, params: Array, gradient: Array, velocity: Array | None, learning_rate: float,
    momentum: float, nesterov: bool,
) -> Any:  # fmt: skip
    if velocity is None:
        update = _update_of(_descend, 1, params, gradient)
        return NotImplemented if update is None else held((params, gradient), update, learning_rate)
    update = _update_of(_sgd, 3, params, gradient, velocity)
    if update is None:
        return NotImplemented
    return held((params, gradient, velocity), update, learning_rate, momentum, nesterov)


@updates.update_adam.override("cpu")
def update_adam(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, weight_decay: float,
) -> Any:  # fmt: skip
    update = _update_of(_adam, 6, params, gradient, mean, square)
    if update is None:
        return NotImplemented
    numbers = learning_rate, beta_1, beta_2, epsilon, step, weight_decay
    return held((params, gradient, mean, square), _adam_by, update, *numbers)


def _adam_by(
    update: _Update, rate: float, beta_1: float, beta_2: float, epsilon: float, step: int, weight_decay: float
) -> bool:
    # Here and not where the arguments are looked at: they may be arrays that hold other numbers by now.
    rate, step = float(rate), int(step)
    kept = 1 - rate * weight_decay
    return update(rate / (1 - beta_1**step), beta_1, beta_2, 1 / (1 - beta_2**step), epsilon, kept)


@remembered
def _update_of(
    kernel: Callable[..., Any], count: int, params: Array, gradient: Array, *state: Array
) -> _Update | None:
    if params.ndim != 1 or not plain(gradient) or not writable(params, *state):
        return None
    if any(array.shape != params.shape for array in (gradient, *state)):
        return None
    return _Update(kernel, count, (params, gradient, *state))


class _Update:
    """An update of the vectors of a training, given `count` numbers; whether it met and left finite ones."""

    def __init__(self, kernel: Callable[..., Any], count: int, arrays: tuple[Any, ...]) -> None:
        pieces = get_workers().split(arrays[0].size, GRAIN)
        self._numbers, self._finite = np.zeros(count), np.zeros(len(pieces), bool)
        tasks = [(k, *piece) for k, piece in enumerate(pieces)]
        before = (*arrays, arrays[1].view(np.int32), self._numbers, self._finite)
        # It is remembered until the arrays are gone, so it must not keep them itself.
        self._work = work(kernel, before, tasks, keep=False)

    def __call__(self, *numbers: float) -> bool:
        # Whoever updates the same vectors at the same time gets in the way of more than these.
        self._numbers[:] = numbers
        self._work()
        return False not in self._finite.tolist()


# Gradient and parameters pass by anyway: what looks for NaN in them costs nothing here. Of a gradient the
# exponents tell; a comparison does of a parameter, which must be finite before an update to be lost by it.
# Every scalar is made a float32 first: one float64 among them turns the whole loop into float64.
@piecework
def _adam(params, gradient, mean, square, bits, numbers, finite, k, start, stop):
    rate, beta_1, beta_2 = numbers[0], numbers[1], numbers[2]
    correction, epsilon, kept = numbers[3], numbers[4], numbers[5]
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    rate, epsilon, kept = np.float32(rate), np.float32(epsilon), np.float32(kept)
    new_1, new_2, correction = np.float32(1 - beta_1), np.float32(1 - beta_2), np.float32(correction)
    beta_1, beta_2 = np.float32(beta_1), np.float32(beta_2)
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
    finite[k] = exponent != EXPONENT and lost == 0


@piecework
def _sgd(params, gradient, velocity, bits, numbers, finite, k, start, stop):
    learning_rate, momentum, nesterov = numbers[0], numbers[1], numbers[2] != 0
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    velocity = velocity[start:stop]
    rate, momentum = np.float32(learning_rate), np.float32(momentum)
    # A number and not the constant 1, of which a compiler would make sums that round otherwise.
    own = np.float32(numbers[2])
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        v = momentum * velocity[i] + gradient[i]
        velocity[i] = v
        before = params[i]
        p = before - (rate * (own * gradient[i] + momentum * v) if nesterov else rate * v)
        params[i] = p
        lost |= np.int32(abs(before) <= LARGEST) & np.int32(not abs(p) <= LARGEST)
    finite[k] = exponent != EXPONENT and lost == 0


@piecework
def _descend(params, gradient, bits, numbers, finite, k, start, stop):
    learning_rate = numbers[0]
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    rate = np.float32(learning_rate)
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        before = params[i]
        p = before - rate * gradient[i]
        params[i] = p
        lost |= np.int32(abs(before) <= LARGEST) & np.int32(not abs(p) <= LARGEST)
    finite[k] = exponent != EXPONENT and lost == 0
