"""What a network has learned under names, and how the data that it goes on with are read by them."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_float_dtype

from cortex_lab.data.prepared import is_prepared, read_by
from cortex_lab.data.roles import Goal, rows_of
from cortex_lab.data.targets import _whole_column, shown
from cortex_lab.data.tensor import TensorDtype

AFRESH = "begin afresh with network.initialize(seed), or with a new network"
_SWITCHES = ({"0", "1"}, {"False", "True"})


@dataclass(frozen=True, eq=False)
class Learned:
    """The columns of each input, the categories of columns of words, and the classes that a network knows.

    classes: how the labels of its target print, in its order; by output name of several. None where it knows
        none.
    preparations: by input name, what makes numbers of the columns, where they are not read as they are.
    """

    reads: Mapping[str, list] = field(default_factory=dict)
    categories: Mapping[Hashable, list[str]] = field(default_factory=dict)
    classes: Any = None
    preparations: Mapping[str, Any] = field(default_factory=dict)

    def columns(self, columns: Any) -> Any:
        """Names of columns, by input where they are, in the network's order; ValueError for other names."""
        if isinstance(columns, Mapping):
            return {name: self._in_order(each, self.reads.get(name)) for name, each in columns.items()}
        alone = next(iter(self.reads.values())) if len(self.reads) == 1 else None
        return self._in_order(columns, alone)

    @staticmethod
    def _in_order(columns: list | None, known: list | None) -> list | None:
        if columns is None or known is None:
            return columns
        refuse_other_columns(columns, known)
        return known

    def classes_of(self, name: str | None = None) -> list[str] | None:
        """Those of an output; None is the only one."""
        if not isinstance(self.classes, Mapping):
            return self.classes
        return (
            next(iter(self.classes.values()))
            if len(self.classes) == 1 and name is None
            else self.classes.get(name)
        )

    def inputs(self, data: Any) -> Any:
        """The rows of a Dataset with the inputs read as the network has learned them.

        The Dataset itself if they are so already. ValueError for columns, or words in them, that the network
        does not know.
        """
        reads = self.columns(data.reads) if isinstance(data.inputs, dict) else None
        reads = {"inputs": self.columns(data.columns)} if reads is None else reads
        if self.reads and (self.preparations or is_prepared(data)):
            return self._prepared(data, reads)
        known = [column for columns in reads.values() for column in columns if column in self.categories]
        strange = [column for column in data.categories if self.reads and column not in known]
        if strange:
            raise ValueError(
                f"column {strange[0]!r} of {data.name!r} holds words, and the network has learned numbers in "
                f"it; give those, or {AFRESH}"
            )
        categories = {column: self.categories[column] for column in known} if self.reads else data.categories
        if reads == data.reads and categories == data.categories:
            return data
        same = copy.copy(data)
        try:
            same._inputs = {name: data._inputs_of(columns, categories) for name, columns in reads.items()}
        except ValueError as error:
            raise ValueError(f"{error}, or {AFRESH}") from None
        vars(same)["categories"] = categories
        return self._named(same, data, reads)

    def _prepared(self, data: Any, reads: Mapping[str, list]) -> Any:
        """The rows of a Dataset as the preparations of the network read them."""
        if not self.preparations:
            raise ValueError(
                f"the network has learned the columns {shown(reads[next(iter(reads))])} as they are, and "
                f"{data.name!r} is prepared; give it whole columns, unprepared, or {AFRESH}"
            )
        alone = len(reads) == len(self.preparations) == 1
        own = dict(zip(reads, self.preparations.values(), strict=True)) if alone else self.preparations
        found = read_by(data, own, reads)
        if found is data._inputs and reads == data.reads:
            return data
        same = copy.copy(data)
        same._inputs = found
        vars(same)["categories"] = {}
        return self._named(same, data, reads)

    @staticmethod
    def _named(same: Any, data: Any, reads: Mapping[str, list]) -> Any:
        """`same`, with the columns of `data` in the order of `reads`."""
        if not isinstance(data.inputs, dict):
            vars(same)["inputs"] = reads["inputs"] if isinstance(data.inputs, list) else data.inputs
        else:
            vars(same)["inputs"] = {
                name: reads[name] if isinstance(each, list) else each for name, each in data.inputs.items()
            }
        if data._autoencodes or isinstance(data.target, list):
            # An autoencoder's are what its inputs are.
            vars(same)["target"] = same.inputs if data.target == data.inputs else data.target
            same._targets = {name: same._goal(name) for name in same._goals}
        return same

    def goal(self, data: Any, name: str, reading: str) -> Goal | None:
        """A target of labels in the network's order, by the name it has; None where it knows no classes."""
        column, output = data._goals[name], name if isinstance(data.target, dict) else None
        if self.classes_of(output) is None or isinstance(column, list):
            return None
        if isinstance(data._whole[column].dtype, TensorDtype):
            return None
        labels = _whole_column(data._whole, column)
        found = self.codes(labels, reading, output, f"column {column!r} of {data.name!r}", data.rows)
        return None if found is None else Goal(rows_of(found[0], column, targets=True), found[1])

    def codes(self, column: pd.Series, reading: str, name: str | None, of: str, rows: np.ndarray) -> Any:
        """A column of labels as (codes, labels) in the network's order; None where it knows no classes.

        ValueError for labels among `rows` that it does not know.
        """
        known = self.classes_of(name)
        if known is None or reading not in ("classes", "yes or no"):
            return None
        shares = reading == "yes or no" and is_float_dtype(column.dtype) and column.between(0, 1).all()
        printed = _printed(column, set(known))
        codes = pd.Index(known).get_indexer(pd.Index(printed))
        asked = np.arange(len(column))[rows]
        strange = asked[codes[asked] < 0]
        if len(strange) and shares:
            return None
        if len(strange):
            raise ValueError(
                f"{of} has the label {printed[strange[0]]!r}, in {len(strange)} of {len(asked)} rows, which "
                f"the network has not learned; it knows {shown(known)}. Leave those rows out, or {AFRESH}"
            )
        there = dict(zip(printed, column, strict=True))
        return codes.astype(np.int64), pd.Index(_labels(known, there))


