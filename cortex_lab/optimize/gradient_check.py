"""Is a gradient right? Asked along random directions, in float64, away from kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Value = Callable[[np.ndarray], float]
Gradient = Callable[[np.ndarray], np.ndarray]

_SEARCHED = 512


class WrongGradient(AssertionError):
    """A gradient disagrees with its function's central differences; `check` holds the numbers."""

    def __init__(self, check: GradientCheck) -> None:
        super().__init__(str(check))
        self.check = check


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradient` found; true if the gradient is right.

    `analytic` and `numeric` are the slopes along `direction`, the worst one of the `checked`; `skipped`
    directions crossed a kink. `coordinate` is the worst single coordinate, looked for when the check fails.
    """

    name: str
    analytic: float
    numeric: float
    tolerance: float
    direction: np.ndarray
    checked: int
    skipped: int
    coordinate: tuple[int, float, float] | None = None

    @property
    def error(self) -> float:
        return abs(self.analytic - self.numeric)

    def __bool__(self) -> bool:
        return bool(self.error <= self.tolerance)

    def __str__(self) -> str:
        tried = f"{self.checked} directions" + (
            f", {self.skipped} more crossed a kink" if self.skipped else ""
        )
        slopes = f"the gradient says {self.analytic:.9g}, differences say {self.numeric:.9g}"
        if self:
            return f"the gradient of {self.name} is right along {tried}; at worst {slopes}"
        where = ""
        if self.coordinate is not None:
            index, analytic, numeric = self.coordinate
            where = f"; most wrong at coordinate {index}: {analytic:.9g} instead of {numeric:.9g}"
        return (
            f"the gradient of {self.name} is wrong: along the worst of {tried} {slopes}, "
            f"{self.error:.3g} apart where {self.tolerance:.3g} is allowed{where}"
        )


def check_gradient(
    value: Value,
    gradient: Gradient | np.ndarray,
    x: Any,
    *,
    directions: int = 8,
    seed: int = 0,
    eps: float = 1e-5,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    kinks: Callable[[np.ndarray], np.ndarray] | None = None,
    name: str = "the function",
    raises: bool = True,
) -> GradientCheck:
    """Compare a gradient with central differences of its function along random unit directions at `x`.

    Parameters
    ----------
    value
        From a flat float64 vector to a number: an analytic function, or the loss over all weights of a
        network.
    gradient
        From the same vector to its gradient, or that gradient itself.
    x
        Where to check: a vector; it is copied before every call.
    directions
        How many to compare. Each costs two values.
    kinks
        From a vector to numbers that change sign where the function has a kink, such as the inputs of every
        ReLU. A direction along which a sign changes within `eps` says nothing and is replaced by another.
    raises
        Raise `WrongGradient` (an AssertionError) rather than return a false result.

    Slopes agree if they differ by at most atol + rtol * the larger one. Raises ValueError if the shapes do
    not fit, a value is not finite, or no direction avoids the kinks.
    """
    x = np.array(x, dtype=np.float64)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"a gradient is checked at a flat vector, got shape {x.shape}")
    slopes = np.asarray(gradient(x.copy()) if callable(gradient) else gradient, dtype=np.float64)
    if slopes.shape != x.shape:
        raise ValueError(
            f"the gradient of {name} has shape {slopes.shape}, the vector it belongs to {x.shape}"
        )
    random = np.random.default_rng(seed)
    worst: GradientCheck | None = None
    checked = skipped = 0
    while checked < directions:
        if skipped > 20 * directions:
            raise ValueError(
                f"{name} has a kink within {eps:g} of this point in {skipped} of {skipped + checked} "
                "directions; check it at another point"
            )
        direction = random.standard_normal(x.size)
        direction /= np.linalg.norm(direction)
        if kinks is not None and _crosses(kinks, x, eps * direction):
            skipped += 1
            continue
        checked += 1
        found = _along(value, slopes, x, direction, eps, rtol, atol, name)
        # A slope that is not a number is worse than any error.
        if worst is None or not found.error - found.tolerance <= worst.error - worst.tolerance:
            worst = found
    if worst is None:
        raise ValueError(f"check at least one direction, got {directions}")
    coordinate = None if worst or x.size > _SEARCHED else _worst_coordinate(value, slopes, x, eps)
    result = GradientCheck(
        name, worst.analytic, worst.numeric, worst.tolerance, worst.direction, checked, skipped, coordinate
    )
    if raises and not result:
        raise WrongGradient(result)
    return result


def _along(
    value: Value,
    slopes: np.ndarray,
    x: np.ndarray,
    direction: np.ndarray,
    eps: float,
    rtol: float,
    atol: float,
    name: str,
) -> GradientCheck:
    numeric = _difference(value, x, eps * direction) / (2 * eps)
    if not np.isfinite(numeric):
        raise ValueError(f"{name} is not finite near this point; check it where it is")
    analytic = float(slopes @ direction)
    tolerance = atol + rtol * max(abs(analytic), abs(numeric))
    return GradientCheck(name, analytic, numeric, tolerance, direction, 1, 0)


def _difference(value: Value, x: np.ndarray, step: np.ndarray) -> float:
    return float(value(x + step)) - float(value(x - step))


def _crosses(kinks: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: np.ndarray) -> bool:
    before, after = np.array(kinks(x - step)), np.array(kinks(x + step))
    return bool((np.sign(before) != np.sign(after)).any() or (before == 0).any())


def _worst_coordinate(
    value: Value, slopes: np.ndarray, x: np.ndarray, eps: float
) -> tuple[int, float, float]:
    steps = eps * np.eye(x.size)
    numeric = np.array([_difference(value, x, step) for step in steps]) / (2 * eps)
    worst = int(np.nanargmax(np.where(np.isnan(slopes), np.inf, np.abs(slopes - numeric))))
    return worst, float(slopes[worst]), float(numeric[worst])
