"""What keeps parameters small: penalties that are added to the loss, and limits that updates may not pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described
from cortex_lab.ground.patterns import matching
from cortex_lab.nn.contract.describable import describable
from cortex_lab.nn.contract.layer import from_plain, to_plain


class Trained(Protocol):
    """What penalties are on: a network's arrays by name, and their gradients."""

    @property
    def parameters(self) -> Mapping[str, np.ndarray]: ...

    @property
    def gradients(self) -> Mapping[str, np.ndarray]: ...


class Penalty(Described):
    """Base of the penalties and limits: frozen dataclasses, for the parameters that a `Penalties` names."""

    def value(self, ops: Ops, params: np.ndarray) -> float:
        """What it adds to the loss."""
        return 0.0

    def add_gradient(self, ops: Ops, params: np.ndarray, gradient: np.ndarray) -> None:
        """Add its gradient to `gradient`."""

    def constrain(self, ops: Ops, params: np.ndarray) -> None:
        """Bring `params` back within limits, in place."""

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """ValueError if it makes no sense for the parameter `name`."""


@describable
@dataclass(frozen=True)
class L1(Penalty):
    """strength * sum of |w|: pulls weights to exactly 0 (at 0 the gradient is 0)."""

    strength: float = 0.01

    def __post_init__(self) -> None:
        checks.number("strength", self.strength, over=0)

    def value(self, ops: Ops, params: np.ndarray) -> float:
        return ops.penalty(params, self.strength, 0.0)

    def add_gradient(self, ops: Ops, params: np.ndarray, gradient: np.ndarray) -> None:
        ops.add_penalty_gradient(params, gradient, self.strength, 0.0)


@describable
@dataclass(frozen=True)
class L2(Penalty):
    """strength * sum of w**2, as Keras has it; the gradient is 2 * strength * w.

    PyTorch's `weight_decay` of an optimizer is twice this strength.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        checks.number("strength", self.strength, over=0)

    def value(self, ops: Ops, params: np.ndarray) -> float:
        return ops.penalty(params, 0.0, self.strength)

    def add_gradient(self, ops: Ops, params: np.ndarray, gradient: np.ndarray) -> None:
        ops.add_penalty_gradient(params, gradient, 0.0, self.strength)


@describable
@dataclass(frozen=True)
class MaxNorm(Penalty):
    """After each update, the weights into every unit are shortened to the norm `limit` (Srebro et al. 2005).

    A unit's weights are those along all axes but the last: Dense kernels by column, convolutions by filter.
    """

    limit: float = 2.0

    def __post_init__(self) -> None:
        checks.number("limit", self.limit, over=0)

    def constrain(self, ops: Ops, params: np.ndarray) -> None:
        ops.limit_norm(params, self.limit)

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise ValueError(
                f"MaxNorm limits the weights into each unit, and {name!r} has shape {shape}; name kernels, "
                "such as '*/kernel'"
            )


@dataclass(frozen=True)
class Penalties:
    """Penalties and limits by patterns of parameter names: `Penalties({"*/kernel": L2(1e-4)})`.

    A pattern is a name such as "dense_1/kernel", with "*" for anything; a value is one penalty or several. A
    parameter has every penalty of every pattern that matches it. JSON-able by `to_dict`.
    """

    by_pattern: Mapping[str, Any]

    def __post_init__(self) -> None:
        checks.instance("penalties", self.by_pattern, Mapping, "a dict such as {'*/kernel': L2(1e-4)}")
        given = {}
        for pattern, several in dict(self.by_pattern).items():
            checks.text("a pattern of penalties", pattern, "*/kernel")
            given[pattern] = tuple(several) if isinstance(several, (tuple, list)) else (several,)
            for each in given[pattern]:
                if not isinstance(each, Penalty):
                    raise TypeError(f"the penalty of {pattern!r} must be one such as L2(1e-4), got {each!r}")
        object.__setattr__(self, "by_pattern", given)

    @classmethod
    def of(cls, given: Any) -> Penalties:
        """The penalties given, or made of a dict by patterns."""
        return given if isinstance(given, Penalties) else cls(given)

    def bind(self, network: Trained) -> BoundPenalties:
        """These penalties on the parameters of `network`; ValueError for a pattern that none matches."""
        bound = []
        for pattern, several in self.by_pattern.items():
            names = matching(network.parameters, pattern)
            if not names:
                raise ValueError(
                    f"no parameter matches {pattern!r}; the network has {', '.join(network.parameters)}"
                )
            for name in names:
                params, gradient = network.parameters[name], network.gradients[name]
                for each in several:
                    each.check(name, params.shape)
                    bound.append((each, params, gradient))
        return BoundPenalties(bound)

    def to_dict(self) -> dict[str, Any]:
        """The penalties as JSON-able data; `from_dict` reads it back."""
        return {pattern: to_plain(several) for pattern, several in self.by_pattern.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Penalties:
        """What `to_dict` described."""
        return cls({pattern: from_plain(several) for pattern, several in data.items()})


class BoundPenalties:
    """Penalties on the parameters of one network, for its training: (penalty, parameter, gradient) each."""

    def __init__(self, bound: list[tuple[Penalty, Any, Any]]) -> None:
        self._bound = bound

    def value(self, ops: Ops) -> float:
        """What all penalties together add to the loss, for the parameters as they are now."""
        return sum(each.value(ops, params) for each, params, _ in self._bound)

    def add_gradient(self, ops: Ops) -> None:
        """Add the gradients of all penalties to the network's; between the backward pass and the update."""
        for each, params, gradient in self._bound:
            each.add_gradient(ops, params, gradient)

    def constrain(self, ops: Ops) -> None:
        """Bring the parameters back within their limits; right after the update."""
        for each, params, _ in self._bound:
            each.constrain(ops, params)
