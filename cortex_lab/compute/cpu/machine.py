"""What the kernels may count on: this machine, unless the environment says to count on less.

CORTEX_LAB_PORTABLE=1 has everything run as on a machine and a Numba that nothing is known of: no wide
registers, no instructions of x86, nothing of Numba's inside. Every answer stays, to rounding; it is slower.
"""

from __future__ import annotations

import os
import platform
from functools import cache

from llvmlite import binding

PORTABLE = os.environ.get("CORTEX_LAB_PORTABLE", "").strip() not in ("", "0")
IS_X86 = not PORTABLE and platform.machine().lower() in ("x86_64", "amd64")


@cache
def has_wide_registers() -> bool:
    """Whether there are the 32 registers of 16 float32 that tiles are cut for (AVX-512)."""
    return not PORTABLE and bool(binding.get_host_cpu_features().get("avx512f"))


def worker_count() -> int:
    """Threads a kernel may use: CORTEX_LAB_WORKERS, or the number of cores this process may run on."""
    setting = os.environ.get("CORTEX_LAB_WORKERS", "").strip()
    if not setting:
        # Neither macOS nor Windows says which cores a process may run on.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not setting.isdigit() or int(setting) < 1:
        raise ValueError(f"CORTEX_LAB_WORKERS must be a whole number of at least 1, got {setting!r}")
    return int(setting)
