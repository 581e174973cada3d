"""A try of the private way into compiled functions, before anything relies on it.

`entries` writes arguments as words in the places where Numba's machine code looks for them. Were they to lie
elsewhere in another release, kernels would write to any memory; so this is asked before one of them runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core.datamodel.registry import default_manager
from numba.core.funcdesc import FunctionDescriptor
from numba.core.lowering import Lower
from numba.core.registry import cpu_target

from cortex_lab.compute.kernels.updates import update_sgd

ARRAY = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
"""An array's members, in the order of `entries.words_of`."""
ARGUMENTS: dict[Any, list[str]] = {
    types.Array(types.float32, 2, "C"): ["i8*", "i8*", "i64", "i64", "float*", *["i64"] * 4],
    types.UniTuple(types.int64, 2): ["i64", "i64"],
    types.int64: ["i64"],
    types.float32: ["float"],
    types.float64: ["double"],
    types.boolean: ["i8"],
}
"""What each kind of argument is handed to machine code as."""


def check() -> None:
    """RuntimeError, or whatever a missing name raises, unless compiled kernels can be relied on."""
    _check_names()
    _check_layout()
    _check_answer()


def _check_names() -> None:
    for owner, name in ((Lower, "create_cfunc_wrapper"), (FunctionDescriptor, "llvm_cfunc_wrapper_name")):
        getattr(owner, name)


def _check_layout() -> None:
    array: Any = default_manager.lookup(types.Array(types.float32, 2, "C"))
    target: Any = cpu_target.target_context
    # The first two are where results and errors go.
    handed = target.call_conv.get_function_type(types.none, tuple(ARGUMENTS)).args[2:]
    wanted = [kind for kinds in ARGUMENTS.values() for kind in kinds]
    if tuple(array._fields) != ARRAY or [str(kind) for kind in handed] != wanted:
        raise RuntimeError("this Numba lays out arguments in another way")


def _check_answer() -> None:
    params, gradient = np.linspace(-1, 1, 37, dtype=np.float32), np.linspace(3, -2, 37, dtype=np.float32)
    wanted = params.astype(np.float64)
    update_sgd.reference(np, wanted, gradient.astype(np.float64), None, 0.5, 0.0, False)
    finite = update_sgd.overrides["cpu"](None, params, gradient, None, 0.5, 0.0, False)
    if finite is not True or not np.allclose(params, wanted, rtol=1e-5, atol=1e-6):
        raise RuntimeError("a compiled kernel does not give what its reference gives")
