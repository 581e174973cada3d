"""Work for where there is no way into kernels below Python: threads of Python's own call them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, Self

from cortex_lab.compute.blas_threads import one_blas_thread
from cortex_lab.compute.cpu.pool import Workers, get_workers
from cortex_lab.compute.work import Work

Part = tuple[Any, tuple[Any, ...], Sequence[tuple[int, ...]], Callable[[int], tuple[Any, ...]] | None, bool]
"""A kernel, what all of its calls are given first, its pieces, a worker's rooms, whether it calls BLAS."""


class PlainWork(Work):
    """Kernels with their arguments, each call of which goes through Python."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.names = [kernel.__name__ for kernel, *_ in parts]

    def __call__(self) -> None:
        if any(blas for *_, blas in self.parts):
            one_blas_thread.within(self._perform)
        else:
            self._perform()

    def _perform(self) -> None:
        workers = get_workers()
        # Rooms belong to the pool, which is one thread's at a time.
        with workers.busy:
            for kernel, before, pieces, rooms, _ in self.parts:
                try:
                    _share(workers, kernel, before, pieces, rooms)
                except Exception as error:
                    raise RuntimeError(f"the compiled kernel {kernel.__name__!r} failed") from error

    @classmethod
    def of(cls, works: Sequence[Self]) -> Self:
        return cls([part for each in works for part in each.parts])


def _share(workers: Workers, kernel: Any, before: Any, pieces: Any, rooms: Any) -> None:
    free = deque(range(workers.count))

    def call(piece: tuple[int, ...]) -> None:
        worker = free.pop()
        try:
            kernel(*before, *piece, *(rooms(worker) if rooms else ()))
        finally:
            free.append(worker)

    if len(pieces) == 1 or workers.count == 1:
        for piece in pieces:
            call(piece)
        return
    begun = [_threads(workers).submit(call, piece) for piece in pieces]
    try:
        wait(begun)
    except BaseException:
        # They write into the caller's arrays: nobody leaves before they are done.
        wait(begun)
        raise
    for each in begun:
        each.result()


@lru_cache(maxsize=4)
def _threads(workers: Workers) -> ThreadPoolExecutor:
    """As many threads as the pool has workers; a forked child has a pool, and so threads, of its own."""
    return ThreadPoolExecutor(workers.count, thread_name_prefix="cortex_lab worker")
