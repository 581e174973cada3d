"""A Dataset cut into parts: those to train on and to judge by, drawn or chosen."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd

from cortex_lab.data._rows import positions
from cortex_lab.data.answers import Answers
from cortex_lab.data.frames import row_numbers
from cortex_lab.data.source import frozen
from cortex_lab.data.splits import CannotStratify, draw_split
from cortex_lab.data.targets import are_numbers
from cortex_lab.ground import checks


class Parts(Answers):
    """Base of `Dataset`: how its rows are dealt out. Parts share everything but the choice of rows."""

    name: str
    rows: np.ndarray
    splits: dict[str, np.ndarray]
    _note: str
    _index: pd.Index
    _whole: pd.DataFrame
    _classified: Any

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
    ) -> Self:
        """The same rows, dealt out at random to train, validation and test.

        `test` and `validation` are fractions or numbers of rows. Test rows that there are stay what they are,
        unless `test` asks for others; where there are none and nothing is said, a quarter of the rows is.
        With `stratify`, every class is dealt out in the same proportions (of several targets, those of the
        first that has classes). ValueError if that cannot be done; but where labels are numbers, which may be
        values to predict, the rows are then dealt out at random.
        """
        checks.flag("stratify", stratify)
        kept = {"test": self.splits["test"]} if test is None and "test" in self.splits else {}
        if test is None and validation is None and not kept:
            test = 0.25
        free = np.setdiff1d(self.rows, kept["test"]) if kept else self.rows
        goal = self._classified if stratify else None
        ids = None if goal is None else goal.rows.take(free)
        sizes = {"validation": 0 if validation is None else validation}
        sizes |= {} if test is None else {"test": test}
        note = ""
        try:
            drawn = draw_split(len(free), sizes, seed, ids, (goal.classes if goal else None) or ())
        except CannotStratify:
            if goal is None or not are_numbers(goal.labels):
                raise
            drawn = draw_split(len(free), sizes, seed)
            note = "not stratified"
        part = self._part(self.rows, {name: free[rows] for name, rows in drawn.items()} | kept, self.name)
        part._note = note
        return part

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
        part.rows, part.name, part._note = frozen(rows), name, ""
        part.splits = {each: frozen(those) for each, those in splits.items()}
        return part
