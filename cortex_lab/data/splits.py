"""Which rows are for training, which for judging."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._draws import SPLIT_STREAM, checked_seed, row_keys
from cortex_lab.data._rows import positions
from cortex_lab.data.frames import row_numbers
from cortex_lab.data.source import frozen
from cortex_lab.ground import checks

NAMES = ("train", "validation", "test")


class CannotStratify(ValueError):
    """A class has too few rows to be dealt out in proportion."""


def read_splits(
    splits: Mapping[str, Any] | Hashable | None, frame: pd.DataFrame, index: pd.Index | None = None
) -> dict[str, np.ndarray]:
    """Rows of each split, sorted; from {name: row numbers or bools} or from a column of split names.

    `index` is the frame's own, by which pandas objects that choose rows are read.

    Without "train", it is what the others leave. ValueError for an unknown name, an empty split, or a row in
    two of them.
    """
    if splits is None or splits == {}:
        return {}
    if not isinstance(splits, Mapping):
        if not isinstance(splits, Hashable):
            raise checks.refused("splits", "a dict {name: rows}, or the name of a column", splits)
        if splits not in frame.columns:
            raise KeyError(f"the frame has no column {splits!r} to read the splits from")
        column = frame[splits]
        splits = {str(name): (column == name).to_numpy(bool) for name in column.dropna().unique()}
    read = {}
    for name in (*(name for name in NAMES if name in splits), *splits):
        if name not in NAMES:
            raise ValueError(f"splits are called {', '.join(NAMES)}, not {name!r}")
        every = np.arange(len(frame))
        rows = np.asarray(row_numbers(splits[name], every, index, f"the {len(frame)} rows of the frame"))
        if rows.dtype == bool:
            if rows.shape != (len(frame),):
                raise ValueError(f"split {name!r} has {rows.size} bools for a frame of {len(frame)} rows")
            rows = np.flatnonzero(rows)
        rows = np.sort(positions(rows, len(frame)))
        if len(rows) == 0:
            raise ValueError(f"split {name!r} is empty; leave it out, or give it rows")
        read[name] = rows
    _refuse_shared_rows(read)
    if "train" not in read:
        rest = np.setdiff1d(np.arange(len(frame)), np.concatenate(list(read.values())))
        if len(rest) == 0:
            raise ValueError(f"{' and '.join(read)} take every row; none is left to train on")
        read = {"train": rest, **read}
    return {name: frozen(rows) for name, rows in read.items()}


def draw_split(
    n: int,
    sizes: Mapping[str, float | int],
    seed: int = 0,
    class_ids: np.ndarray | None = None,
    class_names: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Deal `n` rows out at random: `sizes` rows (or that fraction) to each name, the rest to "train".

    With `class_ids` (n,), every class is dealt out in the same proportions, and keeps a row to train on.
    """
    counts = {name: count_of(name, size, n) for name, size in sizes.items()}
    if sum(counts.values()) >= n:
        asked = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ValueError(f"nothing of the {n} rows would be left to train on ({asked}); ask for less")
    order = np.argsort(row_keys(checked_seed(seed), SPLIT_STREAM, n), kind="stable")
    groups = [order] if class_ids is None else _groups(order, class_ids, class_names)
    dealt: dict[str, np.ndarray] = {}
    for name, count in counts.items():
        if count == 0:
            continue
        shares = _shares(name, count, np.array([len(group) for group in groups]))
        dealt[name] = np.sort(
            np.concatenate([group[:share] for group, share in zip(groups, shares, strict=True)])
        )
        groups = [group[share:] for group, share in zip(groups, shares, strict=True)]
    return {"train": np.sort(np.concatenate(groups)), **dealt}


def count_of(name: str, size: float | int, n: int) -> int:
    """How many of `n` rows a part has that is given as a fraction of them, or as their number."""
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 0:
        return int(size)
    if isinstance(size, (float, np.floating)) and 0 <= size < 1:
        count = round(size * n)
        if size > 0 and count == 0:
            raise ValueError(f"{name}={size} of {n} rows is no row at all; ask for more")
        return count
    if getattr(size, "ndim", 0) or isinstance(size, (list, tuple, range)):
        raise TypeError(
            f"{name} is a fraction of the rows, or a number of them; which rows is said when it is made: "
            f"Dataset(..., splits={{{name!r}: rows}})"
        )
    raise checks.refused(name, "a fraction from 0 to 1 or a number of rows", size)


def _groups(order: np.ndarray, class_ids: np.ndarray, class_names: Sequence[str]) -> list[np.ndarray]:
    """The rows of each class, in the order drawn."""
    found, counts = np.unique(class_ids, return_counts=True)
    lonely = [repr(class_names[class_id]) for class_id in found[counts == 1]]
    if lonely:
        raise CannotStratify(
            f"a stratified split needs two rows or more of every class, and there is one row of "
            f"{', '.join(lonely[:5])}; find more, drop it, or split with stratify=False"
        )
    ranked = class_ids[order]
    return [order[ranked == class_id] for class_id in found]


def _shares(name: str, count: int, sizes: np.ndarray) -> np.ndarray:
    """Deal `count` out over groups in proportion to `sizes`, by largest remainder, never a whole group."""
    room = sizes - 1
    if room.sum() < count:
        raise CannotStratify(
            f"{count} rows for {name!r} would take the last row of a class; ask for {room.sum()} or less, "
            "or split with stratify=False"
        )
    exact = count * sizes / sizes.sum()
    shares = np.minimum(np.floor(exact).astype(np.int64), room)
    by_remainder = np.argsort(shares - exact, kind="stable")
    while shares.sum() < count:
        for group in by_remainder:
            if shares.sum() < count and shares[group] < room[group]:
                shares[group] += 1
    return shares


def _refuse_shared_rows(splits: Mapping[str, np.ndarray]) -> None:
    names = list(splits)
    for position, name in enumerate(names):
        if len(np.unique(splits[name])) != len(splits[name]):
            raise ValueError(f"split {name!r} names a row twice")
        for other in names[position + 1 :]:
            shared = np.intersect1d(splits[name], splits[other])
            if len(shared):
                first = ", ".join(str(row) for row in shared[:5])
                raise ValueError(
                    f"{len(shared)} rows are in both {name!r} and {other!r} (first: {first}); what is "
                    "tested on must not have been trained on"
                )
