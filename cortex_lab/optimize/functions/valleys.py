"""Functions of two variables (Rosenbrock's of any number) with bent valleys, saddles and several minima.

Formulas and minima as collected by M. Jamil and X.-S. Yang, "A literature survey of benchmark functions for
global optimisation problems" (2013), https://arxiv.org/abs/1308.4008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cortex_lab.optimize.function import Function, at_least_dimensions


@dataclass(frozen=True)
class Rosenbrock(Function):
    """sum of 100 * (x_(i+1) - x_i**2)**2 + (1 - x_i)**2: a bent valley, easy to find and slow to follow."""

    dimension: int = 2

    limits: ClassVar[Any] = (-2.048, 2.048)

    def __post_init__(self) -> None:
        at_least_dimensions(self, 2)

    def value(self, x: np.ndarray) -> Any:
        here, following = x[..., :-1], x[..., 1:]
        return (100 * (following - here**2) ** 2 + (1 - here) ** 2).sum(-1)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        here, following = x[..., :-1], x[..., 1:]
        slope = np.zeros_like(x)
        slope[..., :-1] = -400 * here * (following - here**2) - 2 * (1 - here)
        slope[..., 1:] += 200 * (following - here**2)
        return slope

    @property
    def minima(self) -> np.ndarray:
        return np.ones((1, self.dimension))

    @property
    def start(self) -> np.ndarray:
        return np.resize([-1.2, 1.0], self.dimension)


@dataclass(frozen=True)
class Beale(Function):
    """Three squared terms in x * (y**k - 1): flat far out, steep in the corners."""

    limits: ClassVar[Any] = (-4.5, 4.5)
    _wanted: ClassVar[tuple[float, ...]] = (1.5, 2.25, 2.625)

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return sum((c - a + a * b**k) ** 2 for k, c in enumerate(self._wanted, start=1))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        by_a = by_b = 0.0
        for k, c in enumerate(self._wanted, start=1):
            term = 2 * (c - a + a * b**k)
            by_a = by_a + term * (b**k - 1)
            by_b = by_b + term * k * a * b ** (k - 1)
        return np.stack([by_a, by_b], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[3.0, 0.5]])

    @property
    def start(self) -> np.ndarray:
        return np.array([1.0, 1.5])


@dataclass(frozen=True)
class Booth(Function):
    """(x + 2 y - 7)**2 + (2 x + y - 5)**2."""

    limits: ClassVar[Any] = (-10.0, 10.0)

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return (a + 2 * b - 7) ** 2 + (2 * a + b - 5) ** 2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        return np.stack([10 * a + 8 * b - 34, 8 * a + 10 * b - 38], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[1.0, 3.0]])


@dataclass(frozen=True)
class Matyas(Function):
    """0.26 * (x**2 + y**2) - 0.48 * x * y: a long plate, its condition number 25."""

    limits: ClassVar[Any] = (-10.0, 10.0)

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return 0.26 * (a**2 + b**2) - 0.48 * a * b

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return 0.52 * x - 0.48 * x[..., ::-1]


@dataclass(frozen=True)
class Himmelblau(Function):
    """(x**2 + y - 11)**2 + (x + y**2 - 7)**2: four equal minima."""

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        first, second = a**2 + b - 11, a + b**2 - 7
        return np.stack([4 * a * first + 2 * second, 2 * first + 4 * b * second], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array(
            [
                [3.0, 2.0],
                [-2.805118086952745, 3.131312518250573],
                [-3.779310253377747, -3.283185991286170],
                [3.584428340330492, -1.848126526964404],
            ]
        )

    @property
    def start(self) -> np.ndarray:
        return np.array([0.0, 4.0])


@dataclass(frozen=True)
class ThreeHumpCamel(Function):
    """2 x**2 - 1.05 x**4 + x**6 / 6 + x y + y**2: two shallow minima beside the lowest."""

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return 2 * a**2 - 1.05 * a**4 + a**6 / 6 + a * b + b**2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        return np.stack([4 * a - 4.2 * a**3 + a**5 + b, a + 2 * b], -1)

    @property
    def start(self) -> np.ndarray:
        return np.array([0.7, -1.5])


@dataclass(frozen=True)
class SixHumpCamel(Function):
    """(4 - 2.1 x**2 + x**4 / 3) x**2 + x y + (4 y**2 - 4) y**2: six minima, two of them lowest."""

    limits: ClassVar[Any] = ((-3.0, 3.0), (-2.0, 2.0))
    minimum: ClassVar[float] = -1.031628453489877

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        return np.stack([8 * a - 8.4 * a**3 + 2 * a**5 + b, a - 8 * b + 16 * b**3], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[1.0], [-1.0]]) * [0.08984201310031806, -0.7126564030207396]

    @property
    def start(self) -> np.ndarray:
        return np.array([0.6, -0.2])


@dataclass(frozen=True)
class GoldsteinPrice(Function):
    """A product of two polynomials: values from 3 to a million, with valleys across each other."""

    limits: ClassVar[Any] = (-2.0, 2.0)
    minimum: ClassVar[float] = 3.0

    def _parts(self, x: np.ndarray) -> tuple[Any, ...]:
        a, b = x[..., 0], x[..., 1]
        s, p = a + b + 1, 19 - 14 * a + 3 * a**2 - 14 * b + 6 * a * b + 3 * b**2
        t, q = 2 * a - 3 * b, 18 - 32 * a + 12 * a**2 + 48 * b - 36 * a * b + 27 * b**2
        return a, b, s, p, t, q

    def value(self, x: np.ndarray) -> Any:
        _, _, s, p, t, q = self._parts(x)
        return (1 + s**2 * p) * (30 + t**2 * q)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b, s, p, t, q = self._parts(x)
        left, right = 1 + s**2 * p, 30 + t**2 * q
        # p depends on a and b only through a + b, so both partial derivatives of the left factor are equal.
        of_left = 2 * s * p + s**2 * (-14 + 6 * (a + b))
        right_by_a = 4 * t * q + t**2 * (-32 + 24 * a - 36 * b)
        right_by_b = -6 * t * q + t**2 * (48 - 36 * a + 54 * b)
        return np.stack([of_left * right + left * right_by_a, of_left * right + left * right_by_b], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[0.0, -1.0]])

    @property
    def start(self) -> np.ndarray:
        return np.array([-0.4, -0.8])


@dataclass(frozen=True)
class McCormick(Function):
    """sin(x + y) + (x - y)**2 - 1.5 x + 2.5 y + 1: a wavy ramp; lowest within its bounds only."""

    limits: ClassVar[Any] = ((-1.5, 4.0), (-3.0, 4.0))
    minimum: ClassVar[float] = -np.sqrt(3) / 2 - np.pi / 3

    def value(self, x: np.ndarray) -> Any:
        a, b = x[..., 0], x[..., 1]
        return np.sin(a + b) + (a - b) ** 2 - 1.5 * a + 2.5 * b + 1

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x[..., 0], x[..., 1]
        slope = np.cos(a + b)
        return np.stack([slope + 2 * (a - b) - 1.5, slope - 2 * (a - b) + 2.5], -1)

    @property
    def minima(self) -> np.ndarray:
        return np.array([[0.5 - np.pi / 3, -0.5 - np.pi / 3]])

    @property
    def start(self) -> np.ndarray:
        return np.array([1.0, 0.5])
