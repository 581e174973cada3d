"""Rows for a network, looked at before they are run through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.ground import checks
from cortex_lab.ground.float32 import check_float32, refuse_masked, remedy
from cortex_lab.nn.run.ids import refuse_no_ids
from cortex_lab.nn.run.tables import is_table, read_table, read_tables, refuse_one_row, refuse_pair


def checked(network: Any, x: Any, data_rows: ArrayLike | None = None) -> dict[str, np.ndarray]:
    """`x` as arrays by the names of the network's inputs; see `Network.checked_inputs`."""
    # Of one row that is asked about, all that follows is most of the time: a plain array is no table.
    only = type(x) is np.ndarray
    named = {next(iter(network.graph.inputs)): x} if only else _by_name(network, checks.in_numpy(x))
    if named.keys() != network.graph.inputs.keys():
        raise ValueError(f"the network has the inputs {list(network.graph.inputs)}, got {list(named)}")
    rows = None
    for name, shape in network.graph.inputs.items():
        array = named[name]
        if type(array) is not np.ndarray:
            refuse_masked(array, f"input {name!r}")
            array = named[name] = checks.array(f"input {name!r}", array)
        if array.shape[1:] != shape or array.ndim == 0:
            hint = "; for a single row pass x[None]" if array.shape == shape else ""
            if array.dtype == object and array.ndim == 1 and len(array) and isinstance(array[0], dict):
                hint = "; of rows as dicts make a frame, pandas.DataFrame(x)"
            elif (*array.shape[1:], 1) == shape:
                hint = "; give each number a channel of its own, x[..., None], or a column as frame[[name]]"
            got = f"{array.shape}{hint}" if array.ndim else checks.shown(x)
            raise ValueError(f"input {name!r} wants an array (rows, {_join(shape)}), got {got}")
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"input {name!r} wants numbers, got dtype {array.dtype}; {remedy(array.dtype.kind)}"
            )
        if name in network.ids:
            refuse_no_ids(network.graph, name, array, network.reads.get(name), data_rows)
        elif network.ops.dtype == np.float32:
            check_float32(array, f"input {name!r}")
        rows = len(array) if rows is None else rows
        if len(array) != rows or rows == 0:
            raise ValueError(
                f"input {name!r} has {len(array)} rows; all inputs need the same number, at least 1"
            )
    return named


def _by_name(network: Any, x: Any) -> dict[str, Any]:
    """What is no array alone by the names of inputs, read where it is a table or holds some."""
    refuse_pair(x)
    if isinstance(x, Mapping) or (hasattr(x, "iloc") and not is_table(x)):
        refuse_one_row(network, x)
    inputs, learned = network.graph.inputs, (network.categories, network.ops.dtype, network.preparations)
    x = read_table(x, network.reads, *learned) if is_table(x) else x
    named = dict(x) if isinstance(x, Mapping) else {next(iter(inputs)): x}
    if set(named) == set(inputs) and any(type(part) is not np.ndarray for part in named.values()):
        named = read_tables(named, network.reads, *learned)
        named = {name: _sequences(part, inputs[name]) for name, part in named.items()}
    return named


def _sequences(part: Any, shape: tuple[int, ...]) -> Any:
    """A column of sequences as rows of the network's own length; anything else as it is."""
    return part.as_rows(shape[0]) if hasattr(part, "as_rows") and shape else part


def _join(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
