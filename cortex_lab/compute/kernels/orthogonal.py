"""Matrices made orthogonal, and the update that moves by them."""

from __future__ import annotations

import math
from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel

FACTORS = (3.4445, -4.775, 2.0315)
"""Of Newton and Schulz's iteration, by Jordan et al. (2024)."""


@kernel
def orthogonalize(xp: ModuleType, matrix: Array, steps: int, out: Array) -> None:
    """out = nearly U @ V.T of the singular value decomposition of `matrix`: singular values from 0.7 to 1.2.

    By steps of Newton and Schulz's iteration, x becomes a x + (b x x' + c (x x')^2) x, with the factors of
    Jordan et al., which hurry to about 1 instead of converging to it; singular values under 0.001 of the
    matrix' norm stay smaller. `out` may be `matrix`.
    """
    turned = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if turned else matrix
    a, b, c = FACTORS
    x = x / (xp.sqrt(xp.sum(x * x)) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    out[...] = x.T if turned else x


@kernel
def update_muon(
    xp: ModuleType, params: Array, gradient: Array, mean: Array, learning_rate: float, momentum: float,
    steps: int,
) -> None:  # fmt: skip
    """mean = momentum * mean + (1 - momentum) * gradient; params move by what lies ahead, made orthogonal.

    All are matrices. The step is learning_rate * 0.2 * sqrt(longer side) times as long (Liu et al. 2025).
    """
    slope = (1 - momentum) * gradient
    mean *= momentum
    mean += slope
    ahead = momentum * mean + slope
    orthogonalize.reference(xp, ahead, steps, ahead)
    params -= float(learning_rate) * 0.2 * math.sqrt(max(params.shape)) * ahead
