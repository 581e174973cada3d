"""Every column of a table at a glance: what it holds, what is missing, how it is spread."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._pictures import value_range
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.views.looked import Data, Viewed
from cortex_lab.data.views.page import StaticView, bars, brief, listing, share
from cortex_lab.data.views.summaries import ColumnSummary, summary
from cortex_lab.data.views.thumbnails import thumbnail
from cortex_lab.ground import checks
from cortex_lab.ground.pieces import spread

WIDEST = 30
"""Columns up to which skrub's report has plots and associations."""
MOST_REPORTED = 50_000
"""Rows that skrub's report is of, evenly spread."""
MOST_COLUMNS = 200
"""Columns that are shown; `frame()` has all."""


@dataclass(frozen=True, eq=False, repr=False)
class Overview(StaticView):
    """Every column, above skrub's TableReport to look closer, which is `report`; None where it has none."""

    report: Any = None


def overview(data: Data, report: bool = True) -> Overview:
    """Every column of a Dataset or a frame: kind, gaps, different values, range, spread.

    The numbers of tables are those of all rows; of tensors in files, those of rows evenly spread. Below them
    is skrub's TableReport of the columns that are no tensors, if skrub is installed and `report` is not
    False: of up to 50,000 rows, with plots and associations up to 30 columns.
    """
    looked, report = Viewed.at(data), checks.flag("report", report)
    names = looked.frame.columns
    found = [summary(looked.frame.iloc[:, place], name in looked.classes) for place, name in enumerate(names)]
    table = pd.DataFrame([_numbers(name, looked, each) for name, each in zip(names, found, strict=True)])
    if not len(table):
        table = pd.DataFrame(columns=["column", "role", "kind", "rows", "missing"])
    rows = [
        _row(name, looked, each)
        for name, each in zip(names[:MOST_COLUMNS], found[:MOST_COLUMNS], strict=True)
    ]
    heads = ["column", "kind", "missing", "different", "range or most frequent", "spread"]
    body = listing(heads, rows, (2, 3))
    if len(names) > MOST_COLUMNS:
        body += f'<div class="muted">and {len(names) - MOST_COLUMNS:,} more columns: frame() has them</div>'
    notes = [] if isinstance(data, pd.DataFrame) else data._told()
    said = [f"{len(looked.frame):,} rows, {len(names):,} columns", *_parts(looked), *notes]
    made, told, html = (None, [], "") if not report else _report(looked)
    return Overview(f"Overview of {looked.name}", (*said, *told), table, body + html, made)


def _parts(looked: Viewed) -> list[str]:
    goals = [repr(name) for name in looked.targets]
    said = [f"predicts {', '.join(goals[:5])}{' and more' * (len(goals) > 5)}"] if goals else []
    if looked.parts:
        said.append(", ".join(f"{name} {len(places):,}" for name, places in looked.parts.items()))
    return said


def _numbers(name: Hashable, looked: Viewed, found: ColumnSummary) -> dict[str, Any]:
    most, rows = found.common[0] if found.common else (None, None)
    return {
        "column": name, "role": looked.roles.get(name, ""), "kind": found.kind, "dtype": found.dtype,
        "rows": found.rows, "missing": found.missing, "distinct": found.distinct, "infinite": found.infinite,
        "lowest": found.low, "median": found.median, "mean": found.mean, "std": found.std,
        "highest": found.high, "most frequent": most, "its rows": rows, "looked at": found.looked,
        "note": found.note,
    }  # fmt: skip


def _row(name: Hashable, looked: Viewed, found: ColumnSummary) -> list[str]:
    role = looked.roles.get(name, "")
    head = f"{escape(brief(name))}<small>{escape(role)}</small>" if role else escape(brief(name))
    missing = (
        "" if not found.missing else f"{found.missing:,}<small>{share(found.missing, found.rows)}</small>"
    )
    distinct = "" if found.distinct is None else f"{found.distinct:,}"
    kind = f"{escape(found.kind)}<small>{escape(found.dtype)}</small>"
    return [head, kind, missing, distinct, _told(found), _drawn(name, found)]


