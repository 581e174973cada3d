"""The updates of Nadam, Adagrad, Adadelta, RMSprop and Lion, each in one pass over the flat vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.cpu.jit import exact, exact_piecework
from cortex_lab.compute.cpu.kernels._arrays import EXPONENT
from cortex_lab.compute.cpu.kernels.updates import LARGEST, updating
from cortex_lab.compute.kernel import Array, OpsLike
from cortex_lab.compute.kernels import updates


@updates.update_nadam.override("cpu")
def update_nadam(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, momentum: float, next_momentum: float,
    momentum_product: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    numbers = learning_rate, beta_1, beta_2, epsilon, momentum, next_momentum, momentum_product
    return updating(_nadam, (params, gradient, mean, square), finite, step, *numbers)


@updates.update_adagrad.override("cpu")
def update_adagrad(
    ops: OpsLike, params: Array, gradient: Array, square: Array, learning_rate: float, epsilon: float,
    in_root: bool = False, finite: Array | None = None,
) -> Any:  # fmt: skip
    if in_root:
        return NotImplemented
    return updating(_adagrad, (params, gradient, square), finite, 0, learning_rate, epsilon)


@updates.update_adadelta.override("cpu")
def update_adadelta(
    ops: OpsLike, params: Array, gradient: Array, square: Array, step_square: Array, learning_rate: float,
    rho: float, epsilon: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    arrays = params, gradient, square, step_square
    return updating(_adadelta, arrays, finite, 0, learning_rate, rho, epsilon)


@updates.update_rmsprop.override("cpu")
def update_rmsprop(
    ops: OpsLike, params: Array, gradient: Array, square: Array, mean: Array | None,
    velocity: Array | None, learning_rate: float, rho: float, momentum: float, epsilon: float,
    in_root: bool = False, finite: Array | None = None,
) -> Any:  # fmt: skip
    if in_root:
        return NotImplemented
    arrays = params, gradient, square, mean, velocity
    return updating(_rmsprop, arrays, finite, 0, learning_rate, rho, momentum, epsilon)


@updates.update_lion.override("cpu")
def update_lion(
    ops: OpsLike, params: Array, gradient: Array, mean: Array, learning_rate: float, beta_1: float,
    beta_2: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    return updating(_lion, (params, gradient, mean), finite, 0, learning_rate, beta_1, beta_2)


# As written: a root below a fraction would else be an estimate, of which infinity makes NaN. Every scalar is
# made a float32 first, as one float64 among them turns the whole loop into float64.
@exact_piecework
def _nadam(
    params, gradient, mean, square, bits, step, rate, beta_1, beta_2, epsilon, momentum, next_momentum,
    product, finite, start, stop,
):  # fmt: skip
    given = rate[()], beta_2[()], np.float64(step[()]), momentum[()], next_momentum[()], product[()]
    by_gradient, by_mean, correction = _look_ahead(*given)
    by_gradient, by_mean, correction = np.float32(by_gradient), np.float32(by_mean), np.float32(correction)
    old_1, new_1 = np.float32(beta_1[()]), np.float32(1 - beta_1[()])
    old_2, new_2 = np.float32(beta_2[()]), np.float32(1 - beta_2[()])
    little = np.float32(epsilon[()])
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    mean, square = mean[start:stop], square[start:stop]
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        g, before = gradient[i], params[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        m = old_1 * mean[i] + new_1 * g
        s = old_2 * square[i] + new_2 * g * g
        mean[i] = m
        square[i] = s
        corrected = np.sqrt(s * correction) + little
        # Two quotients, as an infinite gradient takes one of them to 0 and the other not.
        after = before - by_gradient * (g / corrected) - by_mean * (m / corrected)
        params[i] = after
        lost |= _lost(before, after)
    _note(exponent, lost, finite)


@exact
def _look_ahead(rate, beta_2, step, momentum, next_momentum, product):
    """What gradient and mean are multiplied by, and the squares for having begun at 0."""
    by_gradient = rate * (1 - momentum) / (1 - product)
    return by_gradient, rate * next_momentum / (1 - product * next_momentum), 1 / (1 - beta_2**step)


@exact
def _lost(before, after):
    """1 where a parameter was finite and is no longer."""
    return np.int32(abs(before) <= LARGEST) & np.int32(not abs(after) <= LARGEST)


@exact
def _note(exponent, lost, finite):
    # Whoever else says so at the same time says the same.
    if exponent == EXPONENT or lost != 0:
        finite[()] = False


@exact_piecework
def _adagrad(params, gradient, square, bits, step, rate, epsilon, finite, start, stop):
    pace, little = np.float32(rate[()]), np.float32(epsilon[()])
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    square = square[start:stop]
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        g, before = gradient[i], params[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        s = square[i] + g * g
        square[i] = s
        after = before - pace * g / (np.sqrt(s) + little)
        params[i] = after
        lost |= _lost(before, after)
    _note(exponent, lost, finite)


@exact_piecework
def _adadelta(
    params, gradient, square, step_square, bits, step, rate, rho, epsilon, finite, start, stop
):  # fmt: skip
    pace, little = np.float32(rate[()]), np.float32(epsilon[()])
    old, new = np.float32(rho[()]), np.float32(1 - rho[()])
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    square, step_square = square[start:stop], step_square[start:stop]
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        g, before, steps = gradient[i], params[i], step_square[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        s = old * square[i] + new * g * g
        square[i] = s
        move = np.sqrt(steps + little) / np.sqrt(s + little) * g
        step_square[i] = old * steps + new * move * move
        after = before - pace * move
        params[i] = after
        lost |= _lost(before, after)
    _note(exponent, lost, finite)


@exact_piecework
def _rmsprop(
    params, gradient, square, mean, velocity, bits, step, rate, rho, momentum, epsilon, finite, start, stop
):  # fmt: skip
    pace, little, kept = np.float32(rate[()]), np.float32(epsilon[()]), np.float32(momentum[()])
    old, new, zero = np.float32(rho[()]), np.float32(1 - rho[()]), np.float32(0)
    centered, carried = mean.shape[0] > 0, velocity.shape[0] > 0
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    square = square[start:stop]
    exponent, lost = np.int32(0), np.int32(0)
    if not centered and not carried:
        # A loop of its own, since it is nearly everybody's, and two conditions keep it from vectors.
        for i in range(params.shape[0]):
            g, before = gradient[i], params[i]
            exponent = max(exponent, np.int32(bits[i] & EXPONENT))
            s = old * square[i] + new * g * g
            square[i] = s
            after = before - pace * (g / (np.sqrt(s) + little))
            params[i] = after
            lost |= _lost(before, after)
        _note(exponent, lost, finite)
        return
    for i in range(params.shape[0]):
        g, before = gradient[i], params[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        s = old * square[i] + new * g * g
        square[i] = s
        if centered:
            m = old * mean[start + i] + new * g
            mean[start + i] = m
            s = s - m * m
            # NaN, which is not below 0, stays.
            s = zero if s < zero else s
        move = g / (np.sqrt(s) + little)
        if carried:
            move = kept * velocity[start + i] + move
            velocity[start + i] = move
        after = before - pace * move
        params[i] = after
        lost |= _lost(before, after)
    _note(exponent, lost, finite)


@exact_piecework
def _lion(params, gradient, mean, bits, step, rate, beta_1, beta_2, finite, start, stop):
    pace, zero, one = np.float32(rate[()]), np.float32(0), np.float32(1)
    old_1, new_1 = np.float32(beta_1[()]), np.float32(1 - beta_1[()])
    old_2, new_2 = np.float32(beta_2[()]), np.float32(1 - beta_2[()])
    params, gradient, bits = params[start:stop], gradient[start:stop], bits[start:stop]
    mean = mean[start:stop]
    exponent, lost = np.int32(0), np.int32(0)
    for i in range(params.shape[0]):
        g, m, before = gradient[i], mean[i], params[i]
        exponent = max(exponent, np.int32(bits[i] & EXPONENT))
        ahead = old_1 * m + new_1 * g
        # What is neither above nor below 0 is its own sign: 0, and what is not a number.
        sign = one if ahead > zero else (-one if ahead < zero else ahead)
        after = before - pace * sign
        params[i] = after
        mean[i] = old_2 * m + new_2 * g
        lost |= _lost(before, after)
    _note(exponent, lost, finite)
