"""A small fixed pool of threads that share out the pieces of one kernel.

Numba's own parallel loops and a threaded BLAS spin against each other; here every core runs compiled code
that has let go of the GIL, and BLAS keeps to one thread per worker for as long as a kernel runs.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache, partial
from itertools import pairwise
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.compute.cpu.blas_threads import one_blas_thread
from cortex_lab.compute.cpu.denormals import switches

if TYPE_CHECKING:
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
_NOTHING = nullcontext()
_give_way: Callable[[], None] = getattr(os, "sched_yield", partial(time.sleep, 0))
_crew_module: Any = None


def worker_count() -> int:
    """Threads a kernel may use: CORTEX_LAB_WORKERS, or the number of cores this process may run on."""
    setting = os.environ.get("CORTEX_LAB_WORKERS", "").strip()
    if not setting:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not setting.isdigit() or int(setting) < 1:
        raise ValueError(f"CORTEX_LAB_WORKERS must be a whole number of at least 1, got {setting!r}")
    return int(setting)


class Workers:
    """`count` threads, the caller's among them, that share out kernels; both ways return when all is done.

    A kernel is cut into more pieces than there are workers, and whoever is free takes the next one: cores of
    a laptop differ, and other programs use them too. The same pieces give the same results whoever runs them.

    `perform` does compiled kernels, below Python (`crew`), and waits while another thread has the pool. `run`
    calls any function; while another thread has the pool, the caller does all pieces itself.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._helpers: list[_Helper] = []
        self._busy = threading.Lock()
        self._rooms: list[dict[str, Any]] = [{} for _ in range(count)]
        self._state: Any = None

    def split(self, total: int, grain: float, turns: int = TURNS) -> list[Piece]:
        """`total` things as (start, stop), none of fewer than `grain` (or part of a thing) unless alone.

        A piece per worker; where that would be worth it, `turns` each, a large one and then small ones.
        """
        return list(_pieces(self.count, total, grain, turns))

    def run(self, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]], blas: bool = True) -> None:
        """Call `function(*piece)` for every piece, the first in this thread. What one raises is raised.

        `blas` says whether it calls BLAS; what does not is spared the microseconds of limiting its threads.
        """
        flush, restore = switches()
        before = flush()
        try:
            with one_blas_thread if blas else _NOTHING:
                self._run(function, pieces)
        finally:
            restore(before)

    def room(self, worker: int, name: str, dtype: Any, size: int) -> Any:
        """At least `size` elements of memory that belong to a worker while it performs something."""
        return _room(self._rooms[worker], name, dtype, size)

    def perform(self, work: Work) -> None:
        """Do what `work` says, from its first kernel to its last; small numbers count as zero meanwhile."""
        with one_blas_thread if work.blas else _NOTHING, self._busy:
            failed = self._perform(work)
        if failed >= 0:
            raise RuntimeError(f"the compiled kernel {work.names[failed]!r} failed")

    def _perform(self, work: Work) -> int:
        crew = _crew()
        if self._state is None:
            self._state = crew.new_state()
        state = self._state
        if work.widest == 1 or self.count == 1:
            return crew.advance(state, work.records, 0, crew.ALONE)
        looks = crew.looks(WAIT)
        for place, helper in enumerate(self._helped(min(self.count, work.workers, work.widest) - 1), 1):
            if not helper.awake:
                helper.wake(state, place)
        try:
            outcome = crew.advance(state, work.records, 0, looks)
            while outcome == crew.NOT_YET:
                _give_way()
                outcome = crew.advance(state, work.records, -1, looks)
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

    def _run(self, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> None:
        if len(pieces) == 1:
            function(*pieces[0])
        elif self.count == 1 or not self._busy.acquire(blocking=False):
            for piece in pieces:
                function(*piece)
        else:
            try:
                self._share(function, pieces)
            finally:
                self._busy.release()

    def _share(self, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> None:
        helpers = self._helped(min(self.count, len(pieces)) - 1)
        if self._state is not None:
            # Whoever looks for work below Python will not find this.
            self._state[_crew().AWAY] = 1
        job = _Job(function, pieces[1:])
        interrupt: BaseException | None = None
        try:
            for helper in helpers:
                helper.jobs.put(job)
            function(*pieces[0])
            job.work()
        except BaseException as error:
            interrupt = error
        # The helpers write into the caller's arrays: whatever happens, nobody leaves before they are done.
        while job.waiting or job.inside:
            try:
                job.left.get(timeout=0.05)
            except Empty:
                # An interrupt may have come before the helpers were told; who is told twice finds nothing.
                for helper in helpers:
                    helper.jobs.put(job)
            except BaseException as error:
                interrupt = error
        if self._state is not None:
            self._state[_crew().AWAY] = 0
        if interrupt or job.errors:
            raise interrupt or job.errors[0]


def _crew() -> Any:
    """What workers do below Python; only there where Numba is."""
    global _crew_module
    if _crew_module is None:
        from cortex_lab.compute.cpu import work_stealing as _crew_module
    return _crew_module


def _settled(state: Any) -> bool:
    """Whether no helper is at a piece, having waited a while for it; an interrupt counts as no."""
    try:
        if _crew().settle(state, _crew().looks(WAIT)):
            state[_crew().AWAY] = 0
            return True
        _give_way()
    except KeyboardInterrupt:
        pass
    return False


@lru_cache(maxsize=1024)
def _pieces(workers: int, total: int, grain: float, turns: int) -> tuple[Piece, ...]:
    count = max(1, min(workers, total, int(total // grain)))
    cuts = [total * i // count for i in range(count + 1)]
    if count == workers > 1 and turns > 1 and total >= turns * count * WORTH * grain:
        large, small = int(FIRST * total / count), (turns - 1) * count
        first, rest = large * count, total - large * count
        cuts = [large * i for i in range(count)] + [first + rest * i // small for i in range(small + 1)]
    return tuple((start, stop) for start, stop in pairwise(cuts) if stop > start or count == 1)


class _Job:
    """The pieces of one kernel that nobody has begun, and who is at one of them."""

    def __init__(self, function: Callable[..., Any], pieces: Sequence[tuple[Any, ...]]) -> None:
        self.function = function
        self.waiting = deque(pieces)
        self.inside: list[None] = []
        self.left: SimpleQueue[None] = SimpleQueue()
        self.errors: list[BaseException] = []

    def work(self) -> None:
        """Do pieces until none is waiting."""
        while True:
            try:
                piece = self.waiting.popleft()
            except IndexError:
                return
            self.function(*piece)

    def help(self) -> None:
        """Do pieces as a helper, who is inside from before it takes the first."""
        self.inside.append(None)
        try:
            self.work()
        except BaseException as error:
            self.errors.append(error)
        finally:
            self.inside.pop()
            self.left.put(None)


class _Helper:
    """A thread that waits for a job, helps with it, and waits again."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job | _Call] = SimpleQueue()
        self.awake = False
        threading.Thread(target=self._serve, name="cortex_lab worker", daemon=True).start()

    def _serve(self) -> None:
        flush, _ = switches()
        flush()
        while True:
            # Not kept in a name, which would keep the job's arrays until the next one.
            self.jobs.get().help()

    def wake(self, state: Any, worker: int) -> None:
        """Have it look for pieces below Python, as that worker; it does so until none come for a while."""
        self.awake = True
        try:
            self.jobs.put(_Call(self, state, worker))
        except BaseException:
            # Told twice is better than never again.
            self.awake = False
            raise


class _Call:
    """What has a helper look for pieces below Python."""

    def __init__(self, helper: _Helper, state: Any, worker: int) -> None:
        self.helper, self.state, self.worker = helper, state, worker

    def help(self) -> None:
        crew = _crew()
        crew.serve(self.state, self.worker, crew.looks(PATIENCE))
        self.helper.awake = False
        # Work may have come while it still counted as awake.
        crew.serve(self.state, self.worker, 1)


@lru_cache(maxsize=1)
def get_workers() -> Workers:
    """The pool of this process."""
    return Workers(worker_count())


_local = threading.local()
_LINE = 64


def workspace(name: str, dtype: Any, size: int) -> Any:
    """At least `size` elements of memory that belong to this thread under `name`, kept for next time."""
    return _room(_local.__dict__, name, dtype, size)


def _room(held: dict[str, Any], name: str, dtype: Any, size: int) -> Any:
    # It begins with a line of the cache, so that no vector read from its front is split over two.
    array = held.get(name)
    if array is None or array.size < size:
        room = np.empty(size * np.dtype(dtype).itemsize + _LINE, np.uint8)
        start = -room.ctypes.data % _LINE
        array = held[name] = room[start : start + size * np.dtype(dtype).itemsize].view(dtype)
    return array


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork; the child starts its own when it first needs them.
    os.register_at_fork(after_in_child=get_workers.cache_clear)