NOTHING = Learned()
"""What a network has learned that nobody told a name."""


def named_classes(classes: object) -> Any:
    """The labels of targets that have some, by name where the targets have names."""
    if not isinstance(classes, dict):
        return classes
    return {name: labels for name, labels in classes.items() if labels is not None} or None


def refuse_other_columns(columns: list, known: list) -> None:
    """ValueError for columns that are not those a network was trained on, in whatever order."""
    strange = [column for column in columns if column not in known]
    missing = [column for column in known if column not in columns]
    if strange or missing:
        what = f"have {strange[0]!r}, which it does not know" if strange else f"lack {missing[0]!r}"
        raise ValueError(
            f"the network was trained on the columns {shown(known)}, and the data {what}; give it the same "
            f"columns, inputs={known}, under these names, frame.rename(columns={{...}}), or {AFRESH}"
        )


def _printed(column: pd.Series, known: set[str]) -> list[str]:
    """How labels print, as those of the network do: numbers as whole ones, yes and no as 0 and 1."""
    labels = column.astype(object)
    if is_bool_dtype(column.dtype) and known == _SWITCHES[0]:
        return [str(int(label)) for label in labels]
    printed = [str(label) for label in labels]
    if known == _SWITCHES[1] and set(printed) <= {"0", "1", "0.0", "1.0"}:
        return [str(bool(float(label))) for label in labels]
    if not known.isdisjoint(printed) or not (is_float_dtype(column.dtype) or column.dtype.kind in "iu"):
        return printed
    return [f"{label:.0f}" if f"{label:.0f}" in known else f"{label:.1f}" for label in labels]


def _labels(known: list[str], there: Mapping[str, Any]) -> list:
    """The labels that print as they are known: those that occur, the others in the type of those."""
    kind, made = type(next(iter(there.values()), "")), []
    for name in known:
        label = there.get(name, name)
        if str(label) != name or name not in there:
            # A bool is made of a word only by what it is not empty for.
            words = {"False": False, "True": True} if kind in (bool, np.bool_) else {}
            label = words.get(name, _cast(name, label, (kind, int, float, bool)))
        made.append(label)
    return made


def _cast(name: str, label: object, kinds: Sequence[type]) -> Any:
    for kind in kinds:
        try:
            if str(kind(label)) == name:
                return kind(label)
        except (TypeError, ValueError):
            continue
    return name
