"""How many rows each class has, in all and in each part of a split."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.views.looked import Data, Viewed, coded
from cortex_lab.data.views.page import StaticView, bar, brief, listing, share

MOST_CLASSES = 100
"""Classes that are shown; `frame()` has all."""


def class_balance(data: Data, column: Hashable | None = None) -> StaticView:
    """Rows of each class of a `column`, of a Dataset that is split by part as well.

    None is the first target that has classes. The numbers are rows, and what is missing has a row of its own.
    ValueError where there is no such target, TypeError for a column of tensors.
    """
    looked = Viewed.at(data)
    looked.refuse_empty()
    order = None
    if column is None:
        goal: Any = getattr(data, "_classified", None)
        column = next((name for name in looked.targets if _is_of(data, name, goal)), None)
        if column is None:
            say = "class_balance(frame, 'a column')" if not looked.targets else "column='the one to look at'"
            raise ValueError(f"{looked.name!r} has no target with classes; say {say}")
        order = goal.labels
    values = looked.column(column)
    codes, labels = _ordered(values, column, order)
    counts = {"rows": np.bincount(codes, minlength=len(labels))}
    for part, places in looked.parts.items():
        counts[part] = np.bincount(codes[places], minlength=len(labels))
    table = pd.DataFrame(counts, index=pd.Index(labels, name=column, dtype=object, tupleize_cols=False))
    gap = any(label is pd.NA for label in labels)
    table.insert(1, "share", table["rows"] / len(values))
    known = table["rows"].iloc[:-1] if gap else table["rows"]
    most, least = int(known.max()) if len(known) else 0, int(known.min()) if len(known) else 0
    said = [f"{len(values):,} rows, {len(known):,} classes"]
    if len(known):
        times = f", {most / least:.1f} times as many" if least else ""
        said.append(f"the most frequent has {most:,} rows, the rarest {least:,}{times}")
    for part in looked.parts:
        absent = [brief(label) for label, rows in zip(labels, table[part], strict=True) if not rows]
        if absent:
            said.append(f"{part} has no row of {', '.join(absent[:5])}{' and others' * (len(absent) > 5)}")
    heads = [escape(brief(column)), "rows", "share", "", *map(escape, looked.parts)]
    rows = [_row(label, table.iloc[place], looked, most) for place, label in enumerate(labels[:MOST_CLASSES])]
    body = listing(heads, rows, (1, 2, *range(4, 4 + len(looked.parts))))
    if len(labels) > MOST_CLASSES:
        body += f'<div class="muted">and {len(labels) - MOST_CLASSES:,} more classes: frame() has them</div>'
    return StaticView(f"Classes of {brief(column)!r} in {looked.name}", tuple(said), table, body)


def _row(label: object, counts: pd.Series, looked: Viewed, most: int) -> list[str]:
    name = "missing" if label is pd.NA else brief(label)
    own = int(counts["rows"])
    parts = []
    for part, places in looked.parts.items():
        rows = int(counts[part])
        parts.append(f"{rows:,}<small>{share(rows, len(places))}</small>")
    drawn = bar(own, most, f"{name}: {own:,} rows")
    return [escape(name), f"{own:,}", share(own, len(looked.frame)), drawn, *parts]


def _is_of(data: Data, column: Hashable, goal: object) -> bool:
    """Whether a column is what the goal, a target with classes, was read from."""
    if goal is None:
        return False
    return any(data._targets[name] is goal and own == column for name, own in data._goals.items())


def _ordered(values: pd.Series, column: Hashable, order: Iterable | None) -> tuple[np.ndarray, list[Any]]:
    """The place of each row's label among the labels: in the order given, or sorted; gaps last."""
    codes, found = coded(values, column)
    if order is not None:
        places = {_key(label): place for place, label in enumerate(order)}
        codes = np.append([places.get(_key(label), -1) for label in found], -1).astype(np.int64)[codes]
        found = list(order)
    if (codes < 0).any():
        codes = np.where(codes < 0, len(found), codes)
        found = [*found, pd.NA]
    return codes, found


def _key(label: object) -> tuple[bool, object]:
    return isinstance(label, (bool, np.bool_)), label
