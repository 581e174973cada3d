"""Optimizer updates over the flat parameter vector, and whether it is finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.compute.gpu.launches import flat, given, kernel, number, once, over
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import checks, updates


def _covers(finite: Any, params: Any, *others: Any) -> bool:
    """Whether these are vectors of ours, and whether all was finite is to be noted."""
    # Who is to say it at once is the reference.
    alike = all(each is None or each.shape == params.shape for each in others)
    small = 0 < params.size < 2**31 - 1024
    return finite is not None and finite.dtype == bool and flat(params, *others) and alike and small


def _blocks(params: Any) -> tuple[int, ...]:
    return (-(-params.size // 1024),)


@updates.update_adam.override("gpu")
def _update_adam(
    ops: OpsLike, params: Any, gradient: Any, mean: Any, square: Any, learning_rate: Any, beta_1: float,
    beta_2: float, epsilon: float, step: Any, weight_decay: float, finite: Any = None,
) -> Any:  # fmt: skip
    rate, count = number(learning_rate, np.float64, "float64"), number(step, np.int64, "int64")
    if rate is None or count is None or not _covers(finite, params, gradient, mean, square):
        return NotImplemented
    betas = np.float64(beta_1), np.float64(beta_2), np.float64(epsilon)
    arguments = (
        params, gradient, mean, square, *rate, *betas, *count, np.float64(weight_decay), finite,
        np.int32(params.size),
    )  # fmt: skip
    return once("update_adam", kernel("updates", "update_adam"), _blocks(params), arguments)


@updates.update_sgd.override("gpu")
def _update_sgd(
    ops: OpsLike, params: Any, gradient: Any, velocity: Any, learning_rate: Any, momentum: float,
    nesterov: bool, finite: Any = None,
) -> Any:  # fmt: skip
    rate = number(learning_rate, np.float64, "float64")
    if rate is None or not _covers(finite, params, gradient, velocity):
        return NotImplemented
    arguments = (
        params, gradient, given(velocity), *rate, np.float64(momentum), np.int32(nesterov), finite,
        np.int32(params.size),
    )  # fmt: skip
    return once("update_sgd", kernel("updates", "update_sgd"), _blocks(params), arguments)


@checks.note_finite.override("gpu")
def _note_finite(ops: OpsLike, a: Any, finite: Any) -> Any:
    if not flat(a) or not a.size or finite.dtype != bool:
        return NotImplemented
    return once(
        "note_finite", kernel("elementwise", "finite_all"), over(a.size), (a, finite, np.int64(a.size))
    )
