"""How workers, who know nothing of Python while they work, are told what to call.

An entry takes every argument from one row of 64-bit words, so that whoever has the address of an entry and of
a row can make the call: from any thread, without the GIL, as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import typeof, types

from cortex_lab.compute.cpu.machine import PORTABLE
from cortex_lab.compute.cpu.plain_work import PlainWork
from cortex_lab.compute.cpu.pool import SharedWork, get_workers
from cortex_lab.compute.cpu.work_stealing import MOST
from cortex_lab.compute.work import Work

_LINE = 8
"""Words of a cache line."""


def entry_of(kernel: Any, arguments: tuple[Any, ...]) -> int:
    """The address of the entry for arguments of these types."""
    kinds = tuple(map(_kind, arguments))
    if kinds not in kernel.entries:
        kernel.entries[kinds] = kernel.entry(tuple(types.unliteral(typeof(each)) for each in arguments))
    return kernel.entries[kinds]


def _kind(value: object) -> Any:
    """What Numba's type of a value depends on, found out faster."""
    if isinstance(value, np.ndarray):
        # Numba has types of their own for arrays of each order, read-only ones and those on odd addresses.
        flags = value.flags
        order = flags.c_contiguous, flags.f_contiguous
        return value.dtype.num, value.ndim, *order, flags.writeable, flags.aligned
    return tuple(map(_kind, value)) if isinstance(value, tuple) else type(value)


def address(array: np.ndarray) -> int:
    """Where an array's first element lies; four times as quick as `array.ctypes.data`."""
    return array.__array_interface__["data"][0]


def words_of(value: Any) -> list[int]:
    """A value as the words an entry takes it from; an array has to be kept as long as they are used."""
    if isinstance(value, np.ndarray):
        # No owner: what counts references to it would do so from threads that know nothing of Python.
        return [0, 0, value.size, value.itemsize, address(value), *value.shape, *value.strides]
    if isinstance(value, tuple):
        return [word for part in value for word in words_of(part)]
    if isinstance(value, float):
        # By its bits: there are only words in a row.
        return [int(np.float64(value).view(np.int64))]
    if isinstance(value, np.float32):
        return [int(value.view(np.int32))]
    # Words have a sign; the upper half of uint64 is the lower half of them.
    number = int(value)
    return [number if number < 2**63 else number - 2**64]


def work(
    kernel: Any,
    before: Sequence[Any],
    pieces: Sequence[tuple[int, ...]] = ((),),
    rooms: Callable[[int], tuple[Any, ...]] | None = None,
    blas: bool = False,
    keep: bool = True,
) -> Work:
    """What calls kernel(*before, *piece, *rooms(worker)) for every piece; `kernel` is a `piecework`.

    A piece is whole numbers. `blas` says whether the kernel calls BLAS. Without `keep` the caller sees to it
    that the arrays of `before` are there for as long as the work may be done.
    """
    if len(pieces) > MOST:
        raise ValueError(f"a kernel can have {MOST} pieces, got {len(pieces)}")
    if PORTABLE:
        return PlainWork([(kernel, tuple(before), pieces, rooms, blas)])
    count = get_workers().count
    workers = [rooms(worker) for worker in range(count)] if rooms else [()]
    entry = entry_of(kernel, (*before, *pieces[0], *workers[0]))
    # A whole row of arguments for each worker: it writes its piece and its rooms into its own.
    shared = words_of(tuple(before))
    place = len(shared)
    first = shared + [0] * len(pieces[0]) + words_of(workers[0])
    width = -(-len(first) // _LINE) * _LINE
    rows = _from_a_line_on(count, width)
    rows[:, : len(first)] = first
    for row, room in zip(rows[1:], workers[1:], strict=False):
        row[place + len(pieces[0]) : len(first)] = words_of(room)
    cut = np.array(pieces, np.int64).reshape(len(pieces), len(pieces[0]))
    # The last word is spare: so a record is as long as a line of the cache.
    record = [entry, address(rows), width, place, address(cut), cut.shape[1], len(cut), 0]
    return SharedWork(
        [kernel.py_func.__name__],
        np.array(record),
        [before if keep else None, workers, rows, cut],
        count,
        blas,
    )


def _from_a_line_on(count: int, width: int) -> np.ndarray:
    """(count, width) zeros, no two rows of which share a line of the cache."""
    room = np.zeros(count * width + _LINE, np.int64)
    start = -address(room) % (8 * _LINE) // 8
    return room[start : start + count * width].reshape(count, width)
