"""From the numbers that are given to float32, or a refusal that says what would be lost."""

from __future__ import annotations

from typing import Any

import numpy as np

EXACT = 2**24
"""Whole numbers up to this size are all in float32."""
FEWEST_STEPS = 256
"""Values whose standard deviation is fewer steps of float32 than this are as good as lost."""
_LOOKED_AT = 2**22

_REMEDIES = {
    "M": "turn it into numbers, for instance seconds: (x - x.min()) / numpy.timedelta64(1, 's')",
    "m": "turn it into numbers, for instance seconds: x / numpy.timedelta64(1, 's')",
    "c": "give x.real and x.imag, or numpy.abs(x)",
    "O": "pandas.to_numeric makes numbers of it, pandas.get_dummies a column for each category",
}


def remedy(kind: str) -> str:
    """How to turn values of a NumPy dtype of this kind into numbers."""
    return _REMEDIES.get(kind, _REMEDIES["O"])


def check_numeric(values: np.ndarray, called: str) -> None:
    """ValueError unless these are rows of numbers; `called` says what they are, such as "input 'x'"."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{called}: numbers are wanted, got {values.dtype}; {remedy(values.dtype.kind)}")
    if values.ndim == 0:
        raise ValueError(f"{called}: an array (rows, ...) is wanted, got a single number")


def refuse_masked(values: Any, called: str) -> None:
    """ValueError for an array with masked numbers: NumPy would hand on what lies below the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{called}: {np.ma.count_masked(values)} numbers are masked, and what lies below would be seen; "
            "fill them, values.filled(0), or leave those rows out"
        )


def refuse_missing(values: np.ndarray, called: str, rows: Any = None) -> None:
    """ValueError for numbers (n, ...) that are NaN or infinite, naming columns and `rows`."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    broken = ~np.isfinite(values)
    bad = np.flatnonzero(broken.reshape(len(values), -1).any(axis=1))
    first = (bad if rows is None else np.asarray(rows)[bad])[:5].tolist()
    columns = np.flatnonzero(broken.any(axis=0))[:5].tolist() if values.ndim == 2 else []
    where = f", column{'s' * (len(columns) > 1)} {', '.join(map(str, columns))}" if columns else ""
    raise ValueError(
        f"{called} holds missing or infinite numbers in {len(bad)} of {len(values)} rows, the first "
        f"{first}{where}; fill them, or leave those rows out: numpy.isfinite(x) says which are whole"
    )


def as_float32(values: np.ndarray, called: str) -> np.ndarray:
    """Numbers (n, ...) as float32, copied only if they are not.

    Rounding is no loss. ValueError that names the column (along the last axis) for a number beyond float32,
    for whole numbers of which different ones would become the same, and for others if most would.
    """
    check_numeric(values, called)
    with np.errstate(over="ignore"):
        found = values.astype(np.float32, copy=False)
    if values.dtype.kind == "f" and values.dtype.itemsize > found.dtype.itemsize:
        _check_range(values, found, called)
    check_distinct(values, called)
    return found


def check_float32(values: np.ndarray, called: str) -> None:
    """ValueError if something that matters would be lost in float32, as `as_float32` says."""
    if values.dtype.kind in "iuf" and values.dtype.itemsize >= (8 if values.dtype.kind == "f" else 4):
        as_float32(values, called)


def check_distinct(values: np.ndarray, called: str) -> None:
    """ValueError naming the first column whose values would fall together in float32."""
    if values.size == 0:
        return
    columns = values.reshape(-1, 1) if values.ndim == 1 else values.reshape(-1, values.shape[-1])
    for place in np.flatnonzero(_suspects(columns)):
        given = np.unique(columns[:, place])
        rounded = given.astype(np.float32)
        same = np.flatnonzero(rounded[1:] == rounded[:-1])
        whole = given.dtype.kind in "iu"
        if len(same) > (0 if whole else len(given) / 2):
            one, other = given[same[0]], given[same[0] + 1]
            way_out = ", or give float64 if rounding is meant" if whole else ""
            raise ValueError(
                f"{_named(called, values, place)} holds {len(given):,} different numbers, of which float32 "
                f"keeps {len(given) - len(same):,} apart ({one!s} and {other!s} become the same); subtract "
                f"the smallest or the mean first, as in x - x.min(){way_out}"
            )


def _suspects(columns: np.ndarray) -> np.ndarray:
    """Which columns are worth a look at every value, by a look at some."""
    if columns.dtype.kind in "iu":
        if columns.dtype.itemsize < 4:
            return np.zeros(columns.shape[1], bool)
        return (columns.max(axis=0) > EXACT) | (columns.min(axis=0) < -EXACT)
    if columns.dtype.kind == "b" or columns.dtype.itemsize <= 4:
        return np.zeros(columns.shape[1], bool)
    some = columns[:: 1 + columns.size // _LOOKED_AT]
    with np.errstate(all="ignore"):
        step = np.spacing(np.abs(some).max(axis=0).astype(np.float32))
        return (some.std(axis=0) < FEWEST_STEPS * step) & (some.max(axis=0) > some.min(axis=0))


def _check_range(values: np.ndarray, found: np.ndarray, called: str) -> None:
    beyond = np.isinf(found)
    if beyond.any():
        beyond &= np.isfinite(values)
    if beyond.any():
        row, *_, place = (*np.argwhere(beyond)[0].tolist(), 0)[: max(values.ndim, 2)]
        worst = values[beyond][0]
        raise ValueError(
            f"{_named(called, values, place)} holds {worst:.3g} in row {row}, which is beyond float32 "
            "(3.4e38); scale it, or take its logarithm"
        )


def _named(called: str, values: np.ndarray, place: int) -> str:
    return called if values.ndim == 1 else f"{called}, column {place},"
