"""What a plan takes of memory, and what is said where there is not as much."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.run.plan import Plan, assign_offsets

Made = TypeVar("Made")
_NAMED = 3


def bytes_by_buffer(plan: Plan, dtype: np.dtype, rows: int) -> dict[str, int]:
    """Bytes of each buffer that has memory of its own, or shares it by turns, the largest first."""
    found = {
        buffer.name: math.prod(buffer.shape) * _width(buffer.dtype, dtype) * (rows if buffer.per_row else 1)
        for buffer in plan.buffers.values()
        if buffer.alias is None
    }
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def bytes_of_row(plan: Plan, dtype: np.dtype) -> int:
    """Bytes that each row takes, with what lives at different times in the same memory."""
    owners = [each for each in plan.buffers.values() if each.per_row and each.alias is None]
    total = 0
    for own in {each.dtype for each in owners}:
        wanted = [(b.name, math.prod(b.shape), b.first, b.last) for b in owners if b.dtype == own]
        total += assign_offsets(wanted)[1] * _width(own, dtype)
    nodes = plan.graph.nodes.values()
    return total + max(
        sum(
            math.prod(buffer.shape) * _width(buffer.dtype, dtype)
            for buffer in node.layer.scratch(*node.in_shapes).values()
            if buffer.per_row
        )
        for node in nodes
    )


def not_enough(plan: Plan, ops: Ops, rows: int, apart: int = 0) -> MemoryError:
    """The error to raise where `rows` rows of a plan find no memory: what takes most, and what would fit.

    `apart` are bytes that it takes beside its buffers, however many the rows.
    """
    largest = bytes_by_buffer(plan, ops.dtype, rows)
    fixed = apart + sum(size for name, size in largest.items() if not plan.buffers[name].per_row)
    of_row = bytes_of_row(plan, ops.dtype)
    most = ", ".join(f"{name} {gigabytes(size)}" for name, size in list(largest.items())[:_NAMED])
    others = f" and {len(largest) - _NAMED} more" if len(largest) > _NAMED else ""
    work = "a training step" if plan.training else "an answer"
    text = (
        f"there is not enough memory: {work} of {rows:,} rows takes {gigabytes(fixed + of_row * rows)} of "
        f"buffers ({most}{others})"
    )
    free = ops.backend.free()
    if free is None:
        return MemoryError(f"{text}; take fewer rows at a time")
    # What goes into a tenth of it: other things need some, too.
    fit = int((0.9 * free - fixed) // of_row) if of_row else rows
    text += f", and {gigabytes(free)} are free"
    if fit >= rows:
        return MemoryError(f"{text}, but not in one piece; take fewer rows at a time")
    if fit < 1:
        return MemoryError(f"{text}, which is not enough for one row: take a smaller network, or free some")
    said = f": batch_size={fit}" if plan.training else ""
    return MemoryError(f"{text}, enough for {fit:,} rows at a time{said}")


def as_many_as_fit(make: Callable[[Plan, int], Made], plan: Plan, rows: int) -> Made:
    """`make(plan, rows)`, or that of half as many rows, and so on, where memory is short."""
    while True:
        try:
            return make(plan, rows)
        except MemoryError:
            if rows == 1:
                raise
        rows //= 2


def gigabytes(size: float) -> str:
    """So many bytes as a person reads them."""
    power = min(4, max(0, int(math.log10(max(size, 1)) // 3)))
    return f"{size / 1000**power:,.{1 if power else 0}f} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"


def _width(own: str | None, usual: np.dtype) -> int:
    return np.dtype(own or usual).itemsize
