"""A try of compiled kernels, before anything relies on them."""

from __future__ import annotations

import numpy as np

from cortex_lab.compute.cpu.machine import PORTABLE
from cortex_lab.compute.kernels.linear import matmul
from cortex_lab.compute.kernels.updates import update_sgd


def check() -> None:
    """RuntimeError, or whatever a missing name raises, unless compiled kernels can be relied on."""
    if not PORTABLE:
        from cortex_lab.compute.cpu import numba_inside

        # First: a kernel whose arguments lie elsewhere than it looks for them must not run at all.
        numba_inside.check()
        # Half a second that Numba would otherwise take within the first training step.
        numba_inside.get_ready()
    _check_update()
    _check_product()


def _check_update() -> None:
    params, gradient = np.linspace(-1, 1, 37, dtype=np.float32), np.linspace(3, -2, 37, dtype=np.float32)
    wanted = params.astype(np.float64)
    update_sgd.reference(np, wanted, gradient.astype(np.float64), None, 0.5, 0.0, False)
    finite = update_sgd.overrides["cpu"](None, params, gradient, None, 0.5, 0.0, False)()
    if finite is not True or not np.allclose(params, wanted, rtol=1e-5, atol=1e-6):
        raise RuntimeError("a compiled kernel does not give what its reference gives")


def _check_product() -> None:
    # Small whole numbers, whose sums are exact in any order: BLAS is called as it wants to be, or not.
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(12, dtype=np.float32).reshape(3, 4)
    found, wanted = np.empty((2, 4), np.float32), np.empty((2, 4))
    matmul.reference(np, a.astype(float), b.astype(float), wanted)
    matmul.overrides["cpu"](None, a, b, found)()
    if not np.array_equal(found, wanted):
        raise RuntimeError("BLAS, as compiled kernels call it, does not give what NumPy gives")
