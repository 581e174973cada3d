"""Kernels of our own and their launches: looked at once, repeated as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Self

import cupy
import numpy as np

from cortex_lab.compute.work import Call, Work, in_turn

CUDA = Path(__file__).parent / "cuda"
NOTHING = np.uint64(0)
"""What a kernel gets for an array that is None."""
BLOCK = 256
Launch = tuple[Any, tuple[int, ...], tuple[int, ...], tuple[Any, ...], int]
"""A kernel, its grid, its block, its arguments and its bytes of shared memory."""


class Launches(Work):
    """Launches one after the other; from the third time on, several are a graph of their own.

    The first time compiles and loads what is missing, which is no part of a graph. Arguments, and so the
    arrays among them, live as long as this does.
    """

    def __init__(self, launches: Sequence[Launch], names: Sequence[str] = ()) -> None:
        self.names = list(names)
        self.launches = list(launches)
        self._made = 0
        self._graph: Any = None

    def __call__(self) -> None:
        if self._graph is not None:
            self._graph.launch()
            return
        if self._made and len(self.launches) > 1:
            self._graph = self._captured()
            self._graph.launch()
            return
        self._launch()
        self._made += 1

    @classmethod
    def of(cls, works: Sequence[Self]) -> Self:
        launches = chain.from_iterable(work.launches for work in works)
        return cls(list(launches), [name for work in works for name in work.names])

    def _launch(self) -> None:
        for kernel, grid, block, arguments, shared in self.launches:
            kernel(grid, block, arguments, shared_mem=shared)

    def _captured(self) -> Any:
        # A stream that waits for no other: what other threads do meanwhile is no part of the graph.
        stream = cupy.cuda.Stream(non_blocking=True)
        with stream:
            stream.begin_capture()
            try:
                self._launch()
            finally:
                graph = stream.end_capture()
        return graph


def capture(calls: Iterable[Call]) -> Call:
    """One call that makes all of these again: what is ours is a graph, other calls are made in between."""
    return in_turn(*calls)


@cache
def kernel(file: str, name: str, **macros: int) -> Any:
    """The kernel `name` of `cuda/<file>.cu`, compiled for this device with these macros."""
    source = (CUDA / "functions.cu").read_text("utf-8") + (CUDA / f"{file}.cu").read_text("utf-8")
    options = ("-std=c++17", *(f"-D{key}={value}" for key, value in macros.items()))
    return cupy.RawModule(code=source, options=options).get_function(name)


def over(n: int) -> tuple[int, ...]:
    """The grid of a kernel that goes over `n` numbers, some of them several times."""
    return (max(1, min(-(-n // BLOCK), 16 * processors())),)


@cache
def processors() -> int:
    """Multiprocessors of the device."""
    return cupy.cuda.Device().attributes["MultiProcessorCount"]


def given(array: cupy.ndarray) -> Any:
    return NOTHING if array is None else array


def flat(*arrays: cupy.ndarray, dtype: str = "float32") -> bool:
    """Whether all that are not None are contiguous, of this dtype and of less than 2**31 numbers.

    Only such arrays are for kernels of ours.
    """
    return all(
        a is None or (a.dtype == dtype and a.flags.c_contiguous and a.size < 2**31 - 2**20) for a in arrays
    )


def room(count: int, dtype: str = "float32") -> Any:
    """Memory of a launch's own."""
    return cupy.empty(count, dtype)


def counters(count: int) -> Any:
    """Numbers that blocks count each other with; a kernel leaves them at 0."""
    return cupy.zeros(count, "uint32")


def once(
    name: str, kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], block: int = BLOCK
) -> Launches:
    """The work that is one launch."""
    return Launches([(kernel, grid, (block,), arguments, 0)], [name])


Number = tuple[Any, Any]


def number(value: Any, dtype: Callable[[Any], Any], kind: str) -> Number | None:
    """A number as an array () to be read, and as it is; None for an array of another kind."""
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0 and hasattr(value, "get"):
        return (value, dtype(0)) if value.dtype == kind else None
    return NOTHING, dtype(value)
