"""Targets in arrays: what they have to be, and what to type where they are something else."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.targets import shown
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_masked


def targets_of(targets: object, reading: str) -> Any:
    """Targets as an array of numbers, or several by name; ValueError for gaps in what are classes."""
    if targets is None or isinstance(targets, Mapping):
        return targets
    refuse_masked(targets, "targets")
    refuse_columns_of_words(targets)
    targets = checks.array("targets", targets)
    if targets.dtype == object:
        targets = pd.Series(targets.ravel()).infer_objects().to_numpy().reshape(targets.shape)
    if targets.ndim and (reading == "classes" or targets.dtype == object):
        missing = np.flatnonzero(pd.isna(targets).reshape(len(targets), -1).any(axis=1))
        if len(missing):
            # Of words -1 would be one more word; of both, `factorize` makes ids.
            ids = "pandas.Series(y).factorize(sort=True)[0]"
            ids = "numpy.where(pandas.isna(y), -1, y)" if targets.dtype.kind in "biuf" else ids
            unknown = f", or say that their class is unknown: {ids}"
            raise ValueError(
                f"targets are missing in {len(missing)} of {len(targets)} rows (first: "
                f"{missing[:5].tolist()}); leave those rows out, keep = pandas.notna(y); x[keep], "
                f"numpy.asarray(y)[keep]{unknown if reading == 'classes' else ''}"
            )
    if targets.dtype.kind not in "biufc":
        raise ValueError(
            f"targets hold {described(targets.flat[0])} ({targets.dtype}), and in arrays they are numbers or "
            f"words; {words_of(targets)}, or use a cortex_lab.data.Dataset"
        )
    return targets


def goals_of(targets: Any) -> Any:
    """The column of targets, or the list of several; by output name where targets are. None without names."""
    if isinstance(targets, Mapping):
        return {name: goals_of(each) for name, each in targets.items() if not isinstance(each, Mapping)}
    if isinstance(targets, pd.DataFrame):
        return targets.columns.tolist() if targets.shape[1] > 1 else targets.columns[0]
    return targets.name if isinstance(targets, pd.Series) else None


def in_order(targets: object, goals: object, role: str, columns: object = None) -> Any:
    """Targets in a frame, or an array of `columns`, with the columns in the order of `goals`.

    ValueError for columns of other names. What has none, or stands beside what has none, is as it is. That of
    the only output may be by its name or not.
    """
    if not isinstance(targets, Mapping) and isinstance(goals, Mapping) and len(goals) == 1:
        goals = next(iter(goals.values()))
    if isinstance(targets, Mapping) and not isinstance(goals, Mapping) and len(targets) == 1:
        goals = dict.fromkeys(targets, goals)
    if isinstance(targets, Mapping):
        goals, columns = (each if isinstance(each, Mapping) else {} for each in (goals, columns))
        flat = [name for name, each in targets.items() if not isinstance(each, Mapping)]
        return {
            **targets,
            **{name: in_order(targets[name], goals.get(name), role, columns.get(name)) for name in flat},
        }
    columns = targets.columns.tolist() if isinstance(targets, pd.DataFrame) else columns
    alone = isinstance(targets, (list, np.ndarray, pd.Series)) and np.ndim(targets[:1]) == 1
    if alone and isinstance(goals, list) and len(goals) > 1:
        raise ValueError(
            f"the targets of {role} are a single column, and those that were trained on are {shown(goals)}: "
            f"give frame[{goals}], or of labels pandas.get_dummies(y)[{goals}]"
        )
    if not isinstance(goals, list) or not isinstance(columns, list) or goals == columns:
        return targets
    if len({*columns}) != len(columns) or {*columns} != {*goals}:
        raise ValueError(
            f"the targets of {role} have the columns {shown(columns)}, and those that were trained on are "
            f"{shown(goals)}, which go by name: give frame[{goals}]"
        )
    return pd.DataFrame(targets, columns=columns)[goals]


def described(value: object) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"


def of_arrays(error: ValueError, name: Hashable) -> ValueError:
    """What was said of the column `name` of a frame, as it is typed for targets `y` beside `x`."""
    column, kept = re.escape(f"frame[{name!r}]"), "x[keep], numpy.asarray(y)[keep]"
    text = str(error)
    for pattern, said in (
        (
            rf"frame\[{column}(\.isin\(\[.*?\]\)|\.str\.strip\(\) != '')\]",
            rf"keep = pandas.Series(y)\1; {kept}",
        ),
        (re.escape(f"dropna(subset=[{name!r}])"), f"keep = pandas.notna(y); {kept}"),
        (column, "pandas.Series(y)"),
        (rf"(label )?column {re.escape(repr(name))}", "the column of targets"),
        (rf"labels in {re.escape(repr(name))}", "labels in the targets"),
        (r"repair or drop them before making a Dataset, for instance with", "leave those rows out:"),
    ):
        text = re.sub(pattern, said, text)
    return ValueError(text)


def refuse_columns_of_words(targets: object) -> None:
    """ValueError for several columns of targets, some of which are words: an output has one of those."""
    if not isinstance(targets, pd.DataFrame) or targets.shape[1] < 2:
        return
    words = [name for name, dtype in targets.dtypes.items() if getattr(dtype, "kind", "O") in "OUST"]
    if words:
        raise ValueError(
            f"targets are {targets.shape[1]} columns, {shown(targets.columns)}, of which {words[0]!r} holds "
            f"words; give one of them, frame[{words[0]!r}], or one for each output of the network: "
            f"{{name of an output: frame[{words[0]!r}], ...}}"
        )


def words_of(targets: np.ndarray) -> str:
    """What makes words, or ids, of targets that are neither, to be typed."""
    kinds = {type(each) for each in targets.flat} if targets.dtype == object else set()
    if targets.dtype.kind == "S" or kinds == {bytes}:
        return "decode them: numpy.char.decode(numpy.asarray(y).astype(bytes))"
    if len(kinds) > 1:
        return "make them of one type: numpy.asarray(y).astype(str)"
    return "number the classes: ids = numpy.unique(y, return_inverse=True)[1]"
