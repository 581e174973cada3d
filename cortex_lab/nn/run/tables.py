"""The inputs of a network out of a table, by the names of the columns that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from cortex_lab.ground import checks
from cortex_lab.ground.categories import holds_words, one_hot
from cortex_lab.ground.float32 import as_float32, as_switches, numbers_of, remedy


def is_table(x: object) -> bool:
    return hasattr(x, "arrays") or hasattr(x, "columns")


NOTHING: Mapping[str, Any] = MappingProxyType({})


def read_tables(
    named: Mapping[str, Any],
    reads: Mapping[str, list],
    categories: Mapping[Any, list[str]],
    dtype: DTypeLike,
    preparations: Mapping[str, Any] = NOTHING,
) -> dict[str, Any]:
    """Inputs by name, with each frame and Dataset among them read by the columns of its own input.

    ValueError if frames differ in their index: which rows belong together could not be told.
    """
    refuse_other_rows(named)
    known = {name: {name: reads[name]} if name in reads else {} for name in named}
    return {
        name: read_table(part, known[name], categories, dtype, preparations) if is_table(part) else part
        for name, part in named.items()
    }


def refuse_other_rows(*given: Any) -> None:
    """ValueError for frames and columns, also in dicts, whose indexes differ."""
    parts = [part for each in given for part in (each.values() if isinstance(each, Mapping) else [each])]
    indexes = [part.index for part in parts if isinstance(part, (pd.DataFrame, pd.Series))]
    if any(not index.equals(indexes[0]) for index in indexes):
        raise ValueError(
            "the frames and columns given together do not have the same index, so which rows belong together "
            "cannot be told; put them in one order, targets.loc[inputs.index], or drop the indexes: "
            ".reset_index(drop=True)"
        )


def read_table(
    table: Any,
    reads: Mapping[str, list],
    categories: Mapping[Any, list[str]],
    dtype: DTypeLike = np.float32,
    preparations: Mapping[str, Any] = NOTHING,
) -> Any:
    """The columns `reads`, in their order, of a frame or a Dataset, as the network was trained on them.

    Columns of words become 0 and 1 by the `categories` that it has learned, and all columns of an input what
    its preparation makes of them, where it has one of the `preparations`. Where the network knows no names,
    a Dataset gives its own inputs, a frame all its columns. KeyError for a missing column; ValueError for one
    with gaps or words that were not learned, or that is not numeric.
    """
    if len(reads) > 1:
        return {
            name: read_table(table, {name: columns}, categories, dtype, preparations)
            for name, columns in reads.items()
        }
    name, columns = next(iter(reads.items()), (None, None))
    preparation = preparations.get(name)
    if hasattr(table, "arrays"):
        named = columns is not None and hasattr(table, "inputs_of")
        if preparation is not None:
            return table.inputs_of(columns, categories, preparation)
        return table.inputs_of(columns, categories) if named else table.arrays()[0]
    if preparation is not None:
        return preparation.apply(table).to_numpy()
    columns = list(table.columns) if columns is None else columns
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise KeyError(
            f"the frame has no column {missing[0]!r}, which the network was trained on; it reads "
            f"{', '.join(map(repr, columns))}: frame.rename(columns={{...}}) gives a column its name"
            f"{checks.near(missing[0], table.columns)}"
        )
    twice = [name for name in columns if isinstance(table[name], pd.DataFrame)]
    if twice:
        raise ValueError(f"the frame has more than one column {twice[0]!r}; rename one")
    parts = [
        one_hot(table[name], categories[name], name)
        if name in categories
        else _values(table[name], dtype, bool(reads))
        for name in columns
    ]
    if len(parts) == 1 and (hasattr(parts[0], "as_rows") or parts[0].ndim > 1):
        return parts[0]
    return np.column_stack(parts)


def refuse_pair(x: object) -> None:
    """TypeError for inputs beside targets, where inputs are asked for alone."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        return
    if is_table(x[0]) or (np.ndim(x[0]) > 1 and np.shape(x[0]) != np.shape(x[1])):
        say = "frame" if is_table(x[0]) else "x"
        raise checks.WrongArgument(f"inputs are read here without their targets: give {say} alone")


def refuse_one_row(network: Any, x: Any) -> None:
    """ValueError for one row of a frame, or a dict of one, which say what a frame of that row is."""
    columns = [column for each in network.reads.values() for column in each]
    if isinstance(x, pd.Series):
        shapes = network.graph.inputs.values()
        if set(columns) <= {*x.index} if columns else x.shape in shapes and x.shape != ():
            raise ValueError(
                "x is one row of a frame, and a frame is wanted: frame.iloc[[0]] is one of one row"
            )
    elif not {*x} & {*network.graph.inputs} and all(np.isscalar(each) for each in x.values()):
        raise ValueError("x is a dict of one row, and a frame is wanted: pandas.DataFrame([row]) is one")


def _values(column: pd.Series, dtype: DTypeLike, learned: bool) -> np.ndarray:
    column = as_switches(column)
    kind = getattr(column.dtype, "kind", "O")
    if kind != "c" and (is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype)):
        numbers, single = numbers_of(column), dtype == np.float32
        values = as_float32(numbers, f"column {column.name!r}") if single else numbers.astype(dtype)
        if not np.isfinite(values).all():
            raise ValueError(
                f"column {column.name!r} is NaN or infinite in {(~np.isfinite(values)).sum()} of "
                f"{len(values)} rows; fill or drop them first: dropna(subset=[{column.name!r}]) or fillna"
            )
        return values
    if hasattr(column.array, "as_rows"):
        # Sequences: how long rows are, the network says.
        return column.array  # type: ignore[return-value]
    if not isinstance(column.dtype, np.dtype) and len(getattr(column.dtype, "shape", ())) > 0:
        return np.asarray(column.array)
    if column.dtype == object and len(column) and isinstance(column.iloc[0], (np.ndarray, list, tuple)):
        return np.stack([np.asarray(cell) for cell in column])
    if not learned and holds_words(column):
        raise ValueError(
            f"column {column.name!r} holds words, and which there are a network learns in training: train it "
            "first, cl.train(network, data), or give a Dataset; pandas.to_numeric makes numbers"
        )
    raise ValueError(
        f"column {column.name!r} holds {column.dtype}, and the network reads numbers; {remedy(kind)}"
    )
