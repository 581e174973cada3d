"""Penalties on parameters and limits to them."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.signs import sign


@kernel
def penalty(xp: ModuleType, params: Array, l1: float, l2: float) -> float:
    """l1 * sum of |params| + l2 * sum of params**2, as a Python float, summed in float64."""
    total = 0.0
    if l1:
        total += l1 * float(xp.abs(params).sum(dtype=xp.float64))
    if l2:
        total += l2 * float(xp.square(params, dtype=xp.float64).sum())
    return total


@kernel
def add_penalty_gradient(xp: ModuleType, params: Array, gradient: Array, l1: float, l2: float) -> None:
    """gradient += l1 * sign(params) + 2 * l2 * params."""
    if l1:
        gradient += l1 * sign(xp, params)
    if l2:
        gradient += 2 * l2 * params


@kernel
def limit_norm(xp: ModuleType, params: Array, limit: float) -> None:
    """params[..., unit], the weights of every unit, shortened to the norm `limit` where they are longer."""
    columns = params.reshape(-1, params.shape[-1])
    norms = xp.sqrt((columns * columns).sum(axis=0))
    # Divided by the limit at least: a unit whose weights are all 0 has no norm to divide by.
    columns *= xp.minimum(1, limit / xp.maximum(norms, limit))
