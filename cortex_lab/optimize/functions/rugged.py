"""Functions with many minima, where a descent ends in the basin it starts in.

Formulas and minima as collected by M. Jamil and X.-S. Yang (2013), https://arxiv.org/abs/1308.4008.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from cortex_lab.optimize.function import Function, at_least_dimensions


@dataclass(frozen=True)
class _Rugged(Function):
    dimension: int = 2

    def __post_init__(self) -> None:
        at_least_dimensions(self, 1)


@dataclass(frozen=True)
class Rastrigin(_Rugged):
    """10 d + sum of x_i**2 - 10 cos(2 pi x_i): a bowl with a minimum at every whole number."""

    limits: ClassVar[Any] = (-5.12, 5.12)

    def value(self, x: np.ndarray) -> Any:
        return 10 * self.dimension + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)

    @property
    def start(self) -> np.ndarray:
        return np.resize([0.4, -0.3], self.dimension)


@dataclass(frozen=True)
class Ackley(_Rugged):
    """A wide funnel, dimpled all over, with a sharp tip: the gradient jumps at the minimum itself."""

    limits: ClassVar[Any] = (-32.768, 32.768)

    def value(self, x: np.ndarray) -> Any:
        funnel = -20 * np.exp(-0.2 * np.sqrt((x**2).mean(-1)))
        return funnel - np.exp(np.cos(2 * np.pi * x).mean(-1)) + 20 + np.e

    def gradient(self, x: np.ndarray) -> np.ndarray:
        size = np.sqrt((x**2).mean(-1, keepdims=True))
        # At the tip itself any direction climbs, and 0 is among its slopes.
        funnel = 4 * np.exp(-0.2 * size) * x / np.where(size == 0, 1, size)
        dimples = 2 * np.pi * np.sin(2 * np.pi * x) * np.exp(np.cos(2 * np.pi * x).mean(-1, keepdims=True))
        return (funnel + dimples) / self.dimension

    @property
    def start(self) -> np.ndarray:
        return np.resize([0.5, -0.4], self.dimension)


@dataclass(frozen=True)
class Griewank(_Rugged):
    """1 + sum of x_i**2 / 4000 - product of cos(x_i / sqrt(i)): a wide bowl under regular ripples."""

    limits: ClassVar[Any] = (-600.0, 600.0)

    @property
    def _roots(self) -> np.ndarray:
        return np.sqrt(np.arange(1.0, self.dimension + 1))

    def value(self, x: np.ndarray) -> Any:
        return 1 + (x**2).sum(-1) / 4000 - np.cos(x / self._roots).prod(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        cosines = np.cos(x / self._roots)
        # The product of all but one cosine; dividing the whole product would fail where one is 0.
        others = np.stack([np.delete(cosines, i, axis=-1).prod(-1) for i in range(self.dimension)], -1)
        return x / 2000 + np.sin(x / self._roots) / self._roots * others

    @property
    def start(self) -> np.ndarray:
        return np.resize([2.0, -2.5], self.dimension)


@dataclass(frozen=True)
class Levi(Function):
    """Levi's function N. 13: a bowl around (1, 1) crossed by two families of ripples."""

    limits: ClassVar[Any] = (-10.0, 10.0)

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        across = (a - 1) ** 2 * (1 + np.sin(3 * np.pi * b) ** 2)
        along = (b - 1) ** 2 * (1 + np.sin(2 * np.pi * b) ** 2)
        return np.sin(3 * np.pi * a) ** 2 + across + along

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        by_a = 3 * np.pi * np.sin(6 * np.pi * a) + 2 * (a - 1) * (1 + np.sin(3 * np.pi * b) ** 2)
        by_b = (
            (a - 1) ** 2 * 3 * np.pi * np.sin(6 * np.pi * b)
            + 2 * (b - 1) * (1 + np.sin(2 * np.pi * b) ** 2)
            + (b - 1) ** 2 * 2 * np.pi * np.sin(4 * np.pi * b)
        )
        return np.stack([by_a, by_b], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.ones((1, 2))

    @property
    def start(self) -> np.ndarray:
        return np.array([1.1, 1.4])


@dataclass(frozen=True)
class Easom(Function):
    """-cos x cos y exp(-(x - pi)**2 - (y - pi)**2): flat everywhere but in one hole."""

    limits: ClassVar[Any] = (-10.0, 10.0)
    minimum: ClassVar[float] = -1.0

    def value(self, x: np.ndarray) -> Any:
        return -np.cos(x).prod(-1) * np.exp(-((x - np.pi) ** 2).sum(-1))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        hole = np.exp(-((x - np.pi) ** 2).sum(-1, keepdims=True))
        other = np.cos(x[..., ::-1])
        return hole * other * (np.sin(x) + 2 * (x - np.pi) * np.cos(x))

    @property
    def minima(self) -> np.ndarray:
        return np.full((1, 2), np.pi)

    @property
    def start(self) -> np.ndarray:
        return np.array([2.4, 3.8])


@dataclass(frozen=True)
class StyblinskiTang(_Rugged):
    """half the sum of x_i**4 - 16 x_i**2 + 5 x_i: two minima along each coordinate, one of them lower."""

    @property
    def minimum(self) -> float:  # type: ignore[override]
        return -39.16616570377142 * self.dimension

    def value(self, x: np.ndarray) -> Any:
        return (x**4 - 16 * x**2 + 5 * x).sum(-1) / 2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 2 * x**3 - 16 * x + 2.5

    @property
    def minima(self) -> np.ndarray:
        return np.full((1, self.dimension), -2.903534027771177)

    @property
    def start(self) -> np.ndarray:
        return np.resize([-0.5, -4.5], self.dimension)


@dataclass(frozen=True)
class Schwefel(_Rugged):
    """418.98 d - sum of x_i sin(sqrt(abs(x_i))): the lowest minimum lies far from the next lowest."""

    limits: ClassVar[Any] = (-500.0, 500.0)

    def value(self, x: np.ndarray) -> Any:
        return 418.9828872724337 * self.dimension - (x * np.sin(np.sqrt(np.abs(x)))).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        root = np.sqrt(np.abs(x))
        return -np.sin(root) - root * np.cos(root) / 2

    @property
    def minima(self) -> np.ndarray:
        return np.full((1, self.dimension), 420.96874635998203)

    @property
    def start(self) -> np.ndarray:
        return np.resize([400.0, 450.0], self.dimension)


@dataclass(frozen=True)
class Branin(Function):
    """A winding valley with three holes of one depth, 10 / (8 pi) (Branin 1972)."""

    limits: ClassVar[Any] = ((-5.0, 10.0), (0.0, 15.0))
    minimum: ClassVar[float] = 10 / (8 * np.pi)

    def value(self, x: np.ndarray) -> Any:
        return _off_the_valley(x) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x[..., 0]) + 10

    def gradient(self, x: np.ndarray) -> np.ndarray:
        across, bend = 2 * _off_the_valley(x), 5 / np.pi - 5.1 / (2 * np.pi**2) * x[..., 0]
        along = 10 * (1 - 1 / (8 * np.pi)) * np.sin(x[..., 0])
        return np.stack([across * bend - along, across], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[-np.pi, 12.275], [np.pi, 2.275], [3 * np.pi, 2.475]])

    @property
    def start(self) -> np.ndarray:
        return np.array([0.5, 7.0])


