"""What a function to descend is: a value, a gradient, and what is known about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.described import Described, Registry

FUNCTIONS = Registry("function")


@runtime_checkable
class Differentiable(Protocol):
    """All that a descent needs: a value and a gradient at a flat float64 vector."""

    def value(self, x: np.ndarray) -> Any: ...

    def gradient(self, x: np.ndarray) -> np.ndarray: ...


class Function(Described):
    """Base of the test functions: frozen dataclasses with value, gradient, and their known minimum.

    `value` and `gradient` take a point (dimension,) or any stack of points (..., dimension) of float64, and
    answer for each. A new function is a dataclass in a file here and a row in the case table.
    """

    dimension: int = 2
    limits: ClassVar[Any] = (-5.0, 5.0)
    """Where it is usually looked at: (low, high) for every coordinate, or a pair for each."""
    minimum: float = 0.0
    """The value at the minima."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        FUNCTIONS.add(cls)

    # To be written by a function --------------------------------------------------------------------

    def value(self, x: np.ndarray) -> Any:
        """The value at each point of x (..., dimension)."""
        raise TypeError(f"{type(self).__name__} must define value(x)")

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The gradient at each point, shaped like x."""
        raise TypeError(f"{type(self).__name__} must define gradient(x)")

    @property
    def minima(self) -> np.ndarray:
        """The points where the value is lowest, one a row."""
        return np.zeros((1, self.dimension))

    @property
    def start(self) -> np.ndarray:
        """A usual place to start from, (dimension,)."""
        low, high = self.bounds.T
        return low + (high - low) * np.resize([0.9, 0.8], self.dimension)

    def kinks(self, x: np.ndarray) -> np.ndarray:
        """Numbers that change sign where the gradient jumps; none for a smooth function."""
        return np.zeros(0)

    # What it then can say ---------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def bounds(self) -> np.ndarray:
        """(low, high) of each coordinate, (dimension, 2)."""
        return np.broadcast_to(np.array(self.limits, dtype=np.float64), (self.dimension, 2)).copy()

    def distance(self, x: np.ndarray) -> float:
        """How far a point (dimension,) is from the nearest minimum."""
        return float(np.linalg.norm(self.minima - x, axis=1).min())

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data; `function_from_dict` reads it back."""
        return FUNCTIONS.to_dict(self)


@dataclass(frozen=True, eq=False)
class Objective:
    """A function of your own: callables for value and gradient over a flat vector, and a place to start.

    The loss of a network over its flat parameters is one. `minima`, if any are known, has one point a row.
    """

    value: Callable[[np.ndarray], Any]
    gradient: Callable[[np.ndarray], np.ndarray]
    start: Any
    name: str = "objective"
    minima: Any = None

    @property
    def dimension(self) -> int:
        return int(np.size(self.start))

    def distance(self, x: np.ndarray) -> float:
        """How far a point is from the nearest known minimum; NaN if none is known."""
        if self.minima is None:
            return float("nan")
        return float(np.linalg.norm(np.atleast_2d(self.minima) - x, axis=1).min())


function_from_dict = FUNCTIONS.from_dict


def point(function: object, start: Any = None) -> np.ndarray:
    """Where to start on `function`, as a float64 vector of its own; ValueError if it does not fit."""
    name = getattr(function, "name", type(function).__name__)
    if start is None:
        start = getattr(function, "start", None)
        if start is None:
            raise ValueError(f"{name} proposes no place to start from; give start=")
    x = checks.numbers("start", start, "a vector of numbers").astype(np.float64)
    dimension = getattr(function, "dimension", x.size)
    if x.shape != (dimension,):
        raise ValueError(f"{name} wants a start of shape ({dimension},), got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"the start on {name} must be finite, got {x}")
    return x


def at_least_dimensions(function: Function, low: int) -> None:
    """ValueError unless the dimension is a whole number of at least `low`."""
    checks.whole("dimension", function.dimension, least=low)
