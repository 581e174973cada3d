"""The ways in which people hand over what is to be learned from, as a Dataset or a pair."""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data.beside import with_others
from cortex_lab.data.columns import Categories, categories_among
from cortex_lab.data.dataset import Dataset
from cortex_lab.data.frames import NAMELESS
from cortex_lab.data.in_arrays import in_order, of_arrays
from cortex_lab.data.learned import NOTHING, Learned
from cortex_lab.data.pairs import no_data, refuse_other_pairs
from cortex_lab.data.roles import as_list
from cortex_lab.data.targets import known_codes, numbers_for_words, read_targets, shown
from cortex_lab.ground import checks
from cortex_lab.ground.checks import near
from cortex_lab.ground.pieces import PIECE

TARGETS = ("target", "label", "y", "class")
"""What the column to be predicted is called, in a frame that is given alone."""


def as_data(data: Any, dtype: DTypeLike = np.float32, later: bool = False) -> Any:
    """A frame, or a frame and the name of its target, as a Dataset, numbers as `dtype`; else as it is.

    `later` as of a Dataset.
    """
    data = checks.in_numpy(data)
    if isinstance(data, (str, os.PathLike)):
        raise TypeError(
            f"data cannot be the name of a file: read it first, frame = pandas.read_csv({str(data)!r}), and "
            "give (frame, 'the column to be predicted')"
        )
    if isinstance(data, (tuple, list)) and len(data) == 4:
        raise TypeError(
            "data are one pair, (X_train, y_train), with validation=(X_test, y_test) beside it; what "
            "train_test_split gives is X_train, X_test, y_train, y_test"
        )
    if isinstance(data, pd.DataFrame):
        named = [name for name in TARGETS if name in data.columns]
        if len(named) != 1:
            said = f"both {named[0]!r} and {named[1]!r} could be" if named else "say which column is"
            example = data.columns[-1] if len(data.columns) else "price"
            raise TypeError(
                f"a frame alone does not say what is learned from what: {said} to be predicted; give "
                f"(frame, {example!r}) to predict {example!r} from the other columns, of "
                f"{shown(data.columns)}"
            )
        return Dataset(data, target=named[0], dtype=dtype, later=later)
    pair = isinstance(data, (tuple, list)) and len(data) == 2
    if pair and isinstance(data[1], str) and not isinstance(data[0], pd.DataFrame):
        has_names = isinstance(data[0], Mapping) or getattr(getattr(data[0], "dtype", None), "names", None)
        named = "" if has_names else f", columns=[..., {data[1]!r}]"
        raise TypeError(
            f"{data[1]!r} names a column of a frame, and it stands beside {checks.shown(data[0])}: make it "
            f"one, (pandas.DataFrame(data{named}), {data[1]!r})"
        )
    if pair and isinstance(data[0], pd.DataFrame):
        frame, target = data[0], checks.plain(data[1])
        if is_column(frame, target):
            return Dataset(frame, target=target, dtype=dtype, later=later)
        if target is not None and np.isscalar(target):
            raise KeyError(
                f"the frame has no column {target!r} to be predicted; it has "
                f"{shown(frame.columns)}{near(target, frame.columns)}"
            )
    if not pair and not isinstance(data, Dataset):
        raise no_data(data)
    if pair:
        refuse_other_pairs(*data)
    return data


def is_column(frame: pd.DataFrame, target: object) -> bool:
    """Whether this names a column of the frame, several, or some by output."""
    if isinstance(target, str) and target == "inputs":
        return True
    if isinstance(target, Mapping):
        return bool(target) and all(is_column(frame, each) for each in target.values())
    if isinstance(target, (list, pd.Index)):
        names = list(target)
        return 0 < len(names) != len(frame) and all(is_column(frame, each) for each in names)
    if target is None or isinstance(target, (pd.Series, pd.DataFrame)):
        return False
    try:
        return target in frame.columns
    except TypeError:
        # What has no hash names nothing.
        return False


