"""Rows dealt out by groups, which stay whole, or by time, the latest to be judged by."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from cortex_lab.data._draws import SPLIT_STREAM, row_keys
from cortex_lab.data.splits import count_of


def by_group(groups: np.ndarray, sizes: Mapping[str, float | int], seed: int, named: Hashable) -> dict:
    """Places of each part: groups are drawn, and go whole to a part until it has its share of the rows.

    ValueError where there are too few groups for that.
    """
    counts = {name: count for name, size in sizes.items() if (count := count_of(name, size, len(groups)))}
    found, ids = np.unique(groups, return_inverse=True)
    if len(found) <= len(counts):
        raise ValueError(
            f"{named!r} has {len(found)} groups, too few for {', '.join(['train', *counts])}: each needs one"
        )
    rows_of = np.bincount(ids)
    order = np.argsort(row_keys(seed, SPLIT_STREAM, len(found)), kind="stable").tolist()
    dealt: dict[str, np.ndarray] = {}
    for name, count in counts.items():
        chosen: list[int] = []
        # One is left to each part that comes after, and to those that are trained on.
        spare = len(order) - (len(counts) - len(dealt))
        for group in list(order):
            missing = count - int(rows_of[chosen].sum())
            if missing <= 0 or len(chosen) >= spare:
                break
            # The last one is taken if it comes nearer than to stop does.
            if not chosen or abs(missing - rows_of[group]) <= missing:
                chosen.append(group)
                order.remove(group)
        dealt[name] = np.flatnonzero(np.isin(ids, chosen))
    return {"train": np.flatnonzero(np.isin(ids, order)), **dealt}


def by_time(times: pd.Series, sizes: Mapping[str, float | int], named: Hashable) -> dict[str, np.ndarray]:
    """Places of each part: the latest rows to "test", those before to "validation", the rest to "train".

    Rows of one time are in one part. ValueError where a time is missing, or is no time.
    """
    if times.isna().any():
        place = int(np.flatnonzero(times.isna())[0])
        raise ValueError(f"{named!r} has no time in row {times.index[place]}; leave it out")
    if times.dtype.kind not in "iufMm":
        raise ValueError(
            f"{named!r} holds {times.dtype}, no time: pandas.to_datetime(frame[{named!r}]) makes some"
        )
    counts = {name: count_of(name, size, len(times)) for name, size in sizes.items()}
    values = times.to_numpy()
    order = np.argsort(values, kind="stable")
    stop, dealt = len(order), {}
    for name in ("test", "validation"):
        if not counts.get(name):
            continue
        start = max(0, stop - counts[name])
        while start > 0 and values[order[start]] == values[order[start - 1]]:
            start -= 1
        dealt[name] = np.sort(order[start:stop])
        stop = start
    if stop <= 0:
        raise ValueError(f"nothing would be left to train on before the rows of {' and '.join(dealt)}")
    return {"train": np.sort(order[:stop]), **{name: dealt[name] for name in sizes if name in dealt}}
