"""Optimizer updates in one pass over the flat vectors, split over the workers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.compiled import compiled
from cortex_lab.compute.kernels import updates
from cortex_lab.compute.overrides._arrays import EXPONENT, plain, writable
from cortex_lab.compute.workers import get_workers, workspace

GRAIN = 32_768
_UNUSED = np.zeros(1, bool)


@updates.update_sgd.override("cpu")
def update_sgd(
    ops: Any, params: Any, gradient: Any, velocity: Any, learning_rate: float, momentum: float, nesterov: bool
) -> Any:
    if (
        params.ndim != 1
        or not plain(gradient)
        or not writable(params, velocity)
        or params.shape != gradient.shape
    ):
        return NotImplemented
    if velocity is None:
        return _spread(_descend, (params, gradient), (learning_rate,))
    if velocity.shape != params.shape:
        return NotImplemented
    return _spread(_sgd, (params, gradient, velocity), (learning_rate, momentum, nesterov))


@updates.update_adam.override("cpu")
def update_adam(
    ops: Any,
    params: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int,
    weight_decay: float,
) -> Any:
    if params.ndim != 1 or not plain(gradient) or not writable(params, mean, square):
        return NotImplemented
    if not params.shape == gradient.shape == mean.shape == square.shape:
        return NotImplemented
    rate = learning_rate / (1 - beta_1**step)
    kept = 1 - learning_rate * weight_decay
    settings = (rate, beta_1, beta_2, 1 / (1 - beta_2**step), epsilon, kept)
    return _spread(_adam, (params, gradient, mean, square), settings)


def _spread(function: Any, arrays: tuple[Any, ...], settings: tuple[Any, ...]) -> bool:
    """Run `function` over pieces of the arrays; whether each found its gradient finite."""
    size = arrays[0].size
    # Their exponents tell whether numbers are finite.
    arrays = (*arrays, arrays[1].view(np.int32))
    if size <= GRAIN:
        return function(*arrays, *settings, _UNUSED, 0, 0, size)
    workers = get_workers()
    pieces = workers.split(size, GRAIN)
    finite = workspace("finite", np.bool_, len(pieces))
    workers.run(
        function, [(*arrays, *settings, finite, k, *piece) for k, piece in enumerate(pieces)], blas=False
    )
    return all(finite[: len(pieces)].tolist())


# The gradient passes by anyway: what looks for NaN in it costs nothing here.
# Every scalar is made a float32 first: one float64 among them turns the whole loop into float64.
@compiled
def _adam(
    params, gradient, mean, square, bits, rate, beta_1, beta_2, correction, epsilon, kept,
    finite, k, start, stop,
):  # fmt: skip
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    rate, epsilon, kept = np.float32(rate), np.float32(epsilon), np.float32(kept)
    new_1, new_2, correction = np.float32(1 - beta_1), np.float32(1 - beta_2), np.float32(correction)
    beta_1, beta_2 = np.float32(beta_1), np.float32(beta_2)
    exponent = np.int32(0)
    for i in range(params.shape[0]):
        g = gradient[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        m = beta_1 * mean[i] + new_1 * g
        s = beta_2 * square[i] + new_2 * g * g
        mean[i] = m
        square[i] = s
        params[i] = kept * params[i] - rate * m / (np.sqrt(s * correction) + epsilon)
    found = exponent != EXPONENT
    finite[k] = found
    return found


@compiled
def _sgd(params, gradient, velocity, bits, learning_rate, momentum, nesterov, finite, k, start, stop):
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    velocity = velocity[start:stop]
    rate, momentum = np.float32(learning_rate), np.float32(momentum)
    ahead = momentum if nesterov else np.float32(1)
    own = np.float32(1) if nesterov else np.float32(0)
    exponent = np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        v = momentum * velocity[i] + gradient[i]
        velocity[i] = v
        params[i] -= rate * (own * gradient[i] + ahead * v)
    found = exponent != EXPONENT
    finite[k] = found
    return found


@compiled
def _descend(params, gradient, bits, learning_rate, finite, k, start, stop):
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    rate = np.float32(learning_rate)
    exponent = np.int32(0)
    for i in range(params.shape[0]):
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        params[i] -= rate * gradient[i]
    found = exponent != EXPONENT
    finite[k] = found
    return found
