"""Named views into one flat array, which are assigned to by copying numbers in."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.float32 import check_range


class Views(dict[str, np.ndarray]):
    """Arrays by name; `views[name] = numbers` changes the array, as `views[name][...] = numbers` does.

    KeyError for a name that is not there, ValueError for another shape, or for numbers beyond the dtype.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self:
            raise KeyError(f"there is no {name!r} to assign to; there are {', '.join(self)}")
        own = self[name]
        if isinstance(own, np.ndarray):
            value = checks.numbers(repr(name), value, "a number or an array of them")
            check_range(value, repr(name), own.dtype)
        if np.shape(value) not in ((), own.shape):
            raise ValueError(f"{name!r} has the shape {own.shape}, got {np.shape(value)}")
        own[...] = value

    def __reduce__(self) -> Any:
        return Views, (dict(self),)
