"""What a reader is, and what it gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_PACKED = (".gz", ".bz2", ".xz", ".zip")


@dataclass(frozen=True)
class Table:
    """What was in a file: a frame, and what was skipped, filled or guessed to come to it.

    `target` is the column to be predicted if nobody says which, and `splits` are those that the file has.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    target: Hashable | None = None
    splits: Mapping[str, np.ndarray] | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads one kind of file.

    what
        What that is, in a line.
    read
        (path, **options) -> Table. Raises `DamagedFile` for what is not whole.
    suffixes
        How the names of such files end; with ".gz", ".bz2", ".xz" or ".zip" behind where `unpacks`.
    knows
        (path, first bytes) -> bool: whether it is one for certain. A folder has no bytes.
    needs
        The package without which it cannot read.
    """

    what: str
    read: Callable[..., Table]
    suffixes: tuple[str, ...] = ()
    knows: Callable[[Path, bytes], bool] = lambda path, head: False
    needs: str = ""
    unpacks: bool = False

    @property
    def options(self) -> list[str]:
        return list(inspect.signature(self.read).parameters)[1:]

    def is_called(self, name: str) -> bool:
        """Whether such a file may have this name."""
        name = name.lower()
        packed = next((end for end in _PACKED if name.endswith(end)), "") if self.unpacks else ""
        return name.removesuffix(packed).endswith(self.suffixes) if self.suffixes else False


def needed(package: str, path: object, install: str = "") -> Any:
    """A module of a package that is an extra; ImportError that says how to come by it."""
    try:
        return import_module(package)
    except ImportError:
        name = install or package.partition(".")[0]
        raise ImportError(f"{path} is read with {name}, which is not installed: pip install {name}") from None


def gaps(frame: pd.DataFrame) -> list[str]:
    """A note on the columns in which something is missing."""
    counts = {str(name): int(frame.iloc[:, place].isna().sum()) for place, name in enumerate(frame.columns)}
    missing = [f"{name!r} {count:,}" for name, count in counts.items() if count]
    return [f"missing: {listed(missing)}"] if missing else []


def refuse_names_twice(names: list, path: object) -> None:
    """ValueError for two columns of one name."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        places = [str(place + 1) for place, name in enumerate(names) if name == twice]
        raise ValueError(
            f"{path} has several columns called {twice!r} (numbers {', '.join(places)}); rename all but one "
            "in the file, or read it with pandas and give the frame"
        )


def listed(texts: list[str], most: int = 6) -> str:
    """The first of some texts, and how many more there are."""
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
