"""Ids that a network is given: what is no id, or has no vector, is named before it is looked up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.nn.graph.graph import Graph

BEYOND = 2**31
"""Ids are looked up as int32."""


class NoSuchId(IndexError, ValueError):
    """An id that a table has no row for, found in column `place` of an input.

    `text` says "{where}" where it names the column, by one of `columns` where they have names.
    """

    def __init__(self, text: str, name: str, place: int, columns: list | None) -> None:
        where = f"column {place} of input {name!r}"
        if columns and (len(columns) == 1 or place < len(columns)):
            # A column of arrays, or of texts, is one.
            where = f"column {columns[place if len(columns) > 1 else 0]!r}"
        super().__init__(text.replace("{where}", where))
        self._parts = text, name, place, columns

    def among(self, role: str) -> NoSuchId:
        """The same of the rows that are called so, such as validation."""
        text, *rest = self._parts
        return NoSuchId(f"{role}: {text}", *rest)

    def called(self, reads: Mapping[str, list]) -> NoSuchId:
        """The same with the names of the columns, by input."""
        text, name, place, _ = self._parts
        return NoSuchId(text, name, place, reads.get(name))


def reads_ids(graph: Graph, name: str) -> bool:
    """Whether layers read the input `name` as ids."""
    return any(graph.nodes[reader].layer.input_dtype == "int32" for reader in graph.consumers[name])


def refuse_no_ids(
    graph: Graph, name: str, values: np.ndarray, columns: list | None, rows: ArrayLike | None
) -> None:
    """ValueError or IndexError if layers read the input `name` as ids, and some are none or unknown.

    `columns` are the names of its columns, `rows` the numbers of its rows in the data, where they are known.
    """
    if not reads_ids(graph, name) or not values.size:
        return
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        no_ids = ~(np.isfinite(values) & (values == np.floor(values)))
        bad, first = _first_rows(no_ids, rows)
        raise ValueError(
            f"input {name!r} wants ids, which are whole numbers, and {len(bad)} of {len(values)} rows have "
            f"others, the first {first}, such as {values[no_ids][0]:g}; number them: pandas.factorize(x)[0]"
        )
    least, most = int(values.min()), int(values.max())
    for reader in graph.consumers[name]:
        count = graph.nodes[reader].layer.id_count
        if count is not None and not 0 <= least <= most < count:
            raise _unknown(name, values, reader, count, columns, rows)
    if not -BEYOND <= least <= most < BEYOND:
        raise ValueError(f"input {name!r} wants ids, which are below 2**31, got {most}")


def _unknown(
    name: str, values: np.ndarray, reader: str, count: int, columns: list | None, rows: ArrayLike | None
) -> NoSuchId:
    unknown = (values < 0) | (values >= np.float64(count))
    first = tuple(np.argwhere(unknown)[0])
    bad, shown = _first_rows(unknown, rows)
    ways = "number them from 0: pandas.factorize(x)[0]"
    if values.min() >= 0 and values.max() < BEYOND:
        ways = f"give it input_dim={int(values.max()) + 1}, or {ways}"
    text = (
        f"there is no id {int(values[first])} in {{where}}: the table of layer {reader!r} has {count} rows, "
        f"for ids 0 to {count - 1}; {len(bad)} of {len(values)} rows have others, the first {shown}; {ways}"
    )
    return NoSuchId(text, name, int(first[-1]) if len(first) > 1 else 0, columns)


def _first_rows(wrong: np.ndarray, rows: ArrayLike | None) -> tuple[np.ndarray, list]:
    """In which rows something is wrong, and the numbers of the first few in the data."""
    bad = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    return bad, (bad if rows is None else np.asarray(rows)[bad])[:5].tolist()
