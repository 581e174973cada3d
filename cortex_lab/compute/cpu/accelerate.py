"""Brings in the accelerated kernels of the "cpu" backend, where the machine has what they need."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from functools import lru_cache


@lru_cache(maxsize=1)
def accelerate() -> bool:
    """Import every module of `overrides`, once; False, with one line that says why, where that is no use.

    Numba may be missing, or a release that the kernels were not written for.
    """
    missing = [name for name in ("numba", "scipy") if importlib.util.find_spec(name) is None]
    if missing or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        why = f"without {' and '.join(missing)}" if missing else "with NUMBA_DISABLE_JIT set"
        _say(why, "pip install numba scipy")
        return False
    try:
        _bring_in()
    except Exception as error:
        _leave_out()
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _say(f"without its compiled kernels ({reason})", "pip install 'numba==0.68.*'")
        return False
    return True


def _bring_in() -> None:
    overrides = importlib.import_module("cortex_lab.compute.cpu.kernels")
    for module in pkgutil.iter_modules(overrides.__path__):
        importlib.import_module(f"{overrides.__name__}.{module.name}")
    # Half a second that Numba would otherwise take within the first training step.
    importlib.import_module("cortex_lab.compute.cpu.jit").get_ready()
    importlib.import_module("cortex_lab.compute.cpu.trial").check()


def _leave_out() -> None:
    """Have references do everything, whatever was brought in before it went wrong."""
    for kernel in importlib.import_module("cortex_lab.compute.kernel").REGISTRY.values():
        for versions in (kernel.overrides, kernel.preparations):
            versions.pop("cpu", None)


def _say(why: str, remedy: str) -> None:
    print(
        f"cortex_lab runs {why}: everything works, many times slower than it could ({remedy}).",
        file=sys.stderr,
    )