def labeled(
    targets: object, reading: str, loss: str, learned: Learned = NOTHING, name: str | None = None
) -> tuple[Any, pd.Index | None]:
    """Words as what a loss reads of them, with the labels that the codes stand for; else as they are.

    Those that a network has `learned`, for the output `name`, keep the codes they have there.
    """
    values = targets.array if isinstance(targets, pd.Series) else targets
    words = checks.array("targets", values)
    if words.dtype.kind not in "OUST" or words.ndim not in (1, 2) or words.shape[1:] not in ((), (1,)):
        return targets, None
    column = pd.Series(words.reshape(-1)) if not isinstance(targets, pd.Series) else targets
    if isinstance(column.dtype, pd.CategoricalDtype) or column.map(type).eq(str).all():
        column = column.reset_index(drop=True).rename("targets")
        try:
            if column.notna().all():
                known = learned.codes(column, reading, name, "targets", slice(None))
                if known is not None:
                    return known
            return read_targets(column.to_frame(), "targets", reading, loss)  # type: ignore[return-value]
        except ValueError as error:
            raise of_arrays(error, "targets") from None
    return targets, None


def in_words(targets: object, words: pd.Index | None, role: str) -> Any:
    """Targets given as words as the ids that these had in the training's arrays.

    Numbers are as they are where the training had some; ValueError for numbers where it had words, and for
    words where it had numbers.
    """
    if targets is None or isinstance(targets, Mapping):
        return targets
    if words is None:
        if pd.api.types.infer_dtype(np.asarray(targets).reshape(-1), skipna=True) == "string":
            raise _words_for_numbers(role, targets)
        return targets
    if pd.Series(np.asarray(targets).reshape(-1)).infer_objects().dtype.kind in "biuf":
        raise numbers_for_words(role, words)
    frame = pd.DataFrame({"targets": np.asarray(targets).reshape(-1)})
    try:
        return known_codes(words, frame, "targets", role, "the data")
    except ValueError as error:
        raise of_arrays(error, "targets") from None


def coded_by_output(
    targets: object, reading: str, loss: str, by_output: Mapping[str, str], learned: Learned = NOTHING
) -> tuple[Any, Any]:
    """Targets as arrays of numbers and, where they were words, what words; dicts by output where they are."""
    if not isinstance(targets, Mapping):
        return (targets, None) if targets is None else labeled(targets, reading, loss, learned)
    if by_output and set(by_output) != set(targets):
        raise ValueError(
            f"targets and losses are by the name of an output, and there are targets for {shown(targets)}, "
            f"losses for {shown(by_output)}; name them alike"
        )
    readings = {name: by_output.get(name, reading) for name in targets}
    coded = {name: labeled(each, readings[name], loss, learned, name) for name, each in targets.items()}
    words = {name: labels for name, (_, labels) in coded.items() if labels is not None}
    return {name: each for name, (each, _) in coded.items()}, words or None


