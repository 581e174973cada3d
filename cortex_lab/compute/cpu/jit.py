"""Numba, made safe to rely on: a disk cache that can only help, and one line when the user has to wait."""

from __future__ import annotations

import gc
import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from numba import types
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.registry import CPUDispatcher, cpu_target
from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
"""Any, because what it makes is called without the first argument of its definition."""

FLAGS = {"contract", "reassoc", "nsz", "arcp", "afn"}
"""Sums may be reordered and multiply-adds fused, but NaN and infinity keep their meaning."""
OPTIONS = {
    "nopython": True,
    "boundscheck": None,
    "nogil": True,
    "fastmath": FLAGS,
    "error_model": "numpy",
    # A way in for C, which nobody takes; with two ways in, kernels are written out in both.
    "no_cfunc_wrapper": True,
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled when first called, without the GIL, and kept on disk where that is possible.

    What compiled functions call is compiled apart from what Python calls, without the way in for Python.
    """
    return kept(CompiledForPython(function, targetoptions=OPTIONS), "")


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No search for garbage meanwhile: a compiler makes a million objects, and hardly any are garbage yet."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Compiler(CPUDispatcher):
    def compile(self, sig: Any) -> Any:
        with _without_collecting():
            return super().compile(sig)


class CompiledForPython(_Compiler):
    """A function for Python to call; to other compiled functions it is its `part`."""

    @property
    def _numba_type_(self) -> Any:
        return types.Dispatcher(self.part)

    @cached_property
    def part(self) -> Any:
        # Not for Python, which would jump to address 0.
        options = {**OPTIONS, "no_cpython_wrapper": True}
        return kept(_Part(self.py_func, targetoptions=options), "-part")


class _Part(_Compiler):
    """A function that compiled functions call: one version for a number and for a literal."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(tuple(types.unliteral(each) for each in args), kws)


def kept(dispatcher: Any, suffix: str) -> Any:
    """`dispatcher`, which now keeps what it compiles on disk, in files named with `suffix`."""
    # RuntimeError: no folder to write to. Then each process compiles for itself.
    with suppress(RuntimeError, OSError):
        dispatcher._cache = _Cache(dispatcher.py_func, suffix)
    return dispatcher


def get_ready() -> None:
    """Load what Numba needs before it can run the first compiled function."""
    target: Any = cpu_target
    target.typing_context.refresh()
    target.target_context.refresh()


def sources() -> list[Path]:
    """All that machine code may come from: compiled functions, and modules whose constants they freeze."""
    return sorted(Path(__file__).parents[1].rglob("*.py"))


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


_SOURCES = _digest_of_sources()


class _Cache(FunctionCache):
    """Numba's function cache, keyed by the text of all of `sources` and deaf to every error of the disk.

    Numba asks for the date of one file only, and would keep a kernel whose helper in another file changed.
    Its own version, the processor and what it can do are in its key already.
    """

    def __init__(self, function: Callable[..., Any], suffix: str) -> None:
        super().__init__(function)
        name = self._impl.filename_base + suffix
        self._cache_file = _CheckedFile(self._cache_path, name, _SOURCES)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            with suppress(Exception):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            super().save_overload(sig, data)


class _CheckedFile(IndexDataCacheFile):
    """Machine code is handed to the linker only if every byte is what was written."""

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise OSError(f"{name} is damaged")
        return pickle.loads(content[32:])


class _Announcement(event.Listener):
    """Says once per process that kernels are being compiled, when the first of ours is."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, happening: Any) -> None:
        details = happening.data or {}
        function = getattr(details.get("dispatcher"), "py_func", None)
        # What a user makes with exec() may have None for a module.
        module = getattr(function, "__module__", None) or ""
        if not self.said and module.startswith(__package__ or "-"):
            self.said = True
            print(
                "cortex_lab is compiling its CPU kernels: some seconds, the first time on this machine.",
                file=sys.stderr,
                flush=True,
            )

    def on_end(self, happening: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
