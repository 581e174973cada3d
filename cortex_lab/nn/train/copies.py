"""The state of an optimizer or a loss, copied and put back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy: arrays copied, all else as it is."""
    return {name: value.copy() if hasattr(value, "shape") else value for name, value in state.items()}


def put_back(copy: Callable[..., Any], values: Mapping[str, Any], into: dict[str, Any]) -> None:
    """Make `into` what `values` is, within its own arrays where it has them."""
    # An optimizer changed since, such as one given a momentum, has kept what this snapshot knows nothing of.
    for name in set(into) - set(values):
        del into[name]
    for name, value in values.items():
        if hasattr(value, "shape") and name in into:
            copy(value, out=into[name])
        else:
            into[name] = value.copy() if hasattr(value, "shape") else value
