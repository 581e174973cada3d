"""Which benches are open, and in which cell of a notebook."""

from __future__ import annotations

import atexit
import contextlib
import gc
import itertools
import sys
import weakref
from collections.abc import Callable
from typing import Any, Protocol


class Opened(Protocol):
    """A bench, as far as it matters which are open."""

    session: Any

    def close(self) -> None: ...


_of_session: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_of_cell: dict[str, weakref.ref[Any]] = {}
_closed = itertools.count(1)
_CLOSED_BETWEEN_COLLECTIONS = 8


def running_shell() -> Any:
    """The running IPython shell, if there is one that can display."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def open_on(session: object) -> Any:
    """The bench that is open on a session, or None."""
    return _of_session.get(id(session))


def opened(bench: Opened) -> None:
    """Remember a bench as the one of its session."""
    _of_session[id(bench.session)] = bench


def closed(bench: Opened) -> None:
    """Forget a bench."""
    if open_on(bench.session) is bench:
        del _of_session[id(bench.session)]
        # Widgets are circles, which the collector leaves lying until there are megabytes of them.
        if next(_closed) % _CLOSED_BETWEEN_COLLECTIONS == 0:
            gc.collect()


def close_older_in_cell(shell: Any, bench: Opened) -> None:
    """Close the bench that the running cell showed when it ran before."""
    with contextlib.suppress(Exception):
        cell = shell.get_parent()["metadata"]["cellId"]
        known = _of_cell.get(cell)
        older = known() if known is not None else None
        if older is not None and older is not bench:
            older.close()
        _of_cell[cell] = weakref.ref(bench)


def heed_interrupts(shell: object) -> bool:
    """Have the stop button of the notebook pause what benches run while no cell does; whether it will.

    Between cells a kernel ignores it; what it does then can be set while a cell runs.
    """
    kernel: Any = getattr(shell, "kernel", None)
    if not hasattr(kernel, "saved_sigint_handler"):
        return False
    kernel.saved_sigint_handler = _pause_all
    return True


def _pause_all(*_: object) -> None:
    for bench in list(_of_session.values()):
        bench.pause()


def somebody_looks(shell: Any) -> bool:
    """Whether the running cell is one of a page; of whoever runs it to convert it, nothing can be asked."""
    with contextlib.suppress(Exception):
        asked = shell.get_parent()
        return bool(asked["content"]["allow_stdin"] or "cellId" in asked["metadata"])
    return True


def after_each_cell(shell: Any, act: Callable[[], Any]) -> Callable[[], None]:
    """Call `act()` when a cell has run; returns the function that ends it."""

    def heard(*_: object) -> None:
        act()

    def end() -> None:
        with contextlib.suppress(AttributeError, ValueError):
            shell.events.unregister("post_run_cell", heard)

    # Something else that displays may know no cells.
    with contextlib.suppress(AttributeError):
        shell.events.register("post_run_cell", heard)
    return end


@atexit.register
def _stop_all() -> None:
    # The widgets stay: a page whose kernel is gone keeps the last picture, and hears nothing of their end.
    for bench in list(_of_session.values()):
        bench.trainer.close(timeout=2.0)
        bench.publisher.close(timeout=2.0)
