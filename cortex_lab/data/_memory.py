"""Arrays that were given, held so that what is done with them afterwards changes nothing, or is noticed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST_COPY = 64 * 2**20
"""Bytes up to which an array is copied; a larger one is shared and its checksum kept."""
_PIECE = 2**22


@dataclass(frozen=True, eq=False)
class Shared:
    """An array too large to be copied, and what it held when it was given."""

    called: str
    array: np.ndarray
    checksum: int

    @classmethod
    def of(cls, called: str, array: np.ndarray) -> Shared:
        return cls(called, array, checksum(array))

    def check(self) -> None:
        """ValueError that names the array if it was changed since."""
        if checksum(self.array) != self.checksum:
            raise ValueError(
                f"{self.called} ({self.array.nbytes / 2**20:.0f} MiB, so it is not copied) was changed after "
                "it was given, so past steps cannot be repeated; undo the change, or begin anew with train "
                "(and give it .copy() if it is to be changed)"
            )


def kept(values: Any, called: str, shared: list[Shared]) -> Any:
    """`values` in memory of their own: arrays copied, those in a dict, tuple or list too.

    What is too large to copy is added to `shared`; what holds no arrays is handed back as it is.
    """
    if isinstance(values, Mapping):
        return {name: kept(part, f"{called}[{name!r}]", shared) for name, part in values.items()}
    if isinstance(values, (tuple, list)):
        parts = [kept(part, f"{called}[{place}]", shared) for place, part in enumerate(values)]
        return tuple(parts) if isinstance(values, tuple) else parts
    if not isinstance(values, np.ndarray):
        # A pandas object.
        return values.copy() if hasattr(values, "__array__") and hasattr(values, "copy") else values
    if can_be_copied(values):
        return values.copy()
    shared.append(Shared.of(called, values))
    return values


def can_be_copied(array: np.ndarray) -> bool:
    return array.nbytes <= LARGEST_COPY


def checksum(array: np.ndarray) -> int:
    """32 bits of what is in an array, which change with all but certainty if it does."""
    found, step = 0, max(1, _PIECE // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), step):
        found = zlib.crc32(np.ascontiguousarray(array[start : start + step]).view(np.uint8), found)
    return found


def frozen(array: np.ndarray) -> np.ndarray:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