def inputs_of(
    inputs: Any, columns: Any, role: str, categories: Categories = MappingProxyType({}),
    dtype: DTypeLike = np.float32, preparations: Mapping[str, Any] = MappingProxyType({}),
) -> Any:  # fmt: skip
    """Inputs with each frame read by the names that its own input has, if it has some.

    Words are read by the `categories` of the training, all columns by its `preparations`, by input name, if
    it has some; ValueError for a column of words that has none.
    """
    one = next(iter(preparations.values())) if len(preparations) == 1 else None
    if isinstance(inputs, Mapping):
        if nested := [part for part in inputs.values() if isinstance(part, Mapping)]:
            raise checks.refused(f"an input of {role}", "an array or a frame", nested[0])
        alone = columns if len(inputs) == 1 else None
        names = columns if isinstance(columns, Mapping) else dict.fromkeys(inputs, alone)
        own = {name: {name: preparations.get(name, one)} if preparations else {} for name in inputs}
        return {
            name: inputs_of(part, names.get(name), role, categories, dtype, own[name])
            for name, part in inputs.items()
        }
    if checks.is_sparse(inputs):
        raise checks.sparse(f"an input of {role}", "an array of numbers")
    if not isinstance(inputs, pd.DataFrame):
        return checks.array(f"an input of {role}", inputs) if isinstance(inputs, range) else inputs
    if isinstance(columns, Mapping):
        if len(columns) > 1:
            own = {name: {name: preparations[name]} if preparations else {} for name in columns}
            return {
                name: inputs_of(inputs, each, role, categories, dtype, own[name])
                for name, each in columns.items()
            }
        columns = next(iter(columns.values()), None)
    if one is not None:
        return one.numbers(inputs).astype(dtype, copy=False)
    columns = inputs.columns.tolist() if columns is None else columns
    data = Dataset(inputs, columns, None, name=role, dtype=dtype)
    unknown = [column for column in data.categories if column not in categories]
    if unknown:
        raise ValueError(
            f"column {unknown[0]!r} of {role} holds words, which are read in a Dataset alone: train on "
            "Dataset(frame, target=...), or on (frame, the name of a column)"
        )
    return data.inputs_of(columns, categories)


def categories_of_inputs(inputs: object, learned: Learned) -> Categories:
    """The categories of the columns of words in frames beside arrays, or those that a network has learned."""
    if learned.reads:
        return learned.categories
    parts = inputs.values() if isinstance(inputs, Mapping) else [inputs]
    frames = [part for part in parts if isinstance(part, pd.DataFrame) and len(part.columns)]
    found: dict[Hashable, list[str]] = {}
    for frame in frames:
        names = frame.columns.tolist()
        try:
            found |= categories_among(frame, names)
        except ValueError as error:
            raise with_others(error, frame, names, np.float32) from None
    return found


def nameless(
    data: Dataset,
    columns: list | dict | None,
    reading: str,
    categories: Categories,
    goals: object = None,
    preparations: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Any, Any]:
    """A dataset beside arrays; ValueError unless its labels are the class ids that arrays would hold."""
    read = data.read_as(reading, "the training")
    for labels in read.labels.values() if isinstance(read.labels, dict) else [read.labels]:
        if labels is not None and labels.tolist() != list(range(len(labels))):
            raise ValueError(
                f"the training was given class ids, and {data.name!r} has labels, {shown(labels)}: "
                "which is which cannot be told; train on a Dataset, or give arrays here as well"
            )
    x, y = read.arrays()
    y = in_order(y, goals, repr(data.name), data.target)
    known = categories or None
    if isinstance(columns, dict) and len(columns) != 1:
        own = preparations.get
        return {name: read.inputs_of(each, known, own(name)) for name, each in columns.items()} or x, y
    columns = next(iter(columns.values())) if isinstance(columns, dict) else columns
    alone = next(iter(preparations.values()), None)
    return x if columns is None else read.inputs_of(columns, known, alone), y


def joined(
    inputs: pd.DataFrame, targets: pd.Series | pd.DataFrame, name: str = "dataset",
    dtype: DTypeLike = np.float32, later: bool = False,
) -> Dataset:  # fmt: skip
    """A frame of inputs and the columns that belong to it, as one data set, read `later` as a Dataset is."""
    columns, unnamed = inputs.columns.tolist(), False
    if isinstance(targets, pd.Series):
        if targets.name in columns and inputs.columns.is_unique and targets.equals(inputs[targets.name]):
            raise _given_away(targets.name, f"frame.drop(columns={targets.name!r})")
        unnamed = targets.name is None or targets.name in columns
        targets = targets.to_frame("target" if unnamed else targets.name)
    goals = targets.columns.tolist()
    shared = [name for name in goals if name in columns]
    if goals == columns and targets.equals(inputs):
        raise ValueError("the targets are the inputs themselves, which is said by name: (frame, 'inputs')")
    if shared:
        raise ValueError(f"the inputs have a column {shared[0]!r} as well; give the targets another name")
    frame = pd.concat([inputs, targets], axis=1)
    frame.attrs[NAMELESS] = unnamed
    # A name of the index may be that of a column.
    frame.index = frame.index.set_names([None] * frame.index.nlevels)
    goals = goals[0] if len(goals) == 1 else goals
    return Dataset(frame, columns, goals, name=name, dtype=dtype, later=later)


