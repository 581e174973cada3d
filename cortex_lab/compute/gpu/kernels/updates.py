"""Optimizer updates over the flat parameter vector, and whether it is finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cupy
import numpy as np

from cortex_lab.compute.gpu.launches import flat, given, kernel, number, once, over
from cortex_lab.compute.kernel import OpsLike
from cortex_lab.compute.kernels import checks, updates


def _covers(params: cupy.ndarray, *others: cupy.ndarray) -> bool:
    """Whether these are vectors of ours."""
    alike = all(each is None or each.shape == params.shape for each in others)
    return flat(params, *others) and alike and params.size > 0


def _saying(
    name: str, params: cupy.ndarray, finite: cupy.ndarray | None, arguments: Callable[[Any], tuple[Any, ...]]
) -> Any:
    """The work of an update that notes in `finite` whether all was, or says it if that is None."""
    noted = cupy.ones((), bool) if finite is None else finite
    work = once(name, kernel("updates", name), _blocks(params), arguments(noted))
    if finite is not None:
        return work

    def update() -> Any:
        noted.fill(True)
        work()
        return noted.copy()

    return update


def _blocks(params: cupy.ndarray) -> tuple[int, ...]:
    return (-(-params.size // 1024),)


@updates.update_adam.override("gpu")
def _update_adam(
    ops: OpsLike,
    params: cupy.ndarray,
    gradient: cupy.ndarray,
    mean: cupy.ndarray,
    square: cupy.ndarray,
    learning_rate: float | cupy.ndarray,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: int | cupy.ndarray,
    weight_decay: float,
    finite: cupy.ndarray | None = None,
) -> Any:
    rate, count = number(learning_rate, np.float64, "float64"), number(step, np.int64, "int64")
    if rate is None or count is None or not _covers(params, gradient, mean, square):
        return NotImplemented
    betas = np.float64(beta_1), np.float64(beta_2), np.float64(epsilon)
    before = params, gradient, mean, square, *rate, *betas, *count, np.float64(weight_decay)
    return _saying("update_adam", params, finite, lambda noted: (*before, noted, np.int32(params.size)))


@updates.update_sgd.override("gpu")
def _update_sgd(
    ops: OpsLike,
    params: cupy.ndarray,
    gradient: cupy.ndarray,
    velocity: cupy.ndarray | None,
    learning_rate: float | cupy.ndarray,
    momentum: float,
    nesterov: bool,
    finite: cupy.ndarray | None = None,
) -> Any:
    rate = number(learning_rate, np.float64, "float64")
    if rate is None or not _covers(params, gradient, velocity):
        return NotImplemented
    before = params, gradient, given(velocity), *rate, np.float64(momentum), np.int32(nesterov)
    return _saying("update_sgd", params, finite, lambda noted: (*before, noted, np.int32(params.size)))


@checks.note_finite.override("gpu")
def _note_finite(ops: OpsLike, a: cupy.ndarray, finite: cupy.ndarray | None) -> Any:
    if not flat(a) or not a.size or finite.dtype != bool:
        return NotImplemented
    return once(
        "note_finite", kernel("elementwise", "finite_all"), over(a.size), (a, finite, np.uint32(a.size))
    )
