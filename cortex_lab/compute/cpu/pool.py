"""A small fixed pool of threads that share out the pieces of kernels.

Numba's own parallel loops and a threaded BLAS spin against each other; here every core runs compiled code
that has let go of the GIL, and BLAS keeps to one thread per worker for as long as a kernel runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from functools import lru_cache, partial
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.compute.blas_threads import one_blas_thread
from cortex_lab.compute.cpu import work_stealing as stealing
from cortex_lab.compute.cpu.denormals import flush
from cortex_lab.compute.cpu.machine import worker_count
from cortex_lab.compute.work import Work

Piece = tuple[int, int]
TURNS = 3
"""Pieces a worker gets of a kernel that is long enough."""
FIRST = 0.6
"""How much of a worker's share its first piece is, where it gets more than one: the last ones even out."""
WORTH = 4
"""Grains that a piece has at least where a worker gets more than one."""
PATIENCE = 0.5e-3
"""Seconds for which a helper looks for more work before it falls asleep."""
WAIT = 50e-6
"""Seconds for which the caller looks whether a helper is done before it gives up its place on the core."""
ALIKE = 4
"""For how many workers kernels are cut where any number of them shall give the same bits."""
# Windows has no sched_yield; a sleep of no time gives way there.
_give_way: Callable[[], None] = getattr(os, "sched_yield", partial(time.sleep, 0))


class _Cutting(threading.local):
    """For how many workers this thread cuts kernels, 0 for as many as there are."""

    workers = 0


_cutting = _Cutting()


def cut_for(workers: int) -> None:
    """Have this thread cut kernels for so many workers, 0 for as many as there are."""
    _cutting.workers = workers


def cutting() -> int:
    """For how many workers this thread cuts kernels; 0 for as many as there are."""
    return _cutting.workers


class SharedWork(Work):
    """Compiled kernels with their arguments as words, which the workers of a pool take pieces of."""

    def __init__(
        self, names: list[str], records: np.ndarray, kept: list[Any], workers: int, blas: bool
    ) -> None:
        self.names = names
        self.records = records
        # Records know addresses; what lies there must not go before they do.
        self.kept = kept
        self.workers = workers
        """How many may be at it."""
        self.blas = blas
        self.widest = int(records[stealing.COUNT :: stealing.SIZE].max())

    def __call__(self) -> None:
        # Asked for at each call: a forked child has a pool of its own.
        get_workers().perform(self)

    def holding(self, arrays: Sequence[Any]) -> Self:
        other = copy(self)
        other.kept = [*self.kept, arrays]
        return other

    @classmethod
    def of(cls, works: Sequence[Self]) -> Self:
        names = [name for each in works for name in each.names]
        records = np.concatenate([each.records for each in works])
        workers, blas = min(each.workers for each in works), any(each.blas for each in works)
        return cls(names, records, list(works), workers, blas)


