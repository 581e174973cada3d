"""A Dataset cut into parts: those to train on and to judge by, drawn or chosen."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd

from cortex_lab.data import guarding, overlays
from cortex_lab.data._draws import checked_seed
from cortex_lab.data._rows import SomeRows, positions
from cortex_lab.data.answers import Answers
from cortex_lab.data.dealing import by_group, by_time
from cortex_lab.data.folds import Folds, drawn_folds
from cortex_lab.data.frames import by_row, row_numbers
from cortex_lab.data.guarding import shared_rows
from cortex_lab.data.prepared import Prepared
from cortex_lab.data.roles import as_list
from cortex_lab.data.source import frozen
from cortex_lab.data.splits import CannotStratify, draw_split
from cortex_lab.data.targets import are_numbers
from cortex_lab.ground import checks

MOST_GUARDED = 32 * 2**20
"""Bytes of inputs up to which equal rows are looked for unasked."""


class Parts(Answers):
    """Base of `Dataset`: how its rows are dealt out. Parts share everything but the choice of rows."""

    name: str
    rows: np.ndarray
    splits: dict[str, np.ndarray]
    _note: str
    _index: pd.Index
    _whole: pd.DataFrame
    _classified: Any
    group: Hashable | None = None
    time: Hashable | None = None
    weight: Hashable | None = None
    inputs: Any
    target: Any
    dtype: Any
    notes: tuple[str, ...]
    categories: Any
    _inputs: Any
    _targets: Any
    _found: tuple[Any, list[str]] | None = None
    _autoencodes: bool
    _goals: Any
    _goal: Any

    @property
    def columns(self) -> list:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def train(self) -> Self:
        """The rows to learn from: all of them while nothing is split."""
        return self if not self.splits else self._split("train")

    validation = property(lambda self: self._split("validation"))
    test = property(lambda self: self._split("test"))

    def split(
        self,
        test: float | int | None = None,
        validation: float | int | None = None,
        seed: int = 0,
        stratify: bool = True,
        groups: object = None,
        time: object = None,
    ) -> Self:
        """The same rows, dealt out to train, validation and test: at random, by groups or by time.

        `test` and `validation` are fractions or numbers of rows. Test rows that there are stay what they are,
        unless `test` asks for others; where there are none and nothing is said, a quarter of the rows is.
        With `stratify`, every class is dealt out in the same proportions (of several targets, those of the
        first that has classes). ValueError if that cannot be done; but where labels are numbers, which may be
        values to predict, the rows are then dealt out at random.

        `groups`, a column or one value for each row, are dealt out whole: no patient is in two parts. By
        `time`, the latest rows are the test rows and those before them the validation rows. Of a dataset that
        has a group or a time, these are used unless groups=False or time=False.
        """
        if isinstance(seed, float) and 0 < seed < 1:
            raise checks.refused("seed", "a whole number; sizes are split(test=0.2, validation=0.1)", seed)
        _refuse_another_stratum(stratify)
        kept = {"test": self.splits["test"]} if test is None and "test" in self.splits else {}
        if test is None and validation is None and not kept:
            test = 0.25
        free = np.setdiff1d(self.rows, kept["test"]) if kept else self.rows
        sizes = {"validation": 0 if validation is None else validation}
        sizes |= {} if test is None else {"test": test}
        by, at = self._role("groups", groups), self._role("time", time)
        if by is not None and at is not None:
            raise ValueError(
                f"rows are split by groups, here {by.name!r}, or by time, here {at.name!r}: say which is "
                "not, groups=False or time=False"
            )
        note = ""
        if by is not None:
            whole = self._complete(by, "groups").loc[free].to_numpy()
            drawn = by_group(whole, sizes, checked_seed(seed), by.name)
            note = f"by {by.name!r}"
        elif at is not None:
            drawn, note = by_time(at.loc[free], sizes, at.name), f"by {at.name!r}"
        else:
            drawn, note = self._drawn(free, sizes, seed, stratify)
        part = self._part(self.rows, {name: free[rows] for name, rows in drawn.items()} | kept, self.name)
        part._note = note
        return part

    def _drawn(self, free: np.ndarray, sizes: dict, seed: int, stratify: bool) -> tuple[dict, str]:
        goal = self._classified if stratify else None
        ids = None if goal is None else goal.rows.take(free)
        try:
            return draw_split(len(free), sizes, seed, ids, (goal.classes if goal else None) or ()), ""
        except CannotStratify:
            if goal is None or not are_numbers(goal.labels):
                raise
            return draw_split(len(free), sizes, seed), "not stratified"

    def folds(self, k: int = 5, seed: int = 0, stratify: bool = True, groups: object = None) -> Folds:
        """`k` folds: each row is held back in one of them and trained on in the others.

        By scikit-learn's KFold, StratifiedKFold, GroupKFold or StratifiedGroupKFold: `stratify` and `groups`
        are as in `split`. Of a dataset that is split, the training rows are dealt out and the test rows left
        alone. `CannotStratify`, a ValueError, for a class of fewer rows than folds.
        """
        _refuse_another_stratum(stratify)
        whole = self.train
        by = whole._role("groups", groups)
        values, named = None, None
        if by is not None:
            named, values = by.name, pd.factorize(whole._complete(by, "groups").loc[np.sort(whole.rows)])[0]
        return drawn_folds(whole, checks.whole("k", k, least=2), checked_seed(seed), stratify, values, named)

    def input_rows(self) -> Any:
        """The inputs that `arrays` gives, some at a time, `[start:stop]`; by name of several."""
        found = {name: SomeRows(rows, self.rows) for name, rows in self._inputs.items()}
        return found if isinstance(self.inputs, dict) else found["inputs"]

    def results(self, found: Mapping[str, Any]) -> pd.DataFrame:
        """What was found for each row, such as {"loss": losses}, on the index that the rows came with.

        One value for each row here, in their order, or a Series by row number or by that index; of several
        numbers for each, (n, k), a column for each, as "place 0" and "place 1". ValueError for other sizes.
        """
        if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
            raise checks.refused("found", 'what was found by name, {"loss": losses}', found)
        columns: dict[str, np.ndarray] = {}
        for name, values in found.items():
            if isinstance(values, pd.Series):
                values = by_row(
                    values, self.rows, self._index, name, f"the {len(self)} rows of {self.name!r}"
                )
            values = np.asarray(values)
            if values.ndim not in (1, 2) or len(values) != len(self):
                size = "x".join(map(str, values.shape)) or "a single value"
                raise ValueError(
                    f"{name} is {size}, and {self.name!r} has {len(self)} rows: one for each is wanted"
                )
            if values.ndim == 1:
                columns[name] = values
            else:
                columns |= {f"{name} {place}": part for place, part in enumerate(values.T)}
        return pd.DataFrame(columns, index=self._index[self.rows])

    def exclude(self, rows: Iterable[int]) -> Self:
        """The dataset without these rows, in whatever part they are; they are given as to `select`."""
        out = self.select(rows).rows
        splits = {name: kept for name, own in self.splits.items() if len(kept := np.setdiff1d(own, out))}
        part = self._part(self.rows[~np.isin(self.rows, out)], splits, self.name)
        part._note = self._note
        return part

    def relabel(self, labels: object) -> Self:
        """The dataset where some rows have another of the labels that there are; the frame stays as it is.

        {row number: label}, a Series by its index, or a pair (rows, label); rows are given as to `select`.
        ValueError for several targets and for a label that no row has: make a Dataset of another frame.
        """
        if not self._goals or isinstance(self.target, (dict, list)) or self._autoencodes:
            raise ValueError(f"{self.name!r} has no one target; change the frame, and make a Dataset of it")
        changed = overlays.by_row(labels, self._numbers, "labels")
        goal = self._targets["targets"]
        rows = overlays.relabeled(goal.rows, changed, goal.classes)
        part = self._part(self.rows, self.splits, self.name)
        part._note, part._whole = self._note, self._whole.copy(deep=False)
        column = part._whole[self.target].copy()
        known = None if goal.labels is None else dict(zip(goal.classes, goal.labels, strict=True))
        for row, label in changed.items():
            column.iloc[row] = label if known is None else known[str(label)]
        part._whole[self.target] = column
        part._targets = {"targets": replace(goal, rows=rows)}
        if isinstance(part._inputs, Prepared):
            part._inputs = part._inputs.relabeled(part)
        return part

    def reweight(self, weights: object) -> Self:
        """The dataset where some rows count more or less in training; others count as they did, or 1.

        {row number: weight}, a Series by its index, or a pair (rows, weight); rows are given as to `select`.
        """
        changed = overlays.by_row(weights, self._numbers, "row_weights")
        part = self._part(self.rows, self.splits, self.name)
        part._note, part._whole = self._note, self._whole.copy(deep=False)
        if self.weight is None:
            vars(part)["weight"] = "weight" if "weight" not in self._whole.columns else "weight of row"
        own = None if self.weight is None else self._whole[self.weight].to_numpy(np.float64)
        part._whole[part.weight] = overlays.reweighted(own, changed, len(self._whole))
        return part

    def _numbers(self, rows: object) -> Any:
        return row_numbers(rows, self.rows, self._index, f"the {len(self)} rows of {self.name!r}")

    def shared_rows(self) -> pd.DataFrame:
        """Rows of two parts whose inputs are equal: who knows one by heart is no judge of the other.

        A frame of part, row, other part and other row, by number; empty where there are none.
        """
        return shared_rows(self._whole, self.columns, self.splits)

    def _guarded(self) -> list[str]:
        """What is wrong with how the rows are split, looked for once where the rows are not too many."""
        if not self.splits or self._bytes_of_inputs() > MOST_GUARDED:
            return []
        if self._found is None or self._found[0] is not self.splits:
            lines = guarding.told(self.shared_rows())
            lines += guarding.unseen_classes(self._classified, self.splits)
            goals = (
                [] if self._autoencodes else [each for goal in self._goals.values() for each in as_list(goal)]
            )
            lines += guarding.given_away(self._whole, self.columns, goals, self.splits["train"])
            self._found = self.splits, lines
        return self._found[1]

    def _bytes_of_inputs(self) -> int:
        return sum(int(self._whole[column].memory_usage(index=False)) for column in self.columns)

    def _role(self, called: str, given: object) -> pd.Series | None:
        """A column of the frame, or one value for each row, by row number; None for none."""
        own = self.group if called == "groups" else self.time
        if given is None or given is False:
            given = own if given is None else None
        if given is None:
            return None
        if isinstance(given, Hashable) and not isinstance(given, pd.Series):
            if given not in self._whole.columns:
                there = ", ".join(map(repr, self._whole.columns))
                raise KeyError(
                    f"{called}: the frame has no column {given!r}; it has {there}"
                    f"{checks.near(given, self._whole.columns)}"
                )
            column = self._whole[given]
            if isinstance(column, pd.DataFrame):
                raise ValueError(f"{called}: the frame has several columns {given!r}; rename all but one")
            return column
        name = called
        if isinstance(given, pd.Series):
            name = called if given.name is None else given.name
            given = by_row(given, self.rows, self._index, called, f"the {len(self)} rows of {self.name!r}")
        values = np.asarray(given)
        if values.shape != (len(self),):
            raise checks.refused(called, f"the name of a column, or {len(self)} values", given)
        return pd.Series(values, self.rows, name=name)

    def _complete(self, column: pd.Series, called: str) -> pd.Series:
        wrong = [row for row in self.rows[column.loc[self.rows].isna().to_numpy()]]
        if wrong:
            raise ValueError(
                f"{called}: {column.name!r} is missing in row {wrong[0]}; fill it, or leave it out"
            )
        return column

    def carve(self, validation: float | int, seed: int = 0) -> Self:
        """The same rows, with some of the training rows, a fraction or a number, kept to validate on instead.

        Dealt out as by `split`. Earlier validation rows are left out; the test rows stay what they are.
        """
        dealt = self.train.split(test=None, validation=validation, seed=seed)
        kept = {name: rows for name, rows in self.splits.items() if name == "test"}
        part = self._part(self.rows, dealt.splits | kept, self.name)
        part._note = dealt._note
        return part

    def select(self, rows: Iterable[int], name: str | None = None) -> Self:
        """The dataset of these rows only, in this order; IndexError for a row that is not here.

        Rows are given by number, or as one bool for each row that is here; a Series of bools is matched by
        its index, as weights are, and an Index may hold labels of the frame given here. They keep their
        numbers, and batches are shuffled by those: not as the same rows in a frame of their own are.
        """
        if name is not None:
            checks.text("name", name, "a part")
        wanted = "row numbers, in a list or an array"
        rows = row_numbers(rows, self.rows, self._index, f"the {len(self)} rows of {self.name!r}")
        rows = np.asarray(rows if isinstance(rows, np.ndarray) else checks.listed("rows", rows, wanted))
        if rows.dtype == bool:
            if rows.shape != self.rows.shape:
                raise IndexError(f"{rows.size} bools do not choose from {len(self)} rows of {self.name!r}")
            rows = self.rows[rows]
        chosen = positions(rows, len(self._whole))
        absent = chosen[~np.isin(chosen, self.rows)]
        if len(absent):
            raise IndexError(f"row {absent[0]} is not in {self.name!r}, which has {len(self)} rows")
        return self._part(chosen, {}, name or f"{self.name}[{len(chosen)} rows]")

    def _split(self, name: str) -> Self:
        if name not in self.splits:
            there = ", ".join(f"{part} ({len(rows)})" for part, rows in self.splits.items()) or "no splits"
            # AttributeError, so that hasattr and getattr with a default answer whether there is one.
            raise AttributeError(
                f"{self.name!r} has no {name} split, it has {there}; make one with .split({name}=0.2)"
            )
        return self._part(self.splits[name], {}, f"{self.name}.{name}")

    def _part(self, rows: np.ndarray, splits: dict[str, np.ndarray], name: str) -> Self:
        if len(rows) == 0:
            raise ValueError(f"{name!r} would have no rows")
        # Parts share everything but the choice of rows, so a split costs no memory.
        part = copy.copy(self)
        splits = {each: frozen(those) for each, those in splits.items()}
        vars(part).update(rows=frozen(rows), name=name, splits=splits, _note="")
        if isinstance(self._inputs, Prepared):
            part._inputs = self._inputs.part(part.rows, splits)
            if self._autoencodes and part._inputs is not self._inputs:
                part._targets = {each: part._goal(each) for each in part._goals}
        return part


def _refuse_another_stratum(stratify: object) -> None:
    if isinstance(stratify, (str, pd.Series, np.ndarray, list)):
        raise checks.WrongArgument(
            f"stratify must be True or False, got {checks.shown(stratify)}: it goes by the classes of "
            "the target; groups= keeps together what belongs together"
        )
    checks.flag("stratify", stratify)
