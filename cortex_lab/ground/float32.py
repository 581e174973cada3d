"""From the numbers that are given to float32, or a refusal that says what would be lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cortex_lab.ground import checks
from cortex_lab.ground.pieces import Sliced, pieces

EXACT = 2**24
"""Whole numbers up to this size are all in float32."""
FEWEST_STEPS = 256
"""Values whose standard deviation is fewer steps of float32 than this are as good as lost."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""What is smaller counts as 0 while a step runs."""
MOST_ROUNDED = 0.1
"""Where numbers fall together, rounding may move them by so much of their standard deviation."""
_PLAIN = 1e-23
_TURN = np.uint32(2**32 - 2)
_PLAIN_TURNED = 2**32 - 2 * int(np.float32(_PLAIN).view(np.uint32))
_FEW = 2**18
_LOOKED_AT = 2**22
_FIRST = 64

_REMEDIES = {
    "M": "turn it into numbers, for instance seconds: (x - x.min()) / numpy.timedelta64(1, 's')",
    "m": "turn it into numbers, for instance seconds: x / numpy.timedelta64(1, 's')",
    "c": "give x.real and x.imag, or numpy.abs(x)",
    "O": "pandas.to_numeric makes numbers of it, pandas.get_dummies a column for each category",
}


def remedy(kind: str) -> str:
    """How to turn values of a NumPy dtype of this kind into numbers."""
    return _REMEDIES.get(kind, _REMEDIES["O"])


def check_numeric(values: Sliced, called: str) -> None:
    """ValueError unless these are rows of numbers; `called` says what they are, such as "input 'x'"."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{called}: numbers are wanted, got {values.dtype}; {remedy(values.dtype.kind)}")
    if not values.shape:
        raise ValueError(f"{called}: an array (rows, ...) is wanted, got a single number")


def refuse_masked(values: object, called: str) -> None:
    """ValueError for what NumPy would misread: masked numbers, of which it hands on what lies below the mask,
    and sparse matrices."""
    if checks.is_sparse(values):
        raise checks.sparse(called, "an array")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{called}: {np.ma.count_masked(values)} numbers are masked, and what lies below would be seen; "
            "fill them, values.filled(0), or leave those rows out"
        )


def refuse_missing(
    values: np.ndarray, called: str, rows: ArrayLike | None = None, of: int | None = None
) -> None:
    """ValueError for numbers (n, ...) that are NaN or infinite, naming columns and `rows`.

    `of` is how many rows there are, where `values` are some of them.
    """
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    broken = ~np.isfinite(values)
    bad = np.flatnonzero(broken.reshape(len(values), -1).any(axis=1))
    first = (bad if rows is None else np.asarray(rows)[bad])[:5].tolist()
    columns = np.flatnonzero(broken.any(axis=0))[:5].tolist() if values.ndim == 2 else []
    where = f", column{'s' * (len(columns) > 1)} {', '.join(map(str, columns))}" if columns else ""
    raise ValueError(
        f"{called} holds missing or infinite numbers in {len(bad)} of {of or len(values)} rows, the first "
        f"{first}{where}; fill them, or leave those rows out: numpy.isfinite(x) says which are whole"
    )


def numbers_of(column: pd.Series) -> np.ndarray:
    """The numbers of a column as they are, NaN where there is none."""
    # Whole numbers and long floats may be too long for float64, too.
    if column.dtype.kind in "iu" and not column.isna().any():
        return column.to_numpy(column.dtype.kind + "8")
    return column.to_numpy(np.longdouble if column.dtype == np.longdouble else np.float64, na_value=np.nan)


def as_switches(column: pd.Series) -> pd.Series:
    """Yes and no that pandas keeps as objects, as bools; any other column as it is."""
    if column.dtype != object or not all(isinstance(each, (bool, np.bool_)) for each in column):
        return column
    return column.astype(bool)


def as_float32(values: np.ndarray, called: str) -> np.ndarray:
    """Numbers (n, ...) as float32, copied only if they are not.

    Rounding is no loss. ValueError that names the column (along the last axis) for a number beyond float32,
    for whole numbers of which different ones would become the same, and for others if half of them would, or
    some and what they vary by is rounded away. Numbers below 1.2e-38 become 0.
    """
    check_numeric(values, called)
    check_float32(values, called)
    return values.astype(np.float32, copy=False)


def check_float32(values: Sliced, called: str, rows: np.ndarray | None = None) -> None:
    """ValueError if something that matters would be lost in float32, as `as_float32` says.

    It is looked for piece by piece. `rows` are the numbers of the rows that these are.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind not in "iuf" or size < 4 or _loses_nothing(values):
        return
    check_numeric(values, called)
    if kind == "f" and size > 4:
        for piece in pieces(values):
            own = np.arange(piece.start, piece.stop) if rows is None else rows[piece]
            check_range(values[piece], called, own)
    check_distinct(values, called)


def _loses_nothing(values: Sliced) -> bool:
    """Whether one quick look says so, as of a few rows that are asked about again and again."""
    if values.dtype != np.float32 or not isinstance(values, np.ndarray) or not (values.ndim and values.size):
        return False
    # A column that begins with a number of any size is exact, see `_suspects`.
    first = np.abs(values[(0,) * (values.ndim - 1)])
    # Of a few numbers, the place of the smallest is found in a third of the time that it takes to find it.
    if first[first.argmin()] >= FEWEST_STEPS * SMALLEST:
        return True
    if values.size > _FEW:
        return False
    # The bits of a number without its sign rise with its size. Turned round, modulo 2**32, those of the
    # smallest are the largest, and 0 stays below all of them.
    turned = values.view(np.uint32).reshape(-1) * _TURN
    return bool(turned[turned.argmax()] <= _PLAIN_TURNED)


