"""A map of rows as a chart: points in the color of a column, wrong ones outlined, the way of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.widgets.chart.marks import Chart, Mark, Plot, Scatter, Trail

MOST_GROUPS = 30
"""Different values of a column up to which each has a color of its own; of more numbers, a ramp."""


@dataclass(frozen=True, eq=False)
class Colors:
    """What points are colored by: `groups`, each the place of its name in `names`; `values`; or nothing."""

    by: str = ""
    groups: np.ndarray | None = None
    names: tuple[str, ...] = ()
    values: np.ndarray | None = None

    @property
    def told(self) -> str:
        """What the colors say, where a legend does not."""
        if self.values is None or not np.isfinite(self.values).any():
            return ""
        low, high = np.nanmin(self.values), np.nanmax(self.values)
        return f"colored by {self.by}, {low:.4g} to {high:.4g}".replace("-", "−")

    def options(self) -> dict[str, Any]:
        """As arguments of a `Scatter`."""
        if self.values is not None:
            return {"values": self.values, "names": self.names}
        return {} if self.groups is None else {"groups": self.groups, "names": self.names}


def colors_of(frame: pd.DataFrame, by: str | None) -> Colors:
    """Colors by a column of the frame; None is its "label", or else nothing. KeyError for one it has not."""
    if by is None:
        by = "label" if "label" in frame else ""
    if not by:
        return Colors()
    if by not in frame:
        known = ", ".join(map(str, frame.columns))
        raise KeyError(f"there is no column {by!r} to color by; there are {known}")
    column: Any = frame[by]
    dtype: Any = column.dtype
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if numeric and (dtype.kind == "f" or int(column.nunique()) > MOST_GROUPS):
        return Colors(by, values=column.to_numpy(np.float64, na_value=np.nan))
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, names = np.asarray(column.cat.codes), column.cat.categories
    else:
        codes, names = pd.factorize(column, sort=column.dtype != object)
    if len(names) > MOST_GROUPS:
        raise ValueError(
            f"column {by!r} has {len(names):,} different values, too many for colors of their own; "
            f"choose one with {MOST_GROUPS} or fewer, or of numbers"
        )
    names = tuple(map(str, names))
    if (codes < 0).any():
        codes, names = np.where(codes < 0, len(names), codes), (*names, "unknown")
    return Colors(by, codes.astype(np.int64), names)


def points_of_map(
    positions: np.ndarray,
    rows: np.ndarray,
    colors: Colors,
    wrong: np.ndarray | None = None,
    chosen: int | None = None,
    key_name: str = "row",
) -> Scatter:
    """Points at `positions` (n, 2), each a row of the data that a click selects; `wrong` are outlined."""
    x, y = positions.T
    keys = {"keys": rows, "key_name": key_name, "chosen": chosen, "pins": True}
    if wrong is not None:
        keys["outlined"] = rows[wrong]
    return Scatter(x, y, **keys, **colors.options())


def chart_of_map(
    positions: np.ndarray,
    rows: np.ndarray,
    colors: Colors,
    *,
    wrong: np.ndarray | None = None,
    chosen: int | None = None,
    trail: tuple[np.ndarray, np.ndarray] | None = None,
    key_name: str = "row",
    **told: Any,
) -> Chart:
    """`points_of_map` as a chart; `trail` are places (k, 2) where the row `chosen` was at steps (k,)."""
    marks: list[Mark] = [points_of_map(positions, rows, colors, wrong, chosen, key_name)]
    if trail is not None and len(trail[1]) > 1:
        checks.instance("chosen", chosen, (int, np.integer), "the row whose way it is")
        marks.append(Trail(*trail[0].T, trail[1], f"row {chosen}", "text"))
    return Chart((Plot(tuple(marks)),), **told)
