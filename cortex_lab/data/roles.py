"""Which columns of a frame are inputs, and which are targets: by name, where a network has several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cortex_lab.data._memory import can_be_copied
from cortex_lab.data._rows import Rows
from cortex_lab.data.columns import listed
from cortex_lab.data.source import Source

Columns: TypeAlias = Hashable | Iterable[Hashable]


@dataclass(frozen=True, eq=False)
class Goal:
    """What is predicted by one output, as its loss reads it, and the labels that codes stand for."""

    rows: Rows
    labels: pd.Index | None

    @cached_property
    def classes(self) -> list[str] | None:
        """How the labels print."""
        return None if self.labels is None else [str(label) for label in self.labels]


def chosen(frame: pd.DataFrame, columns: Columns | Mapping[str, Columns] | None) -> Any:
    """The name of a column, a list of them, or a dict of those by the network's names."""
    if not isinstance(columns, Mapping):
        names = listed(frame, columns)
        return columns if names is None else names
    if not columns or not all(isinstance(name, str) for name in columns):
        raise ValueError(
            f"columns by name are a dict, {{name of an input or output: column or columns}}, got {columns!r}"
        )
    named = {name: listed(frame, each) for name, each in columns.items()}
    return {name: each if named[name] is None else named[name] for name, each in columns.items()}


def as_list(columns: Any) -> list:
    return columns if isinstance(columns, list) else [columns]


def rows_of(values: np.ndarray | Source, columns: Any, targets: bool = False) -> Rows:
    """The rows of columns of a frame that `held` has made."""
    # What can be copied was, then.
    called = f"column {', '.join(map(repr, as_list(columns)))}"
    return Rows(values, targets, called, can_be_copied(values))
