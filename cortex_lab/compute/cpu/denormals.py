"""Numbers too small for a normal float32 count as zero while a step runs, and only then.

Adam's averages of a unit that died shrink into that range and stay there, where Intel's processors take a
hundred times as long for each operation: a step of 6 ms takes 13 after a thousand. The switch, a register of
x86, belongs to a thread, so it is thrown around what the lab runs and put back; the caller's own code never
sees it. Other processors are as quick with such numbers as with any: there nothing is done.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from cortex_lab.compute.cpu.jit import compiled, intrinsic
from cortex_lab.compute.cpu.llvm import INT, POINTER, VOID, call
from cortex_lab.compute.cpu.machine import IS_X86

FLUSH = np.uint32(0x8040)
"""The bits by which denormal results (0x8000) and operands (0x0040) count as zero."""


@intrinsic
def _read(typing):
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if not IS_X86:
            return ir.Constant(INT, 0)
        held = cgutils.alloca_once(builder, INT)
        call(builder, "llvm.x86.sse.stmxcsr", VOID, [builder.bitcast(held, POINTER)])
        return builder.load(held)

    return types.uint32(), generate


@intrinsic
def _write(typing, value):
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if IS_X86:
            held = cgutils.alloca_once_value(builder, values[0])
            call(builder, "llvm.x86.sse.ldmxcsr", VOID, [builder.bitcast(held, POINTER)])
        return context.get_dummy_value()

    return types.void(types.uint32), generate


@compiled
def held():
    """The register as it is; `restore` takes it."""
    return _read()


@compiled
def flush():
    """Let denormal numbers count as zero in this thread; returns what `restore` takes."""
    before = _read()
    _write(np.uint32(before | FLUSH))
    return before


@compiled
def restore(before):
    """Put the register back."""
    _write(np.uint32(before))