def refuse_given_away(dataset: Dataset) -> None:
    """ValueError for columns that are predicted from themselves.

    All that an input has may be, as by an autoencoder, and some of it beside what it has not.
    """
    for goal in map(as_list, dataset._goals.values()):
        if any(set(goal) >= set(columns) for columns in dataset.reads.values()):
            continue
        if set(goal) <= set(dataset.columns):
            left = [each for each in dataset.columns if each not in goal]
            remedy = f"inputs={left}" if len(left) <= 6 else f"frame.drop(columns={goal})"
            raise _given_away(goal[0], remedy)


def _given_away(column: Hashable, remedy: str) -> ValueError:
    return ValueError(
        f"column {column!r} is to be predicted and is one of the inputs, which gives the answer away; take "
        f"it out of the inputs: {remedy}"
    )


def refuse_unmatched(dataset: Dataset, by_output: Mapping[str, str]) -> None:
    """ValueError for a target without a loss, or a loss without a target."""
    alone = [name for name in dataset.target if name not in by_output]
    if alone:
        told = "{name of the output: column}"
        if dataset._autoencodes and len(by_output) == len(dataset.reads):
            told = repr(dict(zip(by_output, dataset.reads.values(), strict=True)))
        raise ValueError(
            f"{dataset.name!r} has a target {alone[0]!r}, and there are losses for {shown(by_output)}; name "
            f"targets as the outputs: Dataset(frame, target={told})"
        )
    missing = [name for name in by_output if name not in dataset.target]
    if missing:
        raise ValueError(
            f"there is a loss for {missing[0]!r}, and {dataset.name!r} has the targets "
            f"{shown(dataset.target)}; name one for it: target={{{missing[0]!r}: column}}"
        )


def target_pieces(
    dataset: Dataset | None, targets: Any, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, Any]]:
    """Places among `rows`, and the targets there, in a dataset or in arrays, a few megabytes at a time.

    None where some lie in a file, which is read once only.
    """
    first = None if dataset is None else dataset._targets_of(rows[:1])
    whole = targets if dataset is None else first
    several: list[Any] = list(whole.values()) if isinstance(whole, Mapping) else [whole]
    kept = () if dataset is None else dataset._targets.values()
    in_memory = all(isinstance(each, np.ndarray) and not isinstance(each, np.memmap) for each in several)
    if not in_memory or any(goal.rows.flat is None or not goal.rows.all_looked_at for goal in kept):
        return
    row = sum(math.prod(each.shape[1:]) * each.itemsize for each in several)
    step = max(1, PIECE // max(1, row))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        if dataset is not None:
            found = dataset._targets_of(some)
        elif isinstance(targets, Mapping):
            found = {name: each[some] for name, each in targets.items()}
        else:
            found = targets[some]
        yield np.arange(start, start + len(some)), found


def _words_for_numbers(role: str, targets: Any) -> ValueError:
    """The error to raise for targets that are words where there were numbers: which is which is open.

    Whoever numbers those words alone gives other ids where one of the training's is not among them.
    """
    there = pd.unique(pd.Series(np.asarray(targets).reshape(-1)).dropna())
    return ValueError(
        f"{role} has words for targets, {shown(sorted(there))}, and the training had numbers: give those "
        "that they are there, numpy.searchsorted(labels, y) after labels, ids = numpy.unique(y_train, "
        "return_inverse=True), or train on the words"
    )
