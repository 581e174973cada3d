"""What is handed over that is no pair of inputs and targets, and what to type instead."""

from __future__ import annotations

from collections.abc import Mapping, MappingView, Set
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.ground import checks


def refuse_other_pairs(inputs: Any, targets: Any) -> None:
    """TypeError for two pairs, targets that stand before their inputs, and what no array is made of."""
    pairs = all(type(each) is tuple and len(each) == 2 for each in (inputs, targets))
    if pairs and all(hasattr(part, "shape") for each in (inputs, targets) for part in each):
        raise TypeError(
            "data are one pair, (inputs, targets), and these are two: give the second as "
            "validation=(inputs, targets)"
        )
    if inputs is None:
        raise TypeError("inputs are None; give an array or a frame, (inputs, targets)")
    for role, part, other in (("inputs", inputs, targets), ("targets", targets, inputs)):
        named = part if isinstance(part, Mapping) else {None: part}
        empty = [name for name, each in named.items() if each is None and name is not None]
        if empty or not named:
            whose = f" of {empty[0]!r}" if empty else ""
            raise TypeError(f"{role}{whose} are missing; give an array or a column")
        for each in named.values():
            _refuse_no_array(role, each)
            _refuse_twins(role, each)
        _refuse_several(role, part, other)
    name = inputs if isinstance(inputs, str) else inputs.name if isinstance(inputs, pd.Series) else None
    turned = isinstance(inputs, str) or (isinstance(inputs, pd.Series) and np.shape(targets)[1:] > (1,))
    if turned and isinstance(targets, pd.DataFrame):
        named = repr(name) if name in targets.columns else "targets"
        raise TypeError(f"inputs stand first, and what is predicted second: give (frame, {named})")


def _refuse_no_array(role: str, part: Any) -> None:
    """TypeError for what is gone through once, or has no order; ValueError for rows of different length."""
    kind = type(part).__name__
    if hasattr(part, "__next__") or isinstance(part, MappingView):
        raise TypeError(f"{role} are of type {kind}, and an array is wanted: make one, numpy.array(list(it))")
    if isinstance(part, (Set, slice)):
        say = "the names, frame.columns[...].tolist()" if isinstance(part, slice) else "a list, or one name"
        raise TypeError(f"{role} are of type {kind}, which says no order: give {say}")
    cells = isinstance(part, (pd.Series, np.ndarray)) and part.dtype == object and part.ndim == 1
    part = list(part) if cells and len(part) and isinstance(next(iter(part)), (list, tuple)) else part
    if not isinstance(part, (list, tuple)):
        return
    try:
        np.asarray(part)
    except ValueError:
        cells = [cell for each in part if isinstance(each, (list, tuple)) for cell in each[:1]]
        made = "cl.data.RaggedArray(x).padded()[0] makes them alike"
        if cells and isinstance(cells[0], str):
            made = "sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y) makes a yes or no of each"
        raise ValueError(f"{role} are lists of different length: {made}") from None


def _refuse_twins(role: str, part: Any) -> None:
    """ValueError for a frame with two columns of one name, which nobody can tell apart."""
    if isinstance(part, pd.DataFrame) and not part.columns.is_unique:
        name = part.columns[part.columns.duplicated()][0]
        raise ValueError(
            f"the {role} have more than one column {name!r}; rename one, or leave it out: "
            "frame.loc[:, ~frame.columns.duplicated()]"
        )


def _refuse_several(role: str, part: Any, other: Any) -> None:
    """TypeError for several arrays in a list, each with as many rows as there are."""
    several = isinstance(part, (list, tuple)) and len(part) > 1
    if not several or not all(hasattr(each, "shape") for each in part):
        return
    other = next(iter(other.values()), ()) if isinstance(other, Mapping) else other
    rows = len(other) if hasattr(other, "__len__") and np.shape(other) != () else None
    if len(part) != rows and all(each.shape and len(each) == rows for each in part):
        what = "input" if role == "inputs" else "output"
        beside = " as columns, numpy.column_stack(...), or" * all(len(each.shape) == 1 for each in part)
        raise TypeError(
            f"{role} are a {type(part).__name__} of {len(part)} arrays: give several{beside} by the name of "
            f"an {what}, {{name: array, ...}}"
        )


def in_parts(data: object) -> str:
    """What to say of what has inputs and targets, or a data set, inside; nothing of anything else."""
    if isinstance(getattr(data, "data", None), Dataset):
        return f"say {type(data).__name__.lower()}.data"
    if isinstance(data, Mapping) and {"data", "target"} <= {*data}:
        named = hasattr(data, "target")
        return "say (data.data, data.target)" if named else "say (data['data'], data['target'])"
    return ""


def no_data(data: object) -> TypeError:
    """What to say of what is neither a Dataset nor a pair."""
    listed = isinstance(data, (tuple, list))
    first = data[0] if listed and data else None
    given = f"a {type(data).__name__}{f' of {len(data)}' if listed else ''}"
    if data is None or hasattr(data, "shape"):
        given = checks.shown(data)
    if in_parts(data):
        say = in_parts(data)
    elif isinstance(data, Mapping):
        names = list(data) or ["y"]
        say = f"of columns make a frame, (pandas.DataFrame(data), {names[-1]!r})"
        if len(names) == 2:
            say = f"say which is which, (data[{names[0]!r}], data[{names[1]!r}]); {say}"
    elif listed and len(data) == 3:
        say = "weights stand beside them, sample_weight=w, and other rows too, validation=(X_test, y_test)"
    elif isinstance(first, (tuple, list)) and len(first) == 2:
        say = "of rows make arrays, x, y = map(numpy.stack, zip(*data)), and give (x, y)"
    elif hasattr(data, "shape"):
        say = "of inputs alone nothing is predicted; (x, x) learns to give them again"
    elif hasattr(data, "__iter__") or hasattr(data, "__getitem__"):
        rows = hasattr(data, "__getitem__")
        made = f"x, y = map(numpy.{'stack' if rows else 'concatenate'}, zip(*data))"
        say = f"of {'rows' if rows else 'batches'} make arrays, {made}, and give (x, y)"
    else:
        say = "such as (frame, 'the column to be predicted')"
    return TypeError(f"data cannot be {given}, but a Dataset or a pair (inputs, targets); {say}")
