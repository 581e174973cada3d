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
    """Import every module of `overrides`, once; False, with one line that says so, where Numba is missing."""
    missing = [name for name in ("numba", "scipy") if importlib.util.find_spec(name) is None]
    if missing or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        why = f"without {' and '.join(missing)}" if missing else "with NUMBA_DISABLE_JIT set"
        print(
            f"cortex_lab runs {why}: everything works, many times slower than it could "
            "(pip install numba scipy).",
            file=sys.stderr,
        )
        return False
    overrides = importlib.import_module("cortex_lab.compute.overrides")
    for module in pkgutil.iter_modules(overrides.__path__):
        importlib.import_module(f"{overrides.__name__}.{module.name}")
    # Half a second that Numba would otherwise take within the first training step.
    importlib.import_module("cortex_lab.compute.compiled").get_ready()
    return True
