"""The door to everything of the "gpu" backend: what is behind it is imported when that is first asked for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from cortex_lab.compute.backend import Backend


@lru_cache(maxsize=1)
def accelerate() -> Backend:
    """What the backend brings, once every module of `kernels` was imported and has its overrides known."""
    overrides = importlib.import_module("cortex_lab.compute.gpu.kernels")
    for module in pkgutil.iter_modules(overrides.__path__):
        importlib.import_module(f"{overrides.__name__}.{module.name}")
    launches = importlib.import_module("cortex_lab.compute.gpu.launches")
    writing = importlib.import_module("cortex_lab.compute.gpu.writing")
    timing = importlib.import_module("cortex_lab.compute.gpu.timing")
    memory = importlib.import_module("cortex_lab.compute.gpu.memory")
    return Backend(record=launches.recorded, write=writing.write, timed=timing.timed, free=memory.free)
