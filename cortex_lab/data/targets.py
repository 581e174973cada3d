"""What a target column means: classes, yes or no, or values. The loss decides.

| reading                | for                       | what comes of a column                             |
|------------------------|---------------------------|----------------------------------------------------|
| "classes"              | softmax_cross_entropy     | codes 0, 1, ... of its labels                      |
| "yes or no"            | sigmoid_cross_entropy     | codes 0 and 1 of two labels, or shares from 0 to 1 |
| "values"               | mean_squared_error        | its own numbers                                    |
| "one column per class" | a loss with one_hot=True  | nothing: it wants a list of columns                |
| None                   | while there is no loss    | floats are values, anything else is a label        |
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from numbers import Integral, Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api.types import is_bool_dtype, is_float_dtype, is_numeric_dtype

from cortex_lab.data.columns import _column, _numbers, _refuse_rows, _tensor
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.source import Source
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.categories import holds_words
from cortex_lab.ground.float32 import numbers_of
from cortex_lab.ground.written import are_dates, numbers_in, to_dates

Read = tuple[np.ndarray | Source, pd.Index | None]
Coded = tuple[np.ndarray, pd.Index]


def read_targets(
    frame: pd.DataFrame, target: Hashable | list, reading: str | None = None, loss: str = "the loss",
    dtype: DTypeLike = np.float32,
) -> Read:  # fmt: skip
    """Targets and labels: codes (n,) int64 with the labels they stand for, or values of `dtype` and None.

    A list of columns (n, k) and a tensor column (n, *shape) are values. ValueError that names the column, and
    the ways out, where it cannot be read so.
    """
    if isinstance(target, list):
        _refuse_words(frame, target)
        return _numbers(frame, target, "targets", dtype), None
    if isinstance(_column(frame, target).dtype, TensorDtype):
        return _tensor(frame, target, dtype), None
    if isinstance(_column(frame, target).dtype, RaggedDtype):
        raise ValueError(
            f"column {target!r} holds sequences of different length, which are inputs and no target; make "
            f"them alike: frame[{target!r}] = TensorArray(frame[{target!r}].array.padded()[0])"
        )
    column = _whole_column(frame, target)
    if reading is None:
        reading = "values" if is_float_dtype(column.dtype) else "classes"
    if reading not in _READINGS:
        raise ValueError(
            f"column {target!r} cannot be read as {reading} at once, which {loss} want; use losses that read "
            "it in one way, or batches of your own with targets by output name"
        )
    if reading == "values" and are_numbers(column):
        return _numbers(column.to_frame(), [target], "targets", dtype)[:, 0], None
    return _READINGS[reading](column, loss)


def known_codes(
    labels: pd.Index,
    frame: pd.DataFrame,
    target: Hashable,
    name: str,
    other: str,
    rows: slice | np.ndarray = slice(None),
) -> np.ndarray:
    """Codes (n,) int64 of a column by their places in `labels`; ValueError for others in `rows`."""
    column = _whole_column(frame, target)
    places = {_key(label): code for code, label in enumerate(labels)}
    found, distinct = pd.factorize(column)
    codes = np.array([places.get(_key(label), -1) for label in distinct], np.int64)[found]
    asked = np.arange(len(frame))[rows]
    strange = asked[codes[asked] < 0]
    if len(strange):
        theirs, ours = {_kind(each) for each in column.iloc[strange]}, {_kind(each) for each in labels}
        cast = _cast(column.iloc[strange], labels, sorted(ours)[0])
        if theirs == {"bytes"}:
            cast = "str.decode('utf-8')"
        if len(strange) == len(asked) and not theirs & ours and theirs - {"float"} != ours:
            raise ValueError(
                f"the labels in {target!r} of {name} are of type {', '.join(sorted(theirs))}, "
                f"{shown(column.iloc[strange].unique(), 5)}, those that {other!r} was trained on of type "
                f"{', '.join(sorted(ours))}, {shown(labels)}: frame[{target!r}].{cast}"
            )
        some = labels.tolist() if len(labels) <= 8 and _kind(labels[0]) in ("str", "int") else "[...]"
        way_out = f"Leave those rows out: frame[frame[{target!r}].isin({some})]"
        if len(strange) == len(asked):
            way_out = f"Give the same names: frame[{target!r}].map({{...}})"
        raise ValueError(
            f"{name} has labels in {target!r} that {other!r}, which was trained on, does not have: "
            f"{shown(column.iloc[strange].unique(), 5)}, in {len(strange)} of {len(asked)} rows; there are "
            f"{shown(labels)}. {way_out}"
        )
    return codes


def codes_of_numbers(targets: Any, labels: pd.Index, column: Hashable, role: str, name: str) -> Any:
    """Class ids of numbers that are ids or labels; ValueError where they may be both, or neither.

    What is no array of whole numbers (n,) or (n, 1) is left as it is, for a loss to judge.
    """
    values = np.asarray(targets)
    values = values[:, 0] if values.shape[1:] == (1,) else values
    if values.dtype.kind not in "biuf" or values.ndim != 1 or not (values == np.floor(values)).all():
        return targets
    named, ids = [_as_number(label) for label in labels], list(range(len(labels)))
    # A negative number that is no label says that a class is unknown.
    found = [int(each) for each in np.unique(values) if each >= 0 or each in named]
    are_ids, are_labels = set(found) <= set(ids), bool(found) and set(found) <= set(named)
    if are_ids and not are_labels and are_words(labels):
        raise numbers_for_words(role, labels)
    if are_ids and (not are_labels or named == ids):
        return targets
    spelled = named != labels.tolist()
    if are_labels and not are_ids and not spelled:
        return known_codes(labels, pd.DataFrame({column: values}), column, role, name)
    theirs = f"labels of {column!r}, which are {shown(labels)}"
    numbered = f"class ids, which are 0 to {ids[-1]}"
    remedy = "in their own type: y.astype(str)" if spelled else "as pandas.Series(y)"
    if are_labels and are_ids:
        raise ValueError(
            f"the targets {shown(found)} may be {theirs}, or {numbered}; give labels {remedy}, or a Dataset"
        )
    if are_labels:
        raise ValueError(f"{role} has the targets {shown(found)} for {theirs}; give them {remedy}")
    strange = [each for each in found if each not in named and each not in ids]
    raise ValueError(
        f"{role} has the targets {shown(strange or found)}, which are neither {theirs}, nor {numbered}; "
        "leave those rows out, or give labels that were trained on"
    )


def numbers_for_words(role: str, words: pd.Index) -> ValueError:
    """The error to raise for targets that are numbers where there were words: in which order is open."""
    named = words.tolist() if len(words) <= 8 else "network.classes"
    return ValueError(
        f"{role} has numbers for targets, and the training had words, {shown(words)}: give the words, or a "
        f"Dataset; of ids that number those from 0, numpy.array({named})[y]"
    )


def weights_by_code(labels: pd.Index, class_weight: Mapping[Any, float]) -> dict[int, float]:
    """`class_weight` by code, given by label, or by a label's printed name if only one has it.

    ValueError for an unknown label, for one that is given two weights, and for what is no weight.
    """
    by_label = {_key(label): code for code, label in enumerate(labels)}
    names = [str(label) for label in labels]
    by_name = {name: code for code, name in enumerate(names) if names.count(name) == 1}
    found: dict[int, float] = {}
    for label, weight in class_weight.items():
        code = by_label.get(_key(label), by_name.get(label) if isinstance(label, str) else None)
        if code is None and labels.tolist() == [0, 1] and label in (0, 1):
            # Of two labels that are no and yes, it is plain which one 0, or False, means.
            code = int(label)
        if code is None:
            raise ValueError(
                f"class_weight has {_plain(label)!r}, which is no label; they are {shown(labels)}"
            )
        weight = checks.number(f"the weight of class {_plain(label)!r}", weight, least=0)
        if found.setdefault(code, weight) != weight:
            raise ValueError(
                f"class_weight gives the class {_plain(labels[code])!r} two weights, {found[code]!r} and "
                f"{weight!r}; leave one out"
            )
    return found


def refuse_unknown(frame: pd.DataFrame, target: Hashable, labels: pd.Index) -> None:
    """ValueError for numbers of which a negative one may be a class, or say that a class is unknown.

    -1 is a class beside 1, and beside 0 and 1; so is any category of a categorical column.
    """
    if not are_numbers(labels) or isinstance(frame[target].dtype, pd.CategoricalDtype):
        return
    found, below = labels.tolist(), [label for label in labels if label < 0]
    if below not in ([-1], [-100]) or found in ([-1, 1], [-1, 0, 1]):
        return
    mark, column = int(below[0]), f"frame[{target!r}]"
    raise ValueError(
        f"column {target!r} holds {mark} beside the labels {shown(labels[1:])}: if it says that a class is "
        f"unknown, leave those rows out, frame[{column} != {mark}], or give arrays, {column}.to_numpy(), in "
        f'which it does; if it is a class, say so: {column}.astype("category")'
    )


def are_numbers(labels: pd.Index | None) -> bool:
    """Whether labels are numbers, so that they may be values to predict as well."""
    return labels is not None and is_numeric_dtype(labels.dtype) and not is_bool_dtype(labels.dtype)


def are_words(labels: Any) -> bool:
    """Whether labels are texts, which may be numbered in any order."""
    return isinstance(labels, pd.Index) and labels.inferred_type == "string"


def shown(labels: Iterable[Any], most: int = 8) -> str:
    """The first labels, as they would be typed."""
    labels = [repr(_plain(label)) for label in labels]
    return ", ".join(labels[:most]) + (f" and {len(labels) - most} more" if len(labels) > most else "")


def _classes(column: pd.Series, loss: str) -> Read:
    if is_float_dtype(column.dtype):
        values = numbers_of(column)
        broken = values != np.floor(values)
        if broken.any():
            raise ValueError(
                f"column {column.name!r} holds numbers such as {values[broken][0]:g}, and {loss} wants "
                f"classes; predict the values with 'mean_squared_error', or make classes of them: "
                f"pandas.cut(frame[{column.name!r}], 4)"
            )
    return _coded(column)


def _yes_or_no(column: pd.Series, loss: str) -> Read:
    numeric = is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)
    if numeric:
        values = _read_numbers(column)
        if is_float_dtype(column.dtype) and ((values >= 0) & (values <= 1)).all():
            return values, None
        # Also where one of the two does not occur.
        if np.isin(values, (0, 1)).all():
            return values.astype(np.int64), pd.Index([0, 1])
    codes, labels = _coded(column)
    if len(labels) == 2:
        return codes, labels
    first = labels[-1] if numeric else labels[0]
    question = f"frame[{column.name!r}] == {_plain(first)!r}"
    if numeric:
        holds = f"numbers from {_plain(labels.min())} to {_plain(labels.max())}"
        other = "predict the values with 'mean_squared_error', or classes with 'softmax_cross_entropy'"
    else:
        holds = f"{len(labels)} labels ({shown(labels, 3)})"
        other = "predict classes with 'softmax_cross_entropy'"
    raise ValueError(
        f"column {column.name!r} holds {holds}, and {loss} wants yes or no, which is two labels; {other}, "
        f"or ask one question: {question}"
    )


def _values(column: pd.Series, loss: str) -> Read:
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return _read_numbers(column), None
    named = f"frame[{column.name!r}]"
    if column.dtype.kind == "M":
        remedy = f"({named} - {named}.min()).dt.total_seconds()"
    elif column.dtype.kind == "m":
        remedy = f"{named}.dt.total_seconds()"
    elif are_dates(column.unique()):
        dates = to_dates(column.dropna().unique(), named)
        remedy = f"dates = {dates}; (dates - dates.min()).dt.total_seconds()"
    elif pd.to_numeric(column.astype(object), errors="coerce").notna().all():
        remedy = f"{named}.astype(float)"
    else:
        words = [str(each) for each in column.dropna().unique()]
        remedy = numbers_in(words, named) or f"{named}.map({{{_plain(column.iloc[0])!r}: 0.0, ...}})"
    raise ValueError(
        f"column {column.name!r} holds {column.dtype}, which is labels, and {loss} predicts values; predict "
        f"classes with 'softmax_cross_entropy', or turn it into numbers: {remedy}"
    )


def _one_column_per_class(column: pd.Series, loss: str) -> Read:
    raise ValueError(
        f"{loss} with one_hot=True wants one column per class, and {column.name!r} is a single column; leave "
        f"one_hot=True out, or make columns of it, pandas.get_dummies(frame[{column.name!r}]), and name them "
        "as the target: target=[...]"
    )


_READINGS: dict[str, Callable[[pd.Series, str], Read]] = {
    "classes": _classes,
    "yes or no": _yes_or_no,
    "values": _values,
    "one column per class": _one_column_per_class,
}


def _coded(column: pd.Series) -> Coded:
    """Codes and labels, in the order of the categories, or sorted; bools are always False and True."""
    if is_bool_dtype(column.dtype) and not isinstance(column.dtype, pd.CategoricalDtype):
        return column.to_numpy(np.int64), pd.Index([False, True])
    try:
        coded = column.astype("category").cat
    except TypeError as error:
        raise ValueError(f"label column {column.name!r} holds what cannot be a label: {error}") from None
    return coded.codes.to_numpy().astype(np.int64), coded.categories


def _whole_column(frame: pd.DataFrame, name: Hashable) -> pd.Series:
    """The column, without gaps and with labels that can be told apart; objects that are numbers as such."""
    column = _column(frame, name)
    if is_float_dtype(column.dtype):
        broken, remedy = ~np.isfinite(numbers_of(column)), f"dropna(subset=[{name!r}])"
        _refuse_rows(broken, frame, f"column {name!r} is NaN or infinite", remedy)
        # pandas has no index of float16, nor of longdouble, to look labels up in.
        known = {np.dtype(np.float16): np.float32, np.dtype(np.longdouble): np.float64}
        found = column.astype(known.get(column.dtype, column.dtype))
        if found.dtype != column.dtype and found.nunique() != len(np.unique(column)):
            raise ValueError(
                f"column {name!r} holds {column.dtype}, and float64 does not keep all apart; subtract the "
                f"smallest first: frame[{name!r}] - frame[{name!r}].min()"
            )
        return found
    remedy = f"dropna(subset=[{name!r}])"
    _refuse_rows(column.isna().to_numpy(bool), frame, f"label column {name!r} has no label", remedy)
    if is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        return column
    labels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    if labels.dtype == object:
        _refuse_look_alikes(name, labels)
    blank = [label for label in labels.unique() if isinstance(label, str) and not label.strip()]
    remedy = f"frame[frame[{name!r}].str.strip() != ''], or give them a name of their own"
    _refuse_rows(column.isin(blank).to_numpy(bool), frame, f"label column {name!r} is blank", remedy)
    return column.infer_objects() if column.dtype == object else column


def _refuse_words(frame: pd.DataFrame, columns: list) -> None:
    """ValueError for a column of words among several that are predicted at once."""
    for name in columns:
        column = _column(frame, name)
        if holds_words(column) and len(column.dropna()):
            labels = column.dropna().drop_duplicates().sort_values().tolist()
            made = f"frame[{name!r}] = frame[{name!r}] == {_plain(labels[-1])!r}"
            raise ValueError(
                f"column {name!r} holds words, {shown(labels, 3)}, and the targets {shown(columns)} in a "
                f"list are numbers; make it yes or no, {made}, or predict it alone: target={name!r}, or "
                f"target={{name of an output: {name!r}, ...}}"
            )


def _read_numbers(column: pd.Series) -> np.ndarray:
    return _numbers(column.to_frame(), [column.name], "targets")[:, 0]


def _refuse_look_alikes(name: Hashable, labels: Iterable[Any]) -> None:
    """ValueError for two labels that are equal, or look the same, and are not of one type."""
    seen: dict[Any, Any] = {}
    for label in labels:
        if not isinstance(label, Hashable):
            raise ValueError(f"label column {name!r} holds {label!r}, which cannot be a label")
        for alike in (label, str(label)):
            other = seen.setdefault(alike, label)
            if _kind(other) != _kind(label):
                raise ValueError(
                    f"label column {name!r} mixes {_plain(other)!r} ({_kind(other)}) and {_plain(label)!r} "
                    f"({_kind(label)}); make its labels of one type, for instance frame[{name!r}].astype(str)"
                )


def _cast(column: pd.Series, labels: pd.Index, kind: str) -> str:
    """What makes labels of one of another type, to be typed behind the column."""
    found = column.drop_duplicates()
    try:
        cast = found.astype(kind)
        whole = cast.is_unique and cast.isin(labels).any()
    except (TypeError, ValueError):
        whole = False
    return f"astype({kind!r})" if whole else "map({...})"


def _as_number(label: object) -> Any:
    """The number that a word spells, if it does; any other label as it is."""
    try:
        return float(label) if isinstance(label, str) else _plain(label)
    except ValueError:
        return label


def _kind(label: object) -> str:
    if isinstance(label, (bool, np.bool_)):
        return "bool"
    if isinstance(label, Integral):
        return "int"
    return "float" if isinstance(label, Number) else "str" if isinstance(label, str) else type(label).__name__


def _key(label: object) -> tuple[bool, Any]:
    # To Python, True is 1 and "1" is not.
    return isinstance(label, (bool, np.bool_)), label


def _plain(label: object) -> Any:
    return label.item() if isinstance(label, np.generic) else label
