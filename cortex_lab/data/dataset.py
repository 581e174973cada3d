"""A frame whose rows are samples, and what in it is input and what is target."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._html import dataset_html
from cortex_lab.data._memory import can_be_copied, frozen
from cortex_lab.data._rows import Rows, positions
from cortex_lab.data.batches import Batches
from cortex_lab.data.columns import held, read_inputs, read_targets, with_tensor_columns
from cortex_lab.data.splits import draw_split, read_splits
from cortex_lab.data.tensor import shape_text


class Dataset:
    """Samples in the rows of a plain DataFrame, read as inputs and targets.

    A row is known by its number in the frame given here, and keeps it: in the index of every part's
    `.frame`, in `batch.rows`, in `select` and `excluding`. An index other than 0, 1, 2, ... becomes a column.

    Parameters
    ----------
    frame
        Taken as it is now; changing it later changes nothing here.
    inputs
        A tensor column (or a column with one array per row), one numeric column, or a list of those.
    target
        A column: floats are values to predict (regression), anything else is a label. A list of numeric
        columns predicts several values. None for no target.
    splits
        {"train": rows, "validation": rows, "test": rows}, row numbers or bools, or the name of a column
        that says so for every row. `split` draws them at random.
    name
        For titles.

    Raises KeyError for a missing column and ValueError for content that cannot be learned from.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        inputs: str | list[str] = "image",
        target: str | list[str] | None = "label",
        splits: Mapping[str, Any] | str | None = None,
        name: str = "dataset",
    ) -> None:
        if len(frame) == 0:
            raise ValueError("the frame has no rows")
        numbered = frame.index.equals(pd.RangeIndex(len(frame)))
        frame = frame.reset_index(drop=numbered)
        self.name = name
        self.inputs = inputs
        self.target = target
        columns = [inputs] if isinstance(inputs, str) else list(inputs)
        goal = [target] if isinstance(target, str) else list(target or [])
        # Lists and tuples may be labels; arrays are values.
        frame = with_tensor_columns(with_tensor_columns(frame, columns), goal, np.ndarray)
        self._whole = held(frame)
        self._inputs = _rows_of(read_inputs(self._whole, columns), columns)
        targets, self.classes = (None, None) if target is None else read_targets(self._whole, target)
        self._targets = None if targets is None else _rows_of(targets, goal, targets=True)
        self.rows = frozen(np.arange(len(frame)))
        self.splits = {name: frozen(rows) for name, rows in read_splits(splits, self._whole).items()}

    # Parts -------------------------------------------------------------------------------------------

    @property
    def train(self) -> Dataset:
        """The rows to learn from: all of them while nothing is split."""
        return self if not self.splits else self._split("train")

    @property
    def validation(self) -> Dataset:
        return self._split("validation")

    @property
    def test(self) -> Dataset:
        return self._split("test")

    def split(
        self,
        test: float | int | None = 0.25,
        validation: float | int = 0.0,
        seed: int = 0,
        stratify: bool = True,
    ) -> Dataset:
        """The same rows, dealt out at random to train, validation and test.

        `test` and `validation` are fractions or numbers of rows; `test=None` keeps the test rows there are.
        With `stratify`, every class is dealt out in the same proportions. ValueError if that cannot be done.
        """
        kept = {"test": self.splits["test"]} if test is None and "test" in self.splits else {}
        free = np.setdiff1d(self.rows, kept["test"]) if kept else self.rows
        labels = self._targets if stratify and self.classes is not None else None
        ids = None if labels is None else labels.take(free)
        sizes = {"validation": validation} if test is None else {"validation": validation, "test": test}
        drawn = draw_split(len(free), sizes, seed, ids, self.classes or ())
        return self._part(self.rows, {name: free[rows] for name, rows in drawn.items()} | kept, self.name)

    def select(self, rows: Iterable[int], name: str | None = None) -> Dataset:
        """The dataset of these rows only, in this order; IndexError for a row that is not here."""
        chosen = positions(rows, len(self._whole))
        absent = chosen[~np.isin(chosen, self.rows)]
        if len(absent):
            raise IndexError(f"row {absent[0]} is not in {self.name!r}, which has {len(self)} rows")
        return self._part(chosen, {}, name or f"{self.name}[{len(chosen)} rows]")

    def _split(self, name: str) -> Dataset:
        if name not in self.splits:
            there = ", ".join(f"{part} ({len(rows)})" for part, rows in self.splits.items()) or "no splits"
            # AttributeError, so that hasattr and getattr with a default answer whether there is one.
            raise AttributeError(
                f"{self.name!r} has no {name} split, it has {there}; make one with .split({name}=0.2)"
            )
        return self._part(self.splits[name], {}, f"{self.name}.{name}")

    def _part(self, rows: np.ndarray, splits: dict[str, np.ndarray], name: str) -> Dataset:
        if len(rows) == 0:
            raise ValueError(f"{name!r} would have no rows")
        # Parts share everything but the choice of rows, so a split costs no memory.
        part = copy.copy(self)
        part.rows, part.name = frozen(rows), name
        part.splits = {each: frozen(those) for each, those in splits.items()}
        return part

    # What is inside ----------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a plain DataFrame, indexed by row number; changing it changes nothing here."""
        # A run of rows is a view; MNIST's training images are not copied to be looked at.
        if (np.diff(self.rows) == 1).all():
            return self._whole.iloc[self.rows[0] : self.rows[-1] + 1]
        return self._whole.iloc[self.rows]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (8, 8, 1) for small gray images, (k,) for k numeric columns."""
        return self._inputs.shape

    @property
    def class_counts(self) -> pd.Series | None:
        """Rows of each class, by name; None if there are no classes."""
        if self.classes is None or self._targets is None:
            return None
        counts = np.bincount(self._targets.take(self.rows), minlength=len(self.classes))
        return pd.Series(counts, index=pd.Index(self.classes, name="class"), name="rows")

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(x, y), new arrays: x (n, *input_shape) float32; y class ids (n,) int64, float32 values, or None.

        Bytes stay bytes, in both: what they mean is for the network to say.
        """
        return self._inputs.take(self.rows), None if self._targets is None else self._targets.take(self.rows)

    def batches(self, batch_size: int, seed: int = 0, shuffle: bool = True) -> Batches:
        """These rows in batches; `batch.rows` are row numbers. ValueError if `batch_size` does not fit."""
        return Batches(
            self._inputs, self._targets, batch_size=batch_size, seed=seed, shuffle=shuffle, rows=self.rows
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        goal = "no target" if self.target is None else f"target {self.target!r}"
        goal += f" ({len(self.classes)} classes)" if self.classes is not None else ""
        parts = "".join(f", {name} {len(rows)}" for name, rows in self.splits.items())
        shape = shape_text(self.input_shape) or "1"
        return f"<Dataset {self.name!r}: {len(self)} rows, inputs {self.inputs!r} {shape}, {goal}{parts}>"

    def _repr_html_(self) -> str:
        return dataset_html(self)


def _rows_of(values: np.ndarray, columns: list[Any], targets: bool = False) -> Rows:
    # What can be copied was, when the frame was read.
    return Rows(values, targets, f"column {', '.join(map(repr, columns))}", can_be_copied(values))
