"""Other rows than those trained on, read as a training reads its own: by name, where there are names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data.columns import Categories
from cortex_lab.data.dataset import Dataset
from cortex_lab.data.forms import as_data, in_words, inputs_of, joined, nameless
from cortex_lab.data.frames import common_index
from cortex_lab.data.in_arrays import described, in_order, of_arrays, targets_of
from cortex_lab.data.pairs import in_parts
from cortex_lab.data.prepared import is_prepared
from cortex_lab.data.targets import codes_of_numbers, known_codes, shown
from cortex_lab.ground import checks

VALIDATION = (
    "validation is the name of a split, a Dataset, a frame, a pair (inputs, targets), a fraction of the rows "
    "such as 0.2, a number of rows, or None"
)
_COLUMNS = (pd.Series, pd.DataFrame)


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
    preparations: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Any, Any]:
    """(inputs, targets) of other rows, as a training on `dataset`, or on arrays of `columns`, reads its own.

    Datasets, frames, columns and words are matched by name. Numbers in arrays have none: their columns are in
    the order of the training's, and their class ids are those that `dataset.arrays()` gives; for words they
    are refused. `words` are those that the ids in the training's arrays stand for, `categories` those that
    its network has learned, `goals` the columns of its targets, `preparations` what reads its columns, by
    input name; numbers of tables are read as `dtype`.
    """
    if dataset is not None and is_prepared(dataset):
        preparations = dataset._inputs.preparations
    later = bool(preparations)
    data = checks.in_numpy(data)
    if isinstance(data, (tuple, list)):
        data = as_data(data, dtype, later)
    if isinstance(data, pd.DataFrame) and dataset is not None:
        data = Dataset(data, dataset.inputs, dataset.target, name=role, dtype=dtype, later=later)
    if isinstance(data, Dataset):
        return (
            data.like(dataset).arrays()
            if dataset is not None
            else nameless(data.read_as_numbers(dtype), columns, reading, categories, goals, preparations)
        )
    if isinstance(data, pd.DataFrame):
        raise TypeError(
            f"{role} cannot be a frame alone where the training was given arrays, which name no target; give "
            "(frame[columns], frame[target]), or train on a Dataset"
        )
    wanted = (
        VALIDATION if role == "validation" else "the name of a split, a Dataset, a frame or (inputs, targets)"
    )
    inputs, targets = pair_of(data, role, wanted)
    common_index(inputs, targets)
    targets = in_order(targets, goals if dataset is None else dataset.target, role)
    if dataset is not None and isinstance(inputs, pd.DataFrame) and isinstance(targets, _COLUMNS):
        inputs = inputs[[name for name in inputs.columns if name in dataset.columns]]
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = targets.iloc[:, 0]
        if targets.ndim == 1 and not isinstance(dataset.target, (list, dict)):
            targets = targets.rename(dataset.target)
        return joined(inputs, targets, role, dtype, later).like(dataset).arrays()
    if dataset is not None and (isinstance(dataset.inputs, dict) or isinstance(dataset.target, dict)):
        return _rows_by_name(inputs, targets, dataset, reading, role)
    columns = columns if dataset is None else dataset.columns
    if dataset is None and isinstance(targets, Mapping):
        known = words if isinstance(words, dict) else {}
        named = {name: in_words(each, known.get(name), role) for name, each in targets.items()}
        return inputs_of(inputs, columns, role, categories, dtype, preparations), named
    labels = words if dataset is None else dataset.labels
    coded = in_words(targets, words, role) if dataset is None else _coded(targets, dataset, labels, role)
    categories = categories if dataset is None else dataset.categories
    return inputs_of(inputs, columns, role, categories, dtype, preparations), targets_of(coded, reading)


def _rows_by_name(
    inputs: object, targets: object, dataset: Dataset, reading: str, role: str
) -> tuple[Any, Any]:
    """Rows in a pair for a dataset whose inputs, targets or both have names: dicts by those names."""
    columns = dataset.reads if isinstance(dataset.inputs, dict) else dataset.columns
    if isinstance(inputs, pd.DataFrame) and isinstance(dataset.inputs, dict):
        inputs = dict.fromkeys(columns, inputs)
    own = dataset._inputs.preparations if is_prepared(dataset) else {}
    inputs = inputs_of(inputs, columns, role, dataset.categories, dataset.dtype, own)
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
    targets: object, dataset: Dataset | None, labels: pd.Index | None, role: str, name: str | None = None
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


def pair_of(data: object, role: str, wanted: str) -> tuple[Any, Any]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"{role} cannot be {described(data)}: {in_parts(data) or wanted}")
    return data[0], data[1]


def _are_words(targets: object) -> bool:
    return not isinstance(targets, Mapping) and np.asarray(targets).dtype.kind in "OUST"
