"""What a training is given as data, and how other rows meet it: by name, where there are names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data.batches import Batches
from cortex_lab.data.columns import Categories
from cortex_lab.data.dataset import Dataset
from cortex_lab.data.forms import (
    as_data,
    categories_of_inputs,
    coded_by_output,
    in_words,
    inputs_of,
    joined,
    nameless,
    refuse_given_away,
    refuse_unmatched,
    target_pieces,
)
from cortex_lab.data.frames import byte_columns, common_index, names_among, weights_of_rows
from cortex_lab.data.in_arrays import described, goals_of, in_order, of_arrays, targets_of
from cortex_lab.data.learned import NOTHING, Learned, named_classes
from cortex_lab.data.pairs import in_parts
from cortex_lab.data.source import source_of
from cortex_lab.data.splits import CannotStratify, draw_split
from cortex_lab.data.targets import codes_of_numbers, known_codes, shown, weights_by_code
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_missing

VALIDATION = (
    "validation is the name of a split, a Dataset, a frame, a pair (inputs, targets), a fraction of the rows "
    "such as 0.2, a number of rows, or None"
)
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
    labels: the words that the class ids in the arrays stand for, if they were given as words; by output name
        of several.
    goals: the columns of targets in a frame beside arrays, if there are several; by output name of several.
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
    goals: Any = None

    @classmethod
    def of(
        cls,
        data: Any,
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
        data = as_data(data, dtype)
        dataset = data if isinstance(data, Dataset) else None
        if dataset is None:
            inputs, targets = _pair(data, "data", "a Dataset or a pair (inputs, targets)")
            index = common_index(inputs, targets)
            if isinstance(inputs, pd.DataFrame) and isinstance(targets, _COLUMNS):
                dataset = joined(inputs, targets, dtype=dtype)
        if dataset is not None:
            if isinstance(dataset.target, dict) and by_output:
                refuse_unmatched(dataset, by_output)
            refuse_given_away(dataset)
            dataset = dataset.read_as_numbers(dtype)
            by_name = by_output if isinstance(dataset.target, dict) and by_output else reading
            dataset = learned.inputs(dataset).read_as(by_name, loss, learned)
            named = isinstance(dataset.inputs, dict)
            found, columns = byte_columns(dataset._whole, dataset.columns), None if named else dataset.columns
            return cls(reading, dataset=dataset, columns=columns, byte_columns=found)
        columns, found = (
            learned.columns(names_among(inputs)) or dict(learned.reads) or None,
            byte_columns(inputs),
        )
        words = categories_of_inputs(inputs, learned)
        inputs = inputs_of(inputs, columns, "the data", words, dtype)
        checks.as_many_rows(inputs, targets)
        goals = goals_of(targets)
        targets, labels = coded_by_output(targets, reading, loss, by_output or {}, learned)
        targets = _by_output(targets, reading, by_output or {})
        read = {"inputs": inputs, "targets": targets, "labels": labels, "words": words, "goals": goals}
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
                return self, getattr(self.dataset, validation).arrays()
            if validation != "validation":
                near = checks.near(validation, [*splits, "validation"])
                raise KeyError(f"there is no split {validation!r} to validate on{near or f'; {VALIDATION}'}")
            return self, None
        if not size:
            named = self.dataset, self.columns, self.reading, "validation", self.labels, self.words
            rows = rows_of(validation, *named, dtype=dtype, goals=self.goals)
            return self, rows
        if self.source is not None:
            raise ValueError("batches of your own cannot be split; give validation=(inputs, targets)")
        if self.dataset is not None:
            try:
                dataset = self.dataset.carve(validation, seed)
            except CannotStratify as error:
                text, said = str(error).rpartition("split with stratify=False")[0], checks.plain(validation)
                split = f"data = Dataset(...).split(validation={said}, stratify=False)"
                raise CannotStratify(f"{text}split it beforehand: {split}") from None
            return replace(self, dataset=dataset), dataset.validation.arrays()
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

    def weights(self, sample_weight: Any) -> np.ndarray:
        """The weights of all the rows given, in their order; ValueError if there are not as many."""
        if self.dataset is not None:
            return self.dataset.weights(sample_weight)
        rows = np.arange(_length(self.inputs))
        return weights_of_rows(sample_weight, rows, self.index, f"{len(rows)} rows of the data")

    def learned_weights(self, sample_weight: Any) -> np.ndarray:
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


def rows_of(
    data: Any,
    dataset: Dataset | None,
    columns: list | dict | None,
    reading: str,
    role: str,
    words: Any = None,
    categories: Categories = MappingProxyType({}),
    dtype: DTypeLike = np.float32,
    goals: Any = None,
) -> tuple[Any, Any]:
    """(inputs, targets) of other rows, as a training on `dataset`, or on arrays of `columns`, reads its own.

    Datasets, frames, columns and words are matched by name. Numbers in arrays have none: their columns are in
    the order of the training's, and their class ids are those that `dataset.arrays()` gives; for words they
    are refused. `words` are those that the ids in the training's arrays stand for, `categories` those that
    its network has learned, `goals` the columns of its targets; numbers of tables are read as `dtype`.
    """
    data = checks.in_numpy(data)
    if isinstance(data, (tuple, list)):
        data = as_data(data, dtype)
    if isinstance(data, pd.DataFrame) and dataset is not None:
        data = Dataset(data, dataset.inputs, dataset.target, name=role, dtype=dtype)
    if isinstance(data, Dataset):
        return (
            data.like(dataset).arrays()
            if dataset is not None
            else nameless(data.read_as_numbers(dtype), columns, reading, categories, goals)
        )
    if isinstance(data, pd.DataFrame):
        raise TypeError(
            f"{role} cannot be a frame alone where the training was given arrays, which name no target; give "
            "(frame[columns], frame[target]), or train on a Dataset"
        )
    wanted = (
        VALIDATION if role == "validation" else "the name of a split, a Dataset, a frame or (inputs, targets)"
    )
    inputs, targets = _pair(data, role, wanted)
    common_index(inputs, targets)
    targets = in_order(targets, goals if dataset is None else dataset.target, role)
    if dataset is not None and isinstance(inputs, pd.DataFrame) and isinstance(targets, _COLUMNS):
        inputs = inputs[[name for name in inputs.columns if name in dataset.columns]]
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = targets.iloc[:, 0]
        if targets.ndim == 1 and not isinstance(dataset.target, (list, dict)):
            targets = targets.rename(dataset.target)
        return joined(inputs, targets, role, dtype).like(dataset).arrays()
    if dataset is not None and (isinstance(dataset.inputs, dict) or isinstance(dataset.target, dict)):
        return _rows_by_name(inputs, targets, dataset, reading, role)
    columns = columns if dataset is None else dataset.columns
    if dataset is None and isinstance(targets, Mapping):
        known = words if isinstance(words, dict) else {}
        named = {name: in_words(each, known.get(name), role) for name, each in targets.items()}
        return inputs_of(inputs, columns, role, categories, dtype), named
    labels = words if dataset is None else dataset.labels
    coded = in_words(targets, words, role) if dataset is None else _coded(targets, dataset, labels, role)
    categories = categories if dataset is None else dataset.categories
    return inputs_of(inputs, columns, role, categories, dtype), targets_of(coded, reading)


def _rows_by_name(inputs: Any, targets: Any, dataset: Dataset, reading: str, role: str) -> tuple[Any, Any]:
    """Rows in a pair for a dataset whose inputs, targets or both have names: dicts by those names."""
    columns = dataset.reads if isinstance(dataset.inputs, dict) else dataset.columns
    if isinstance(inputs, pd.DataFrame) and isinstance(dataset.inputs, dict):
        inputs = dict.fromkeys(columns, inputs)
    inputs = inputs_of(inputs, columns, role, dataset.categories, dataset.dtype)
    if not isinstance(dataset.target, dict):
        return inputs, targets_of(_coded(targets, dataset, dataset.labels, role), reading)
    if not isinstance(targets, Mapping) or set(targets) != set(dataset.target):
        raise ValueError(
            f"{role}: the targets of {dataset.name!r} have names, so those here are a dict by name, with "
            f"{shown(dataset.target)}; or give a Dataset or a frame"
        )
    coded = {name: _coded(each, dataset, dataset.labels[name], role, name) for name, each in targets.items()}
    readings = {name: "values" if dataset.labels[name] is None else "classes" for name in coded}
    return inputs, {name: targets_of(each, readings[name]) for name, each in coded.items()}


def _coded(
    targets: Any, dataset: Dataset | None, labels: pd.Index | None, role: str, name: str | None = None
) -> Any:
    """Labels as the class ids that they are in the dataset; what are no labels as it is."""
    if dataset is None or labels is None:
        return targets
    column: Any = dataset.target if name is None else dataset.target[name]
    if isinstance(targets, pd.Series) or (targets is not None and _are_words(targets)):
        given = pd.DataFrame({column: np.asarray(targets).reshape(-1)})
        try:
            return known_codes(labels, given, column, role, dataset.name)
        except ValueError as error:
            raise of_arrays(error, column) from None
    return codes_of_numbers(targets, labels, column, role, dataset.name)


def _pair(data: object, role: str, wanted: str) -> tuple[Any, Any]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"{role} cannot be {described(data)}: {in_parts(data) or wanted}")
    return data[0], data[1]


def _by_output(targets: Any, reading: str, readings: Mapping[str, str]) -> Any:
    if not isinstance(targets, Mapping):
        return targets_of(targets, reading)
    return {name: targets_of(each, readings.get(name, reading)) for name, each in targets.items()}


def _are_words(targets: object) -> bool:
    return not isinstance(targets, Mapping) and np.asarray(targets).dtype.kind in "OUST"


def _length(inputs: Any) -> int:
    return len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)


def _picked(arrays: Any, rows: np.ndarray) -> Any:
    if isinstance(arrays, Mapping):
        return {name: _picked(part, rows) for name, part in arrays.items()}
    return None if arrays is None else source_of(arrays).take(rows)