def _told(found: ColumnSummary) -> str:
    lines = []
    if found.low is not None:
        unit = {"steps": " steps", "characters": " characters"}.get(found.of, "")
        same = found.low == found.high
        lines.append(brief(found.low) + unit if same else f"{brief(found.low)} to {brief(found.high)}{unit}")
    if found.mean is not None:
        lines.append(f"mean {brief(found.mean)}, deviation {brief(found.std)}")
    if found.common and (found.low is None or found.of == "characters"):
        lines += [f"{brief(value, 28)} {share(rows, found.rows)}" for value, rows in found.common]
    html = [escape(line) for line in lines]
    if found.infinite:
        html.append(f'<span class="warn">infinite in {found.infinite:,} rows</span>')
    if found.note:
        html.append(f'<span class="warn">{escape(found.note)}</span>')
    if found.looked is not None:
        html.append(f"of {found.looked:,} rows")
    first, others = (html[0], html[1:]) if html else ("", [])
    return first + "".join(f"<small>{each}</small>" for each in others)


def _drawn(name: Hashable, found: ColumnSummary) -> str:
    pictures = ""
    if found.shown is not None and len(found.shown):
        # One gray scale for all, so that they can be compared.
        limits = value_range(found.shown)
        each = [thumbnail(row, f"{name}, one of the rows", limits, 40) for row in found.shown]
        pictures = " ".join(one for one in each if one)
    if found.histogram is None:
        return pictures
    counts, most = found.histogram, int(np.argmax(found.histogram))
    if found.of == "most frequent":
        told = f"{name}: rows of the {len(counts)} most frequent of {found.distinct} values"
        return pictures + bars(counts, told, min(120, max(12, 10 * len(counts))))
    low, high = (brief(each) for each in found.ends or ("", ""))
    told = f"{name}: {found.of} from {low} to {high}, most in bar {most + 1} of {len(counts)}"
    return pictures + bars(counts, told, 120 if len(counts) > 1 else 12)


def _report(looked: Viewed) -> tuple[Any, list[str], str]:
    """skrub's TableReport, a line on it where it is missing, and its HTML, folded away."""
    kept = [place for place, dtype in enumerate(looked.frame.dtypes) if _is_reported(dtype)]
    if not kept or not len(looked.frame):
        return None, [], ""
    try:
        from skrub import TableReport
    except ImportError as missing:
        package = (missing.name or "skrub").partition(".")[0]
        return None, [f"to look closer, with skrub's TableReport: pip install {package}"], ""
    rows = spread(len(looked.frame), MOST_REPORTED)
    plots = len(kept) <= WIDEST
    shown = looked.frame.iloc[:, kept]
    told = f"{len(looked.frame):,} rows"
    if len(rows) < len(looked.frame):
        shown, told = shown.iloc[rows], f"{len(rows):,} of {len(looked.frame):,} rows, evenly spread"
    if not plots:
        told += f"; no plots and associations of {len(kept):,} columns, more than {WIDEST}"
    with warnings.catch_warnings():
        # What is infinite or huge is told above.
        warnings.simplefilter("ignore")
        made = TableReport(
            shown, title=looked.name, verbose=0, plot_distributions=plots, compute_associations=plots
        )
        try:
            inside = made.html_snippet()
        except Exception as error:
            return None, [f"skrub's TableReport cannot show this table: {brief(error, 120)}"], ""
    summary = f"Look closer: skrub's TableReport of {told} (it needs scripts to be allowed)"
    return made, [], f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def _is_reported(dtype: object) -> bool:
    return not isinstance(dtype, (TensorDtype, RaggedDtype)) and getattr(dtype, "kind", "O") != "c"
