"""Which columns of a frame are inputs, and which are targets: by name, where a network has several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data._memory import can_be_copied
from cortex_lab.data._rows import Rows
from cortex_lab.data.columns import listed
from cortex_lab.data.frames import given_columns
from cortex_lab.data.source import Source
from cortex_lab.data.targets import shown
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.checks import near
from cortex_lab.ground.forks import cached_property

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


class Unread(Mapping):
    """Inputs, by name, that cannot be read as they are; whoever asks for them is told why."""

    def __init__(self, error: ValueError) -> None:
        self.why = str(error)

    def __getitem__(self, name: str) -> Rows:
        raise ValueError(f"{self.why}. The table is dataset.frame")

    def __iter__(self) -> Any:
        return self["any"]

    def __len__(self) -> int:
        return len(self["any"])


def kept(columns: object) -> Any:
    """Columns as they are given, in a list where they can be gone through only once; also by name."""
    if isinstance(columns, Mapping):
        return {name: list(each) if isinstance(each, Iterator) else each for name, each in columns.items()}
    return list(columns) if isinstance(columns, Iterator) else columns


def refuse_no_target(target: object) -> None:
    """ValueError for a list of targets without a column."""
    for goal in target.values() if isinstance(target, dict) else [target]:
        if isinstance(goal, list) and not goal:
            raise checks.refused("target", "a column, a list of some, or None for none", goal)


def chosen(frame: pd.DataFrame, columns: Columns | Mapping[str, Columns] | None) -> Any:
    """The name of a column, a list of them, or a dict of those by the network's names."""
    if not isinstance(columns, Mapping):
        names = listed(frame, columns)
        return checks.plain(columns) if names is None else names
    if not columns or not all(isinstance(name, str) for name in columns):
        raise ValueError(
            f"columns by name are a dict, {{name of an input or output: column or columns}}, got {columns!r}"
        )
    named = {name: listed(frame, each) for name, each in columns.items()}
    return {
        name: checks.plain(each) if named[name] is None else named[name] for name, each in columns.items()
    }


def refuse_values(frame: pd.DataFrame, inputs: Any, target: Any) -> None:
    """An error for values where columns are named, and for inputs that stand where the target is meant."""
    for called, each in (("inputs", inputs), ("target", target)):
        values = isinstance(each, (pd.Series, np.ndarray)) and np.shape(each)[:1] == (len(frame),)
        if values and not all(isinstance(one, Hashable) and one in frame.columns for one in np.ravel(each)):
            say = "Dataset(frame.assign(label=y), target='label')"
            if called == "inputs":
                say = "say ['a', 'b'], or leave it out; values to predict are a column, " + say
            raise checks.WrongArgument(
                f"{called} names columns of the frame, and this is {checks.shown(each)}: {say}"
            )
    named = isinstance(inputs, Hashable) and inputs in frame.columns
    if named and target == "label" and target not in frame.columns:
        raise KeyError(
            f"the frame has no column 'label' to be predicted, and inputs are {inputs!r}; to predict that "
            f"say Dataset(frame, target={inputs!r}), to predict nothing target=None"
        )


def role_column(frame: pd.DataFrame, called: str, name: object) -> Hashable | None:
    """The name of a column that has a role beside inputs and targets; KeyError if it is not there."""
    name = checks.plain(name)
    if name is None:
        return None
    if not isinstance(name, Hashable):
        raise checks.refused(called, "the name of a column", name)
    if name not in frame.columns:
        there = ", ".join(map(repr, frame.columns))
        raise KeyError(
            f"{called}: the frame has no column {name!r}; it has {there}{near(name, frame.columns)}"
        )
    return name


def others_than(frame: pd.DataFrame, target: object, roles: Iterable[Any]) -> Any:
    """The columns that are inputs where nothing is said: pictures called "image", or all but the targets and
    those of other `roles`.

    KeyError that says what to type if the target is none of the columns.
    """
    if "image" in frame.columns and _holds_arrays(frame["image"]):
        return "image"
    wanted = chosen(frame, target)
    goals = [] if wanted is None else list(wanted.values()) if isinstance(wanted, dict) else [wanted]
    goals = [column for goal in goals for column in as_list(goal)]
    for column in goals:
        if column not in frame.columns and column != "inputs":
            there = ", ".join(map(repr, frame.columns))
            raise KeyError(
                f"the frame has no column {column!r} to be predicted; say which is, target=..., of {there}"
                f"{near(column, frame.columns)}"
            )
    found = [column for column in given_columns(frame) if column not in goals]
    taken = [each for each in roles if each is not None and isinstance(each, Hashable)]
    found = [column for column in found if column not in taken]
    if not found:
        beside = ", ".join(map(repr, [*goals, *taken])) or "nothing"
        raise ValueError(f"beside {beside} the frame has no column that could be an input")
    return found


def require(frame: pd.DataFrame, columns: list, name: str) -> None:
    """KeyError for a column that was trained on and is not in the frame."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise KeyError(
            f"{name!r} has no column {missing[0]!r}, which was trained on; it has "
            f"{shown(given_columns(frame))}: frame.rename(columns={{...}}) gives a column its name"
        )


def features_of(columns: list, categories: Mapping[Hashable, list[str]]) -> list[str]:
    """A name for each number that is read of these columns; in quotes where two would be called alike."""
    parts = [(column, each) for column in columns for each in categories.get(column, [None])]
    names = [str(column) if each is None else f"{column}={each}" for column, each in parts]
    return [
        name if names.count(name) == 1 else repr(column) if each is None else f"{column!r}={each!r}"
        for name, (column, each) in zip(names, parts, strict=True)
    ]


def _holds_arrays(column: pd.Series | pd.DataFrame) -> bool:
    if isinstance(column, pd.DataFrame):
        return False
    first = column.iloc[0] if column.dtype == object and len(column) else None
    return isinstance(column.dtype, TensorDtype) or isinstance(first, (np.ndarray, list, tuple))


def as_list(columns: object) -> list:
    return columns if isinstance(columns, list) else [columns]


def rows_of(
    values: np.ndarray | Source, columns: object, targets: bool = False, dtype: DTypeLike = np.float32
) -> Rows:
    """The rows of columns of a frame that `held` has made."""
    # What can be copied was, then.
    called = f"column {', '.join(map(repr, as_list(columns)))}"
    return Rows(values, targets, called, can_be_copied(values), dtype, finite=not targets)
