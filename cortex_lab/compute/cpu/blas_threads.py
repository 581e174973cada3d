"""The threads of the BLAS that compiled kernels call, of which a worker wants one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType
from typing import Any


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
