"""Settings of what an estimator is given: `optimizer__learning_rate` and the like."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import joblib

from cortex_lab.optimize import Optimizer
from cortex_lab.optimize.optimizer import as_optimizer


def described(name: str, value: object) -> Any:
    """The description that a parameter of an estimator stands for, or None if it has no settings."""
    if name == "optimizer" and isinstance(value, str):
        try:
            return as_optimizer(value)
        except ValueError:
            # Refused where it is used, as scikit-learn has it.
            return None
    return value if is_dataclass(value) and not isinstance(value, type) else None


def settings_of(name: str, value: object) -> dict[str, Any]:
    """The settings of a parameter, called as scikit-learn calls nested ones."""
    found = described(name, value)
    if found is None:
        return {}
    return {f"{name}__{field.name}": getattr(found, field.name) for field in fields(found) if field.init}


def with_settings(name: str, value: object, settings: dict[str, Any], owner: object) -> Any:
    """The same description with other settings. ValueError that names those there are."""
    found = described(name, value)
    if found is None:
        raise ValueError(
            f"{type(owner).__name__} has no parameter {name}__{next(iter(settings))}: "
            f"{name}={value!r} has no settings; give a description such as an optimizer"
        )
    there = [field.name for field in fields(found) if field.init]
    for setting in settings:
        if setting not in there:
            raise ValueError(
                f"Invalid parameter {setting!r} of {name}={value!r} in {type(owner).__name__}; "
                f"it has {', '.join(there)}"
            )
    return found.replace(**settings) if isinstance(found, Optimizer) else replace(found, **settings)


def fingerprint(value: object) -> object:
    """Equal for values of a parameter that are equal, also if they hold arrays or are changed later."""
    try:
        return joblib.hash(value)
    except Exception:
        # Functions of a cell cannot be looked into: each is one of its own.
        return id(value)
