"""How much of the device's memory is left."""

from __future__ import annotations

import cupy


def free() -> int:
    """Bytes that nothing takes, with those that CuPy keeps for the arrays to come."""
    return cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()
