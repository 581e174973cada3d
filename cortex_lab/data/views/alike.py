"""Rows that are nearly the same, and rows that are like no other."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.guarding import hashes
from cortex_lab.data.roles import Columns
from cortex_lab.data.source import in_memory
from cortex_lab.data.tensor import Tensor, TensorDtype
from cortex_lab.data.views.looked import Data, Viewed, chosen_columns
from cortex_lab.data.views.page import StaticView, brief, listing
from cortex_lab.data.views.places import points
from cortex_lab.data.views.thumbnails import thumbnail
from cortex_lab.ground import checks
from cortex_lab.ground.pieces import spread

MOST_ROWS = 5_000
NEIGHBORS = 5
SHOWN = 4
"""Columns whose values are shown beside a row."""


def near_duplicates(
    data: Data, columns: Columns | None = None, most: int = 20, rows: int = MOST_ROWS
) -> StaticView:
    """Pairs of rows that are nearest to one another in what they hold, nearest first.

    Equal rows are looked for among all, near ones among up to `rows` rows, evenly spread; of columns in
    files, which are not read whole, both among these. Distances are
    Euclidean: numbers in standard deviations, categories 1 apart, texts up to 1 by the runs of three letters
    that they share, tensors alone as they are (bytes as 0..1); equal is what is so in every column.
    `ratio` is the distance to that of a typical row to its nearest: one far below 1 is a near duplicate.

    `columns` are those compared, None for the inputs; `most` is how many pairs are found.
    """
    looked, names, most, rows = _asked(data, columns, most, rows)
    seen: dict[tuple[int, int], float] = {}
    places, found, typical, said, compared = _neighbors(looked, names, rows)
    every = places if any(map(_in_file, map(looked.column, names))) else np.arange(len(looked.frame))
    equal = set(_equal_pairs(looked, names, most, every))
    seen |= dict.fromkeys(equal, 0.0)
    if found is not None:
        distances, nearest = found
        pairs = zip(*_flat(places, nearest, distances), strict=True)
        for one, other, distance in sorted(pairs, key=lambda pair: pair[2]):
            if len(seen) >= most and distance > 0:
                break
            seen.setdefault((min(one, other), max(one, other)), float(distance))
    chosen = sorted(seen.items(), key=lambda pair: (pair[1], pair[0] not in equal, pair[0]))[:most]
    equal |= {pair for pair, away in chosen if not away and _are_equal(looked, names, *pair)}
    parts, numbers = looked.part_of(), looked.numbers
    table = pd.DataFrame(
        [
            {
                "row": numbers[one],
                "other row": numbers[other],
                "distance": distance,
                "ratio": distance / typical if typical else np.nan,
                "part": parts[one],
                "other part": parts[other],
                "same target": _same_target(looked, one, other),
            }
            for (one, other), distance in chosen
        ],
        columns=["row", "other row", "distance", "ratio", "part", "other part", "same target"],
    )
    table = _with_index(table, looked, {"index": "row", "other index": "other row"})
    same = sum(pair in equal for pair, _ in chosen)
    said = [f"compared by {_listed(compared)}, {len(places):,} of {len(looked.frame):,} rows", *said]
    said.append(f"{same} of these pairs are equal" if same else "no two rows are equal")
    if typical:
        near = sum(pair not in equal and distance < typical / 2 for pair, distance in chosen)
        away = f"a typical row is {brief(typical)} from the one nearest to it"
        said.append(f"{away}; nearer than half of that: {near} of these pairs")
    show = _shower(looked, names)
    body = []
    for (one, other), distance in chosen:
        same = _same_target(looked, one, other)
        told = "" if same is None else "same target" if same else '<span class="warn">other target</span>'
        away = "equal"
        if (one, other) not in equal:
            share = f"<small>{distance / typical:.2g} of typical</small>" if typical else ""
            away = brief(distance) + share
        body.append(
            [_named(looked, one, parts), show(one), _named(looked, other, parts), show(other), away, told]
        )
    html = listing(["row", "", "other row", "", "distance", ""], body, (4,))
    return StaticView(f"Near duplicates in {looked.name}", tuple(said), table, html if body else "")


def farthest(data: Data, columns: Columns | None = None, most: int = 20, rows: int = MOST_ROWS) -> StaticView:
    """Rows that are like no other: farthest from the 5 rows nearest to them, farthest first.

    Measured as by `near_duplicates`; `ratio` is the mean distance to these to that of a typical row.
    """
    looked, names, most, rows = _asked(data, columns, most, rows)
    places, found, _, said, compared = _neighbors(looked, names, rows)
    columns_of = ["row", "distance", "ratio", "nearest row", "part"]
    if found is None:
        table = pd.DataFrame(columns=columns_of)
        return StaticView(f"Farthest rows of {looked.name}", ("there is one row, and no other",), table, "")
    distances, nearest = found
    mean = distances.mean(axis=1)
    typical = float(np.median(mean))
    order = np.argsort(-mean, kind="stable")[:most]
    parts = looked.part_of()
    table = pd.DataFrame(
        {
            "row": looked.numbers[places[order]],
            "distance": mean[order],
            "ratio": mean[order] / typical if typical else np.nan,
            "nearest row": looked.numbers[places[nearest[order, 0]]],
            "part": parts[places[order]],
        },
        columns=columns_of,
    )
    table = _with_index(table, looked, {"index": "row"})
    said = [
        f"compared by {_listed(compared)}, {len(places):,} of {len(looked.frame):,} rows",
        f"a typical row is {brief(typical)} from its {distances.shape[1]} nearest",
        *said,
    ]
    show, body = _shower(looked, names), []
    for place in order.tolist():
        one, other = int(places[place]), int(places[nearest[place, 0]])
        times = f"<small>{mean[place] / typical:.2g} times typical</small>" if typical else ""
        away = brief(float(mean[place])) + times
        body.append([_named(looked, one, parts), show(one), away, _named(looked, other, parts), show(other)])
    html = listing(["row", "", "distance", "nearest to it", ""], body, (2,))
    return StaticView(f"Farthest rows of {looked.name}", tuple(said), table, html)


def _asked(data: Data, columns: Columns | None, most: int, rows: int) -> tuple[Viewed, list, int, int]:
    looked = Viewed.at(data)
    looked.refuse_empty()
    names = chosen_columns(looked, columns)
    return looked, names, checks.whole("most", most, least=1), checks.whole("rows", rows, least=2)


def _neighbors(looked: Viewed, names: list, rows: int) -> tuple[np.ndarray, Any, float, list[str], list]:
    """Places of the rows compared, (distances, places among these) of the nearest, and what is typical.

    What there is to say of the columns, and those that are compared.
    """
    places = spread(len(looked.frame), rows)
    values, said, out = points(looked, names, places)
    compared = [name for name in names if name not in out]
    count = min(NEIGHBORS, len(places) - 1)
    if count < 1:
        return places, None, 0.0, said, compared
    from sklearn.neighbors import NearestNeighbors

    # Of wide rows no tree is faster, and one product of matrices finds all.
    model = NearestNeighbors(
        n_neighbors=count + 1, algorithm="brute" if values.shape[1] > 15 else "auto"
    ).fit(values)
    nearest = model.kneighbors(values, return_distance=False)
    own = nearest == np.arange(len(places))[:, np.newaxis]
    # Among more equal rows than neighbors, a row may not be its own.
    own[~own.any(axis=1), -1] = True
    nearest = nearest[~own].reshape(len(places), count)
    # Anew, as the product rounds what is near.
    distances = np.stack(
        [
            np.sqrt(((values - values[nearest[:, each]]).astype(np.float64) ** 2).sum(axis=1))
            for each in range(count)
        ],
        axis=1,
    )
    order = np.argsort(distances, axis=1, kind="stable")
    distances, nearest = np.take_along_axis(distances, order, 1), np.take_along_axis(nearest, order, 1)
    above = distances[:, 0][distances[:, 0] > 0]
    above = above if len(above) else distances[distances > 0]
    typical = float(np.median(above)) if len(above) else 0.0
    return places, (distances, nearest), typical, said, compared


def _flat(places: np.ndarray, nearest: np.ndarray, distances: np.ndarray) -> tuple[list, list, list]:
    ones = np.repeat(places, nearest.shape[1])
    return ones.tolist(), places[nearest.ravel()].tolist(), distances.ravel().tolist()


def _equal_pairs(looked: Viewed, names: list, most: int, places: np.ndarray) -> list[tuple[int, int]]:
    """Up to so many pairs of equal rows among those at `places`, each with the first that it equals."""
    keys = np.zeros(len(places), np.uint64)
    for name in names:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + _hashes(looked, name, places)
    first = pd.Series(places).groupby(keys).transform("first").to_numpy()
    again = np.flatnonzero(first != places)
    found = []
    for one, other in zip(first[again].tolist(), places[again].tolist(), strict=True):
        if _are_equal(looked, names, one, other):
            found.append((one, other))
        if len(found) == most:
            break
    return found


def _hashes(looked: Viewed, name: Hashable, places: np.ndarray) -> np.ndarray:
    column = looked.column(name)
    try:
        return hashes(column.to_frame("column"), ["column"], places)
    except (TypeError, ValueError):
        # Lists, dicts and a mixture are told apart by how they print, and then by what they are.
        return pd.util.hash_pandas_object(column.iloc[places].map(repr), index=False).to_numpy()


def _is_same(column: pd.Series, one: int, other: int) -> bool:
    a, b = column.iloc[one], column.iloc[other]
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return np.array_equal(a.array, b.array, equal_nan=a.array.dtype.kind == "f")
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and np.array_equal(a, b)
    gone = a is pd.NA or a is None or a != a, b is pd.NA or b is None or b != b
    return all(gone) if any(gone) else bool(a == b)


def _are_equal(looked: Viewed, names: list, one: int, other: int) -> bool:
    return all(_is_same(looked.column(name), one, other) for name in names)


def _in_file(column: pd.Series) -> bool:
    array: Any = column.array
    return isinstance(column.dtype, TensorDtype) and not in_memory(array.source)


def _same_target(looked: Viewed, one: int, other: int) -> bool | None:
    goals = [looked.column(name) for name in looked.targets]
    goals = [goal for goal in goals if not isinstance(goal.dtype, TensorDtype)]
    if not goals:
        return None
    return all(bool(goal.iloc[one] == goal.iloc[other]) for goal in goals)


def _with_index(table: pd.DataFrame, looked: Viewed, wanted: dict[str, str]) -> pd.DataFrame:
    """The table with the user's own labels of the rows, where these are no numbers."""
    if not looked.own_index:
        return table
    labels = dict(zip(looked.numbers.tolist(), looked.index.tolist(), strict=True))
    for place, (name, rows) in enumerate(wanted.items()):
        table.insert(place, name, pd.Series([labels[row] for row in table[rows]], dtype=object))
    return table


