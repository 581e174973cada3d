"""Optimizer updates over the flat parameter vector, in place.

Rates, steps and the like are numbers, or arrays () of one, which are read when the update is made: a captured
step has another rate each time. An update returns whether the gradient was finite, and the parameters that
were still are; or `finite` is given, an array () of bool, which becomes False if they are not.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.signs import sign


@kernel
def update_sgd(
    xp: ModuleType, params: Array, gradient: Array, velocity: Array | None, learning_rate: float,
    momentum: float, nesterov: bool, finite: Array | None = None,
) -> Any:  # fmt: skip
    """velocity = momentum * velocity + gradient; params -= learning_rate * velocity.

    With `nesterov`, params -= learning_rate * (gradient + momentum * velocity). `velocity` is None without
    momentum. Returns whether the gradient was finite, and the parameters that were still are, or says it in
    `finite`.
    """
    learning_rate = float(learning_rate)
    # Before the update: what was lost earlier is not this one's fault.
    lost = ~xp.isfinite(params)
    if velocity is None:
        params -= learning_rate * gradient
        return _said(xp, params, gradient, lost, finite)
    velocity *= momentum
    velocity += gradient
    params -= learning_rate * (gradient + momentum * velocity if nesterov else velocity)
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_adam(
    xp: ModuleType, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, weight_decay: float,
    finite: Array | None = None,
) -> Any:  # fmt: skip
    """Adam (Kingma and Ba 2015, algorithm 1); `step` counts from 1.

    `weight_decay` is decoupled (Loshchilov and Hutter 2019): params shrink by learning_rate * weight_decay
    first. Returns whether the gradient was finite, and the parameters that were still are, or says it in
    `finite`.
    """
    learning_rate, step = float(learning_rate), int(step)
    lost = ~xp.isfinite(params)
    mean *= beta_1
    mean += (1 - beta_1) * gradient
    square *= beta_2
    square += (1 - beta_2) * gradient * gradient
    if weight_decay:
        params *= 1 - learning_rate * weight_decay
    corrected = xp.sqrt(square / (1 - beta_2**step)) + epsilon
    # Both means begin at 0, and are too small by a known factor while they are young.
    params -= (learning_rate / (1 - beta_1**step)) * mean / corrected
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_nadam(
    xp: ModuleType, params: Array, gradient: Array, mean: Array, square: Array, learning_rate: float,
    beta_1: float, beta_2: float, epsilon: float, step: int, momentum: float, next_momentum: float,
    momentum_product: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    """Nadam (Dozat 2016); `momentum` is this step's, `momentum_product` that of all steps up to this one."""
    learning_rate, step, momentum = float(learning_rate), int(step), float(momentum)
    lost = ~xp.isfinite(params)
    next_momentum, momentum_product = float(next_momentum), float(momentum_product)
    mean *= beta_1
    mean += (1 - beta_1) * gradient
    square *= beta_2
    square += (1 - beta_2) * gradient * gradient
    corrected = xp.sqrt(square / (1 - beta_2**step)) + epsilon
    params -= learning_rate * (1 - momentum) / (1 - momentum_product) * gradient / corrected
    params -= learning_rate * next_momentum / (1 - momentum_product * next_momentum) * mean / corrected
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_adagrad(
    xp: ModuleType, params: Array, gradient: Array, square: Array, learning_rate: float,
    epsilon: float, in_root: bool = False, finite: Array | None = None,
) -> Any:  # fmt: skip
    """square += gradient**2; params -= learning_rate * gradient / (sqrt(square) + epsilon).

    With `in_root` the divisor is sqrt(square + epsilon).
    """
    learning_rate, lost = float(learning_rate), ~xp.isfinite(params)
    square += gradient * gradient
    params -= learning_rate * gradient / _root(xp, square, epsilon, in_root)
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_adadelta(
    xp: ModuleType, params: Array, gradient: Array, square: Array, step_square: Array, learning_rate: float,
    rho: float, epsilon: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    """Adadelta (Zeiler 2012, algorithm 1); `square` and `step_square` are running means of squares."""
    learning_rate, lost = float(learning_rate), ~xp.isfinite(params)
    square *= rho
    square += (1 - rho) * gradient * gradient
    step = xp.sqrt(step_square + epsilon) / xp.sqrt(square + epsilon) * gradient
    step_square *= rho
    step_square += (1 - rho) * step * step
    params -= learning_rate * step
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_rmsprop(
    xp: ModuleType, params: Array, gradient: Array, square: Array, mean: Array | None, velocity: Any,
    learning_rate: float, rho: float, momentum: float, epsilon: float, in_root: bool = False,
    finite: Array | None = None,
) -> Any:  # fmt: skip
    """params -= learning_rate * gradient / (root of the running mean square + epsilon).

    With `mean` (the running mean of the gradient, or None) the root is of the variance; with `velocity` (or
    None) the quotients are gathered with `momentum`; with `in_root` epsilon is added before the root.
    """
    learning_rate, lost = float(learning_rate), ~xp.isfinite(params)
    square *= rho
    square += (1 - rho) * gradient * gradient
    spread = square
    if mean is not None:
        mean *= rho
        mean += (1 - rho) * gradient
        # Rounding can leave a variance of a steady gradient a hair below zero.
        spread = xp.maximum(square - mean * mean, 0)
    step = gradient / _root(xp, spread, epsilon, in_root)
    if velocity is not None:
        velocity *= momentum
        velocity += step
        step = velocity
    params -= learning_rate * step
    return _said(xp, params, gradient, lost, finite)


@kernel
def update_lion(
    xp: ModuleType, params: Array, gradient: Array, mean: Array, learning_rate: float, beta_1: float,
    beta_2: float, finite: Array | None = None,
) -> Any:  # fmt: skip
    """params -= learning_rate * sign(beta_1 * mean + (1 - beta_1) * gradient), then the mean, by beta_2."""
    learning_rate, lost = float(learning_rate), ~xp.isfinite(params)
    params -= learning_rate * sign(xp, beta_1 * mean + (1 - beta_1) * gradient)
    mean *= beta_2
    mean += (1 - beta_2) * gradient
    return _said(xp, params, gradient, lost, finite)


@kernel
def decay_weights(xp: ModuleType, params: Array, fraction: float) -> None:
    """params shrink by `fraction` of themselves."""
    fraction = float(fraction)
    params *= 1 - fraction


@kernel
def clip_by_value(xp: ModuleType, gradient: Array, limit: float, out: Array) -> None:
    """out = gradient with every element limited to [-limit, limit]; `out` may be `gradient`."""
    xp.clip(gradient, -limit, limit, out=out)


@kernel
def clip_by_norm(xp: ModuleType, gradient: Array, limit: float, out: Array) -> None:
    """out = gradient, shortened to the Euclidean norm `limit` if it is longer; `out` may be `gradient`.

    The norm is summed in float64. One that is not a number leaves the gradient as it is, for all to see.
    """
    norm = float(xp.sqrt(xp.sum(xp.square(gradient, dtype=xp.float64))))
    xp.multiply(gradient, limit / norm if limit < norm < float("inf") else 1.0, out=out)


def _root(xp: ModuleType, square: Array, epsilon: float, in_root: bool) -> Any:
    return xp.sqrt(square + epsilon) if in_root else xp.sqrt(square) + epsilon


def _said(xp: ModuleType, params: Array, gradient: Array, lost: Array, finite: Array | None) -> Any:
    """Whether the gradient was finite, and the parameters are that were not `lost` before; or None, noted."""
    said = xp.isfinite(gradient).all() & (lost | xp.isfinite(params)).all()
    if finite is None:
        return said
    finite &= said
    return None