class Workers:
    """`count` threads, the caller's among them, that share out compiled kernels below Python.

    A kernel is cut into more pieces than there are workers, and whoever is free takes the next one: cores of
    a laptop differ, and other programs use them too. The same pieces give the same results whoever runs them.
    One thread at a time has the pool; others wait for it.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.busy = threading.Lock()
        self._helpers: list[_Helper] = []
        self._rooms: list[dict[str, Any]] = [{} for _ in range(count)]
        self._state: Any = None

    def split(self, total: int, grain: float, turns: int = TURNS) -> list[Piece]:
        """`total` things as (start, stop), none of fewer than `grain` (or part of a thing) unless alone.

        A piece per worker; where that would be worth it, `turns` each, a large one and then small ones.
        """
        return list(_pieces(self.cut, total, grain, turns))

    @property
    def cut(self) -> int:
        """For how many workers kernels are cut: whoever is there takes the pieces."""
        return _cutting.workers or self.count

    def room(self, worker: int, name: str, dtype: DTypeLike, size: int) -> Any:
        """At least `size` elements of memory that belong to a worker while it performs something."""
        # It begins with a line of the cache, so that no vector read from its front is split over two.
        held = self._rooms[worker]
        array = held.get(name)
        if array is None or array.size < size:
            length = size * np.dtype(dtype).itemsize
            room = np.empty(length + _LINE, np.uint8)
            start = -room.ctypes.data % _LINE
            # Whoever was given the smaller one before keeps it: its words say where that lies.
            array = held[name] = room[start : start + length].view(dtype)
        return array

    def perform(self, work: SharedWork) -> None:
        """Do what `work` says, from its first kernel to its last; small numbers count as zero meanwhile."""
        failed = one_blas_thread.within(lambda: self._alone(work)) if work.blas else self._alone(work)
        if failed >= 0:
            raise RuntimeError(f"the compiled kernel {work.names[failed]!r} failed")

    def _alone(self, work: SharedWork) -> int:
        with self.busy:
            return self._perform(work)

    def _perform(self, work: SharedWork) -> int:
        if self._state is None:
            self._state = stealing.new_state()
        state = self._state
        if work.widest == 1 or self.count == 1:
            return stealing.advance(state, work.records, 0, stealing.ALONE)
        looks = stealing.looks(WAIT)
        for place, helper in enumerate(self._helped(min(self.count, work.workers, work.widest) - 1), 1):
            if not helper.awake:
                helper.wake(state, place)
        try:
            outcome = stealing.advance(state, work.records, 0, looks)
            while outcome == stealing.NOT_YET:
                _give_way()
                outcome = stealing.advance(state, work.records, -1, looks)
        except BaseException:
            # Helpers write into the caller's arrays: whatever happens, nobody leaves before they are done.
            while not _settled(state):
                pass
            raise
        return outcome

    def _helped(self, wanted: int) -> list[_Helper]:
        while len(self._helpers) < wanted:
            self._helpers.append(_Helper())
        return self._helpers[:wanted]


def _settled(state: np.ndarray) -> bool:
    """Whether no helper is at a piece, having waited a while for it; an interrupt counts as no."""
    try:
        if stealing.settle(state, stealing.looks(WAIT)):
            state[stealing.BUSY] = 0
            return True
        _give_way()
    except KeyboardInterrupt:
        pass
    return False


# Kernels ask for the same few shapes at every step, and reckoning takes as long as a small kernel.
@lru_cache(maxsize=1024)
def _pieces(workers: int, total: int, grain: float, turns: int) -> tuple[Piece, ...]:
    count = max(1, min(workers, total, int(total // grain)))
    cuts = [total * i // count for i in range(count + 1)]
    if count == workers > 1 and turns > 1 and total >= turns * count * WORTH * grain:
        large, small = int(FIRST * total / count), (turns - 1) * count
        first, rest = large * count, total - large * count
        cuts = [large * i for i in range(count)] + [first + rest * i // small for i in range(small + 1)]
    return tuple((start, stop) for start, stop in pairwise(cuts) if stop > start or count == 1)


class _Helper:
    """A thread that waits until it is wanted, helps below Python, and waits again."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Any, int]] = SimpleQueue()
        self.awake = False
        threading.Thread(target=self._serve, name="cortex_lab worker", daemon=True).start()

    def wake(self, state: np.ndarray, worker: int) -> None:
        """Have it look for pieces below Python, as that worker; it does so until none come for a while."""
        self.awake = True
        try:
            self.calls.put((state, worker))
        except BaseException:
            # Told twice is better than never again.
            self.awake = False
            raise

    def _serve(self) -> None:
        # The switch belongs to a thread, and this one runs nothing but kernels.
        flush()
        while True:
            state, worker = self.calls.get()
            stealing.serve(state, worker, stealing.looks(PATIENCE))
            self.awake = False
            # Work may have come while it still counted as awake.
            stealing.serve(state, worker, 1)


@lru_cache(maxsize=1)
def get_workers() -> Workers:
    """The pool of this process."""
    return Workers(worker_count())


_LINE = 64
"""Bytes of a cache line."""

if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork; the child starts its own when it first needs them. Windows has no forks.
    os.register_at_fork(after_in_child=get_workers.cache_clear)
