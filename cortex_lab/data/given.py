"""What a training is given as data, and how other rows meet it: by name, where there are names."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data import _large
from cortex_lab.data.batches import Batches
from cortex_lab.data.columns import Categories
from cortex_lab.data.dataset import Dataset
from cortex_lab.data.forms import (
    as_data,
    categories_of_inputs,
    coded_by_output,
    inputs_of,
    joined,
    refuse_given_away,
    refuse_unmatched,
    target_pieces,
)
from cortex_lab.data.frames import byte_columns, common_index, names_among, weights_of_rows
from cortex_lab.data.in_arrays import goals_of, targets_of
from cortex_lab.data.learned import NOTHING, Learned, named_classes
from cortex_lab.data.other_rows import VALIDATION, pair_of, rows_of
from cortex_lab.data.prepared import is_prepared
from cortex_lab.data.source import source_of
from cortex_lab.data.splits import CannotStratify, draw_split
from cortex_lab.data.targets import shown, weights_by_code
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_missing

_COLUMNS = (pd.Series, pd.DataFrame)


@dataclass(frozen=True, eq=False)
class Given:
    """Data as a loss reads it: a `dataset`, arrays of `inputs` and `targets`, or a `source` of batches.

    reading: how the loss reads a column, see `targets`.
    columns: names of the input columns, in order; by input name those of frames in a dict; None where they
        have none, or where the dataset's inputs have names.
    index: that of the frames and columns among arrays; None where there are none.
    chosen: which rows of the arrays to train on; None for all.
    byte_columns: those of the input columns that hold bytes.
    words: the categories of the columns of words among the inputs in arrays, by column.
    prepared: what read the frames among those inputs, by input name, if the network has learned so.
    labels: the words that the class ids in the arrays stand for, if they were given as words; by output name
        of several.
    goals: the column, or columns, of targets in a frame beside arrays; by output name of several.
    """

    reading: str
    source: Any = None
    dataset: Dataset | None = None
    inputs: Any = None
    targets: Any = None
    columns: Any = None
    index: pd.Index | None = None
    chosen: np.ndarray | None = None
    byte_columns: Sequence = ()
    labels: Any = None
    words: Categories = field(default_factory=dict)
    prepared: Mapping[str, Any] = field(default_factory=dict)
    goals: Any = None

    @classmethod
    def of(
        cls,
        data: object,
        reading: str,
        loss: str,
        by_output: Mapping[str, str] | None = None,
        learned: Learned = NOTHING,
        dtype: DTypeLike = np.float32,
    ) -> Given:
        """`data` as `loss` reads it, or as several read it, by output; an error for what it cannot be.

        Numbers of tables are read as `dtype`.

        What the network has `learned` under the names of columns, words and labels keeps its place.
        """
        if hasattr(data, "fetch"):
            reads = getattr(data, "reads", None)
            alone = next(iter(reads.values())) if reads and len(reads) == 1 else reads
            return cls(reading, data, columns=alone)
        later = bool(learned.preparations)
        data = as_data(data, dtype, later)
        dataset = data if isinstance(data, Dataset) else None
        if dataset is None:
            inputs, targets = pair_of(data, "data", "a Dataset or a pair (inputs, targets)")
            index = common_index(inputs, targets)
            if isinstance(inputs, pd.DataFrame) and isinstance(targets, _COLUMNS):
                dataset = joined(inputs, targets, dtype=dtype, later=later)
        if dataset is not None:
            if isinstance(dataset.target, dict) and by_output:
                refuse_unmatched(dataset, by_output)
            refuse_given_away(dataset)
            dataset = dataset.read_as_numbers(dtype)
            by_name = by_output if isinstance(dataset.target, dict) and by_output else reading
            dataset = learned.inputs(dataset).read_as(by_name, loss, learned)
            named = isinstance(dataset.inputs, dict)
            bytes_in = [] if is_prepared(dataset) else byte_columns(dataset._whole, dataset.columns)
            found, columns = bytes_in, None if named else dataset.columns
            return cls(reading, dataset=dataset, columns=columns, byte_columns=found)
        columns, found = (
            learned.columns(names_among(inputs)) or dict(learned.reads) or None,
            byte_columns(inputs),
        )
        words = categories_of_inputs(inputs, learned)
        own = learned.preparations
        inputs = inputs_of(inputs, columns, "the data", words, dtype, own)
        checks.as_many_rows(inputs, targets)
        goals = goals_of(targets)
        targets, labels = coded_by_output(targets, reading, loss, by_output or {}, learned)
        targets = _by_output(targets, reading, by_output or {})
        read = {"inputs": inputs, "targets": targets, "labels": labels, "words": words, "goals": goals}
        read["prepared"] = own
        return cls(reading, **read, columns=columns, index=index, byte_columns=found)

    @property
    def data(self) -> Any:
        """The data alone, to be given again."""
        return self.source or self.dataset or (self.inputs, self.targets)

    @property
    def rows(self) -> np.ndarray:
        """Numbers of the rows to train on, as batches name them."""
        if self.dataset is not None:
            return self.dataset.train.rows
        return np.arange(_length(self.inputs)) if self.chosen is None else self.chosen

    @property
    def learned(self) -> Any:
        """The targets of those rows; of several by name, a dict."""
        if self.dataset is None:
            return _picked(self.targets, self.rows)
        targets = self.dataset.train.target_arrays()
        return next(iter(targets.values())) if isinstance(targets, dict) and len(targets) == 1 else targets

    def learned_in_pieces(self) -> Iterator[tuple[np.ndarray, Any]]:
        """Places among `rows` and the targets there, a few megabytes at a time, of those in memory."""
        return target_pieces(self.dataset, self.targets, self.rows)

    def reads(self, inputs: Iterable[str]) -> dict[str, list]:
        """The columns that each of a network's inputs reads; ValueError unless they are called alike."""
        inputs = list(inputs)
        if isinstance(self.columns, dict):
            return {name: self.columns[name] for name in inputs if name in self.columns}
        if self.dataset is None or not isinstance(self.dataset.inputs, dict):
            return {inputs[0]: self.columns} if self.columns else {}
        reads = self.dataset.reads
        if set(reads) != set(inputs):
            raise ValueError(
                f"the network has the inputs {shown(inputs)}, and {self.dataset.name!r} gives "
                f"{shown(reads)}; name them alike: Dataset(frame, inputs={{name: columns}})"
            )
        return {name: reads[name] for name in inputs}

    @property
    def classes(self) -> Any:
        """How the labels of a target print, of a dataset or given as words; by name of several."""
        if self.labels is None:
            return named_classes(
                getattr(self.source if self.dataset is None else self.dataset, "classes", None)
            )
        if isinstance(self.labels, dict):
            return {name: [str(label) for label in labels] for name, labels in self.labels.items()}
        return [str(label) for label in self.labels]

    @property
    def categories(self) -> dict:
        """Those of the columns of words that are read, by column."""
        if self.dataset is None and self.source is None:
            return dict(self.words)
        return getattr(self.source if self.dataset is None else self.dataset, "categories", {})

    def preparations(self, inputs: Iterable[str]) -> dict[str, Any]:
        """What reads the columns of each of a network's inputs, where something does."""
        if self.dataset is None:
            found = dict(getattr(self.source, "preparations", self.prepared))
        else:
            found = self.dataset._inputs.preparations if is_prepared(self.dataset) else {}
        inputs = list(inputs)
        return (
            dict(zip(inputs, found.values(), strict=True)) if len(inputs) == len(found) == 1 else dict(found)
        )

    def batches(self, batch_size: int, seed: int, dtype: DTypeLike = np.float32) -> Any:
        """The rows to train on, in batches; numbers of arrays as `dtype`."""
        if self.source is not None:
            return self.source
        if self.dataset is not None:
            return self.dataset.train.batches(batch_size, seed=seed)
        own = {"rows": self.chosen, "index": self.index, "dtype": dtype}
        return Batches(self.inputs, self.targets, batch_size=batch_size, seed=seed, **own)

    def validated(
        self, validation: Any, seed: int, dtype: DTypeLike = np.float32
    ) -> tuple[Given, tuple[Any, Any] | None]:
        """What is left to train on, and (inputs, targets) of the rows to validate on, if there are any.

        A fraction or a number of rows is drawn by `seed` from those to train on, every class in proportion
        where there are classes, as `Dataset.split` does.
        """
        size = isinstance(validation, (int, float, np.number)) and not isinstance(validation, bool)
        if validation is None or (size and validation == 0):
            return self, None
        if isinstance(validation, str):
            splits = {} if self.dataset is None else self.dataset.splits
            if validation in splits:
                return self, _held(getattr(self.dataset, validation))
            if validation != "validation":
                near = checks.near(validation, [*splits, "validation"])
                raise KeyError(f"there is no split {validation!r} to validate on{near or f'; {VALIDATION}'}")
            return self, None
        if not size:
            named = self.dataset, self.columns, self.reading, "validation", self.labels, self.words
            rows = rows_of(validation, *named, dtype=dtype, goals=self.goals, preparations=self.prepared)
            return self, rows
        if self.source is not None:
            raise ValueError("batches of your own cannot be split; give validation=(inputs, targets)")
        if self.dataset is not None:
            said = checks.plain(validation)
            try:
                dataset = self.dataset.carve(validation, seed)
            except CannotStratify as error:
                text = str(error).rpartition("split with stratify=False")[0]
                split = f"data = Dataset(...).split(validation={said}, stratify=False)"
                raise CannotStratify(f"{text}split it beforehand: {split}") from None
            return replace(self, dataset=dataset), _held(dataset.validation)
        sizes, (labels, codes) = {"validation": validation}, self._classes()
        try:
            dealt = draw_split(_length(self.inputs), sizes, seed, codes, labels)
        except CannotStratify:
            dealt = draw_split(_length(self.inputs), sizes, seed)
        rows = dealt["validation"]
        inputs = self.inputs if isinstance(self.inputs, Mapping) else {"input": self.inputs}
        for name, part in inputs.items():
            refuse_missing(np.asarray(part)[rows], f"input {name!r} of validation", rows)
        return replace(self, chosen=dealt["train"]), (_picked(self.inputs, rows), _picked(self.targets, rows))

    def weights(self, sample_weight: object) -> np.ndarray:
        """The weights of all the rows given, in their order; ValueError if there are not as many."""
        if self.dataset is not None:
            return self.dataset.weights(sample_weight)
        rows = np.arange(_length(self.inputs))
        return weights_of_rows(sample_weight, rows, self.index, f"{len(rows)} rows of the data")

    def learned_weights(self, sample_weight: object) -> np.ndarray:
        """Those of the rows to train on, in the order of `rows`."""
        weights = self.weights(sample_weight)
        if self.dataset is None:
            return weights[self.rows]
        places = np.argsort(self.dataset.rows)
        return weights[places[np.searchsorted(self.dataset.rows, self.rows, sorter=places)]]

    def by_code(self, class_weight: Mapping[Any, float]) -> Mapping[Any, float]:
        """Weights by class, with the codes of a dataset's labels for keys."""
        labels = self.labels if self.dataset is None else self.dataset.labels
        if isinstance(labels, dict):
            labels = next(iter(labels.values())) if len(labels) == 1 else None
        return class_weight if labels is None else weights_by_code(labels, class_weight)

    def _classes(self) -> tuple[list, np.ndarray | None]:
        """The classes in an array of targets, and each row's place among them; None if it has no classes."""
        targets = self.targets
        if not isinstance(targets, np.ndarray) or targets.shape[1:] not in ((), (1,)):
            return [], None
        if self.reading == "yes or no" and not np.isin(targets, (0, 1)).all():
            return [], None
        if self.reading not in ("classes", "yes or no"):
            return [], None
        labels, codes = np.unique(targets, return_inverse=True)
        return labels.tolist(), codes.reshape(-1)


def _by_output(targets: object, reading: str, readings: Mapping[str, str]) -> Any:
    if not isinstance(targets, Mapping):
        return targets_of(targets, reading)
    return {name: targets_of(each, readings.get(name, reading)) for name, each in targets.items()}


def _held(part: Dataset) -> tuple[Any, Any]:
    """Inputs and targets of rows to validate on; a warning where those of a large file are many to hold."""
    rows = [] if is_prepared(part) else [each for each in part._inputs.values() if not each.all_looked_at]
    size = sum(len(part) * math.prod(each.shape) * each.dtype.itemsize for each in rows)
    if size > _large.LARGE:
        warnings.warn(
            f"the {len(part):,} rows to validate on are read from their file and held in memory, "
            f"{size / 2**20:,.0f} MiB; a number keeps fewer of them: data.split(validation=5000)",
            UserWarning,
            stacklevel=4,
        )
    return part.arrays()


def _length(inputs: Any) -> int:
    return len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)


def _picked(arrays: object, rows: np.ndarray) -> Any:
    if isinstance(arrays, Mapping):
        return {name: _picked(part, rows) for name, part in arrays.items()}
    return None if arrays is None else source_of(arrays).take(rows)