def _named(looked: Viewed, place: int, parts: np.ndarray) -> str:
    small = [str(parts[place])] if parts[place] else []
    for name in looked.targets[:2]:
        if not isinstance(looked.column(name).dtype, TensorDtype):
            small.append(f"{brief(name)} {brief(looked.column(name).iloc[place])}")
    return escape(looked.label(place)) + "".join(f"<small>{escape(each)}</small>" for each in small)


def _shower(looked: Viewed, names: list) -> Callable[[int], str]:
    """What is shown of a row: pictures of its tensors, and the values of a few columns."""
    columns = [(name, looked.column(name)) for name in names[:SHOWN]]
    more = len(names) - len(columns)

    def show(place: int) -> str:
        told = []
        for name, column in columns:
            value = column.iloc[place]
            picture = None
            if isinstance(value, Tensor):
                picture = thumbnail(value.array, f"{name} of {looked.label(place)}", None, 48)
            alone = len(names) == 1
            told.append(picture or escape(brief(value) if alone else f"{brief(name)} {brief(value)}"))
        return ", ".join(told) + (f"<small>and {more} more columns</small>" if more > 0 else "")

    return show


def _listed(names: list) -> str:
    told = ", ".join(repr(brief(name)) if isinstance(name, str) else brief(name) for name in names[:6])
    return told + f" and {len(names) - 6} more" * (len(names) > 6)
