"""How far the columns of two parts of the data are from being drawn alike."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.views.looked import Data, Viewed
from cortex_lab.data.views.page import StaticView, bar, brief, listing, share
from cortex_lab.data.views.summaries import as_floats, some_rows
from cortex_lab.ground import checks
from cortex_lab.ground.pieces import spread

MOST_ROWS = 100_000
CHANCE = 0.01
"""What happens by chance more often than so, over all columns, is told as such."""
MEANING = {
    "KS": "the largest gap between the shares of rows below any value (Kolmogorov-Smirnov): 0 alike, 1 apart",
    "TV": "the share of rows that would have to change their value (total variation): 0 alike, 1 apart",
}


def drift(data: Data, other: Data | None = None, *, between: Sequence[str] | None = None) -> StaticView:
    """How far each column is from being drawn alike in two parts, the worst first.

    Parameters
    ----------
    data, other
        A Dataset that is split; or two frames or Datasets, which are compared.
    between
        (name, name) of the two parts; None is "train" and each other part there is.

    Numbers, dates, lengths of sequences, and of tensors the mean and the contrast of each are compared by
    the Kolmogorov-Smirnov statistic; categories, and what is missing, by the total variation. `p` is how
    often two draws from one source are so far apart, times the number of comparisons (Bonferroni). Of more
    than 100,000 rows of a part, so many are looked at, evenly spread.
    """
    sides = _sides(data, other, between)
    rows = [found for first, second in sides for found in _compared(first, second)]
    tests = max(1, len(rows))
    table = pd.DataFrame(
        rows, columns=["column", "of", "statistic", "value", "p", "parts", "first", "second"]
    )
    table["p"] = np.minimum(1.0, table["p"].astype(float) * tests)
    table.insert(5, "drifts", table["p"] < CHANCE)
    # Two parts of a column of names have all names apart, and by chance: those that drift come before.
    table["order"] = np.where(table["drifts"], -table["value"].astype(float), table["p"])
    table = table.sort_values(["drifts", "order"], ascending=[False, True], ignore_index=True, kind="stable")
    table = table.drop(columns="order")
    table = table.rename(columns={"first": "in the first", "second": "in the second"})
    names = [
        f"{first[0]} ({len(first[1].frame):,} rows) and {second[0]} ({len(second[1].frame):,})"
        for first, second in sides
    ]
    drifting = int(table["drifts"].sum())
    said = [f"between {'; '.join(names)}"]
    said.append(
        f"{drifting} of {len(table)} comparisons differ by more than chance (p under {CHANCE:g})"
        if drifting
        else f"none of {len(table)} comparisons differs by more than chance (p at least {CHANCE:g})"
    )
    said += [f"{name}: {MEANING[name]}" for name in MEANING if name in set(table["statistic"])]
    several = len(sides) > 1
    ends = ["in the first", "in the second"] if several else [f"in {escape(each[0])}" for each in sides[0]]
    heads = ["column", *(["parts"] if several else []), "distance", "", "chance", *ends]
    body = [_row(each, several) for each in table.head(200).to_dict("records")]
    html = listing(heads, body, (1 + several,))
    title = f"Drift in {sides[0][0][1].name}" if other is None else "Drift between two tables"
    return StaticView(title, tuple(said), table, html)


Side = tuple[str, Viewed]


def _sides(data: Data, other: Data | None, between: Sequence[str] | None) -> list[tuple[Side, Side]]:
    if other is not None:
        if between is not None:
            raise TypeError("between names parts of one Dataset, and there are two tables: leave it out")
        first, second = Viewed.at(data), Viewed.at(other)
        for each in (first, second):
            each.refuse_empty()
        return [(("the first", first), ("the second", second))]
    looked = Viewed.at(data)
    if not looked.parts:
        raise ValueError(
            f"{looked.name!r} is not split, so there are no parts to compare: split it, ds.split(test=0.25), "
            "or give two tables, drift(frame, other_frame)"
        )
    if between is None:
        pairs = [("train", part) for part in looked.parts if part != "train"]
    else:
        listed = checks.listed("between", between, "two names of parts")
        if len(listed) != 2 or listed[0] == listed[1]:
            raise checks.refused("between", "two names of parts, such as ('train', 'test')", between)
        pairs = [(listed[0], listed[1])]
    for name in {name for pair in pairs for name in pair}:
        if name not in looked.parts:
            there = ", ".join(map(repr, looked.parts))
            raise KeyError(f"there is no part {name!r}; there are {there}{checks.near(name, looked.parts)}")
    if not pairs:
        raise ValueError(
            f"{looked.name!r} has one part, {next(iter(looked.parts))!r}, and nothing to compare it with"
        )
    return [((one, _part(looked, one)), (other, _part(looked, other))) for one, other in pairs]


def _part(looked: Viewed, name: str) -> Viewed:
    places = looked.parts[name]
    return Viewed(
        looked.name, looked.frame.iloc[places], looked.numbers[places], looked.index[places], looked.inputs,
        looked.targets, looked.roles, {}, looked.classes,
    )  # fmt: skip


def _compared(first: Side, second: Side) -> list[dict[str, Any]]:
    found = []
    for name in first[1].frame.columns:
        if name not in second[1].frame.columns:
            continue
        one, other = first[1].column(name), second[1].column(name)
        if name in first[1].classes:
            one, other = one.astype(object), other.astype(object)
        for about in _of_column(one, other):
            found.append({"column": name, "parts": f"{first[0]} and {second[0]}", **about})
    return found


def _of_column(one: pd.Series, other: pd.Series) -> list[dict[str, Any]]:
    """The comparisons of a column: of what is missing, where something is, and of what is there."""
    kinds = one.dtype.kind + other.dtype.kind
    if type(one.dtype) is not type(other.dtype) and set(kinds) - set("iufb"):
        one, other = one.astype(object), other.astype(object)
    both = [each.iloc[spread(len(each), MOST_ROWS)] for each in (one, other)]
    gaps = [each.isna().to_numpy(bool) for each in both]
    found = []
    if any(each.any() for each in gaps):
        found.append(_categories(*(np.where(each, "missing", "there") for each in gaps), "what is missing"))
    there = [each[~gone] for each, gone in zip(both, gaps, strict=True)]
    return [*found, *_of_there(*there)] if all(map(len, there)) else found


def _of_there(one: pd.Series, other: pd.Series) -> list[dict[str, Any]]:
    """The comparisons of values none of which is missing."""
    dtype: Any = one.dtype
    if isinstance(dtype, TensorDtype):
        if not np.prod(dtype.shape):
            return []
        means, contrasts = zip(_measured(one), _measured(other), strict=True)
        return [_numbers(*means, "mean of each"), _numbers(*contrasts, "contrast of each")]
    if isinstance(dtype, RaggedDtype):
        lengths = [each.array.lengths for each in (one, other)]  # type: ignore[attr-defined]
        return [_numbers(*lengths, "lengths")]
    if isinstance(dtype, pd.PeriodDtype) or dtype.kind in "mM":
        about = _numbers(_ticks(one), _ticks(other), "values")
        ends = [f"{brief(each.min())} to {brief(each.max())}" for each in (one, other)]
        return [about | {"first": ends[0], "second": ends[1]}]
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype) and dtype.kind != "c":
        return [_numbers(as_floats(one), as_floats(other), "values")]
    return [_categories(*(each.map(_word).to_numpy(object) for each in (one, other)), "values")]


def _ticks(moments: pd.Series) -> np.ndarray:
    plain = moments.dt.to_timestamp() if isinstance(moments.dtype, pd.PeriodDtype) else moments
    # Days and nanoseconds count from the same moment.
    kept = plain.dt.as_unit("ns")
    return kept.astype("int64").to_numpy(np.float64)


def _word(value: object) -> Any:
    return value if isinstance(value, (str, bool, np.bool_)) else str(value)


def _measured(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of the numbers of each tensor looked at."""
    array: Any = column.array
    rows, _ = some_rows(array, np.arange(len(column)), 2_000)
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return flat.mean(axis=1), flat.std(axis=1)


