"""Rows of an array by their numbers."""

from __future__ import annotations

from typing import Any

from cortex_lab.compute.kernel import kernel


@kernel
def pick_rows(xp: Any, values: Any, rows: Any, out: Any) -> None:
    """out[i] = values[rows[i]], for values (n, ...) and as many numbers in a row of `out`.

    IndexError for a row that is not there; they count from 0.
    """
    if len(rows) > 0 and not 0 <= int(rows.min()) <= int(rows.max()) < len(values):
        raise IndexError(f"rows go from 0 to {len(values) - 1}, got {int(rows.min())} to {int(rows.max())}")
    out[...] = values[rows].reshape(out.shape)
