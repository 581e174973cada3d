"""A frame whose rows are samples, and what in it is input and what is target."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._html import dataset_html
from cortex_lab.data._memory import can_be_copied, frozen
from cortex_lab.data._rows import Rows, one_weight_each, positions
from cortex_lab.data.batches import Batches
from cortex_lab.data.columns import held, listed, read_inputs, with_tensor_columns
from cortex_lab.data.splits import CannotStratify, draw_split, read_splits
from cortex_lab.data.targets import are_numbers, known_codes, read_targets, shown
from cortex_lab.data.tensor import shape_text
from cortex_lab.ground import checks


class Dataset:
    """Samples in the rows of a plain DataFrame, read as inputs and targets.

    A row is known by its number in the frame given here, and keeps it: in the index of every part's
    `.frame`, in `batch.rows`, in `select` and `excluding`. An index other than 0, 1, 2, ... becomes a column.

    Parameters
    ----------
    frame
        Taken as it is now; changing it later changes nothing here.
    inputs
        A tensor column (or a column with one array per row), one numeric column, or a list of those, be it
        an Index or an array of names.
    target
        A column. The loss decides whether it is read as classes, as yes or no, or as values to predict; while
        there is none, floats are values and anything else is a label. A list of numeric columns predicts
        several values. None for no target.
    splits
        {"train": rows, "validation": rows, "test": rows}, row numbers or bools, or the name of a column
        that says so for every row. `split` draws them at random.
    name
        For titles.

    `labels` are the column's own values in the order of their codes, and `classes` how they print; both are
    None for values.

    Raises KeyError for a missing column and ValueError for content that cannot be learned from.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        inputs: Hashable | Iterable[Hashable] = "image",
        target: Hashable | Iterable[Hashable] | None = "label",
        splits: Mapping[str, Any] | Hashable | None = None,
        name: str = "dataset",
    ) -> None:
        checks.instance("frame", frame, pd.DataFrame, "a pandas.DataFrame")
        checks.text("name", name, "iris")
        if len(frame) == 0:
            raise ValueError("the frame has no rows")
        self._index = frame.index
        frame = frame.reset_index(drop=frame.index.equals(pd.RangeIndex(len(frame))))
        self.name = name
        columns, goals = listed(frame, inputs), listed(frame, target)
        self.inputs = inputs if columns is None else columns
        self.target = target if goals is None else goals
        self.columns = [inputs] if columns is None else columns
        frame = with_tensor_columns(frame, self.columns)
        if target is not None and goals is None:
            frame = with_tensor_columns(frame, [target], (np.ndarray, list))
        self._whole = held(frame)
        self._inputs = _rows_of(read_inputs(self._whole, self.columns), self.columns)
        self._take_targets(*((None, None) if target is None else read_targets(self._whole, self.target)))
        self.rows = frozen(np.arange(len(frame)))
        self.splits = {name: frozen(rows) for name, rows in read_splits(splits, self._whole).items()}
        self._note = ""

    # Readings ----------------------------------------------------------------------------------------

    def read_as(self, reading: str, loss: str = "the loss") -> Dataset:
        """The same rows with the target read as "classes", "yes or no" or "values", as `loss` wants it.

        This dataset itself if it is read so already; ValueError, with the ways out, if it cannot be.
        """
        known = {"classes": self.labels is not None, "values": self.labels is None}
        if self.target is None or known.get(reading):
            return self
        other = copy.copy(self)
        other._take_targets(*read_targets(self._whole, self.target, reading, loss))
        return other

    def like(self, other: Dataset) -> Dataset:
        """The same rows read as `other` reads its own: its columns in its order, its labels in its codes.

        KeyError for a column that is not here, ValueError for content of another kind, and for labels that
        `other` does not know.
        """
        if self._inputs is other._inputs and self._targets is other._targets:
            return self
        if self._whole is other._whole:
            same = copy.copy(other)
            same.rows, same.splits, same.name, same._note = self.rows, self.splits, self.name, self._note
            return same
        same = copy.copy(self)
        same.inputs, same.target, same.columns = other.inputs, other.target, other.columns
        same._inputs = self._inputs_of(other.columns)
        if same.input_shape != other.input_shape:
            raise ValueError(
                f"column {other.columns[0]!r} of {self.name!r} holds {shape_text(same.input_shape)} where "
                f"{shape_text(other.input_shape)} was trained on"
            )
        if other.target is None:
            same._take_targets(None, None)
        elif other.labels is None:
            same._take_targets(*read_targets(self._whole, other.target, "values", f"{other.name!r}"))
        else:
            self._wanted([other.target])
            codes = known_codes(
                other.labels, self._whole, other.target, repr(self.name), other.name, self.rows
            )
            same._take_targets(codes, other.labels)
        return same

    def inputs_of(self, columns: list) -> np.ndarray:
        """(n, *shape): what a network that reads these columns, in this order, is given of these rows."""
        return self._inputs_of(columns).take(self.rows)

    def _inputs_of(self, columns: list) -> Rows:
        if columns == self.columns:
            return self._inputs
        self._wanted(columns)
        return _rows_of(read_inputs(with_tensor_columns(self._whole, columns), columns), columns)

    def _wanted(self, columns: list) -> None:
        missing = [name for name in columns if name not in self._whole.columns]
        if missing:
            raise KeyError(
                f"{self.name!r} has no column {missing[0]!r}, which was trained on; it has "
                f"{shown(self._whole.columns)}: frame.rename(columns={{...}}) gives a column its name"
            )

    def _take_targets(self, targets: np.ndarray | None, labels: pd.Index | None) -> None:
        goals = self.target if isinstance(self.target, list) else [self.target]
        self._targets = None if targets is None else _rows_of(targets, goals, targets=True)
        self.labels = labels
        self.classes = None if labels is None else [str(label) for label in labels]

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
        With `stratify`, every class is dealt out in the same proportions. ValueError if that cannot be done;
        but where labels are numbers, which may be values to predict, the rows are then dealt out at random.
        """
        checks.flag("stratify", stratify)
        kept = {"test": self.splits["test"]} if test is None and "test" in self.splits else {}
        free = np.setdiff1d(self.rows, kept["test"]) if kept else self.rows
        labels = self._targets if stratify and self.classes is not None else None
        ids = None if labels is None else labels.take(free)
        sizes = {"validation": validation} if test is None else {"validation": validation, "test": test}
        note = ""
        try:
            drawn = draw_split(len(free), sizes, seed, ids, self.classes or ())
        except CannotStratify:
            if not are_numbers(self.labels):
                raise
            drawn = draw_split(len(free), sizes, seed)
            note = "not stratified"
        part = self._part(self.rows, {name: free[rows] for name, rows in drawn.items()} | kept, self.name)
        part._note = note
        return part

    def carve(self, validation: float | int, seed: int = 0) -> Dataset:
        """The same rows, with some of the training rows, a fraction or a number, kept to validate on instead.

        Dealt out as by `split`. Earlier validation rows are left out; the test rows stay what they are.
        """
        dealt = self.train.split(test=None, validation=validation, seed=seed)
        kept = {name: rows for name, rows in self.splits.items() if name == "test"}
        part = self._part(self.rows, dealt.splits | kept, self.name)
        part._note = dealt._note
        return part

    def select(self, rows: Iterable[int], name: str | None = None) -> Dataset:
        """The dataset of these rows only, in this order; IndexError for a row that is not here.

        Rows are given by number, or as one bool for each row that is here.
        """
        if name is not None:
            checks.text("name", name, "a part")
        wanted = "row numbers, in a list or an array"
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
        part.rows, part.name, part._note = frozen(rows), name, ""
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

    def weights(self, sample_weight: Any) -> np.ndarray:
        """One weight for each row, in the order of the rows here, as float64.

        A Series is matched by the frame's own index; one with no index of its own by the order of the rows.
        """
        given, index = sample_weight, self._index[self.rows]
        if isinstance(given, pd.Series) and not given.index.equals(index):
            numbered = given.index.equals(pd.RangeIndex(len(given)))
            unnamed = numbered and not given.index.isin(self._index).any()
            if not unnamed and not (given.index.is_unique and index.isin(given.index).all()):
                raise ValueError(
                    f"the index of sample_weight is not that of the {len(self)} rows of {self.name!r}; give "
                    "the weights in the order of the rows: sample_weight.to_numpy()"
                )
            given = given if unnamed else given.loc[index]
        return one_weight_each(given, len(self))

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
        parts += f" ({self._note})" if self._note else ""
        shape = shape_text(self.input_shape) or "1"
        return f"<Dataset {self.name!r}: {len(self)} rows, inputs {self.inputs!r} {shape}, {goal}{parts}>"

    def _repr_html_(self) -> str:
        return dataset_html(self)


def _rows_of(values: np.ndarray, columns: list[Any], targets: bool = False) -> Rows:
    # What can be copied was, when the frame was read.
    return Rows(values, targets, f"column {', '.join(map(repr, columns))}", can_be_copied(values))
