"""Functions whose gradient jumps along a line or grows without end beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.optimize.function import Function, at_least_dimensions


@dataclass(frozen=True)
class Absolute(Function):
    """sum of abs(x_i): the same slope however near the minimum is."""

    dimension: int = 2

    def __post_init__(self) -> None:
        at_least_dimensions(self, 1)

    def value(self, x: np.ndarray) -> Any:
        return np.abs(x).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.sign(x)

    def kinks(self, x: np.ndarray) -> np.ndarray:
        return x


@dataclass(frozen=True)
class Bukin(Function):
    """Bukin's function N. 6: 100 sqrt(abs(y - x**2 / 100)) + abs(x + 10) / 100, a ridge turned upside down.

    The minimum lies on the ridge, where the gradient has no limit; it is given as 0 there.
    """

    limits: ClassVar[Any] = ((-15.0, 5.0), (-3.0, 3.0))

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return 100 * np.sqrt(np.abs(b - a**2 / 100)) + np.abs(a + 10) / 100

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        off = b - a**2 / 100
        steep = 50 * np.sign(off) / np.sqrt(np.where(off == 0, 1, np.abs(off)))
        return np.stack([-steep * a / 50 + np.sign(a + 10) / 100, steep], -1)

    def kinks(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        return np.stack([b - a**2 / 100, a + 10], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[-10.0, 1.0]])

    @property
    def start(self) -> np.ndarray:
        return np.array([-7.0, 2.0])