def _numbers(one: np.ndarray, other: np.ndarray, of: str) -> dict[str, Any]:
    from scipy.stats import ks_2samp

    one, other = (np.asarray(each, np.float64) for each in (one, other))
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if not len(one) or not len(other):
        return {"of": of, "statistic": "KS", "value": 0.0, "p": 1.0, "first": "–", "second": "–"}
    # What is infinite is beyond all that is not, which its rank says as well.
    ranks = np.unique(np.concatenate([one, other]), return_inverse=True)[1].astype(np.float64)
    found: Any = ks_2samp(
        ranks[: len(one)], ranks[len(one) :], method="auto" if len(ranks) < 10_000 else "asymp"
    )
    told = [_middle(each) for each in (one, other)]
    return {
        "of": of, "statistic": "KS", "value": float(found.statistic), "p": float(found.pvalue),
        "first": told[0], "second": told[1],
    }  # fmt: skip


def _middle(values: np.ndarray) -> str:
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95), method="nearest")
    infinite = int(np.isinf(values).sum())
    told = f"median {brief(middle)}, mostly {brief(low)} to {brief(high)}"
    return told + f", {infinite:,} infinite" * bool(infinite)


def _categories(one: np.ndarray, other: np.ndarray, of: str) -> dict[str, Any]:
    from scipy.stats import chi2_contingency

    codes, labels = pd.factorize(np.concatenate([one, other]))
    counts = np.stack(
        [np.bincount(part, minlength=len(labels)) for part in (codes[: len(one)], codes[len(one) :])]
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    p = float(chi2_contingency(counts, correction=False).pvalue) if len(labels) > 1 else 1.0
    far = int(np.argmax(np.abs(shares[0] - shares[1])))
    told = [f"{brief(labels[far], 24)} {share(part[far], 1)}" for part in shares]
    value = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return {"of": of, "statistic": "TV", "value": value, "p": p, "first": told[0], "second": told[1]}


def _row(found: dict[str, Any], several: bool) -> list[str]:
    name = f"{escape(brief(found['column']))}<small>{escape(found['of'])}</small>"
    value, p = found["value"], found["p"]
    chance = (
        f'<span class="warn">{"p < 0.0001" if p < 1e-4 else f"p {p:.2g}"}</span>'
        if found["drifts"]
        else "may be chance"
    )
    drawn = bar(value, 1.0, f"{found['statistic']} {value:.3f} of 1")
    cells = [
        f"{found['statistic']} {value:.3f}",
        drawn,
        chance,
        escape(found["in the first"]),
        escape(found["in the second"]),
    ]
    return [name, *([escape(found["parts"])] if several else []), *cells]