def _off_the_valley(x: np.ndarray) -> Any:
    return x[..., 1] - 5.1 / (4 * np.pi**2) * x[..., 0] ** 2 + 5 / np.pi * x[..., 0] - 6


@dataclass(frozen=True)
class Michalewicz(_Rugged):
    """-sum of sin(x_i) sin(i x_i**2 / pi)**20: a plain with ditches, the lowest where they cross."""

    limits: ClassVar[Any] = (0.0, float(np.pi))

    @property
    def minimum(self) -> float:  # type: ignore[override]
        return float(self.value(self.minima[0]))

    @property
    def _numbers(self) -> np.ndarray:
        return np.arange(1.0, self.dimension + 1)

    def value(self, x: np.ndarray) -> Any:
        return -(np.sin(x) * np.sin(self._numbers * x**2 / np.pi) ** 20).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return -(np.sin(self._numbers * x**2 / np.pi) ** 19) * _steepness(x, self._numbers)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[_deepest(i) for i in range(1, self.dimension + 1)]])

    @property
    def start(self) -> np.ndarray:
        return self.minima[0] - 0.2 / self._numbers


def _steepness(x: np.ndarray, number: np.ndarray | int) -> Any:
    """The slope of sin(x) sin(i x**2 / pi)**20 over sin(i x**2 / pi)**19, for the coordinate `number` i."""
    inner, slope = number * x**2 / np.pi, 2 * number * x / np.pi
    return np.cos(x) * np.sin(inner) + 20 * np.sin(x) * np.cos(inner) * slope


@cache
def _deepest(number: int) -> float:
    """Where coordinate `number` of Michalewicz's function is at its lowest: one ditch after the other."""
    bottoms = []
    for ditch in range(number):
        # Between two places where the inner sine is 0, the slope changes its sign once.
        low, high = (np.pi * np.sqrt(edge / number) for edge in (ditch, ditch + 1))
        for _ in range(80):
            middle = (low + high) / 2
            rises = _steepness(middle, number) * (-1) ** ditch > 0
            low, high = (middle, high) if rises else (low, middle)
        bottoms.append(low)
    depths = [np.sin(x) * np.sin(number * x**2 / np.pi) ** 20 for x in bottoms]
    return float(bottoms[int(np.argmax(depths))])
