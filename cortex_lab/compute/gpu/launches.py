"""Kernels of our own and their launches: looked at once, repeated as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeAlias

import cupy
import numpy as np

from cortex_lab.compute.work import Call, Work

CUDA = Path(__file__).parent / "cuda"
NOTHING = np.uint64(0)
"""What a kernel gets for an array that is None."""
BLOCK = 256
Maybe: TypeAlias = cupy.ndarray | None
"""An array, or none."""
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
        self._pool: Any = None

    def __call__(self) -> None:
        if self._graph is not None:
            self._graph.launch()
            return
        if self._made and (len(self.launches) > 1 or isinstance(self.launches[0][0], _Several)):
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
        self._pool = cupy.cuda.MemoryPool()
        return graph_of(self._launch, self._pool)


def graph_of(act: Callable[[], Any], pool: Any) -> Any:
    """What `act()` has the device do, as a graph, and not done now; what it allocates comes from `pool`.

    The graph needs the pool as long as it is launched: nobody else may be given that memory.
    """
    # A stream that waits for no other: what other threads do meanwhile is no part of the graph.
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream, cupy.cuda.using_allocator(pool.malloc):
        stream.begin_capture()
        try:
            act()
        finally:
            graph = stream.end_capture()
    return graph


def recorded(call: Call) -> Call:
    """A call that was made, as part of a graph; the call itself if it asks the device for a number.

    It may launch many kernels of CuPy's: what lies between them is the graph's own.
    """
    if isinstance(call, Work):
        return call
    try:
        graph_of(call, cupy.cuda.MemoryPool())
    except Exception:
        # Whatever it is that a graph cannot hold, a copy to the host or a call of cuBLAS: it goes without.
        return call
    name = getattr(getattr(call, "func", call), "__name__", "call")
    return Launches([(_Several(call), (), (), (), 0)], [name])


class _Several:
    """Stands for a kernel among launches."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __call__(self, *_: Any, **__: Any) -> None:
        self._call()


@cache
def kernel(file: str, name: str, **macros: int) -> Any:
    """The kernel `name` of `cuda/<file>.cu`, compiled for this device with these macros."""
    source = (CUDA / "functions.cu").read_text("utf-8") + (CUDA / f"{file}.cu").read_text("utf-8")
    options = ("-std=c++17", *(f"-D{key}={value}" for key, value in macros.items()))
    return cupy.RawModule(code=source, options=options).get_function(name)


def over(n: int) -> tuple[int, ...]:
    """The grid of a kernel that goes over `n` numbers, some of them several times."""
    return (max(1, min(-(-n // BLOCK), 16 * processors())),)


def down_columns(rows: int, width: int) -> tuple[int, int, int]:
    """Blocks across the columns and down the rows of what is summed over rows, and the rows of each."""
    across = -(-width // 32)
    share = max(64, -(-rows // max(1, 4 * processors() // across)))
    return across, -(-rows // share), share


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
