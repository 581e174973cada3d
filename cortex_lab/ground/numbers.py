"""Numbers of descriptions, whoever brings them: NumPy's become Python's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np


class PlainNumbers:
    """Base of descriptions: dataclasses whose numbers are Python's before `__post_init__` looks at them."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__post_init__" in cls.__dict__:
            cls.__post_init__ = _on_plain(cls.__post_init__)  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        _make_plain(self)


def plain_number(value: Any) -> Any:
    """A scalar of NumPy's, or an array without axes, as Python's; also those in a tuple or list."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain_number, value)) if type(value) in (tuple, list) else value
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0 else value


def _on_plain(check: Callable[[Any], None]) -> Callable[[Any], None]:
    @wraps(check)
    def checked(self: Any) -> None:
        _make_plain(self)
        check(self)

    return checked


def _make_plain(described: Any) -> None:
    for field in dataclasses.fields(described):
        value = getattr(described, field.name)
        plain = plain_number(value)
        if plain is not value:
            object.__setattr__(described, field.name, plain)
