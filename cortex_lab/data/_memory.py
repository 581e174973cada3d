"""What was given, held so that what is done with it afterwards changes nothing, or is noticed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.data._large import file_checksum, is_large
from cortex_lab.data.source import (
    ArraySource,
    ChangedSource,
    JoinedSource,
    PickedSource,
    Source,
    as_sliced,
    in_memory,
    row_bytes,
    source_of,
)
from cortex_lab.ground import checks
from cortex_lab.ground.pieces import Sliced, pieces

LARGEST_COPY = 64 * 2**20
"""Bytes up to which an array is copied; a larger one, or a file, is shared and its checksum kept.

That of a large file which is open for reading only is of its size, its time and some of its rows."""
_PIECE = 2**22


@dataclass(frozen=True, eq=False)
class Shared:
    """Rows that are not copied, being too many or in a file, and what they were when they were given."""

    called: str
    source: Source
    checksum: int

    @classmethod
    def of(cls, called: str, values: np.ndarray | Source) -> Shared:
        source = source_of(values)
        return cls(called, source, _checksum_of(source))

    def check(self) -> None:
        """ValueError that names the array if it was changed since."""
        if _checksum_of(self.source) == self.checksum:
            return
        size = f"{len(self.source) * row_bytes(self.source) / 2**20:.0f} MiB"
        where = "so it is" if in_memory(self.source) else "in a file, and"
        raise ValueError(
            f"{self.called} ({size}, {where} not copied) was changed after it was given, so past steps "
            "cannot be repeated; undo the change, or begin anew with train (and give it .copy() if it is to "
            "be changed)"
        )


def kept(values: Any, called: str, shared: list[Shared], deep: int = 0) -> Any:
    """`values` in memory of their own: arrays copied, those in a dict, tuple or list too.

    What is too large to copy is added to `shared`; what holds no arrays is handed back as it is.
    """
    if deep == checks.DEEPEST:
        raise checks.refused(called.partition("[")[0], f"at most {deep} lists or dicts in each other", values)
    if isinstance(values, Mapping):
        return {name: kept(part, f"{called}[{name!r}]", shared, deep + 1) for name, part in values.items()}
    if isinstance(values, (tuple, list)):
        parts = [kept(part, f"{called}[{place}]", shared, deep + 1) for place, part in enumerate(values)]
        return tuple(parts) if isinstance(values, tuple) else parts
    if not isinstance(values, np.ndarray):
        # A pandas object.
        return values.copy() if hasattr(values, "__array__") and hasattr(values, "copy") else values
    if can_be_copied(values):
        return values.copy()
    shared.append(Shared.of(called, values))
    return values


def can_be_copied(values: np.ndarray | Source) -> bool:
    """Whether values are in memory, and few enough to be there twice."""
    source = source_of(values)
    # Not the bytes of its rows: an array without axes has none.
    return isinstance(source, ArraySource) and in_memory(source) and source.array.nbytes <= LARGEST_COPY


def _checksum_of(source: Source) -> int:
    """That of the rows, or what a source that knows a quicker way says."""
    # Some of them, as a part of the data has them, change if those do.
    whole = source
    while isinstance(whole, (PickedSource, ChangedSource)) and not getattr(whole, "changed", None):
        whole = whole.source
    quick = getattr(whole, "checksum", None)
    found = None if quick is None else quick()
    if found is None and is_large(source):
        if isinstance(whole, JoinedSource):
            return zlib.crc32(np.array([_checksum_of(each) for each in whole.parts]))
        if isinstance(whole, ChangedSource):
            rows = np.array(sorted(whole.changed))
            return zlib.crc32(np.ascontiguousarray(whole.take(rows)), _checksum_of(whole.source))
        found = file_checksum(whole)
    return checksum(as_sliced(source)) if found is None else found


def checksum(values: Sliced) -> int:
    """32 bits of what is in an array, which change with all but certainty if it does."""
    found = 0
    for piece in pieces(values, _PIECE):
        found = zlib.crc32(np.ascontiguousarray(values[piece]).view(np.uint8), found)
    return found
