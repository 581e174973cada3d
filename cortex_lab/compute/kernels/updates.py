"""Optimizer updates over the flat parameter vector, in place."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def update_sgd(
    xp: Any, params: Any, gradient: Any, velocity: Any, learning_rate: float, momentum: float, nesterov: bool
) -> None:
    """velocity = momentum * velocity + gradient; params -= learning_rate * velocity.

    With `nesterov`, params -= learning_rate * (gradient + momentum * velocity). `velocity` is None without momentum.
    """
    if velocity is None:
        params -= learning_rate * gradient
        return
    velocity *= momentum
    velocity += gradient
    params -= learning_rate * (gradient + momentum * velocity if nesterov else velocity)


@kernel
def update_adam(
    xp: Any,
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
) -> None:
    """Adam (Kingma and Ba 2015, algorithm 1); `step` counts from 1.

    `weight_decay` is decoupled (Loshchilov and Hutter 2019): params shrink by learning_rate * weight_decay first.
    """
    mean *= beta_1
    mean += (1 - beta_1) * gradient
    square *= beta_2
    square += (1 - beta_2) * gradient * gradient
    if weight_decay:
        params *= 1 - learning_rate * weight_decay
    corrected = xp.sqrt(square / (1 - beta_2**step)) + epsilon
    params -= (learning_rate / (1 - beta_1**step)) * mean / corrected
