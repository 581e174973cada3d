"""The door to everything of the "cpu" backend: what is behind it is imported when that is first asked for."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from dataclasses import replace
from functools import lru_cache

from cortex_lab.compute.backend import Backend
from cortex_lab.compute.kernel import REGISTRY


@lru_cache(maxsize=1)
def accelerate() -> Backend:
    """What the backend brings, once every module of `kernels` was imported, which register their overrides.

    Where that is no use, one line says why, and references do everything: Numba may be missing, or a release
    that the kernels were not written for.
    """
    missing = [name for name in ("numba", "scipy") if _is_missing(name)]
    if missing or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        why = f"without {' and '.join(missing)}" if missing else "with NUMBA_DISABLE_JIT set"
        _say(why, "pip install numba scipy")
        return Backend()
    try:
        return _bring_in()
    except Exception as error:
        _leave_out()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _say(f"without its compiled kernels ({reason})", "pip install 'numba==0.68.*'")
        return Backend()


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ImportError:
        # A finder of somebody's own may refuse a package instead of not finding it.
        return True


# Names, not imports: nobody who imports this package should wait for Numba.
def _bring_in() -> Backend:
    overrides = importlib.import_module("cortex_lab.compute.cpu.kernels")
    for module in pkgutil.iter_modules(overrides.__path__):
        importlib.import_module(f"{overrides.__name__}.{module.name}")
    importlib.import_module("cortex_lab.compute.cpu.trial").check()
    pool = importlib.import_module("cortex_lab.compute.cpu.pool")
    brought = Backend(alike=pool.ALIKE, cut_for=pool.cut_for, cutting=pool.cutting)
    denormals = importlib.import_module("cortex_lab.compute.cpu.denormals")
    if not denormals.IS_X86:
        return brought
    return replace(brought, denormals=denormals.held, flush=denormals.flush, restore=denormals.restore)


def _leave_out() -> None:
    """Have references do everything, whatever was brought in before it went wrong."""
    for kernel in REGISTRY.values():
        if kernel.overrides.pop("cpu", None):
            kernel.unbind()


def _say(why: str, remedy: str) -> None:
    print(
        f"cortex_lab runs {why}: everything works, many times slower than it could ({remedy}).",
        file=sys.stderr,
    )
