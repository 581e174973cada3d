"""What an optimizer is: frozen hyper-parameters and an update of a flat vector."""

from __future__ import annotations

import dataclasses
from typing import Any

OPTIMIZERS: dict[str, type[Optimizer]] = {}


class Optimizer:
    """Base of all optimizers: subclasses are frozen dataclasses with a `learning_rate`.

    An optimizer sees nothing but (params, gradient, state): flat vectors of any backend, of a network or of an
    analytic function. All memory it has is in the state that `init` makes. A new optimizer is one file and
    a row in the case table.
    """

    learning_rate: float

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        OPTIMIZERS[cls.__name__] = cls

    def init(self, ops: Any, params: Any) -> dict[str, Any]:
        """State for a vector like `params`, before the first update."""
        return {}

    def update(self, ops: Any, params: Any, gradient: Any, state: dict[str, Any]) -> None:
        """Change `params` (and `state`) in place by one update along `gradient`, which is left as it is."""
        raise TypeError(f"{type(self).__name__} must define update(ops, params, gradient, state)")

    def replace(self, **changes: Any) -> Any:
        """A copy with other hyper-parameters; checked as when made anew."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def check_rate(self) -> None:
        """ValueError unless the learning rate is a number of at least 0."""
        at_least("learning_rate", self.learning_rate, 0)


def at_least(name: str, value: float, low: float) -> None:
    """ValueError unless `value` is a finite number of at least `low`."""
    if not isinstance(value, (int, float)) or not low <= value < float("inf"):
        raise ValueError(f"{name} must be a finite number of at least {low}, got {value!r}")


def fraction(name: str, value: float) -> None:
    """ValueError unless 0 <= value < 1."""
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and under 1, got {value!r}")
