"""A small fixed pool of threads that share out the pieces of one kernel.

Numba's own parallel loops and a threaded BLAS spin against each other; here every core runs compiled code
that has let go of the GIL, and BLAS keeps to one thread per worker for as long as a kernel runs.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from itertools import pairwise
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from cortex_lab.compute.denormals import switches

Piece = tuple[int, int]
TURNS = 3
"""Pieces a worker gets of a kernel that is long enough."""
WORTH = 8
"""Grains that a piece has at least where a worker gets more than one."""
_NOTHING = nullcontext()


def worker_count() -> int:
    """Threads a kernel may use: CORTEX_LAB_WORKERS, or the number of cores this process may run on."""
    setting = os.environ.get("CORTEX_LAB_WORKERS", "").strip()
    if not setting:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not setting.isdigit() or int(setting) < 1:
        raise ValueError(f"CORTEX_LAB_WORKERS must be a whole number of at least 1, got {setting!r}")
    return int(setting)


class Workers:
    """`count` threads, the caller's among them; `run` returns when every piece is done.

    A kernel is cut into more pieces than there are workers, and whoever is free takes the next one: cores of
    a laptop differ, and other programs use them too. The same pieces give the same results whoever runs
    them; if another thread has the pool at the moment, the caller does all of them itself.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._helpers: list[_Helper] = []
        self._busy = threading.Lock()

    def split(self, total: int, grain: int, turns: int = TURNS) -> list[Piece]:
        """`total` things as (start, stop), none of fewer than `grain` unless alone.

        A piece per worker, or `turns` where each piece is then still worth the time it takes to get it.
        """
        return list(_pieces(self.count, total, max(grain, 1), turns))

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
        wanted = min(self.count, len(pieces)) - 1
        while len(self._helpers) < wanted:
            self._helpers.append(_Helper())
        job = _Job(function, pieces[1:])
        interrupt: BaseException | None = None
        try:
            for helper in self._helpers[:wanted]:
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
                for helper in self._helpers[:wanted]:
                    helper.jobs.put(job)
            except BaseException as error:
                interrupt = error
        if interrupt or job.errors:
            raise interrupt or job.errors[0]


@lru_cache(maxsize=1024)
def _pieces(workers: int, total: int, grain: int, turns: int) -> tuple[Piece, ...]:
    count = max(1, min(workers, total // grain))
    if count == workers > 1 and total >= turns * count * WORTH * grain:
        count *= turns
    return tuple(pairwise(total * i // count for i in range(count + 1)))


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
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._serve, name="cortex_lab worker", daemon=True).start()

    def _serve(self) -> None:
        flush, _ = switches()
        flush()
        while True:
            # Not kept in a name, which would keep the job's arrays until the next one.
            self.jobs.get().help()


class _OneBlasThread:
    """Context in which the BLAS that compiled kernels call uses one thread; entered and left by any thread.

    BLAS has one such number per process, so it is put back when the last one leaves.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = [library.get_num_threads() or 1 for library in _blas_libraries()]
                self._set([1] * len(self._before))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._set(self._before)

    def _set(self, counts: Sequence[int]) -> None:
        for library, before, count in zip(_blas_libraries(), self._before, counts, strict=True):
            if before != 1:
                _set_threads(library, count)


one_blas_thread = _OneBlasThread()


def _set_threads(library: Any, count: int) -> None:
    """Set it from any thread. From threadpoolctl 3.8 on, only the one in control can, which stays so."""
    clear = getattr(library, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)
    library.set_num_threads(count)
    if clear is not None:
        clear()


@lru_cache(maxsize=1)
def _blas_libraries() -> tuple[Any, ...]:
    """threadpoolctl's handles of the BLAS that Numba calls: SciPy's, or all if SciPy has none of its own."""
    try:
        import scipy.linalg.blas  # noqa: F401 - to have it loaded
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return ()
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple(
        each for each in found if "scipy" in (each.filepath or "").replace("scipy_openblas", "")
    ) or tuple(found)


@lru_cache(maxsize=1)
def get_workers() -> Workers:
    """The pool of this process."""
    return Workers(worker_count())


_local = threading.local()
_LINE = 64


def workspace(name: str, dtype: Any, size: int) -> Any:
    """At least `size` elements of memory that belong to this thread under `name`, kept for next time.

    It begins with a line of the cache, so that no vector read from its front is split over two.
    """
    import numpy as np

    held = _local.__dict__
    array = held.get(name)
    if array is None or array.size < size:
        room = np.empty(size * np.dtype(dtype).itemsize + _LINE, np.uint8)
        start = -room.ctypes.data % _LINE
        array = held[name] = room[start : start + size * np.dtype(dtype).itemsize].view(dtype)
    return array


if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork; the child starts its own when it first needs them.
    os.register_at_fork(after_in_child=get_workers.cache_clear)
