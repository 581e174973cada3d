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
from cortex_lab.data.frames import NAMELESS, common_index
from cortex_lab.data.in_arrays import described, goals_of, in_order, of_arrays, targets_of
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
    if dataset is not None:
        preparations = _preparations(dataset) or preparations
    later = bool(preparations)
    data = checks.in_numpy(data)
    if isinstance(data, (tuple, list)):
        data = as_data(data, dtype, later)
    if isinstance(data, pd.DataFrame) and dataset is not None:
        data = Dataset(data, dataset.inputs, dataset.target, name=role, dtype=dtype, later=later)
    if isinstance(data, Dataset):
        if dataset is not None:
            return _like(data, dataset, role)
        _refuse_another(None if data._autoencodes else data.target, goals, repr(data.name))
        return nameless(data.read_as_numbers(dtype), columns, reading, categories, goals, preparations)
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
    known = goals if dataset is None else dataset.target
    unnamed = dataset is not None and (dataset._autoencodes or dataset._whole.attrs.get(NAMELESS))
    _refuse_another(goals_of(targets), None if unnamed else known, role)
    output, targets = _as_trained(targets, known)
    targets = in_order(targets, known, role)
    if dataset is not None:
        x, y = _rows_beside(inputs, targets, dataset, reading, role, preparations)
    else:
        x = inputs_of(inputs, columns, role, categories, dtype, preparations)
        y = _in_words(targets, words, reading, role)
    return x, (y if output is None else {output: y})


def _as_trained(targets: Any, known: Any) -> tuple[str | None, Any]:
    """Targets of the only output with its name where the training's have one, and without where not.

    Before them the name that was given and is not needed to read them.
    """
    if isinstance(targets, Mapping) and len(targets) == 1 and not isinstance(known, Mapping):
        return next(iter(targets.items()))
    if targets is not None and not isinstance(targets, Mapping) and isinstance(known, Mapping):
        return None, dict.fromkeys(known, targets) if len(known) == 1 else targets
    return None, targets


def _refuse_another(asked: Any, known: Any, role: str) -> None:
    """ValueError for a column of targets that has another name than the one that was trained on."""
    if isinstance(asked, Mapping) and isinstance(known, Mapping) and len(known) > 1:
        pairs = [(_alone(name), _alone(known.get(output))) for output, name in asked.items()]
    else:
        pairs = [(_alone(asked), _alone(known))]
    for name, goal in pairs:
        # Several columns are compared where they are put in order.
        if name is not None and goal is not None and name != goal:
            raise ValueError(
                f"{role} are to be judged by the column {name!r}, and the training predicts {goal!r}: give "
                f"frame[{goal!r}], or if it is the same by another name, y.to_numpy()"
            )


def _alone(columns: Any) -> Any:
    """The only column among these; None where there is none, or another than one."""
    if isinstance(columns, (Mapping, list)):
        several = [*columns.values()] if isinstance(columns, Mapping) else columns
        return _alone(several[0]) if len(several) == 1 else None
    return columns


def _rows_beside(
    inputs: Any, targets: Any, dataset: Dataset, reading: str, role: str, preparations: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Rows in a pair for a training on a dataset."""
    only = next(iter(targets.values())) if isinstance(targets, Mapping) and len(targets) == 1 else targets
    if isinstance(inputs, pd.DataFrame) and isinstance(only, _COLUMNS):
        if isinstance(targets, Mapping):
            _refuse_other_names(targets, dataset, role)
        targets = only
        inputs = inputs[[name for name in inputs.columns if name in dataset.columns]]
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = targets.iloc[:, 0]
        alone = next(iter(dataset._goals.values()), None)
        if targets.ndim == 1 and len(dataset._goals) == 1 and not isinstance(alone, list):
            targets = targets.rename(alone)
        return _like(joined(inputs, targets, role, dataset.dtype, bool(preparations)), dataset, role)
    if isinstance(dataset.inputs, dict) or isinstance(dataset.target, dict):
        return _rows_by_name(inputs, targets, dataset, reading, role)
    coded = _coded(targets, dataset, dataset.labels, role)
    found = inputs_of(inputs, dataset.columns, role, dataset.categories, dataset.dtype, preparations)
    return found, targets_of(coded, reading)


def _in_words(targets: Any, words: Any, reading: str, role: str) -> Any:
    """Targets beside a training on arrays, with words as the ids that they are there."""
    if not isinstance(targets, Mapping):
        return targets_of(in_words(targets, words, role), reading)
    known = words if isinstance(words, dict) else {}
    return {name: in_words(each, known.get(name), role) for name, each in targets.items()}


def _preparations(dataset: Dataset) -> Mapping[str, Any]:
    return dataset._inputs.preparations if is_prepared(dataset) else {}


def _like(data: Dataset, dataset: Dataset, role: str) -> tuple[Any, Any]:
    """The rows of `data` as `dataset` reads its own; ValueError where they name another target."""
    asked, known = data._goals, dataset._goals
    by_name = isinstance(data.target, dict) and isinstance(dataset.target, dict)
    named = asked if by_name else {name: each for name, each in zip(known, asked.values(), strict=False)}
    same = len(asked) == len(known) and all(_are_same(named.get(name), known[name]) for name in known)
    if asked and not same and not (data._autoencodes and dataset._autoencodes):
        raise ValueError(
            f"{role} are to be judged by {_told(data)}, and the training predicts {_told(dataset)}: give "
            f"(frame, {_told(dataset)}), or if it is the same by another name, frame.rename(columns={{...}})"
        )
    return data.like(dataset).arrays()


def _are_same(columns: Any, others: Any) -> bool:
    """Whether targets are the same columns, which may stand in another order."""
    if isinstance(columns, list) and isinstance(others, list):
        return len(columns) == len(others) and {*columns} == {*others}
    alone = (each[0] if isinstance(each, list) and len(each) == 1 else each for each in (columns, others))
    return next(alone) == next(alone)


def _told(data: Dataset) -> str:
    return "'inputs'" if data._autoencodes else repr(data.target)


def _rows_by_name(
    inputs: object, targets: object, dataset: Dataset, reading: str, role: str
) -> tuple[Any, Any]:
    """Rows in a pair for a dataset whose inputs, targets or both have names: dicts by those names."""
    columns = dataset.reads if isinstance(dataset.inputs, dict) else dataset.columns
    if isinstance(inputs, pd.DataFrame) and isinstance(dataset.inputs, dict):
        inputs = dict.fromkeys(columns, inputs)
    inputs = inputs_of(inputs, columns, role, dataset.categories, dataset.dtype, _preparations(dataset))
    if not isinstance(dataset.target, dict):
        return inputs, targets_of(_coded(targets, dataset, dataset.labels, role), reading)
    _refuse_other_names(targets, dataset, role)
    coded = {name: _coded(each, dataset, dataset.labels[name], role, name) for name, each in targets.items()}
    readings = {name: "values" if dataset.labels[name] is None else "classes" for name in coded}
    return inputs, {name: targets_of(each, readings[name]) for name, each in coded.items()}


def _refuse_other_names(targets: Any, dataset: Dataset, role: str) -> None:
    if not isinstance(targets, Mapping) or set(targets) != set(dataset.target):
        raise ValueError(
            f"{role}: the targets of {dataset.name!r} have names, so those here are a dict by name, with "
            f"{shown(dataset.target)}; or give a Dataset or a frame"
        )


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
