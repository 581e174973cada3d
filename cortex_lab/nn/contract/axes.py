"""Axes counted as Keras counts them: 0 is the batch, -1 the last."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import WHOLE, Shape


def row_axis(what: str, axis: Any, shape: Shape) -> int:
    """Which axis of a row `axis` names; ValueError if a row of `shape` has no such axis."""
    rank = len(shape)
    if isinstance(axis, WHOLE) and not isinstance(axis, bool):
        if 1 <= axis <= rank:
            return int(axis) - 1
        if -rank <= axis <= -1:
            return int(axis) + rank
    raise ValueError(
        f"{what} must be one of 1 to {rank} or -{rank} to -1 for rows of shape {shape} (0 is the batch), "
        f"got {axis!r}"
    )


def row_axes(what: str, value: object, shape: Shape) -> tuple[int, ...]:
    """Which axes of a row one axis or several name, in order; ValueError for one that is named twice."""
    chosen = sorted(row_axis(what, axis, shape) for axis in axes(value))
    twice = [axis for axis, other in pairwise(chosen) if axis == other]
    if twice:
        raise ValueError(f"{what} names the axis {twice[0] + 1} of rows {shape} twice, got {value!r}")
    return tuple(chosen)


def axes(value: object) -> tuple[Any, ...]:
    """One axis or several, as a tuple."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def check_axes(name: str, value: object) -> None:
    """ValueError unless this is one axis or several; which ones a row has is seen once it is known."""
    if not axes(value):
        raise checks.refused(name, "an axis or several, whole numbers", value)
    for axis in axes(value):
        checks.whole(name, axis)
