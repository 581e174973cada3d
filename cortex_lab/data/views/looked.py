"""A Dataset or a plain frame, as views look at it: columns by place, rows by number and by index."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cortex_lab.data.frames import are_numbers
from cortex_lab.data.parts import Parts
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.roles import Columns, as_list
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.checks import near

Data: TypeAlias = pd.DataFrame | Parts
"""What can be looked at."""


@dataclass(frozen=True, eq=False)
class Viewed:
    """What is looked at: `frame`, whose rows have the `numbers` and labels `index`, in `parts` by place.

    `inputs` and `targets` are names of columns; `roles` says by name what a column is.
    """

    name: str
    frame: pd.DataFrame
    numbers: np.ndarray
    index: pd.Index
    inputs: tuple[Hashable, ...]
    targets: tuple[Hashable, ...]
    roles: Mapping[Hashable, str]
    parts: Mapping[str, np.ndarray]
    classes: frozenset[Hashable] = frozenset()
    """The targets that are read as classes."""

    @classmethod
    def at(cls, data: Data) -> Viewed:
        """TypeError for what is neither a frame nor a Dataset."""
        if isinstance(data, pd.DataFrame):
            rows = data.index.to_numpy() if are_numbers(data.index) else np.arange(len(data))
            return cls("frame", data, rows, data.index, tuple(data.columns), (), {}, {})
        checks.instance("data", data, Parts, "a Dataset or a pandas.DataFrame")
        places = dict(zip(data.rows.tolist(), range(len(data)), strict=True)) if data.splits else {}
        parts = {
            part: np.array([places[row] for row in rows.tolist() if row in places], np.int64)
            for part, rows in data.splits.items()
        }
        inputs, targets = tuple(data.columns), tuple(_goals(data))
        roles = dict.fromkeys(inputs, "input")
        for role in ("weight", "group", "time"):
            if getattr(data, role) is not None:
                roles[getattr(data, role)] = role
        for column in targets:
            roles[column] = "input and target" if column in inputs else "target"
        return cls(
            data.name, data.frame, data.rows, data._index[data.rows], inputs, targets, roles, parts,
            frozenset(_classified(data)),
        )  # fmt: skip

    @property
    def own_index(self) -> bool:
        """Whether the index says something that row numbers do not."""
        return not self.index.equals(pd.RangeIndex(len(self.index))) and not (
            self.index.nlevels == 1 and np.array_equal(self.index.to_numpy(), self.numbers)
        )

    def label(self, place: int) -> str:
        """What a row is called."""
        return f"row {self.numbers[place]}" + (f" ({self.index[place]})" if self.own_index else "")

    def place(self, column: Hashable) -> int:
        """Where a column is; KeyError where it is not, ValueError for a name that is there twice."""
        places = [place for place, name in enumerate(self.frame.columns) if name == column]
        if not places:
            there = ", ".join(map(repr, self.frame.columns[:20]))
            more = ", ..." * (len(self.frame.columns) > 20)
            raise KeyError(
                f"there is no column {column!r}; there are {there}{more}{near(column, self.frame.columns)}"
            )
        if len(places) > 1:
            raise ValueError(f"there are {len(places)} columns {column!r}; rename all but one")
        return places[0]

    def column(self, column: Hashable) -> pd.Series:
        return self.frame.iloc[:, self.place(column)]

    def part_of(self) -> np.ndarray:
        """The name of the part that each row is in; "" for none."""
        found = np.full(len(self.numbers), "", object)
        for name, places in self.parts.items():
            found[places] = name
        return found

    def refuse_empty(self) -> None:
        if not len(self.frame):
            raise ValueError(f"{self.name!r} has no rows to look at")


def chosen_columns(looked: Viewed, columns: Columns | None) -> list[Hashable]:
    """Names of columns as they are given; None for the inputs."""
    if columns is None:
        return list(looked.inputs)
    alone = isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable)
    alone = alone or (isinstance(columns, tuple) and columns in looked.frame.columns)
    names: list[Any] = [columns] if alone else list(columns)
    for name in names:
        looked.place(name)
    if not names:
        raise checks.refused("columns", "names of columns", columns)
    return names


def coded(column: pd.Series, name: Hashable) -> tuple[np.ndarray, list[Any]]:
    """The place of each row's class among those there are, -1 for none, and these.

    Sorted, or all of a categorical in its order. WrongArgument for what cannot be a class.
    """
    if isinstance(column.dtype, (TensorDtype, RaggedDtype)):
        raise checks.WrongArgument(f"column {name!r} holds {column.dtype}, and classes are single values")
    # pandas has no index of float16, nor of longdouble.
    if column.dtype in (np.float16, np.longdouble):
        column = column.astype(np.float32 if column.dtype == np.float16 else np.float64)
    try:
        made: Any = column.astype("category").cat
    except TypeError:
        raise checks.WrongArgument(f"column {name!r} holds what cannot be a class, such as lists") from None
    return made.codes.to_numpy().astype(np.int64), made.categories.tolist()


def _classified(data: Parts) -> list[Hashable]:
    read = {name: goal.labels is not None for name, goal in data._targets.items()}
    return [own for name, own in data._goals.items() if read[name] and isinstance(own, Hashable)]


def _goals(data: Parts) -> list[Hashable]:
    goals = [column for goal in data._goals.values() for column in as_list(goal)]
    return [column for column in dict.fromkeys(goals) if column in data._whole.columns]
