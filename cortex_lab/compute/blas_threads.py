"""The threads of the BLAS that compiled kernels and small solvers call, of which they want one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import LibController

from cortex_lab.ground import forks

Result = TypeVar("Result")


class _Inside:
    """One call, of the thread that makes it."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class _OneBlasThread:
    """While `within(act)` acts, in any thread, the BLAS that compiled kernels call uses one thread.

    BLAS has one such number per process, so it is put back when the last one leaves.
    """

    def __init__(self) -> None:
        self._lock = forks.freed(threading.Lock())
        self._inside: set[_Inside] = set()
        self._before: list[int] | None = None
        forks.told(self)

    def within(self, act: Callable[[], Result]) -> Result:
        me = _Inside()
        # Left twice, since leaving can be interrupted as well.
        try:
            try:
                self._enter(me)
                return act()
            finally:
                self._leave(me)
        finally:
            self._leave(me)

    def _enter(self, me: _Inside) -> None:
        with self._lock:
            self._inside.add(me)
            if self._before is None:
                # By the first that enters: what others find inside is the 1 that it set.
                self._before = [library.get_num_threads() or 1 for library in _blas_libraries()]
                self._set(self._before, [1] * len(self._before))

    def _leave(self, me: _Inside) -> None:
        with self._lock:
            self._inside.discard(me)
            if not self._inside and self._before is not None:
                self._set(self._before, self._before)
                self._before = None

    def after_fork(self) -> None:
        """In a child: nobody is inside, unless it was this thread that forked there."""
        here = threading.get_ident()
        self._inside = {each for each in self._inside if each.thread == here}
        if not self._inside and self._before is not None:
            self._set(self._before, self._before)
            self._before = None

    @staticmethod
    def _set(befores: Sequence[int], counts: Sequence[int]) -> None:
        for library, before, count in zip(_blas_libraries(), befores, counts, strict=True):
            if before != 1:
                _set_threads(library, count)


one_blas_thread = _OneBlasThread()


def _set_threads(library: LibController, count: int) -> None:
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
