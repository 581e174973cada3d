"""Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.patterns import matching
from cortex_lab.optimize.optimizer import Optimizer, Rate

_NOT_MATRICES = ("*/embeddings", "*/gamma", "*/beta", "*/alpha")


@dataclass(frozen=True)
class Muon(Optimizer):
    """Muon (Jordan et al. 2024): a matrix of weights moves by its momentum made orthogonal; else AdamW.

    Every direction of a matrix then learns at the same pace, however unequal its gradient. Orthogonal means
    `newton_schulz_steps` of a polynomial that brings all singular values near 1. The step is scaled by
    0.2 * sqrt(longer side), to be as large as Adam's is (Liu et al. 2025), so that both share one rate. An
    update costs what passes over n rows, forward and backward, would: n is 3 to 5 times the shorter side.

    Matrices are arrays of two axes and more, a unit per place on the last axis: Dense and recurrent kernels,
    and those of convolutions with window and channels taken together. `without` names arrays that AdamW
    takes all the same, by patterns such as "dense_2/*"; advised for the last layer. A vector that is not made
    of named arrays, such as an analytic function's, is AdamW's altogether.
    """

    replays: ClassVar[bool] = True

    learning_rate: Rate = 0.001
    momentum: float = 0.95
    newton_schulz_steps: int = 5
    beta_1: float = 0.9
    beta_2: float = 0.95
    epsilon: float = 1e-8
    without: tuple[str, ...] = _NOT_MATRICES

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("momentum", "beta_1", "beta_2"):
            checks.fraction(name, getattr(self, name))
        checks.number("epsilon", self.epsilon, over=0)
        checks.whole("newton_schulz_steps", self.newton_schulz_steps, least=1)
        for pattern in checks.listed("without", self.without, "a list of patterns such as ('dense_2/*',)"):
            checks.text("a pattern of without", pattern)
        object.__setattr__(self, "without", tuple(self.without))

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("mean", "square")

    def init(
        self, ops: Ops, params: np.ndarray, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> dict[str, Any]:
        return {**super().init(ops, params, shapes), "matrices": self._matrices(shapes or {})}

    def apply(
        self, ops: Ops, params: np.ndarray, gradient: np.ndarray, state: dict[str, Any], rate: float
    ) -> None:
        done = 0
        for start, rows, columns in state["matrices"]:
            self._adam(ops, params, gradient, state, rate, slice(done, start))
            done = start + rows * columns
            part = slice(start, done)
            matrices = (vector[part].reshape(rows, columns) for vector in (params, gradient, state["mean"]))
            ops.update_muon(*matrices, rate, self.momentum, self.newton_schulz_steps)
        self._adam(ops, params, gradient, state, rate, slice(done, len(params)))

    def _adam(
        self,
        ops: Ops,
        params: np.ndarray,
        gradient: np.ndarray,
        state: dict[str, Any],
        rate: float,
        part: slice,
    ) -> None:
        if part.start < part.stop:
            ops.update_adam(
                params[part], gradient[part], state["mean"][part], state["square"][part], rate,
                self.beta_1, self.beta_2, self.epsilon, state["updates"], 0.0,
            )  # fmt: skip

    def _matrices(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[tuple[int, int, int], ...]:
        """(start in the vector, rows, columns) of each array that is taken for a matrix."""
        found, start = [], 0
        spared = {name for pattern in self.without for name in matching(shapes, pattern)}
        for name, shape in shapes.items():
            size = math.prod(shape)
            columns = shape[-1] if len(shape) > 1 else 1
            if min(columns, size // columns) > 1 and name not in spared:
                found.append((start, size // columns, columns))
            start += size
        return tuple(found)
