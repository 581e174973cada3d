"""Functions with one minimum and no traps: paraboloids, ellipsoids, powers.

Most are described in H. Pohlheim, "GEATbx: Examples of Objective Functions" (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.optimize.function import Function, at_least_dimensions


@dataclass(frozen=True)
class _Bowl(Function):
    dimension: int = 2

    limits: ClassVar[Any] = (-5.12, 5.12)

    def __post_init__(self) -> None:
        at_least_dimensions(self, 1)

    @property
    def _order(self) -> np.ndarray:
        return np.arange(1.0, self.dimension + 1)


@dataclass(frozen=True)
class Sphere(_Bowl):
    """sum of x_i**2, De Jong's first function."""

    def value(self, x: np.ndarray) -> Any:
        return (x**2).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * x


@dataclass(frozen=True)
class Paraboloid(Function):
    """half the sum of curvature_i * x_i**2; its condition number is the largest over the smallest of them."""

    curvature: tuple[float, ...] = (1.0, 25.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "curvature", tuple(float(each) for each in self.curvature))
        if not self.curvature or not all(0 < each < np.inf for each in self.curvature):
            raise ValueError(f"Paraboloid wants finite curvatures over 0, got {self.curvature}")

    @property
    def dimension(self) -> int:  # type: ignore[override]
        return len(self.curvature)

    def value(self, x: np.ndarray) -> Any:
        return (np.array(self.curvature) * x**2).sum(-1) / 2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return np.array(self.curvature) * x


@dataclass(frozen=True)
class Ellipsoid(_Bowl):
    """sum of i * x_i**2, the axis-parallel hyper-ellipsoid."""

    def value(self, x: np.ndarray) -> Any:
        return (self._order * x**2).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * self._order * x


@dataclass(frozen=True)
class RotatedEllipsoid(_Bowl):
    """sum over i of (x_1 + ... + x_i)**2, Schwefel's function 1.2."""

    limits: ClassVar[Any] = (-65.536, 65.536)

    def value(self, x: np.ndarray) -> Any:
        return (x.cumsum(-1) ** 2).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * x.cumsum(-1)[..., ::-1].cumsum(-1)[..., ::-1]


@dataclass(frozen=True)
class CrossParaboloid(_Bowl):
    """sum of (x_i + x_(i+1))**2, the last with the first: from Cortex.

    In an even dimension it is lowest along a whole line, (1, -1, 1, ...), which `distance` knows.
    """

    dimension: int = 3

    def __post_init__(self) -> None:
        at_least_dimensions(self, 2)

    def value(self, x: np.ndarray) -> Any:
        return ((x + np.roll(x, -1, axis=-1)) ** 2).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * np.roll(x, 1, axis=-1) + 4 * x + 2 * np.roll(x, -1, axis=-1)

    def distance(self, x: np.ndarray) -> float:
        if self.dimension % 2:
            return super().distance(x)
        line = np.resize([1.0, -1.0], self.dimension) / np.sqrt(self.dimension)
        return float(np.linalg.norm(x - (x @ line) * line))


@dataclass(frozen=True)
class SumOfPowers(_Bowl):
    """sum of abs(x_i)**(i + 1): flatter near the minimum with every further coordinate."""

    limits: ClassVar[Any] = (-1.0, 1.0)

    def value(self, x: np.ndarray) -> Any:
        return (np.abs(x) ** (self._order + 1)).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return (self._order + 1) * np.abs(x) ** self._order * np.sign(x)


@dataclass(frozen=True)
class Quartic(_Bowl):
    """sum of i * x_i**4, De Jong's fourth function without its noise: no curvature at all at the minimum."""

    limits: ClassVar[Any] = (-1.28, 1.28)

    def value(self, x: np.ndarray) -> Any:
        return (self._order * x**4).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 4 * self._order * x**3


@dataclass(frozen=True)
class Zakharov(_Bowl):
    """sum of x_i**2 + s**2 + s**4, with s half the sum of i * x_i: a plate bent along one direction."""

    limits: ClassVar[Any] = (-5.0, 10.0)

    def value(self, x: np.ndarray) -> Any:
        s = (self._order * x).sum(-1) / 2
        return (x**2).sum(-1) + s**2 + s**4

    def gradient(self, x: np.ndarray) -> np.ndarray:
        s = (self._order * x).sum(-1, keepdims=True) / 2
        return 2 * x + (s + 2 * s**3) * self._order