def check_distinct(values: Sliced, called: str) -> None:
    """ValueError naming the first column whose values would fall together in float32."""
    for place in np.flatnonzero(_suspects(values)):
        given, same = _falling_together(values, place)
        if len(same):
            one, other = given[same[0]], given[same[0] + 1]
            raise ValueError(
                f"{_named(called, len(values.shape), place)} holds {len(given):,} different numbers, of "
                f"which float32 keeps {len(given) - len(same):,} apart ({one!s} and {other!s} become the "
                f"same); {_ways_out(values, place)}"
            )


def _falling_together(values: Sliced, place: int) -> tuple[np.ndarray, np.ndarray]:
    """The different numbers of a column, and the places among them of too many that become the next one."""
    distinct = [np.unique(_columns(values, piece)[:, place]) for piece in pieces(values)]
    given = np.unique(np.concatenate(distinct))
    rounded = given.astype(np.float32)
    if given.dtype.kind in "iu":
        return given, np.flatnonzero(rounded[1:] == rounded[:-1])
    rounded[np.abs(rounded) < SMALLEST] = 0
    same = np.flatnonzero(rounded[1:] == rounded[:-1])
    with np.errstate(all="ignore"):
        moved = np.sqrt(np.square(given - rounded).mean()) > MOST_ROUNDED * given.std()
    return given, same if moved or 2 * len(same) >= len(given) else same[:0]


def _ways_out(values: Sliced, place: int) -> str:
    """What can be done about a column whose numbers fall together, and is accepted then."""

    def fits(column: np.ndarray) -> bool:
        return not _suspects(column).any() or not len(_falling_together(column, 0)[1])

    column = np.concatenate([_columns(values, piece)[:, [place]] for piece in pieces(values)])
    ways, moved = [], column - column.min()
    if fits(moved):
        ways.append("subtract the smallest first, as in x - x.min(axis=0)")
    elif column.dtype == np.float32 and fits(moved / np.float32(SMALLEST)):
        ways.append("scale them: x * 1e38 - (x * 1e38).min(axis=0)")
    elif fits(moved / moved.std()):
        ways.append("scale them: (x - x.min(axis=0)) / x.std(axis=0)")
    if column.dtype.kind in "iu" and fits(column.astype(np.float64)):
        ways.append("give float64 if rounding is meant")
    return ", or ".join(ways) or "number them: numpy.unique(x, return_inverse=True)[1]"


def _suspects(values: Sliced) -> np.ndarray:
    """Which columns are worth a look at every value: by their ends, or by a look at some."""
    whole, size = values.dtype.kind in "iu", math.prod(values.shape)
    if size == 0 or values.dtype.kind == "b" or values.dtype.itemsize < 4:
        return np.zeros(0, bool)
    if whole:
        ends = [(part.min(axis=0), part.max(axis=0)) for part in _parts(values)]
        least, most = np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0)
        return (most > EXACT) | (least < -EXACT)
    with np.errstate(all="ignore"):
        single, low = values.dtype == np.float32, FEWEST_STEPS * SMALLEST
        # These are exact, but for what is 0 while a step runs; few columns begin with so little.
        if single and not (np.abs(_columns(values, slice(0, _FIRST))) < low).all(axis=0).any():
            return np.zeros(0, bool)
        # Zeros are plain; and numbers of this size that differ at all deviate by more, however many they are.
        if single and not any(((part != 0) & (np.abs(part) < _PLAIN)).any() for part in _parts(values)):
            return np.zeros(0, bool)
        least, most, deviation = _spread(values, 1 + size // _LOOKED_AT)
        step = 0 if single else np.spacing(np.maximum(np.abs(least), np.abs(most)).astype(np.float32))
        return (deviation < np.maximum(FEWEST_STEPS * step, low)) & (most > least)


def _spread(values: Sliced, every: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The smallest and the largest of each column, and the deviation of one in `every` of its values.

    Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
    """
    count, passed, least, most, mean, squares = 0, 0, np.inf, -np.inf, 0.0, 0.0
    for part in _parts(values):
        some = part[-passed % every :: every]
        passed += len(part)
        # All are looked at for these: in data that alternate, some are all alike.
        least, most = np.minimum(least, part.min(axis=0)), np.maximum(most, part.max(axis=0))
        if len(some) == 0:
            continue
        share, away = len(some) / (count + len(some)), some.mean(axis=0) - mean
        squares = squares + some.var(axis=0) * len(some) + away**2 * count * share
        count, mean = count + len(some), mean + away * share
    return np.asarray(least), np.asarray(most), np.sqrt(squares / count)


def _parts(values: Sliced) -> Iterator[np.ndarray]:
    return (_columns(values, piece) for piece in pieces(values))


def _columns(values: Sliced, piece: slice) -> np.ndarray:
    """A piece of the values as (rows, columns), where the columns are the last axis."""
    part = values[piece]
    return part.reshape(-1, 1) if part.ndim == 1 else part.reshape(-1, part.shape[-1])


def check_range(values: np.ndarray, called: str, rows: np.ndarray) -> None:
    """ValueError for a float beyond float32 in (n, ...) values of these `rows`."""
    with np.errstate(over="ignore"):
        beyond = np.isinf(values.astype(np.float32))
    if beyond.any():
        beyond &= np.isfinite(values)
    if beyond.any():
        row, *_, place = (*np.argwhere(beyond)[0].tolist(), 0)[: max(values.ndim, 2)]
        worst = values[beyond][0]
        raise ValueError(
            f"{_named(called, values.ndim, place)} holds {worst:.3g} in row {rows[row]}, which is beyond "
            "float32 (3.4e38); scale it, or take its logarithm"
        )


def _named(called: str, ndim: int, place: int) -> str:
    return called if ndim == 1 else f"{called}, column {place},"
