"""How functions are compiled for the processor: all of them with the same options.

With Numba's inside (`numba_inside`), which keeps machine code on disk and has a way in for workers; or as its
own users would, where nothing of its inside is to be relied on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.extending import intrinsic as _intrinsic

from cortex_lab.compute.cpu.machine import PORTABLE

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

EXACT = {**OPTIONS, "fastmath": False}

if PORTABLE:

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` compiled when first called, without the GIL."""
        return numba.jit(**OPTIONS)(function)

    def exact(function: Callable[..., Any]) -> Callable[..., Any]:
        """`compiled`, each operation as it is written: as Python would do it."""
        return numba.jit(**EXACT)(function)

    piecework = compiled
    exact_piecework = exact

else:
    from cortex_lab.compute.cpu.numba_inside import CompiledForPython, OwnCode, Piecework, WithEntry, kept

    def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` compiled when first called, without the GIL, and kept on disk where that is possible.

        What compiled functions call is compiled apart from what Python calls, without the way in for Python.
        """
        return kept(CompiledForPython(function, targetoptions=OPTIONS, pipeline_class=OwnCode), "")

    def exact(function: Callable[..., Any]) -> Callable[..., Any]:
        """`compiled`, each operation as it is written: as Python would do it."""
        return kept(CompiledForPython(function, targetoptions=EXACT, pipeline_class=OwnCode), "")

    def piecework(function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` compiled for workers and compiled functions; Python calls it through `work` only."""
        return _for_workers(function, OPTIONS)

    def exact_piecework(function: Callable[..., Any]) -> Callable[..., Any]:
        """`piecework`, each operation as it is written: NumPy's bits, on whichever processor."""
        return _for_workers(function, EXACT)

    def _for_workers(function: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
        options = {**options, "no_cpython_wrapper": True, "no_cfunc_wrapper": False}
        return kept(Piecework(function, targetoptions=options, pipeline_class=WithEntry), "-pieces")
