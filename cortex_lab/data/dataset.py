"""A frame whose rows are samples, and what in it is input and what is target."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data._html import dataset_html, dataset_text
from cortex_lab.data._rows import Rows
from cortex_lab.data.augmenting import Augmentable
from cortex_lab.data.batches import Batches
from cortex_lab.data.beside import with_others
from cortex_lab.data.browsing import Browsable
from cortex_lab.data.columns import Categories, categories_among, held, read_inputs, with_tensor_columns
from cortex_lab.data.decoded import is_decoded
from cortex_lab.data.exact import checked_dtype, read_as_numbers
from cortex_lab.data.frames import numbered, numbers_of_rows, weights_of_rows
from cortex_lab.data.learned import Learned, named_classes
from cortex_lab.data.parts import Parts
from cortex_lab.data.prepared import Preparable, is_prepared, prepared_instead, read_by
from cortex_lab.data.roles import (
    Columns,
    Goal,
    Unread,
    as_list,
    chosen,
    features_of,
    kept,
    others_than,
    refuse_no_target,
    refuse_values,
    require,
    role_column,
    rows_of,
)
from cortex_lab.data.source import frozen
from cortex_lab.data.splits import read_splits
from cortex_lab.data.targets import known_codes, read_targets, refuse_unknown, shown
from cortex_lab.data.tensor import shape_text
from cortex_lab.ground import checks

Arrays: TypeAlias = np.ndarray | dict[str, np.ndarray]


class Dataset(Browsable, Augmentable, Preparable, Parts):
    """Samples in the rows of a plain DataFrame, read as inputs and targets.

    A row is known by its number in the frame given here, and keeps it: in the index of every part's
    `.frame`, in `batch.rows`, in `select` and `excluding`. An index other than 0, 1, 2, ... becomes a column.

    Parameters
    ----------
    frame
        Taken as it is now; changing it later changes nothing here.
    inputs
        A tensor column (or a column with one array per row), one numeric column, or a list of those, be it
        an Index or an array of names. For a network with several inputs, a dict of those by input name. None
        is the tensor column "image", or else every column that is no target. A column of words is read as one
        column of 0 and 1 for each category: `categories` has them by column, `features` names the columns.
    target
        A column. The loss decides whether it is read as classes, as yes or no, or as values to predict; while
        there is none, floats are values and anything else is a label. A list of numeric columns predicts
        several values. For a network with several outputs, a dict of those by output name. None for none,
        and "inputs" for the inputs themselves, as an autoencoder learns them, by the names that they have.
    splits
        {"train": rows, "validation": rows, "test": rows}, row numbers or bools, or the name of a column
        that says so for every row. `split` draws them at random.
    name
        For titles.
    dtype
        What numbers are read as: float32, or float64 for networks of `ops="reference"`.
    weight, group, time
        Columns that are no inputs: how much each row counts in training, unless `sample_weight` says so; what
        `split` and `folds` keep together; and by what `split` takes the latest rows to test on.
    notes
        What was skipped, filled or guessed on the way here, told by `repr`.
    prepare
        What makes numbers of the inputs, as `prepared` says: a transformer, or True for the default. None
        reads them as they are.
    later
        Where inputs cannot be read as they are, as where some are missing, the default preparation reads
        them; what that cannot read either is refused when it is asked for and not now.

    `labels` are the column's own values in the order of their codes, and `classes` how they print; both are
    None for values. Where targets have names, each is a dict by name.
    Raises KeyError for a missing column and ValueError for content that cannot be learned from.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        inputs: Columns | Mapping[str, Columns] | None = None,
        target: Columns | Mapping[str, Columns] | None = "label",
        splits: Mapping[str, Any] | Hashable | None = None,
        name: str = "dataset",
        dtype: DTypeLike = np.float32,
        *,
        weight: Hashable | None = None,
        group: Hashable | None = None,
        time: Hashable | None = None,
        notes: Iterable[str] = (),
        prepare: object = None,
        later: bool = False,
    ) -> None:
        checks.flag("later", later)
        self.notes = tuple(checks.text("notes", note) for note in checks.listed("notes", notes))
        frame = checks.instance("frame", checks.in_numpy(frame), pd.DataFrame, "a pandas.DataFrame")
        checks.text("name", name, "iris")
        if len(frame) == 0:
            raise ValueError("the frame has no rows")
        self._index = frame.index
        self.weight, self.group, self.time = (
            role_column(frame, called, name)
            for called, name in (("weight", weight), ("group", group), ("time", time))
        )
        inputs, target = kept(inputs), kept(target)
        refuse_values(frame, inputs, target)
        if inputs is None:
            inputs = others_than(frame, target, (splits, self.weight, self.group, self.time))
        frame = numbered(frame)
        self.name, self._note, self.dtype = name, "", checked_dtype(dtype)
        self.inputs, goals = chosen(frame, inputs), chosen(frame, target)
        refuse_no_target(goals)
        self._autoencodes = goals == "inputs" and "inputs" not in frame.columns
        self.target = self.inputs if self._autoencodes else goals
        frame = with_tensor_columns(frame, self.columns)
        single = [each for each in self._goals.values() if not isinstance(each, list)]
        frame = with_tensor_columns(frame, single, (np.ndarray, list))
        self._whole = held(frame)
        self._whole.index = numbers_of_rows(self._whole)
        self.rows = frozen(np.arange(len(frame)))
        self.splits = read_splits(splits, self._whole, self._index)
        self.categories: Categories = {}
        self._inputs = self._read_inputs(None if prepare is False else prepare, later)
        self._targets = {name: self._goal(name) for name in self._goals}

    def _read_inputs(self, prepare: object, later: bool) -> Mapping[str, Rows]:
        if prepare is not None:
            return self._prepared_by(None if prepare is True else prepare)
        self._inputs = {}
        try:
            vars(self)["categories"] = categories_among(self._whole, self.columns)
            return {name: self._read(columns) for name, columns in self.reads.items()}
        except ValueError as found:
            instead, vars(self)["categories"] = prepared_instead(self, found), {}
            if later and instead:
                return instead
            error = with_others(found, self._whole, self.columns, self.dtype)
            if not later:
                way = "; a preparation reads such columns: Dataset(..., prepare=True)" if instead else ""
                raise ValueError(f"{error}{way}") from None
            return Unread(error)

    # Readings ----------------------------------------------------------------------------------------

    read_as_numbers = read_as_numbers

    @property
    def reads(self) -> dict[str, list]:
        """The columns of each input, in order, by its name; "inputs" if it has none."""
        inputs = self.inputs if isinstance(self.inputs, dict) else {"inputs": self.inputs}
        return {name: as_list(each) for name, each in inputs.items()}

    @property
    def columns(self) -> list:
        """The columns of all inputs."""
        found = [column for columns in self.reads.values() for column in columns]
        return list(dict.fromkeys(found)) if isinstance(self.inputs, dict) else found

    @property
    def labels(self) -> Any:
        found = {name: goal.labels for name, goal in self._targets.items()}
        return found if isinstance(self.target, dict) else found.get("targets")

    @property
    def classes(self) -> Any:
        found = {name: goal.classes for name, goal in self._targets.items()}
        return found if isinstance(self.target, dict) else found.get("targets")

    @property
    def _goals(self) -> dict[str, Any]:
        if isinstance(self.target, dict):
            return self.target
        return {} if self.target is None else {"targets": self.target}

    def read_as(
        self, reading: str | Mapping[str, str], loss: str = "the loss", learned: Learned | None = None
    ) -> Dataset:
        """The same rows with the target read as "classes", "yes or no" or "values", as `loss` wants it.

        By name where targets have names. Labels that a network has `learned` keep its codes. This dataset
        itself if it is read so already; ValueError, with the ways out, if it cannot be.
        """
        checks.instance("reading", reading, (str, Mapping), 'such as "classes", or a dict of those by name')
        goals = dict(self._targets)
        missing = [] if isinstance(reading, str) else [name for name in goals if name not in reading]
        if missing:
            raise KeyError(f"reading says nothing of the target {missing[0]!r}; it has {shown(reading)}")
        for name, goal in goals.items():
            wanted = reading if isinstance(reading, str) else reading[name]
            known = None if learned is None else learned.goal(self, name, wanted)
            if known is not None:
                goals[name] = known
            elif wanted != ("values" if goal.labels is None else "classes"):
                goals[name] = self._goal(name, wanted, loss)
            if known is None and wanted != "values" and goals[name].labels is not None:
                refuse_unknown(self._whole, self._goals[name], goals[name].labels)
        if all(goal is self._targets[name] for name, goal in goals.items()):
            return self
        other = copy.copy(self)
        other._targets = goals
        return other

    def like(self, other: Dataset) -> Dataset:
        """The same rows read as `other` reads its own: its columns in its order, its labels in its codes.

        KeyError for a column that is not here, ValueError for content of another kind, and for labels that
        `other` does not know.
        """
        checks.instance("other", other, Dataset, "a Dataset")
        if self._inputs is other._inputs and self._targets is other._targets:
            return self
        self = self.read_as_numbers(other.dtype)
        same = copy.copy(other if self._whole is other._whole else self)
        if self._whole is other._whole:
            vars(same).update(rows=self.rows, splits=self.splits, name=self.name, _note=self._note)
            if is_prepared(other):
                same._inputs = read_by(same, other._inputs.preparations, other.reads)
            return same
        vars(same).update(inputs=other.inputs, target=other.target, categories=other.categories)
        same._autoencodes = other._autoencodes
        same._inputs = (
            {} if not is_prepared(other) else read_by(self, other._inputs.preparations, other.reads)
        )
        for name, columns in () if is_prepared(other) else other.reads.items():
            rows = self._inputs_of(columns, other.categories).like(other._inputs[name])
            same._inputs[name] = rows
            if rows.shape != other._inputs[name].shape:
                raise ValueError(
                    f"column {columns[0]!r} of {self.name!r} holds {shape_text(rows.shape)} where "
                    f"{shape_text(other._inputs[name].shape)} was trained on"
                )
        same._targets = {name: self._goal_like(same, other, name) for name in other._goals}
        return same

    def inputs_of(
        self, columns: list, categories: Categories | None = None, preparation: Any = None
    ) -> np.ndarray:
        """(n, *shape): what a network that reads these columns, in this order, is given of these rows.

        `categories` and `preparation` are those that it has learned; None for those that are here, and for
        none.
        """
        if preparation is not None:
            return read_by(self, {"inputs": preparation}, {"inputs": columns})["inputs"].take(self.rows)
        return self._inputs_of(columns, categories).take(self.rows)

    def _inputs_of(self, columns: list, categories: Categories | None = None) -> Rows:
        require(self._whole, columns, self.name)
        if categories is None:
            categories = categories_among(self._whole, columns)
        known = next((name for name, own in self.reads.items() if own == columns), None)
        if (
            known is not None
            and not is_prepared(self)
            and all(self.categories.get(c) == categories.get(c) for c in columns)
        ):
            return self._inputs[known]
        return self._read(columns, categories)

    def _read(self, columns: list, categories: Categories | None = None) -> Rows:
        frame = with_tensor_columns(self._whole, columns)
        known = self.categories if categories is None else categories
        rows = slice(None) if categories is None else self.rows
        read = read_inputs(frame, columns, known, repr(self.name), rows, self.dtype)
        return rows_of(read, columns, dtype=self.dtype)

    @property
    def features(self) -> list[str]:
        """What each number of a row of the inputs is: a column, or one of its categories ("city=Rome")."""
        if is_prepared(self):
            return [name for each in self._inputs.preparations.values() for name in each.features]
        return features_of(self.columns, self.categories)

    def _goal(self, name: str, reading: str | None = None, loss: str = "the loss") -> Goal:
        columns = self._goals[name]
        if self._autoencodes:
            return Goal(self._inputs[name if isinstance(self.inputs, dict) else "inputs"], None)
        if isinstance(columns, list) and any(column in self.categories for column in columns):
            # An autoencoder's target, too: words as its inputs have them.
            values: Any = read_inputs(self._whole, columns, self.categories, dtype=self.dtype)
            return Goal(rows_of(values, columns, True, self.dtype), None)
        values, labels = read_targets(self._whole, columns, reading, loss, self.dtype)
        return Goal(rows_of(values, columns, True, self.dtype), labels)

    def _goal_like(self, same: Dataset, other: Dataset, name: str) -> Goal:
        columns, labels = other._goals[name], other._targets[name].labels
        if labels is None:
            return same._goal(name, "values", f"{other.name!r}")
        require(self._whole, [columns], self.name)
        codes = known_codes(labels, self._whole, columns, repr(self.name), other.name, self.rows)
        return Goal(rows_of(codes, columns, targets=True), labels)

    # What is inside ----------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a plain DataFrame, its index "row" their numbers; changing it changes nothing here."""
        # A run of rows is a view; MNIST's training images are not copied to be looked at.
        if (np.diff(self.rows) == 1).all():
            return self._whole.iloc[self.rows[0] : self.rows[-1] + 1]
        return self._whole.iloc[self.rows]

    @property
    def input_shape(self) -> Any:
        """Shape of one sample, (8, 8, 1) for small gray images, (k,) for k columns; a dict of named ones."""
        shapes = {name: rows.shape for name, rows in self._inputs.items()}
        return shapes if isinstance(self.inputs, dict) else shapes["inputs"]

    @property
    def class_counts(self) -> pd.Series | None:
        """Rows of each class, by name, of the first target that has classes; None if there are none."""
        goal = self._classified
        if goal is None:
            return None
        counts = np.bincount(goal.rows.take(self.rows), minlength=len(goal.classes or ()))
        return pd.Series(counts, index=pd.Index(goal.classes, name="class"), name="rows")

    @property
    def _classified(self) -> Goal | None:
        return next((goal for goal in self._targets.values() if goal.labels is not None), None)

    def arrays(self) -> tuple[Arrays, Arrays | None]:
        """(x, y), new arrays: x (n, *input_shape) of `dtype`; y class ids (n,) int64, such values, or None.

        Bytes stay bytes, in both: what they mean is for the network to say. Where inputs or targets have
        names, dicts of those.
        """
        inputs = {name: rows.take(self.rows) for name, rows in self._inputs.items()}
        return inputs if isinstance(self.inputs, dict) else inputs["inputs"], self.target_arrays()

    def target_arrays(self) -> Arrays | None:
        """The y of `arrays`, without a copy of the inputs."""
        return self._targets_of(self.rows)

    def _targets_of(self, rows: np.ndarray) -> Arrays | None:
        targets = {name: goal.rows.take(rows) for name, goal in self._targets.items()}
        return targets if isinstance(self.target, dict) else targets.get("targets")

    def weights(self, sample_weight: object) -> np.ndarray:
        """One weight for each row, in the order of the rows here, as float64.

        A Series is matched by row numbers if its index is called "row", as that of `frame`, else by that of
        the frame given here; one with no index of its own by the order of the rows.
        """
        return weights_of_rows(sample_weight, self.rows, self._index, f"{len(self)} rows of {self.name!r}")

    def batches(self, batch_size: int, seed: int = 0, shuffle: bool = True) -> Batches:
        """These rows in batches; `batch.rows` are row numbers. ValueError if `batch_size` does not fit.

        Files are decoded by threads, two batches ahead.
        """
        goals = {name: goal.rows for name, goal in self._targets.items()}
        made = Batches(
            self._inputs if isinstance(self.inputs, dict) else self._inputs["inputs"],
            goals if isinstance(self.target, dict) else goals.get("targets"),
            batch_size=batch_size, seed=seed, shuffle=shuffle, rows=self.rows, reads=self.reads,
            categories=self.categories, classes=named_classes(self.classes), index=self._index,
            preparations=self._inputs.preparations if is_prepared(self) else {},
        )  # fmt: skip
        decoded = any(is_decoded(rows.source) for rows in self._inputs.values())
        return made.prefetching(2) if decoded else made

    def _shapes(self) -> str:
        if isinstance(self._inputs, Unread):
            return f"of {len(self.columns)} columns as they were read"
        if is_prepared(self) and not self._inputs.is_fitted:
            return f"of {len(self.columns)} columns, prepared"
        return " and ".join(shape_text(rows.shape) or "1" for rows in self._inputs.values())

    def __repr__(self) -> str:
        return dataset_text(self, self._shapes(), self._targets.values(), self._told())

    def _repr_html_(self) -> str:
        splits = [f"{name} {len(rows):,}" for name, rows in self.splits.items()] or ["not split"]
        splits += [self._note] if self._note else []
        return dataset_html(self, self._shapes(), self._goals, splits, self._told())

    def _told(self) -> list[str]:
        unread = [f"to be trained on: {self._inputs.why}"] if isinstance(self._inputs, Unread) else []
        roles = {"weight": self.weight, "group": self.group, "time": self.time}
        said = [f"{role} {name!r}" for role, name in roles.items() if name is not None]
        said = [", ".join(said)] if said else []
        return [*said, *self.notes, *self._guarded(), *unread, *self._told_of_preparation()]
